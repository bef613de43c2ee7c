"""BitMEX perpetuals in the venue's integers: linear in micro-USDT, inverse in satoshi.

Source: position fields of a live account (ETHUSDT, isolated, long), which match to the last unit. With raw amounts of
10^-6 USDT or 10^-8 XBT:

    value(p)     = quantity · p (linear) or quantity / p (inverse), to the nearest unit
    posInit      = ⌈cost / leverage⌉,  cost = value(entry)
    posComm      = ⌈(cost + posInit) · taker fee⌉: the fee to close at bankruptcy
    posMargin    = posInit + posComm (the isolated wallet)
    posMaint     = ⌈cost · maintenance rate⌉ + posComm + ⌈cost · funding rate⌉
    support      = posMargin + unrealised profit (the venue's "maintMargin"),  demand = posMaint
    bankruptcy   = entry − side · (posMargin − posComm) / quantity,
    liquidation  = bankruptcy + side · (posMaint − posComm) / quantity, both on the tick, toward the mark  (linear)

The funding rate is that of the next interval: state `[state.bitmex.ETHUSDT] funding_rate`, else the parameter.
Cross positions share the wallet of their currency by the same formulas. Liquidation at support ≤ demand.

With a funding index the profit includes what is not yet settled.

Lowering: linear (or inverse) legs and constant demand; allowance: one unit per position for the rounding of values, and
(n + 8)·2u of gross and constants. With a funding index a pool is opaque.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Event, Fill
from marginbook.domain.legs import Leg, Legs, PoolLegs, Sums
from marginbook.domain.market import Market
from marginbook.domain.risk import LiquidationPrice
from marginbook.domain.zones import DERIVATIVES_BORDERS
from marginbook.exact import (
    ONE,
    ZERO,
    divide,
    from_raw,
    grid_ceil,
    grid_floor,
    in_exact_context,
    round_half_up,
    to_raw_ceil,
    to_raw_exact,
    to_raw_floor,
)
from marginbook.params.records import record_at, record_or_error
from marginbook.venues.brackets import flat_table
from marginbook.venues.common.fields import decimal, fraction, positive, read_row
from marginbook.venues.contracts.events import apply as apply_to_contracts
from marginbook.venues.contracts.model import Holding, Terms, funding_due, is_isolated, isolated_pool
from marginbook.venues.contracts.overlay import ALL
from marginbook.venues.rules import RuleSet
from marginbook.venues.statements.functions import UNIT_ROUNDOFF, lower_opaque, module_of, prices_of
from marginbook.venues.statements.model import Line, Maker, Mover, Statement, quoted
from marginbook.venues.statements.positions import cross_holdings, position_movers

RECORD = "bitmex"
FIELDS = {
    "maintenance": fraction,
    "initial": fraction,
    "taker_fee": fraction,
    "funding_rate": decimal,
    "tick": positive,
    "quantity_step": positive,
}
SETTLED_IN = {"USDT": ("USDT", 6), "USD": ("XBT", 8)}
"""Ending of a market's name -> (settlement currency, decimals of its ledger)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one market is asked for."""

    maintenance: Decimal
    taker_fee: Decimal = ZERO
    initial: Decimal | None = None  # without a leverage of the position
    funding_rate: Decimal = ZERO
    tick: Decimal | None = None
    quantity_step: Decimal = Decimal("0.00000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bitmex:
    """Parameters of one kind of perpetuals."""

    inverse: bool
    rows: Mapping[str, Row]
    venue: str = "bitmex"
    price_kind: str = "mark"
    as_of: int | None = None
    warnings: tuple[str, ...] = ()

    @property
    def decimals(self) -> int:
        """Decimals of the ledger."""
        return 8 if self.inverse else 6

    def row(self, market: str) -> Row:
        """A market's row; BadInput where it has none or is of the other kind."""
        self.currency_of(market)
        found = self.rows.get(market, self.rows.get(ALL))
        if found is None:
            rules = "bitmex/inverse" if self.inverse else "bitmex/linear"
            raise BadInput("no_parameters", f"parameters.{market}", "nothing", f"maintenance of {market} for {rules}")
        return found

    def currency_of(self, market: str) -> str:
        """XBT for inverse contracts, USDT for linear ones."""
        ending = "USD" if self.inverse else "USDT"
        if not market.endswith(ending):
            raise BadInput("unknown_market", market, market, f"a market that ends in {ending}")
        return SETTLED_IN[ending][0]

    def terms_of(self, market: str) -> Terms:
        """The market as a contract, for fills."""
        row = self.row(market)
        return Terms(
            table=flat_table(row.maintenance),
            currency=self.currency_of(market),
            inverse=self.inverse,
            quantity_step=row.quantity_step,
            initial_rate=row.initial,
        )


def _parameters(version: str, at: int, overlay: Mapping[str, Any] | None, inverse: bool) -> Bitmex:
    record = record_at(RECORD, at) if overlay else record_or_error(RECORD, at, f"bitmex/{version}")
    rows: dict[str, Any] = {
        name: row for name, row in (record.rows if record else {}).items() if name.endswith("USD") == inverse
    }
    for name, row in (overlay or {}).items():
        rows[name] = {**rows.get(name, {}), **row} if isinstance(row, Mapping) else row
    found = {}
    for name, row in rows.items():
        values = read_row(row, FIELDS, f"parameters.{name}")
        if "maintenance" not in values:
            raise BadInput("no_parameters", f"parameters.{name}.maintenance", "nothing", "a fraction of the cost")
        found[name] = Row(**values)
    return Bitmex(inverse=inverse, rows=found, as_of=record.as_of if record else None)


@in_exact_context
def linear_parameters(
    version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
) -> Bitmex:
    """Rows of linear perpetuals at `at`, a book's own on them (`"*"`: every other market)."""
    return _parameters(version, at, overlay, False)


@in_exact_context
def inverse_parameters(
    version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
) -> Bitmex:
    """Rows of inverse perpetuals; none are shipped."""
    return _parameters(version, at, overlay, True)


@dataclass(frozen=True, slots=True)
class Margins:
    """The venue's own fields of a position, in raw units."""

    cost: int
    init: int
    comm: int
    margin: int
    maint: int


def value_raw(quantity: Decimal, price: Decimal, parameters: Bitmex) -> int:
    """Value of a quantity at a price in raw units, to the nearest."""
    value = divide(quantity, price) if parameters.inverse else quantity * price
    return to_raw_exact(round_half_up(value, parameters.decimals), parameters.decimals)


def margins(holding: Holding, account: Account, market: Market, parameters: Bitmex) -> Margins:
    """posInit, posComm, posMargin and posMaint of a position."""
    position, row = holding.position, parameters.row(holding.position.market)
    rate = divide(ONE, position.leverage) if position.leverage is not None else row.initial
    if rate is None:
        place = f"account {account.id}.{position.market}.leverage"
        raise BadInput("missing_leverage", place, "nothing", "a leverage, or the market's initial rate")
    cost = value_raw(position.quantity, position.entry, parameters)
    init = (
        to_raw_ceil(cost * rate, 0)
        if position.leverage is None
        else to_raw_ceil(divide(Decimal(cost), position.leverage), 0)
    )
    comm = to_raw_ceil((cost + init) * row.taker_fee, 0)
    funding = Decimal(market.state.get(("bitmex", position.market, "funding_rate"), row.funding_rate))
    maint = to_raw_ceil(cost * row.maintenance, 0) + comm + to_raw_ceil(cost * max(ZERO, funding), 0)
    own = init + comm
    if is_isolated(account, position) and position.isolated_wallet is not None:
        own = to_raw_floor(position.isolated_wallet, parameters.decimals)
    return Margins(cost, init, comm, own, maint)


def profit_raw(holding: Holding, mark: Decimal, parameters: Bitmex) -> int:
    """Unrealised profit in raw units."""
    gained = value_raw(holding.position.quantity, mark, parameters)
    gained -= value_raw(holding.position.quantity, holding.position.entry, parameters)
    return gained * holding.position.sign * (-1 if parameters.inverse else 1)


def pool_of(account: Account, holding: Holding, parameters: Bitmex) -> str:
    """The pool that a position belongs to."""
    if is_isolated(account, holding.position):
        return isolated_pool(holding.position)
    return f"cross:{parameters.currency_of(holding.position.market)}"


def pools(account: Account, parameters: Bitmex) -> tuple[str, ...]:
    """The cross wallet and each isolated position."""
    currency = "XBT" if parameters.inverse else "USDT"
    found = [f"cross:{currency}"]
    for holding in cross_holdings(account, parameters, isolated_too=True):
        found.append(pool_of(account, holding, parameters))
    return tuple(dict.fromkeys(found))


def statement(account: Account, pool: str, market: Market, parameters: Bitmex) -> Statement:
    """Margin and requirement of one pool."""
    currency, places = ("XBT" if parameters.inverse else "USDT"), parameters.decimals
    isolated = not pool.startswith("cross:")
    wallet = ZERO if isolated else account.wallet.get(currency, ZERO)
    support = [] if isolated else [Line("wallet_balance", wallet, f"account {account.id}")]
    demand: list[Line] = []
    profit = notional = initial = ZERO
    for holding in cross_holdings(account, parameters, isolated_too=True):
        if pool_of(account, holding, parameters) != pool:
            continue
        position = holding.position
        mark = quoted(market, "bitmex", position.market, "mark")
        found = margins(holding, account, market, parameters)
        gained = from_raw(profit_raw(holding, mark, parameters), places) + funding_due(holding, market, "bitmex")
        profit += gained
        notional += from_raw(value_raw(position.quantity, mark, parameters), places)
        initial += from_raw(found.init + found.comm, places)
        name = f"{position.market} {position.side}"
        if isolated:
            wallet = from_raw(found.margin, places)
            support.append(Line(f"posMargin {name}", wallet, "posInit + posComm, or the isolated wallet"))
        inputs = (
            ("quantity", position.quantity, "contracts"),
            ("mark", mark, "price"),
            ("entry", position.entry, "price"),
        )
        support.append(Line(f"unrealized_pnl {name}", gained, "side · (value at mark − cost)", inputs))
        demand.append(
            Line(
                f"posMaint {name}",
                from_raw(found.maint, places),
                "cost · maintenance + posComm + cost · funding rate",
                (("cost", from_raw(found.cost, places), currency), ("posComm", from_raw(found.comm, places), currency)),
                position.market,
                position.side,
            )
        )
    if account.fixed is not None and not isolated:
        support.append(Line("fixed_support", account.fixed.support, "stated by the book"))
        demand.append(Line("fixed_demand", account.fixed.demand, "stated by the book"))
    if not isolated:
        for order in account.orders:
            if not order.reduce_only:
                row = parameters.row(order.market)
                rate = divide(ONE, order.leverage) if order.leverage is not None else row.initial or ONE
                cost = from_raw(value_raw(order.quantity, order.price, parameters), places)
                initial += cost * rate + cost * (ONE + rate) * row.taker_fee
    return Statement(
        currency=currency,
        support=tuple(support),
        demand=tuple(demand),
        initial=initial,
        wallet=wallet,
        profit=profit,
        notional=notional,
    )


def movers(account: Account, pool: str, parameters: Bitmex) -> tuple[Mover, ...]:
    """The pool's markets."""
    held = [
        holding.position
        for holding in cross_holdings(account, parameters, isolated_too=True)
        if pool_of(account, holding, parameters) == pool
    ]
    return tuple(position_movers(held, parameters))


@in_exact_context
def displayed_prices(holding: Holding, account: Account, market: Market, parameters: Bitmex) -> tuple[Decimal, Decimal]:
    """(bankruptcy, liquidation) price of an isolated linear position as the venue prints them, on the tick."""
    position, found = holding.position, margins(holding, account, market, parameters)
    own, required = (
        divide(from_raw(raw - found.comm, parameters.decimals), position.quantity)
        for raw in (found.margin, found.maint)
    )
    bankrupt = position.entry - position.sign * own
    liquidated = bankrupt + position.sign * required
    tick = parameters.row(position.market).tick or Decimal("0.00000001")
    on_tick = grid_ceil if position.side == "long" else grid_floor
    return on_tick(bankrupt, tick), on_tick(liquidated, tick)


def _with_displayed(maker: Maker, account: Account, market: Market, parameters: Bitmex) -> list[LiquidationPrice]:
    found = prices_of(maker, account, market, parameters)
    for holding in cross_holdings(account, parameters, isolated_too=True):
        position = holding.position
        if not parameters.inverse and is_isolated(account, position) and position.quantity:
            price = displayed_prices(holding, account, market, parameters)[1]
            if price > 0:
                found.append(
                    LiquidationPrice(
                        pool=isolated_pool(position),
                        market=position.market,
                        side=position.side,
                        price=price,
                        when="at_or_below" if position.side == "long" else "at_or_above",
                        source="venue_displayed",
                    )
                )
    return found


LINEAR = Maker(rules="bitmex/linear", at_equality=True, pools=pools, statement=statement, movers=movers)
INVERSE = Maker(rules="bitmex/inverse", at_equality=True, pools=pools, statement=statement, movers=movers)


@in_exact_context
def linear_prices(account: Account, market: Market, parameters: Bitmex, at: int) -> list[LiquidationPrice]:
    """Exact prices, and what the venue prints for isolated positions."""
    return _with_displayed(LINEAR, account, market, parameters)


@in_exact_context
def lower(account: Account, market: Market, parameters: Bitmex) -> Legs:
    """Every pool as legs."""
    return Legs(tuple(_lower_pool(account, pool, market, parameters) for pool in pools(account, parameters)))


def _lower_pool(account: Account, pool: str, market: Market, parameters: Bitmex) -> PoolLegs:
    held = [
        holding
        for holding in cross_holdings(account, parameters, isolated_too=True)
        if pool_of(account, holding, parameters) == pool
    ]
    if any(("bitmex", holding.position.market, "funding") in market.indices for holding in held):
        return lower_opaque(INVERSE if parameters.inverse else LINEAR, account, pool, market, parameters)
    isolated = not pool.startswith("cross:")
    places = parameters.decimals
    known, demand, initial, legs = ZERO, ZERO, ZERO, []
    if not isolated:
        known = account.wallet.get("XBT" if parameters.inverse else "USDT", ZERO)
        if account.fixed is not None:
            known, demand = known + account.fixed.support, demand + account.fixed.demand
    gross = abs(known)
    for holding in held:
        found = margins(holding, account, market, parameters)
        at_entry = from_raw(found.cost, places) * (holding.position.sign * (-1 if parameters.inverse else 1))
        own = from_raw(found.margin, places) if isolated else ZERO
        known += own - at_entry
        gross += abs(at_entry) + own
        demand += from_raw(found.maint, places)
        initial += from_raw(found.init + found.comm, places)
        slope = float(holding.slope)
        how: Any = "inverse" if parameters.inverse else "quote"
        factor = ((how, "bitmex", holding.position.market, "mark"),)
        legs.append(Leg(holding.position.market, factor, Sums(slope, 0.0, slope, slope, 0.0, slope, 0.0)))
    relative = (len(legs) + 8) * 2 * UNIT_ROUNDOFF
    constant = float(known)
    return PoolLegs(
        pool=pool,
        constants=Sums(constant, 0.0, constant, constant, float(initial), constant, float(demand)),
        legs=tuple(legs),
        absolute=relative * float(gross + demand) + len(legs) * 10.0**-places,
        relative=relative,
        liquidatable_at_equality=True,
        family="derivatives",
    )


@in_exact_context
def apply(account: Account, market: Market, event: Event, parameters: Any, at: int) -> tuple[Account, Market]:
    """As for all contracts, but an isolated position that opens or grows sets posInit + posComm aside."""
    after, moved = apply_to_contracts(account, market, event, parameters, at)
    if not isinstance(event, Fill):
        return after, moved
    new = next((p for p in after.positions if p.market == event.market), None)
    old = next((p for p in account.positions if p.market == event.market), None)
    if new is None or new.isolated_wallet is None or not is_isolated(after, new):
        return after, moved
    owned = _posted(after, new, market, parameters)
    if old is not None and old.side == new.side:
        if old.quantity >= new.quantity:
            return after, moved
        owned += (old.isolated_wallet or ZERO) - _posted(account, old, market, parameters)
    currency = parameters.currency_of(event.market)
    wallet = {**after.wallet, currency: after.wallet.get(currency, ZERO) + new.isolated_wallet - owned}
    positions = tuple(replace(p, isolated_wallet=owned) if p is new else p for p in after.positions)
    return replace(after, wallet=wallet, positions=positions), moved


def _posted(account: Account, position: Position, market: Market, parameters: Bitmex) -> Decimal:
    """posInit + posComm of a position."""
    found = margins(Holding(position, parameters.terms_of(position.market)), account, market, parameters)
    return from_raw(found.init + found.comm, parameters.decimals)


def overlay_from_instruments(answer: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """An overlay from the venue's `GET /api/v1/instrument` answer: rates of the first risk step.

    >>> overlay_from_instruments([{"symbol": "XBTUSD", "initMargin": 0.01, "maintMargin": 0.005, "takerFee": 0.00075,
    ...     "fundingRate": 0.0001, "tickSize": 0.5}])
    {'XBTUSD': {'initial': 0.01, 'maintenance': 0.005, 'taker_fee': 0.00075, 'funding_rate': 0.0001, 'tick': 0.5}}
    """
    names = (
        ("initMargin", "initial"),
        ("maintMargin", "maintenance"),
        ("takerFee", "taker_fee"),
        ("fundingRate", "funding_rate"),
        ("tickSize", "tick"),
    )
    return {
        row["symbol"]: {ours: row[theirs] for theirs, ours in names if row.get(theirs) is not None} for row in answer
    }


UNVERIFIED = (
    "cross positions: the same formulas on one wallet",
    "the funding term: inferred from one position; asked of both sides while the rate is positive",
    "liquidation at exactly the requirement; short positions",
    "values to the nearest unit; order margin; what a liquidation closes first",
)

RULE_SETS = (
    RuleSet(
        name="bitmex/linear",
        version="linear",
        venue="bitmex",
        family="derivatives",
        price_kind="mark",
        risk_scale=0,
        borders=DERIVATIVES_BORDERS,
        module=module_of(LINEAR, linear_parameters, apply, lower, liquidation_prices=linear_prices),
        verified=("every field of one live isolated position, to the last unit",),
        unverified=UNVERIFIED,
    ),
    RuleSet(
        name="bitmex/inverse",
        version="inverse",
        venue="bitmex",
        family="derivatives",
        price_kind="mark",
        risk_scale=0,
        borders=DERIVATIVES_BORDERS,
        module=module_of(INVERSE, inverse_parameters, apply, lower),
        unverified=("everything: the linear formulas carried over to satoshi", *UNVERIFIED),
    ),
)

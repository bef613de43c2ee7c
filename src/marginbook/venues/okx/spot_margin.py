"""`okx/spot-margin`: isolated margin on a spot pair, an asset bought with a borrowed one.

Source: the Quick Margin help article. Holdings of a pair are collateral and
debt with `pool = "BTC-USDT"`, each the base or the quote currency of that name. At price P, in quote currency:

    equity       = base·P + quote − (base owed·P + quote owed)
    maintenance  = rate · owed
    margin ratio = equity / (maintenance + owed · (1 + rate) · fee), liquidation at 1
    price        = [quote owed·(1 + rate)·(1 + fee) − quote] / [base − base owed·(1 + rate)·(1 + fee)]

A pair whose only assets are base is shown in base currency, as the venue does: every number over P.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.events import AccountSnapshot, Event, IndexUpdate, LendingAction, PriceFrame
from marginbook.domain.legs import Leg, Legs, PoolLegs, Sums
from marginbook.domain.market import Market
from marginbook.domain.node import Node
from marginbook.domain.risk import Flow, LiquidationPrice, MarginRatio, Plan, Quantities, Risk
from marginbook.exact import ONE, ZERO, divide, grid_ceil, grid_floor, in_exact_context, round_ceil, shortest_double
from marginbook.params.records import record_or_error
from marginbook.venues.brackets import BracketTable, bracket_table, flat_table
from marginbook.venues.common.fields import fraction, positive, read_row
from marginbook.venues.common.views import INFINITY, derivative_quantities, down, is_breached
from marginbook.venues.contracts.explanation import shortened_half_up

RECORD = "okx_spot_margin"
UNIT = Decimal("0.00000001")
FIELDS = {
    "brackets": lambda value, place: bracket_table(value, place),
    "maintenance_rate": lambda value, place: flat_table(fraction(value, place)),
    "taker_fee": fraction,
    "initial_rate": fraction,
    "tick": positive,
}


@dataclass(frozen=True, slots=True)
class PairTerms:
    """What the venue asks of one pair; tiers by the amount owed."""

    table: BracketTable
    taker_fee: Decimal
    initial_rate: Decimal | None = None
    tick: Decimal | None = None

    def rate(self, owed: Decimal) -> Decimal:
        """Maintenance rate of the tier of an amount owed, for all of it."""
        return self.table.bracket_up_to(owed).rate


@dataclass(frozen=True, slots=True)
class SpotMargin:
    """Parameters at one time."""

    terms: Mapping[str, PairTerms]
    default: PairTerms | None
    source: str
    as_of: int | None
    warnings: tuple[str, ...] = ()

    def terms_of(self, pair: str) -> PairTerms:
        """A pair's terms; BadInput `no_parameters` where there are none."""
        found = self.terms.get(pair, self.default)
        if found is None:
            raise BadInput("no_parameters", f"parameters.{pair}", "nothing", f"tiers or maintenance_rate of {pair}")
        return found


@dataclass(frozen=True, slots=True)
class Pair:
    """One isolated pair of an account."""

    name: str
    base: Decimal
    quote: Decimal
    base_owed: Decimal
    quote_owed: Decimal
    terms: PairTerms

    @property
    def pool(self) -> str:
        """Its pool id."""
        return f"main:{self.name}"

    @property
    def in_base(self) -> bool:
        """Whether it is shown in base currency."""
        return not self.quote and not self.base_owed and self.base > 0

    @property
    def currency(self) -> str:
        """Currency of its numbers."""
        base, _, quote = self.name.partition("-")
        return base if self.in_base else quote

    @property
    def share(self) -> Decimal:
        """maintenance and fee per value owed: (1 + rate) · (1 + fee) − 1."""
        rate = self.terms.rate(self.base_owed or self.quote_owed)
        return (ONE + rate) * (ONE + self.terms.taker_fee) - ONE

    def sums(self, price: Decimal) -> tuple[Decimal, Decimal]:
        """(assets, owed) in `currency`."""
        if self.in_base:
            return self.base, divide(self.quote_owed, price)
        return self.base * price + self.quote, self.base_owed * price + self.quote_owed


def parameters(
    version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
) -> SpotMargin:
    """Tiers at `at` [µs UTC] with an overlay by pair on them; names that are no pair are not looked at."""
    try:
        record = record_or_error(RECORD, at, "okx/spot-margin")
    except BadInput:
        if not overlay:
            raise
        rows: dict[str, dict[str, Any]] = {}
        source, as_of = "the book's own parameters", None
    else:
        rows = {name: dict(row) for name, row in record.rows.items()}
        source, as_of = record.source, record.as_of
    venue = rows.pop("*", {"taker_fee": "0.001"})
    given = {name: row for name, row in (overlay or {}).items() if name == "*" or name.count("-") == 1}
    everywhere = given.pop("*", None)
    for name, row in given.items():
        known = rows.get(name, {})
        if isinstance(row, Mapping) and {"brackets", "maintenance_rate"} & set(row):
            known = {key: value for key, value in known.items() if key not in ("brackets", "maintenance_rate")}
        rows[name] = {**known, **(everywhere or {}), **row} if isinstance(row, Mapping) else row
    terms = {name: _terms({**venue, **row} if isinstance(row, Mapping) else row, name) for name, row in rows.items()}
    default = _terms({**venue, **everywhere}, "*") if everywhere is not None else None
    return SpotMargin(terms, default, source, as_of)


def _terms(row: Any, name: str) -> PairTerms:
    place = f"parameters.{name}"
    read = read_row(row, FIELDS, place)
    table = read.get("brackets", read.get("maintenance_rate"))
    if table is None:
        raise BadInput("no_parameters", place, ", ".join(row) or "nothing", "brackets or maintenance_rate")
    return PairTerms(table, read["taker_fee"], read.get("initial_rate"), read.get("tick"))


def pairs(account: Account, parameters: SpotMargin) -> dict[str, Pair]:
    """The account's pairs by pool id; BadInput for what is not base or quote of a pair."""
    if account.positions or account.orders or account.wallet or account.fixed:
        raise BadInput("unsupported", f"account {account.id}", "positions, orders or wallet", "collateral and debt")
    found: dict[str, dict[tuple[str, bool], Decimal]] = {}
    everything: list[Collateral | Debt] = [*account.collateral, *account.debt]
    for held in everything:
        place = f"account {account.id}.{held.asset}"
        base, _, quote = (held.pool or "").partition("-")
        if held.asset not in (base, quote) or not quote:
            expected = f"a pair of {held.asset}, such as {held.asset}-USDT"
            raise BadInput("unknown_pool", f"{place}.pool", held.pool, expected)
        if held.amount is None or held.amount < 0:
            raise BadInput("bad_amount", f"{place}.amount", held.amount, "an amount of at least 0")
        amounts = found.setdefault(held.pool or "", {})
        key = (held.asset, isinstance(held, Debt))
        amounts[key] = amounts.get(key, ZERO) + held.amount
    result = {}
    for name, amounts in found.items():
        base, _, quote = name.partition("-")
        pair = Pair(
            name,
            amounts.get((base, False), ZERO),
            amounts.get((quote, False), ZERO),
            amounts.get((base, True), ZERO),
            amounts.get((quote, True), ZERO),
            parameters.terms_of(name),
        )
        result[pair.pool] = pair
    return result


def _price(pair: Pair, market: Market) -> Decimal:
    price = market.price("okx", pair.name, "mark")
    if price <= 0:
        raise BadInput("bad_price", f"prices.okx.{pair.name}", price, "above 0")
    return price


def _risk(pair: Pair, market: Market) -> Risk[Decimal]:
    assets, owed = pair.sums(_price(pair, market))
    equity = assets - owed
    initial = pair.terms.initial_rate
    asked = owed * pair.share
    return Risk(assets, owed, equity, equity, asked if initial is None else owed * initial, equity, asked)


@in_exact_context
def risk(account: Account, market: Market, parameters: SpotMargin, at: int) -> dict[str, Risk[Decimal]]:
    """Support = equity, demand = maintenance and fee, per pair."""
    return {name: _risk(pair, market) for name, pair in pairs(account, parameters).items()}


@in_exact_context
def quantities(account: Account, market: Market, parameters: SpotMargin, at: int) -> dict[str, Quantities]:
    """Every number of every pair; maintenance without the fee, and the ratio as printed, among the venue's numbers."""
    found = {}
    for name, pair in pairs(account, parameters).items():
        sums = _risk(pair, market)
        ratio = divide(sums.support, sums.demand) if sums.demand > 0 else INFINITY
        rate = pair.terms.rate(pair.base_owed or pair.quote_owed)
        found[name] = derivative_quantities(
            sums,
            pair.currency,
            collateral_value=sums.assets,
            debt_value=sums.liabilities,
            notional=sums.assets,
            margin_ratio=MarginRatio(ratio if ratio == INFINITY else down(ratio), "equity / requirement", "low"),
            venue={
                "maintenance_margin": shortest_double(sums.liabilities * rate),
                "margin_ratio": ratio if ratio == INFINITY else shortest_double(ratio),
            },
        )
    return found


@in_exact_context
def is_liquidatable(account: Account, pool: str, market: Market, parameters: SpotMargin, at: int) -> bool:
    """Equity at most maintenance and fee."""
    return _breached(_pair(account, pool, parameters), market)


def _breached(pair: Pair, market: Market) -> bool:
    price = _price(pair, market)
    assets, owed = pair.base * price + pair.quote, pair.base_owed * price + pair.quote_owed
    return is_breached(assets - owed, owed * pair.share, True)


def _pair(account: Account, pool: str, parameters: SpotMargin) -> Pair:
    found = pairs(account, parameters)
    if pool not in found:
        raise BadInput("unknown_pool", f"account {account.id}", pool, "one of " + ", ".join(found))
    return found[pool]


@in_exact_context
def liquidation_prices(account: Account, market: Market, parameters: SpotMargin, at: int) -> list[LiquidationPrice]:
    """The border on the grid, and as the venue prints it: a double."""
    found: list[LiquidationPrice] = []
    for name, pair in pairs(account, parameters).items():
        factor = ONE + pair.share
        top, bottom = pair.quote_owed * factor - pair.quote, pair.base - pair.base_owed * factor
        if not bottom or not top or (top > 0) != (bottom > 0):
            continue
        root, tick = divide(top, bottom), pair.terms.tick or UNIT
        long = bottom > 0
        price = grid_floor(root, tick) if long else grid_ceil(root, tick)
        if price <= 0:
            continue
        exact = LiquidationPrice(
            pool=name,
            market=pair.name,
            side="long" if long else "short",
            price=price,
            when="at_or_below" if long else "at_or_above",
            source="exact",
        )
        found += [exact, replace(exact, price=shortest_double(root), source="venue_displayed")]
    return found


@in_exact_context
def plan_liquidation(account: Account, pool: str, market: Market, parameters: SpotMargin, at: int) -> Plan:
    """All that is owed is bought back, as far as the assets go, and repaid; the insurance fund pays what is missing."""
    pair = _pair(account, pool, parameters)
    if not _breached(pair, market):
        return Plan(pool=pool, market="", reason="equity covers the requirement: nothing may be closed")
    base, _, quote = pair.name.partition("-")
    price = _price(pair, market)
    if pair.quote_owed and pair.base_owed:
        return Plan(pool=pool, market="", reason="both currencies are owed: what is repaid first is not known")
    debt, asset, owed, held = (
        (quote, base, pair.quote_owed, pair.base) if pair.quote_owed else (base, quote, pair.base_owed, pair.quote)
    )
    own = min(owed, pair.quote if pair.quote_owed else pair.base)
    wanted = owed - own
    sold = divide(wanted, price) if pair.quote_owed else wanted * price
    sold = round_ceil(sold, 8)
    bought = wanted
    if sold > held:
        sold = held
        bought = held * price if pair.quote_owed else divide(held, price)
        bought = min(wanted, -round_ceil(-bought, 8))
    missing = wanted - bought
    return Plan(
        pool=pool,
        market=debt,
        collateral=asset,
        close_least=owed,
        close_most=owed,
        price=price,
        seized=sold,
        bad_debt=missing,
        flows=(
            Flow("account", asset, -sold),
            Flow("counterparties", asset, sold),
            Flow("account", debt, -own),
            Flow("counterparties", debt, -bought),
            Flow("insurance", debt, -missing),
            Flow("protocol", debt, owed),
        ),
    )


@in_exact_context
def explain(account: Account, market: Market, parameters: SpotMargin, at: int) -> Node:
    """Equity less maintenance and fee, per pair."""
    nodes = []
    for name, pair in pairs(account, parameters).items():
        sums, unit = _risk(pair, market), pair.currency

        def node(quantity: str, value: Decimal, formula: str, *inputs: Node, unit: str = unit) -> Node:
            return Node(
                quantity=quantity,
                value=shortened_half_up(value),
                unit=unit,
                formula=formula,
                source="okx/spot-margin",
                inputs=inputs,
            )

        nodes.append(
            node(
                f"headroom {name}",
                sums.support - sums.demand,
                "equity − requirement",
                node(
                    "equity",
                    sums.support,
                    "assets − owed",
                    node("assets", sums.assets, ""),
                    node("owed", sums.liabilities, ""),
                ),
                node("requirement", sums.demand, "owed · ((1 + rate) · (1 + fee) − 1)"),
            )
        )
    if len(nodes) == 1:
        return nodes[0]
    units = {node.unit for node in nodes}
    one = len(units) == 1
    return Node(
        quantity="headroom" if one else "pools",
        value=sum((node.value for node in nodes), ZERO) if one else Decimal(len(nodes)),
        unit=units.pop() if one else "pools",
        formula="sum over pairs" if one else "one tree per pair; their currencies differ",
        source=f"account {account.id}",
        inputs=tuple(nodes),
    )


@in_exact_context
def apply(account: Account, market: Market, event: Event, parameters: SpotMargin, at: int) -> tuple[Account, Market]:
    """Supplying, withdrawing, borrowing and repaying in a pair's pool; BadInput where a balance would be negative."""
    match event:
        case LendingAction() if event.kind in ("supply", "withdraw", "borrow", "repay"):
            owed = event.kind in ("borrow", "repay")
            amount = event.amount if event.kind in ("supply", "borrow") else -event.amount
            changed = _changed(account, event.asset, event.pool, amount, owed)
            pairs(changed, parameters)
            return changed, market
        case AccountSnapshot():
            return event.account, market
        case PriceFrame():
            return account, market.with_prices(event.prices)
        case IndexUpdate():
            return account, market
    raise BadInput(
        "unsupported_event", f"account {account.id}", type(event).__name__, "supply, withdraw, borrow, repay"
    )


def _changed(account: Account, asset: str, pool: str | None, amount: Decimal, owed: bool) -> Account:
    place = f"account {account.id}.{asset}"
    held: tuple[Collateral | Debt, ...] = account.debt if owed else account.collateral
    old = next((one for one in held if one.asset == asset and one.pool == pool), None)
    left = (ZERO if old is None or old.amount is None else old.amount) + amount
    if left < 0:
        raise BadInput("insufficient_balance", place, amount, f"at most {left - amount}")
    rest = tuple(one for one in held if one is not old)
    if owed:
        new = (Debt(asset=asset, amount=left, pool=pool),) if left else ()
        return replace(account, debt=(*(one for one in rest if isinstance(one, Debt)), *new))
    added = (Collateral(asset=asset, amount=left, pool=pool),) if left else ()
    return replace(account, collateral=(*(one for one in rest if isinstance(one, Collateral)), *added))


@in_exact_context
def lower(account: Account, market: Market, parameters: SpotMargin) -> Legs:
    """Constants and one leg per pair. Each of at most four terms rounds twice, u = 2^-53: 16·2u of what is added."""
    return Legs(tuple(_lower_pair(pair) for pair in pairs(account, parameters).values()))


def _lower_pair(pair: Pair) -> PoolLegs:
    share, relative = float(pair.share), 16 * 2.0**-52
    how: Literal["quote", "inverse"] = "inverse" if pair.in_base else "quote"
    if pair.in_base:
        assets, owed, fixed, gain, due = float(pair.base), 0.0, 0.0, 0.0, float(pair.quote_owed)
    else:
        assets, owed, gain, due = map(float, (pair.quote, pair.quote_owed, pair.base, pair.base_owed))
        fixed = share * owed
    initial = share if pair.terms.initial_rate is None else float(pair.terms.initial_rate)
    worth = assets - owed
    slope = gain - due
    leg = Leg(
        market=pair.name,
        factor=((how, "okx", pair.name, "mark"),),
        slopes=Sums(gain, due, slope, slope, initial * due, slope, share * due),
        size=gain + due,
    )
    return PoolLegs(
        pool=pair.pool,
        constants=Sums(assets, owed, worth, worth, initial * owed, worth, fixed),
        legs=(leg,),
        absolute=relative * (assets + owed + fixed),
        relative=relative,
        liquidatable_at_equality=True,
        family="derivatives",
    )

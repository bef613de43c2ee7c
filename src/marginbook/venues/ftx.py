"""FTX as of 2022 (closed since): cross margin in USD, requirements that grow with the size, collateral with haircuts.

Source: help articles 360027946371 (margin), 360031149632 (collateral) and 360027668712, 360037937831 (liquidation), and
figures that live accounts printed, 2019 to 2022 (`tests/vectors/ftx`).

    account value  = USD + Σ amount · index · weight + Σ profit
    weight         = min(total weight, 1.1 / (1 + IMF factor · √amount)); at opening the initial weight
    IMF            = max(1 / max leverage, to 8 decimals; IMF factor · √open size) · IMF weight
    MMF            = max(3 %, 0.6 · IMF factor · √size) · MMF weight;  both at most 1, fully funded
    margin fraction MF = account value / Σ size · mark;  liquidation at account value < Σ MMF · size · mark
    auto-close     at MF below half of the account's MMF
    printed price  = mark − side · (account value − maintenance margin) / size, with the requirement of now

Liquidation in three steps: (1) MF below MMF: per second and future, with probability 1/6, an order of max(10 % of the
position, min(1,000 USD, position)) · U(0.5, 1.5) through the book; (2) below auto-close: 1 − MF / ACMF of the position
per second to backstop providers at the zero price mark · (1 − side · MF); (3) nothing left: the insurance fund.

Account details: `max_leverage` (default 20). Positions in several expiries of one coin do not net. Prices: mark for
futures, kind "index" for collateral (`[prices] ftx = { BTC = { index = "30000" }, BTC-PERP = "30010" }`).

Lowering: sizes fix every rate, so legs are linear; allowance (n + 8)·2u of gross and constants.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.legs import Factor, Leg, Legs, PoolLegs, Sums
from marginbook.domain.market import Market
from marginbook.domain.risk import Flow, LiquidationPrice, Plan
from marginbook.domain.zones import DERIVATIVES_BORDERS
from marginbook.exact import CONTEXT, ONE, ZERO, divide, in_exact_context, round_floor, round_half_up, shortest_double
from marginbook.params.records import record_at, record_or_error
from marginbook.venues.brackets import flat_table
from marginbook.venues.common.fields import detail, fraction, not_negative, positive, read_row
from marginbook.venues.contracts.lowering import lower_funding
from marginbook.venues.contracts.model import Holding, Terms, funding_due
from marginbook.venues.rules import RuleSet
from marginbook.venues.statements.functions import UNIT_ROUNDOFF, module_of, prices_of
from marginbook.venues.statements.model import Line, Maker, Mover, Statement, quoted
from marginbook.venues.statements.positions import TICK, apply, cross_holdings, factor_of, position_movers

RULES = "ftx/2022"
RECORD = "ftx"
POOL = "cross"
BASE_MMF = Decimal("0.03")
MMF_SHARE = Decimal("0.6")
COLLATERAL_FACTOR = Decimal("1.1")
HALF = Decimal("0.5")
TENTH = Decimal("0.1")
LEVERAGE_PLACES = 8
"""Decimals of 1 / max leverage: a third is 0.33333333, in what is printed as used as well."""
ORDER_LEAST = Decimal(1000)
"""[USD] of a liquidation order, where the position is as large."""
FIELDS = {
    "weight": fraction,
    "initial_weight": fraction,
    "imf_factor": not_negative,
    "imf_weight": positive,
    "mmf_weight": positive,
    "base_mmf": fraction,
    "tick": positive,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Coin:
    """What FTX said of a coin, as collateral and as underlying of futures."""

    weight: Decimal = ZERO
    initial_weight: Decimal = ZERO
    imf_factor: Decimal = ZERO
    imf_weight: Decimal = ONE
    mmf_weight: Decimal = ONE
    base_mmf: Decimal = BASE_MMF
    tick: Decimal | None = None

    def root(self, size: Decimal) -> Decimal:
        """IMF factor · √size."""
        return self.imf_factor * CONTEXT.sqrt(abs(size))

    def imf(self, size: Decimal, leverage: Decimal) -> Decimal:
        """Initial margin fraction of an open size.

        >>> mango = Coin(imf_factor=Decimal("0.00025"))
        >>> round_floor(mango.imf(Decimal(1_000_000), Decimal(20)), 4), mango.imf(Decimal(500_000_000), Decimal(20))
        (Decimal('0.2500'), Decimal('1'))
        """
        least = round_half_up(divide(ONE, leverage), LEVERAGE_PLACES)
        return min(ONE, max(least, self.root(size)) * self.imf_weight)

    def mmf(self, size: Decimal) -> Decimal:
        """Maintenance margin fraction of a size.

        >>> Coin(imf_factor=Decimal("0.002")).mmf(Decimal(2))
        Decimal('0.03')
        """
        return min(ONE, max(self.base_mmf, MMF_SHARE * self.root(size)) * self.mmf_weight)

    def weight_of(self, amount: Decimal, initial: bool = False) -> Decimal:
        """Share of the value of `amount` that counts as collateral."""
        base = self.initial_weight if initial else self.weight
        return min(base, divide(COLLATERAL_FACTOR, ONE + self.root(amount)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ftx:
    """Parameters at one time, by coin."""

    coins: Mapping[str, Coin]
    venue: str = "ftx"
    price_kind: str = "mark"
    as_of: int | None = None
    warnings: tuple[str, ...] = ()

    def coin(self, name: str) -> Coin:
        """A coin's numbers; BadInput `no_parameters` where there are none."""
        if name not in self.coins:
            raise BadInput("no_parameters", f"parameters.{name}", "nothing", f"imf_factor of {name} for {RULES}")
        return self.coins[name]

    def terms_of(self, market: str) -> Terms:
        """A future as a linear contract in USD."""
        return Terms(
            table=flat_table(ZERO), currency="USD", tick=self.coin(coin_of(market)).tick, initial_rate=Decimal("0.05")
        )

    def currency_of(self, market: str) -> str:
        """USD."""
        return "USD"


def coin_of(market: str) -> str:
    """The coin of `BTC-PERP` or `BTC-0930`; BadInput for a name without one."""
    coin, _, kind = market.partition("-")
    if not coin or not kind:
        raise BadInput("unknown_market", market, market, "a future such as BTC-PERP")
    return coin


@in_exact_context
def parameters(version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None) -> Ftx:
    """Coins at `at`, a book's own rows on them."""
    record = record_at(RECORD, at) if overlay else record_or_error(RECORD, at, RULES)
    rows: dict[str, dict[str, Any]] = {name: dict(row) for name, row in (record.rows if record else {}).items()}
    for name, row in (overlay or {}).items():
        rows[name] = {**rows.get(name, {}), **row} if isinstance(row, Mapping) else row
    return Ftx(
        coins={name: Coin(**read_row(row, FIELDS, f"parameters.{name}")) for name, row in rows.items()},
        as_of=record.as_of if record else None,
    )


def pools(account: Account, parameters: Ftx) -> tuple[str, ...]:
    """One pool of everything."""
    return (POOL,)


def collateral(account: Account, parameters: Ftx) -> list[tuple[str, Decimal, Coin]]:
    """Coins held besides USD; BadInput for a coin that is owed."""
    found = []
    for name, amount in account.wallet.items():
        if name == "USD" or not amount:
            continue
        if amount < 0:
            raise BadInput("unsupported_debt", f"account {account.id}.wallet.{name}", amount, "coins held; USD is owed")
        found.append((name, amount, parameters.coin(name)))
    return found


def max_leverage(account: Account) -> Decimal:
    """The leverage that the account allows itself."""
    found = detail(account.details, "max_leverage", f"account {account.id}", Decimal(20))
    if found <= 0:
        raise BadInput("bad_leverage", f"account {account.id}.details.max_leverage", found, "above 0")
    return found


def open_sizes(account: Account, holdings: list[Holding]) -> dict[str, Decimal]:
    """max(|size + open bids|, |size − open asks|) by market."""
    sizes = {h.position.market: (h.position.sign * h.size, ZERO, ZERO) for h in holdings}
    for order in account.orders:
        if not order.reduce_only:
            net, bids, asks = sizes.get(order.market, (ZERO, ZERO, ZERO))
            buys = order.side == "buy"
            sizes[order.market] = (net, bids + order.quantity, asks) if buys else (net, bids, asks + order.quantity)
    return {name: max(abs(net + bids), abs(net - asks)) for name, (net, bids, asks) in sizes.items()}


def statement(account: Account, pool: str, market: Market, parameters: Ftx) -> Statement:
    """Account value and margin by position [USD]."""
    wallet = account.wallet.get("USD", ZERO)
    support = [Line("USD", wallet, f"account {account.id}")]
    first = whole = wallet
    for name, amount, coin in collateral(account, parameters):
        index = quoted(market, "ftx", name, "index")
        weight = coin.weight_of(amount)
        value = amount * index
        inputs = (("amount", amount, name), ("index", index, "USD"), ("weight", weight, "fraction"))
        support.append(Line(f"collateral {name}", value * weight, "amount · index · weight", inputs))
        first += value * coin.weight_of(amount, initial=True)
        whole += value
    demand: list[Line] = []
    profit = notional = initial = ZERO
    holdings = cross_holdings(account, parameters)
    for holding in holdings:
        position = holding.position
        mark = factor_of(holding, market, parameters)
        gained = holding.profit(mark) + funding_due(holding, market, "ftx")
        mmf, value = parameters.coin(coin_of(position.market)).mmf(holding.size), holding.size * mark
        profit += gained
        notional += value
        name = f"{position.market} {position.side}"
        support.append(Line(f"unrealized_pnl {name}", gained, "side · size · (mark − entry)"))
        demand.append(
            Line(
                f"maintenance_margin {name}",
                value * mmf,
                "size · mark · MMF",
                (("size", holding.size, "coins"), ("mark", mark, "USD"), ("MMF", mmf, "fraction")),
                position.market,
                position.side,
            )
        )
    leverage = max_leverage(account)
    for market_name, size in open_sizes(account, holdings).items():
        if size:
            mark = quoted(market, "ftx", market_name, "mark")
            initial += size * mark * parameters.coin(coin_of(market_name)).imf(size, leverage)
    if account.fixed is not None:
        support.append(Line("fixed_support", account.fixed.support, "stated by the book"))
        demand.append(Line("fixed_demand", account.fixed.demand, "stated by the book"))
        first, whole = first + account.fixed.support, whole + account.fixed.support
    return Statement(
        currency="USD",
        support=tuple(support),
        demand=tuple(demand),
        initial=initial,
        support_initial=first + profit,
        assets=whole + profit,
        wallet=wallet,
        profit=profit,
        notional=notional,
    )


def movers(account: Account, pool: str, parameters: Ftx) -> tuple[Mover, ...]:
    """Futures at mark and coins at their index."""
    found = position_movers(account.positions, parameters)
    for name, _, _ in collateral(account, parameters):
        found.append(Mover(name, (("ftx", name, "index"),), TICK, ONE, ("collateral", "collateral")))
    return tuple(found)


@in_exact_context
def liquidation_prices(account: Account, market: Market, parameters: Ftx, at: int) -> list[LiquidationPrice]:
    """Where the account becomes liquidatable; beside it what the venue printed, where the mark price is known."""
    found = prices_of(MAKER, account, market, parameters)
    try:
        state = statement(account, POOL, market, parameters)
    except BadInput:  # no price for something held: nothing could be printed
        return found
    for holding in cross_holdings(account, parameters):
        position = holding.position
        if not holding.size:
            continue
        mark = market.price("ftx", position.market, "mark")
        price = mark - position.sign * divide(state.supported - state.demanded, holding.size)
        if price > 0:
            found.append(
                LiquidationPrice(
                    pool=POOL,
                    market=position.market,
                    side=position.side,
                    price=shortest_double(price),
                    when="at_or_below" if position.side == "long" else "at_or_above",
                    source="venue_displayed",
                )
            )
    return found


MAKER = Maker(rules=RULES, at_equality=False, pools=pools, statement=statement, movers=movers)


@in_exact_context
def plan_liquidation(account: Account, pool: str, market: Market, parameters: Ftx, at: int) -> Plan:
    """One second of the step that the account is in: orders through the book, backstop, or insurance fund."""
    MAKER.known(account, pool, parameters)
    state = statement(account, pool, market, parameters)
    if not MAKER.is_breached(state):
        return Plan(pool=pool, market="", reason="margin fraction covers the requirement: nothing may be closed")
    holdings = [holding for holding in cross_holdings(account, parameters) if holding.size]
    if not holdings:
        return Plan(pool=pool, market="", reason="no position to close")
    required = {(line.market, line.side): line.value for line in state.demand}
    largest = max(holdings, key=lambda h: required[h.position.market, h.position.side])
    position = largest.position
    mark = factor_of(largest, market, parameters)
    value = state.supported
    fraction_left = divide(value, state.notional)
    zero_price = mark * (ONE - position.sign * fraction_left)
    auto_close = divide(state.demanded, state.notional) * HALF
    if value <= 0:
        least = most = position.quantity
        price, party = max(ZERO, zero_price), "insurance"
    elif fraction_left < auto_close:
        least = most = round_floor(largest.size * (ONE - divide(fraction_left, auto_close)), 8)
        price, party = zero_price, "liquidator"
    else:
        order = max(largest.size * TENTH, min(divide(ORDER_LEAST, mark), largest.size))
        least, most = round_floor(order * HALF, 8), min(position.quantity, round_floor(order * (ONE + HALF), 8))
        price, party = mark, "counterparties"
    profit = round_floor(position.sign * most * (price - position.entry), 8)
    other: Any = party
    return Plan(
        pool=pool,
        market=position.market,
        close_least=least,
        close_most=most,
        price=round_floor(price, 8),
        bad_debt=max(ZERO, -value),
        flows=(Flow("account", "USD", profit), Flow(other, "USD", -profit)),
    )


@in_exact_context
def lower(account: Account, market: Market, parameters: Ftx) -> Legs:
    """One pool of linear legs: every rate is fixed by a size."""
    known, demand = account.wallet.get("USD", ZERO), ZERO
    gross, legs = abs(known), []
    for name, amount, coin in collateral(account, parameters):
        one = float(amount)
        counted, first = one * float(coin.weight_of(amount)), one * float(coin.weight_of(amount, initial=True))
        legs.append(Leg(name, (("quote", "ftx", name, "index"),), Sums(one, 0.0, counted, first, 0.0, counted, 0.0)))
    holdings = cross_holdings(account, parameters)
    sizes, leverage = open_sizes(account, holdings), max_leverage(account)
    for holding in holdings:
        position = holding.position
        coin = parameters.coin(coin_of(position.market))
        at_entry = holding.slope * position.entry
        known -= at_entry
        gross += abs(at_entry)
        open_size = sizes.pop(position.market)
        slope = float(holding.slope)
        initial = float(open_size * coin.imf(open_size, leverage)) if open_size else 0.0
        slopes = Sums(slope, 0.0, slope, slope, initial, slope, 0.0)
        rate = ((0.0, float(coin.mmf(holding.size)), 0.0),)
        factor: Factor = (("quote", "ftx", position.market, "mark"),)
        legs.append(Leg(position.market, factor, slopes, size=float(holding.size), table=rate))
        funding, settled = lower_funding(holding, market, "ftx")
        legs += funding
        known += settled
        gross += abs(settled)
    for name, size in sizes.items():
        initial = float(size * parameters.coin(coin_of(name)).imf(size, leverage)) if size else 0.0
        legs.append(Leg(name, (("quote", "ftx", name, "mark"),), Sums(demand_initial=initial)))
    if account.fixed is not None:
        known, demand = known + account.fixed.support, demand + account.fixed.demand
        gross += abs(account.fixed.support)
    relative = (len(legs) + 8) * 4 * UNIT_ROUNDOFF
    constant = float(known)
    pool = PoolLegs(
        pool=POOL,
        constants=Sums(constant, 0.0, constant, constant, 0.0, constant, float(demand)),
        legs=tuple(legs),
        absolute=relative * float(gross + demand),
        relative=relative,
        liquidatable_at_equality=False,
        family="derivatives",
    )
    return Legs((pool,))


RULE_SETS = (
    RuleSet(
        name=RULES,
        version="2022",
        venue="ftx",
        family="derivatives",
        price_kind="mark",
        risk_scale=0,
        borders=DERIVATIVES_BORDERS,
        module=module_of(
            MAKER, parameters, apply, lower, plan_liquidation=plan_liquidation, liquidation_prices=liquidation_prices
        ),
        verified=(
            "worked examples of the help pages, as roughly as they call themselves",
            "an account printed in 2019, with its liquidation prices",
            "collateral used by printed positions, with orders",
        ),
        unverified=(
            "MMF = max(3 %, 0.6 · IMF factor · √size), and that both fractions end at 1",
            "the printed liquidation price after 2019, and with several positions",
            "1.1 / (1 + IMF factor · √amount) as the bound of a weight",
            "futures have the IMF factor of the coin in the collateral table",
            "which future a second of liquidation picks: the one with the largest requirement here",
            "spot margin: coins owed are refused",
        ),
    ),
)

"""Deribit standard margin: one cross pool per settlement currency.

    futures   size = quantity (linear) or quantity / mark (inverse)                                  [coin]
              IM = (initial + per_coin · size) · size,   MM = (maintenance + per_coin · size) · size
              in coin for inverse contracts, times the index in USDC for linear ones
    options   long: nothing;  with unit = 1 for options in coin and the index for options in USDC
              short call  IM = max(0.15 − OTM / index, 0.10)·unit + mark,   MM = 0.075·unit + mark
              short put   IM = max(that, MM),   MM = max(0.075·unit, 0.075·mark) + mark
    equity    wallet + profit of futures + side · quantity · mark of options
    liquidation at MM ≥ equity

Example of the venue: 25 BTC of BTC_USDC at 100,000 is (2 % + 25 · 0.005 %) · 25 BTC = 0.53125 BTC = 53,125 USDC.

Option marks are given, no model prices them. Index prices are of kind "index" under the venue's names, `btc_usd` or
`btc_usdc`. Funding and session settlement are transfers.

Lowering: a pool of linear futures is exact legs, with an allowance for float64 of (n + 8)·2u of the gross and of the
constants, u = 2^-53; the size term of inverse futures is quadratic in 1 / mark and options have maxima: those are
opaque.
"""

from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.legs import Factor, Leg, Legs, PoolLegs, Sums
from marginbook.domain.market import Market
from marginbook.exact import ONE, ZERO, divide, in_exact_context
from marginbook.venues.contracts.model import Holding, funding_due
from marginbook.venues.deribit.instruments import Instrument, instrument
from marginbook.venues.deribit.parameters import Deribit, Rates
from marginbook.venues.statements.functions import UNIT_ROUNDOFF, lower_opaque
from marginbook.venues.statements.model import Line, Maker, Mover, Statement, profit_at, quoted
from marginbook.venues.statements.positions import TICK, cross_holdings, position_movers

RULES = "deribit/standard"


def pools(account: Account, parameters: Deribit) -> tuple[str, ...]:
    """A pool per currency that the account holds or trades in."""
    settled = [instrument(name).currency for name in _names(account)]
    return tuple(f"cross:{currency}" for currency in dict.fromkeys([*account.wallet, *settled]))


def _names(account: Account) -> list[str]:
    return [position.market for position in account.positions] + [order.market for order in account.orders]


def future_margin(what: Instrument, size: Decimal, rate: Decimal, per_coin: Decimal, index: Decimal) -> Decimal:
    """Margin [settlement currency] of a future of `size` coins.

    >>> future_margin(instrument("SOL_USDC"), Decimal(6000), Decimal("0.04"), Decimal("0.000005"), Decimal(200))
    Decimal('84000.000000')
    """
    coins = (rate + per_coin * size) * size
    return coins if what.quote is None else coins * index


def index_of(what: Instrument, market: Market) -> Decimal:
    """The index that converts the margin of a linear contract; 1 for an inverse one, whose margin is in coin."""
    return ONE if what.quote is None else quoted(market, "deribit", what.index, "index")


def option_margins(what: Instrument, rates: Rates, mark: Decimal, index: Decimal) -> tuple[Decimal, Decimal]:
    """(initial, maintenance) of one option sold [settlement currency].

    >>> rates = Rates(maintenance=Decimal("0.075"), out_of_the_money=Decimal("0.15"), least=Decimal("0.1"))
    >>> option_margins(instrument("BTC-26SEP25-100000-C"), rates, Decimal("0.05"), Decimal(80000))
    (Decimal('0.15'), Decimal('0.125'))
    """
    unit = ONE if what.quote is None else index
    strike = what.strike or ZERO
    away = max(ZERO, strike - index if what.kind == "call" else index - strike)
    initial = max(rates.out_of_the_money - divide(away, index), rates.least) * unit + mark
    if what.kind == "call":
        return initial, rates.maintenance * unit + mark
    maintenance = max(rates.maintenance * unit, rates.maintenance * mark) + mark
    return max(initial, maintenance), maintenance


def coins_of(holding: Holding, mark: Decimal) -> Decimal:
    """Size of a future in its coin."""
    return divide(holding.size, mark) if holding.terms.inverse else holding.size


def statement(account: Account, pool: str, market: Market, parameters: Deribit) -> Statement:
    """Equity and margins of one currency."""
    currency = pool.partition(":")[2]
    held = account.wallet.get(currency, ZERO)
    support = [Line("wallet_balance", held, f"account {account.id}")]
    demand: list[Line] = []
    profit = notional = initial = ZERO
    resting = _resting(account, currency)
    for holding in cross_holdings(account, parameters):
        position = holding.position
        what, rates = instrument(position.market), parameters.rates_of(position.market)
        if what.currency != currency:
            continue
        mark = quoted(market, "deribit", position.market, "mark")
        bids, asks = resting.pop(position.market, (ZERO, ZERO))
        if what.is_option:
            gained, first, required, size = _option(holding, rates, mark, market)
            initial += first
        else:
            gained = holding.profit(holding.factor(mark)) + funding_due(holding, market, "deribit")
            size = coins_of(holding, mark)
            net = size * position.sign
            per_unit = divide(ONE, mark) if what.quote is None else ONE
            exposed = max(abs(net + bids * per_unit), abs(net - asks * per_unit))
            index = index_of(what, market)
            initial += future_margin(what, exposed, rates.initial, rates.per_coin, index)
            required = future_margin(what, size, rates.maintenance, rates.per_coin, index)
        profit += gained
        notional += size if what.quote is None else size * mark
        support.append(
            Line(
                f"{'value' if what.is_option else 'unrealized_pnl'} {position.market} {position.side}",
                gained,
                "side · quantity · mark" if what.is_option else "side · size · (mark − entry), or of 1/entry − 1/mark",
                (("quantity", holding.size, what.coin), ("mark", mark, "price"), ("entry", position.entry, "price")),
            )
        )
        if required:
            demand.append(
                Line(
                    f"maintenance_margin {position.market} {position.side}",
                    required,
                    "option sold: factor + mark"
                    if what.is_option
                    else "(maintenance + per_coin · size) · size · index",
                    (
                        ("size", size, what.coin),
                        ("maintenance", rates.maintenance, "fraction"),
                        ("per_coin", rates.per_coin, "1 per coin"),
                    ),
                    position.market,
                    position.side,
                )
            )
    initial += _orders_alone(account, resting, market, parameters)
    if account.fixed is not None and pool == pools(account, parameters)[0]:
        support.append(Line("fixed_support", account.fixed.support, "stated by the book"))
        demand.append(Line("fixed_demand", account.fixed.demand, "stated by the book"))
    return Statement(
        currency=currency,
        support=tuple(support),
        demand=tuple(demand),
        initial=initial,
        wallet=held,
        profit=profit,
        notional=notional,
    )


def _option(holding: Holding, rates: Rates, mark: Decimal, market: Market) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """(value, initial, maintenance, size) of an option position."""
    what, size = instrument(holding.position.market), holding.size
    if holding.position.side == "long":
        return size * mark, ZERO, ZERO, size
    first, required = option_margins(what, rates, mark, quoted(market, "deribit", what.index, "index"))
    return -size * mark, first * size, required * size, size


def _resting(account: Account, currency: str) -> dict[str, tuple[Decimal, Decimal]]:
    """Quantities of opening bids and asks by market of one currency."""
    found: dict[str, tuple[Decimal, Decimal]] = {}
    for order in account.orders:
        if not order.reduce_only and instrument(order.market).currency == currency:
            bids, asks = found.get(order.market, (ZERO, ZERO))
            buys = order.side == "buy"
            found[order.market] = (bids + order.quantity, asks) if buys else (bids, asks + order.quantity)
    return found


def _orders_alone(
    account: Account, resting: dict[str, tuple[Decimal, Decimal]], market: Market, parameters: Deribit
) -> Decimal:
    """Initial margin of orders in markets without a position; options bought need nothing beyond their premium."""
    initial = ZERO
    for name, (bids, asks) in resting.items():
        what, rates = instrument(name), parameters.rates_of(name)
        mark = quoted(market, "deribit", name, "mark")
        if what.is_option:
            premium = sum((o.quantity * o.price for o in account.orders if o.market == name and o.side == "buy"), ZERO)
            first = option_margins(what, rates, mark, quoted(market, "deribit", what.index, "index"))[0]
            initial += max(premium, first * asks)
        else:
            size = max(bids, asks)
            coins = divide(size, mark) if what.quote is None else size
            initial += future_margin(what, coins, rates.initial, rates.per_coin, index_of(what, market))
    return initial


def movers(account: Account, pool: str, parameters: Deribit) -> tuple[Mover, ...]:
    """Marks of the currency's instruments, and the index of its options."""
    currency = pool.partition(":")[2]
    held = [p for p in account.positions if instrument(p.market).currency == currency]
    found = position_movers(held, parameters)
    known = {mover.name for mover in found}
    orders = [order for order in account.orders if instrument(order.market).currency == currency]
    for order in orders:
        if order.market not in known:
            known.add(order.market)
            key = ("deribit", order.market, "mark")
            found.append(Mover(order.market, (key,), TICK, order.price, ("both", "both")))
    for what in [instrument(name) for name in (*(p.market for p in held), *(o.market for o in orders))]:
        if (what.is_option or what.quote is not None) and what.index not in known:
            known.add(what.index)
            found.append(
                Mover(what.index, (("deribit", what.index, "index"),), TICK, what.strike or ONE, ("both", "both"))
            )
    return tuple(found)


def realised(holding: Holding, price: Decimal) -> Decimal:
    """What closing brings to the wallet: an option's whole price, a future's profit."""
    if instrument(holding.position.market).is_option:
        return holding.position.sign * holding.size * price
    return profit_at(holding, price)


MAKER = Maker(rules=RULES, at_equality=True, pools=pools, statement=statement, movers=movers, realised=realised)


@in_exact_context
def lower(account: Account, market: Market, parameters: Deribit) -> Legs:
    """Linear futures as legs, everything else opaque."""
    return Legs(tuple(_lower_pool(account, pool, market, parameters) for pool in pools(account, parameters)))


def _lower_pool(account: Account, pool: str, market: Market, parameters: Deribit) -> PoolLegs:
    currency = pool.partition(":")[2]
    held = [h for h in cross_holdings(account, parameters) if instrument(h.position.market).currency == currency]
    names = [h.position.market for h in held] + [o.market for o in account.orders]
    kinds = [instrument(name) for name in names if instrument(name).currency == currency]
    funded = any(("deribit", name, "funding") in market.indices for name in names)
    if funded or account.orders or account.fixed or any(what.quote is None or what.is_option for what in kinds):
        return lower_opaque(MAKER, account, pool, market, parameters)
    known = account.wallet.get(currency, ZERO)
    gross = abs(known)
    legs = []
    for holding in held:
        rates = parameters.rates_of(holding.position.market)
        at_entry = holding.slope * holding.entry_factor
        known -= at_entry
        gross += abs(at_entry)
        slope, size = float(holding.slope), float(holding.size)
        first = float((rates.initial + rates.per_coin * holding.size) * holding.size)
        rate = float(rates.maintenance + rates.per_coin * holding.size)
        name, index = holding.position.market, instrument(holding.position.market).index
        factor: Factor = (("quote", "deribit", name, "mark"),)
        converted: Factor = (("quote", "deribit", index, "index"),)
        legs.append(Leg(name, factor, Sums(slope, 0.0, slope, slope, 0.0, slope, 0.0)))
        legs.append(Leg(index, converted, Sums(demand_initial=first), size=size, table=((0.0, rate, 0.0),)))
    relative = (len(legs) + 8) * 2 * UNIT_ROUNDOFF
    constant = float(known)
    return PoolLegs(
        pool=pool,
        constants=Sums(constant, 0.0, constant, constant, 0.0, constant, 0.0),
        legs=tuple(legs),
        absolute=relative * float(gross),
        relative=relative,
        liquidatable_at_equality=True,
        family="derivatives",
    )

"""An account as legs for the float64 kernel, with the bound of its error.

Every ratio and weight depends on sizes only, so it is a constant of its leg. A perp position is a leg of price · quote
price: support slope base, demand by the maintenance ratio on the worst base; what it has paid is a leg of the quote
price, funding one of index · quote price. A deposit or a borrow is a leg of its price. |kernel − exact| is at most

1. cut divisions of 10^-6: four per perp, three of them times a quote price of at most 10, and two per spot position,
   one of them times its weight; and a unit where a pool without a requirement owes;
2. funding indices cut at 10^-9 per base, times the same quote price;
3. (n + 8) · 4u of the gross times the greatest ratio, and of the constants (u = 2^-53).

Opaque, i.e. always evaluated exactly: pools being liquidated (the buffer counts losses), with open spot orders (the
worse side depends on prices), with scaled balances, prediction markets, a weight on maintenance profit, or funding by
side.

Initial margin, which decides nothing, has strict prices, scaled weights and a user's own ratios, of which no leg can
tell: its legs go by the weights, the profit that counts at most is a bend of the price, and a constant makes their sum
what it is at the prices of now.
"""

from dataclasses import replace

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.legs import IDENTITY_TABLE, Factor, Leg, Legs, PoolLegs, Sums
from marginbook.domain.market import Market
from marginbook.exact import div_trunc
from marginbook.venues.common.bends import lower_bends
from marginbook.venues.drift.account import CROSS, INDEX_TO_FUNDING, Book, Perp, Spot, book_of, funding_due, index_kind
from marginbook.venues.drift.margin import (
    OPEN_ORDER,
    PROFIT_MOST,
    Calculation,
    Context,
    calculate,
    is_high_leverage,
    worst_base,
)
from marginbook.venues.drift.parameters import Parameters
from marginbook.venues.drift.risk import being_liquidated
from marginbook.venues.drift.units import BASE, KIND, PRICE, QUOTE, VENUE, WEIGHT
from marginbook.venues.drift.weights import asset_weight, liability_weight, margin_ratio

ROUNDOFF = 2.0**-53
UNIT = 1e-6  # [quote]
QUOTE_PRICE_MOST = 10.0


def lower(account: Account, market: Market, parameters: Parameters) -> Legs:
    """Every pool as legs."""
    book = book_of(account, market, parameters)
    try:
        initial = calculate(book, market, parameters, Context("initial", strict=parameters.system.strict))
    except BadInput:  # a price or an average that decisions do not need
        initial = {}
    settled = {p.market: div_trunc(p.funding_index_raw or 0, INDEX_TO_FUNDING) for p in account.positions}
    names = dict.fromkeys([*_lower_names(book), *(perp.pool for perp in book.perps)])
    lowered = (_lower_pool(name, book, settled, market, parameters) for name in names)
    pools = (_lower_initial(pool, initial[pool.pool], market) if initial else pool for pool in lowered)
    return Legs(tuple(_lower_scaled(account, pool, market) if pool.pool == CROSS else pool for pool in pools))


def _lower_initial(pool: PoolLegs, exact: Calculation, market: Market) -> PoolLegs:
    """The pool with the constant that its initial sums lack now."""
    free = pool.constants.support_initial - pool.constants.demand_initial
    for leg in pool.legs:
        value = 1.0
        for how, venue, name, kind in leg.factor:
            index = how != "quote"
            value *= (
                market.indices[venue, name, how].value_raw / 1e27 if index else float(market.price(venue, name, kind))
            )
        x = leg.side * leg.size * value
        free += (leg.slopes.support_initial - leg.slopes.demand_initial) * value
        free -= leg.initial_rate * max(abs(x + leg.bids), abs(x - leg.asks))
    lacking = (exact.total_collateral - exact.requirement) / QUOTE - free
    constants = replace(pool.constants, support_initial=pool.constants.support_initial + lacking)
    return replace(pool, constants=constants)


def _lower_scaled(account: Account, pool: PoolLegs, market: Market) -> PoolLegs:
    """The cross pool, opaque where balances grow with an index."""
    holdings: list[Collateral | Debt] = [*account.collateral, *account.debt]
    scaled = [held for held in holdings if held.amount is None and held.index_raw is None]
    if not scaled:
        return pool
    grown: list[Factor] = [((index_kind(held), VENUE, held.asset, ""),) for held in scaled]
    inputs = dict.fromkeys([*(leg.factor for leg in pool.legs), *grown, *pool.inputs])
    return replace(pool, opaque=True, inputs=tuple(inputs))


def _lower_names(book: Book) -> list[str]:
    isolated = [perp for perp in book.perps if perp.pool != CROSS]
    bare = book.perps and len(isolated) == len(book.perps) and not book.spots
    return [] if bare and not book.fixed_support and not book.fixed_demand else [CROSS]


def _lower_pool(name: str, book: Book, settled: dict[str, int], market: Market, parameters: Parameters) -> PoolLegs:
    quote: Factor = (("quote", VENUE, parameters.system.quote_asset, KIND),)
    legs: list[Leg] = []
    support, demand, absolute, greatest = 0.0, 0.0, 2 * UNIT, 1.0
    opaque = being_liquidated(book, name)
    for spot in book.spots if name == CROSS else ():
        leg, weight = _lower_spot(spot)
        legs.append(leg)
        demand += spot.orders * OPEN_ORDER / QUOTE
        absolute += UNIT * (2.0 + weight)
        greatest = max(greatest, weight)
        opaque = opaque or bool(spot.bids or spot.asks)
    for perp in book.perps:
        if perp.pool == name:
            own, ratio, indexed = _lower_perp(perp, settled.get(perp.market, 0), quote, book, market)
            legs += own
            demand += perp.orders * OPEN_ORDER / QUOTE
            absolute += UNIT * (2.0 + (2.0 + 2.0 * ratio) * (1.0 + QUOTE_PRICE_MOST)) + indexed
            greatest = max(greatest, ratio)
            opaque = opaque or perp.terms.prediction
            opaque = opaque or perp.terms.unrealized_pnl_maintenance_asset_weight != WEIGHT
            sides = ("funding_long_raw", "funding_short_raw")
            opaque = opaque or any((VENUE, perp.market, side) in market.state for side in sides)
    if name == CROSS:
        support += book.fixed_support / QUOTE
        demand += book.fixed_demand / QUOTE
    relative = (len(legs) + 8) * 4 * ROUNDOFF * greatest
    return PoolLegs(
        pool=name,
        constants=Sums(support, 0.0, support, support, demand, support, demand),
        legs=tuple(legs),
        absolute=absolute + relative * (abs(support) + demand),
        relative=relative,
        liquidatable_at_equality=False,
        family="derivatives",
        opaque=opaque,
        inputs=tuple(dict.fromkeys([quote, *(leg.factor for leg in legs)])) if opaque else (),
    )


def _lower_spot(spot: Spot) -> tuple[Leg, float]:
    """The leg of a deposit or a borrow, and its weight."""
    amount = abs(spot.amount) / 10**spot.terms.decimals
    factor: Factor = (("quote", VENUE, spot.asset, KIND),)
    if spot.amount >= 0:
        weight = 1.0 if spot.is_quote else asset_weight(spot.terms, spot.amount, "maintenance") / WEIGHT
        initial = 1.0 if spot.is_quote else asset_weight(spot.terms, spot.amount, "initial") / WEIGHT
        worth = amount * weight
        return Leg(spot.asset, factor, Sums(amount, 0.0, worth, amount * initial, 0.0, worth, 0.0)), weight
    weight = 1.0 if spot.is_quote else liability_weight(spot.terms, -spot.amount, "maintenance") / WEIGHT
    table = IDENTITY_TABLE if spot.is_quote else ((0.0, weight, 0.0),)
    initial = 1.0 if spot.is_quote else liability_weight(spot.terms, -spot.amount, "initial") / WEIGHT
    slopes = Sums(0.0, amount, 0.0, 0.0, amount * initial, 0.0, 0.0)
    return Leg(spot.asset, factor, slopes, amount, table), weight


def _lower_perp(perp: Perp, settled: int, quote: Factor, book: Book, market: Market) -> tuple[list[Leg], float, float]:
    """Legs of a perp position, its ratio, and what cut funding may add up to."""
    high = is_high_leverage(book.mode, "maintenance")
    worst = abs(worst_base(perp, PRICE)[0])
    ratio = margin_ratio(perp.terms, worst, "maintenance", high) / WEIGHT
    initial = margin_ratio(perp.terms, worst, "initial", is_high_leverage(book.mode, "initial")) / WEIGHT
    base = perp.base / BASE
    price: Factor = (("quote", VENUE, perp.market, KIND), *quote)
    own = Leg(
        market=perp.market,
        factor=price,
        slopes=Sums(base, 0.0, base, base, 0.0, base, 0.0),
        size=worst / BASE,
        table=((0.0, ratio, 0.0),),
        initial_rate=max(initial, book.own_ratio / WEIGHT, perp.own_ratio / WEIGHT),
        side=1 if perp.base >= 0 else -1,
    )
    paid, cut = perp.quote, 0.0
    funded: list[Leg] = []
    index = market.indices.get((VENUE, perp.market, "funding"))
    if index is not None and perp.base:
        paid -= funding_due(perp.base, div_trunc(index.value_raw, INDEX_TO_FUNDING), settled)
        known = paid / QUOTE + base * settled / BASE
        slope = -base * 10**9
        funding: Factor = (("funding", VENUE, perp.market, ""), *quote)
        funded.append(Leg(perp.market, funding, Sums(slope, 0.0, slope, slope, 0.0, slope, 0.0)))
        cut = (abs(base) * 1e-9 + 2 * UNIT) * QUOTE_PRICE_MOST
    else:
        known = paid / QUOTE
    legs = [*_lower_profit(own, perp.quote / QUOTE, quote, market), *funded]
    known += (perp.deposit or 0) / QUOTE
    legs.append(Leg(perp.market, quote, Sums(known, 0.0, known, known, 0.0, known, 0.0)))
    return legs, ratio, cut


def _lower_profit(leg: Leg, paid: float, quote: Factor, market: Market) -> list[Leg]:
    """The leg with its bend: of the profit base · price + paid no more than `PROFIT_MOST` counts for opening.

    The bend is at the quote price of now; its constant is part of the pool's (`_lower_initial`).
    """
    base = leg.slopes.support
    if not base or not leg.size:
        return [leg]
    [(_, venue, name, kind)] = quote
    rate = float(market.price(venue, name, kind)) if (venue, name, kind) in market.quotes else 1.0
    sign, share = 1 if base > 0 else -1, abs(base) / leg.size
    place = sign * (PROFIT_MOST / QUOTE - paid * rate)
    return lower_bends(leg, [(place / share, share, sign)])[0]

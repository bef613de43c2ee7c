"""Liquidation prices in closed form: the requirement is linear between bracket edges, so is the balance.

    g(f) = support(f) − demand(f) = c + a·f − Σ table_i(size_i · f)

One root per piece, no iteration; `exact` is then the price on the grid that the predicate itself confirms.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Literal

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.domain.risk import LiquidationPrice
from marginbook.exact import ONE, ZERO, divide, grid_ceil, grid_floor, in_exact_context
from marginbook.venues.contracts.model import ContractRules, Holding, Pool, Shown, funding_due, pools, price_reader
from marginbook.venues.contracts.sums import breached, figures

UNIT = Decimal("0.00000001")
"""Price grid where a market has no tick."""
When = Literal["at_or_below", "at_or_above"]
DIRECTIONS: tuple[When, When] = ("at_or_below", "at_or_above")
EDGE_SLACK = Decimal("1e-120")
HALF = Decimal("0.5")


@in_exact_context
def liquidation_prices(account: Account, market: Market, parameters: ContractRules, at: int) -> list[LiquidationPrice]:
    """Per pool and market, where the pool starts to be liquidatable; a market's own quote is not needed.

    A pool without such a price gives no entry. A missing price of *another* market is an error, unless some other
    market's liquidation price can still be given.
    """
    found: list[LiquidationPrice] = []
    missing: list[BadInput] = []
    for pool in pools(account, parameters).values():
        for name in dict.fromkeys(holding.position.market for holding in pool.holdings):
            try:
                found += _prices_of(pool, name, market, parameters)
            except BadInput as bad:
                missing.append(bad)
    if missing and not found:
        raise missing[0]
    return found


def _prices_of(pool: Pool, name: str, market: Market, parameters: ContractRules) -> Iterator[LiquidationPrice]:
    own = [holding for holding in pool.holdings if holding.position.market == name and holding.size]
    if not own:
        return
    support, demand = _constants(pool, name, market, parameters)
    present = market.quotes.get((parameters.venue, name, parameters.price_kind))
    now = None if present is None or present.price <= 0 else present.price
    slope = sum((holding.slope for holding in own), ZERO)
    tick = own[0].terms.tick or UNIT
    side = own[0].position.side if len(own) == 1 else "both"

    def liquidatable(price: Decimal) -> bool:
        factor = own[0].factor(price)
        required = sum((holding.maintenance(factor) for holding in own), demand)
        return breached(support + slope * factor, required, parameters.at_equality, pool.has_inverse)

    done = set()
    for price in _roots(own, support - demand, slope):
        for when in DIRECTIONS:
            exact = _on_grid(price, when, tick, liquidatable)
            if exact is None or (exact, when) in done:
                continue
            done.add((exact, when))
            yield LiquidationPrice(pool=pool.name, market=name, side=side, price=exact, when=when, source="exact")
            shown = None
            if parameters.displayed is not None:
                room = None
                if now is not None:
                    factor = own[0].factor(now)
                    room = support + slope * factor - sum((holding.maintenance(factor) for holding in own), demand)
                shown = parameters.displayed(
                    Shown(
                        pool=pool,
                        own=tuple(own),
                        root=price,
                        when=when,
                        price=now,
                        room=room,
                        funding=sum((funding_due(holding, market, parameters.venue) for holding in own), ZERO),
                    )
                )
            if shown is not None:
                yield LiquidationPrice(
                    pool=pool.name, market=name, side=side, price=shown, when=when, source="venue_displayed"
                )


def _constants(pool: Pool, name: str, market: Market, parameters: ContractRules) -> tuple[Decimal, Decimal]:
    """What support and demand are apart from the profit and maintenance of one market's positions.

    Where every price is known, all but the market's own terms of the pool's sums: exact, unless a contract is inverse.
    """
    price_of = price_reader(market, parameters)
    keys = ((parameters.venue, holding.position.market, parameters.price_kind) for holding in pool.holdings)
    if not pool.has_inverse and all(key in market.quotes for key in keys):
        found = figures(pool, market, parameters)
        support, demand = found.balance, found.demand
        for holding in pool.holdings:
            if holding.position.market == name:
                factor = holding.factor(price_of(name))
                support -= holding.slope * factor
                demand -= holding.maintenance(factor)
        return support, demand
    support, demand = pool.wallet + pool.fixed_support, pool.fixed_demand
    for holding in pool.holdings:
        support += funding_due(holding, market, parameters.venue)
        if holding.position.market == name:
            support -= holding.slope * holding.entry_factor
        else:
            factor = holding.factor(price_of(holding.position.market))
            support += holding.profit(factor)
            demand += holding.maintenance(factor)
    return support, demand


def _roots(own: list[Holding], constant: Decimal, slope: Decimal) -> Iterator[Decimal]:
    """Prices at which support − demand is zero on a linear piece, and edges at which it jumps.

    On a piece every position has one bracket: g(f) = constant + Σ cum + f · (slope − Σ size · (rate + fee)). Pieces are
    walked in y = f · first size, the first position's notional, so that its own edges are exact.
    """
    terms = own[0].terms  # both legs of a hedge are of one market
    tables, inverse = [holding.table for holding in own], terms.inverse
    sizes = [holding.size for holding in own]
    scale = sizes[0]
    slope -= terms.fee_to_close * sum(sizes, ZERO)
    constant -= sum((holding.fixed_demand for holding in own), ZERO)
    edges = {ZERO}
    if terms.basis == "entry":
        sizes = []
    else:
        for size, table in zip(sizes, tables, strict=True):
            edges |= {floor if size == scale else divide(floor * scale, size) for floor in table.floors}
    for low, high in pairwise([*sorted(edges), None]):
        assert low is not None
        inside = low + low + ONE if high is None else (low + high) * HALF
        level, rise = constant, slope
        for size, table in zip(sizes, tables, strict=False):
            row = table.bracket_of(inside if size == scale else divide(inside * size, scale))
            level += row.cum
            rise -= size * row.rate
        if low and any(table.jump_most for table in tables):
            yield divide(scale, low) if inverse else divide(low, scale)
        # A root f = −level / rise above 0, in [low, high] / scale, compared without dividing.
        if level and rise and (level < 0) == (rise > 0) and _within(-level * scale, rise, low, high):
            yield divide(rise, -level) if inverse else divide(-level, rise)


def _within(numerator: Decimal, denominator: Decimal, low: Decimal, high: Decimal | None) -> bool:
    """Whether low ≤ numerator / denominator ≤ high, with a slack for edges that carry 128 digits only."""
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    slack = numerator * EDGE_SLACK
    return low * denominator <= numerator + slack and (high is None or numerator <= high * denominator + slack)


def _on_grid(root: Decimal, when: When, tick: Decimal, liquidatable: Callable[[Decimal], bool]) -> Decimal | None:
    """The grid price beside `root` where `liquidatable` starts to hold in the direction `when`, confirmed by asking.

    None where no price before it is safe: the border is one of the other direction, or below the first tick.
    """
    below = when == "at_or_below"
    danger = -tick if below else tick
    price = (grid_floor(root, tick) if below else grid_ceil(root, tick)) - danger - danger
    safe_before = False
    for _ in range(5):
        if price > 0:
            breached_here = liquidatable(price)
            if breached_here and safe_before:
                return price
            safe_before = not breached_here
        price += danger
    return None

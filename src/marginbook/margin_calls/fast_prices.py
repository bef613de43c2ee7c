"""Liquidation prices of pools in integers, the exact ones of `venues.contracts.prices`.

One position: in the notional y of the traded position, with c the rest of its pool,

    headroom(y) = c ± y − maintenance(y)

rises (long) or falls (short) from c, so it has one root, in the bracket that a bisection over its values at the floors
finds. Both legs of a hedge: headroom is linear in the price between the floors of either leg, so there is at most one
root a piece; pieces are walked in Q = price · size · other size, in which every floor is an integer.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from decimal import Decimal
from typing import Any

from marginbook.domain.risk import LiquidationPrice
from marginbook.exact import CONTEXT, div_ceil, div_floor
from marginbook.margin_calls.fast_pools import FROM_WALLET, PER_RATE, DeskRules, Holding, MarketTerms, NotHere, Pool
from marginbook.venues.contracts.prices import UNIT

TICKS_LEAST = 4
TRIES = 4
"""Grid prices beside a root that are asked, as the exact functions do."""


def liquidation_prices(
    pools: Iterable[Pool], traded: Collection[MarketTerms], rules: DeskRules
) -> tuple[LiquidationPrice, ...]:
    """The exact liquidation prices of the traded markets, by pool."""
    found: list[LiquidationPrice] = []
    for pool in pools:
        own = [held for held in pool.holdings if held.terms in traded]
        for terms in dict.fromkeys(held.terms for held in own) if len(own) > 1 else [held.terms for held in own]:
            legs = [held for held in own if held.terms is terms]
            found += _alone(pool, legs[0], rules) if len(legs) == 1 else _hedged(pool, legs, rules)
    return tuple(found)


def _alone(pool: Pool, held: Holding, rules: DeskRules) -> list[LiquidationPrice]:
    terms, long = held.terms, held.quantity > 0
    floors, size = (terms.rising, held.quantity) if long else (terms.falling, -held.quantity)
    if not floors:
        raise NotHere
    # The rest of the pool: without the profit that moves with the price, and without the position's requirement.
    rest = pool.balance - held.quantity * terms.price * FROM_WALLET - pool.demand + held.maintenance
    missing = -rest if long else rest
    if missing <= 0:
        return []
    bracket = bisect_right(floors, missing) - 1
    rate, cum = terms.rates[bracket], terms.cums[bracket]
    top = missing - cum if long else missing + cum
    bottom = (PER_RATE - rate if long else PER_RATE + rate) * size * terms.tick
    even = rules.parameters.at_equality
    if long:
        ticks = div_floor(top, bottom) if even else div_ceil(top, bottom) - 1
    else:
        ticks = div_ceil(top, bottom) if even else div_floor(top, bottom) + 1
    if ticks <= TICKS_LEAST:
        raise NotHere
    return [_price(pool, terms, "long" if long else "short", ticks, long)]


def _hedged(pool: Pool, legs: list[Holding], rules: DeskRules) -> list[LiquidationPrice]:
    """As `venues.contracts.prices`: every root, and beside it the grid price at which liquidation begins, if any."""
    terms, even = legs[0].terms, rules.parameters.at_equality
    if len(legs) != 2 or not terms.rising or not terms.falling:
        raise NotHere
    rest = pool.balance - pool.demand
    for held in legs:
        rest += held.maintenance - held.quantity * terms.price * FROM_WALLET
    net, sizes = legs[0].quantity + legs[1].quantity, [abs(held.quantity) for held in legs]
    floors, rates, cums = terms.floors, terms.rates, terms.cums

    def liquidatable(ticks: int) -> bool:
        price = ticks * terms.tick
        room: int = rest + net * price * PER_RATE
        for size in sizes:
            bracket = bisect_right(floors, size * price) - 1
            room += cums[bracket] - rates[bracket] * size * price
        return room <= 0 if even else room < 0

    done: set[tuple[int, bool]] = set()
    found = []
    for top, bottom in _roots(rest, net, sizes, terms):
        low, high = div_floor(top, bottom * terms.tick), div_ceil(top, bottom * terms.tick)
        for below in (True, False):
            step = -1 if below else 1
            ticks = (low if below else high) - 2 * step
            if ticks > 0 and liquidatable(ticks):
                continue
            tried = range(ticks + step, ticks + step * (TRIES + 1), step)
            first = next((n for n in tried if n > 0 and liquidatable(n)), None)
            if first is not None and (first, below) not in done:
                done.add((first, below))
                found.append(_price(pool, terms, "both", first, below))
    return found


def _roots(rest: int, net: int, sizes: list[int], terms: MarketTerms) -> Iterator[tuple[int, int]]:
    """Prices [10^-16] at which the headroom is zero, as fractions of two positive integers, rising."""
    first, second = sizes
    floors, rates, cums = terms.floors, terms.rates, terms.cums
    scale, size = first * second, first + second
    level = rest + 2 * cums[0]
    rise = net * PER_RATE - rates[0] * size
    edges = [(floors[n] * by, own, n) for own, by in ((first, second), (second, first)) for n in range(1, len(floors))]
    edges.sort()
    low = 0
    for high, own, n in [*edges, (None, 0, 0)]:
        if (high is None or high > low) and level and rise and (level < 0) == (rise > 0):
            top, bottom = abs(level), abs(rise)
            if low * bottom <= top * scale and (high is None or top * scale <= high * bottom):
                yield top, bottom
        if high is not None:
            low = high
            level += cums[n] - cums[n - 1]
            rise -= own * (rates[n] - rates[n - 1])


def _price(pool: Pool, terms: MarketTerms, side: Any, ticks: int, below: bool) -> LiquidationPrice:
    price = CONTEXT.multiply(Decimal(ticks), terms.terms.tick or UNIT)
    when: Any = "at_or_below" if below else "at_or_above"
    return LiquidationPrice(pool=pool.label, market=terms.name, side=side, price=price, when=when, source="exact")

"""Liquidation prices by exact bisection on the venue's own predicate, where there is no closed form.

The predicate is looked at near zero, at the present price and far above, and in steps of a factor of two on the way:
between a price that liquidates and one that does not, halving finds neighbours on the grid, of which one liquidates
and the other does not.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Literal

from marginbook.domain.market import Market, QuoteKey
from marginbook.domain.risk import LiquidationPrice
from marginbook.exact import div_floor, divide, grid_floor

HeldSide = Literal["long", "short", "both", "collateral", "debt"]
FARTHEST = 10**6
"""Prices are searched up to so many times the anchor."""


def border_between(liquidatable: Callable[[int], bool], inside: int, outside: int) -> int:
    """The price nearest to `inside` that liquidates, where `inside` does not and `outside` does.

    >>> border_between(lambda n: n <= 41, 100, 1), border_between(lambda n: n >= 160, 100, 1000)
    (41, 160)
    """
    while abs(inside - outside) > 1:
        middle = div_floor(inside + outside, 2)
        if liquidatable(middle):
            outside = middle
        else:
            inside = middle
    return outside


def borders_around(liquidatable: Callable[[int], bool], anchor: int) -> tuple[int | None, int | None]:
    """(highest price that liquidates below, lowest above) in grid units; None where there is none.

    `anchor` > 0 is the present price. If it liquidates itself, the borders to prices that do not are meant. A stretch
    of other prices within a factor of two is not seen.

    >>> borders_around(lambda n: n <= 41, 100), borders_around(lambda n: n >= 160, 100)
    ((41, None), (None, 160))
    >>> borders_around(lambda n: n <= 41, 10), borders_around(lambda n: True, 10)
    ((41, None), (None, None))
    >>> borders_around(lambda n: n <= 3 or n >= 41, 100), borders_around(lambda n: 80 <= n <= 160, 100)
    ((None, 41), (160, 80))
    """
    least, most = 1, max(anchor, 1) * FARTHEST
    at_least, at_most = liquidatable(least), liquidatable(most)
    if not liquidatable(anchor):
        below = _nearest_border(liquidatable, anchor, least) if at_least else None
        above = _nearest_border(liquidatable, anchor, most) if at_most else None
        return below, above
    if not (at_least and at_most):
        return (
            None if at_most else border_between(liquidatable, most, anchor),
            None if at_least else border_between(liquidatable, least, anchor),
        )
    low = high = anchor
    while low > least or high < most:
        low, high = max(least, div_floor(low, 2)), min(most, high * 2)
        if not liquidatable(low):
            return None, border_between(liquidatable, low, anchor)
        if not liquidatable(high):
            return border_between(liquidatable, high, anchor), None
    return None, None


def _nearest_border(liquidatable: Callable[[int], bool], inside: int, end: int) -> int:
    """The border nearest to `inside` on the way to `end`, which liquidates: looked for in steps of a factor of two."""
    while True:
        probe = max(end, div_floor(inside, 2)) if end < inside else min(end, inside * 2)
        if liquidatable(probe):
            return border_between(liquidatable, inside, probe)
        inside = probe


def searched_prices(
    market: Market,
    is_liquidatable: Callable[[Market], bool],
    *,
    pool: str,
    name: str,
    keys: Iterable[QuoteKey],
    tick: Decimal,
    anchor: Decimal,
    sides: tuple[HeldSide, HeldSide],
) -> list[LiquidationPrice]:
    """Prices of market `name` at which `is_liquidatable(market)` turns, all else fixed.

    All of `keys` (min, max, oracle …) move together. `anchor` is the present price, or the entry where there is no
    quote; `sides` names the holding that suffers from a fall, and the one that suffers from a rise.
    """
    moved = tuple(keys)

    def at(count: int) -> bool:
        return is_liquidatable(market.with_prices(dict.fromkeys(moved, count * tick)))

    below, above = borders_around(at, max(1, int(divide(grid_floor(anchor, tick), tick))))
    found = []
    if below is not None:
        found.append(
            LiquidationPrice(
                pool=pool, market=name, side=sides[0], price=below * tick, when="at_or_below", source="exact"
            )
        )
    if above is not None:
        found.append(
            LiquidationPrice(
                pool=pool, market=name, side=sides[1], price=above * tick, when="at_or_above", source="exact"
            )
        )
    return found

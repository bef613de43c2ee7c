"""Liquidation prices by exact bisection on the venue's own predicate, where there is no closed form.

The predicate is looked at near zero, at the present price and far above: between a price that liquidates and one that
does not, halving finds neighbours on the grid, of which one liquidates and the other does not.
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

    `anchor` > 0 is the present price. If it liquidates itself, the border to the prices that do not is meant.

    >>> borders_around(lambda n: n <= 41, 100), borders_around(lambda n: n >= 160, 100)
    ((41, None), (None, 160))
    >>> borders_around(lambda n: n <= 41, 10), borders_around(lambda n: True, 10)
    ((41, None), (None, None))
    """
    least, most = 1, max(anchor, 1) * FARTHEST
    at_least, at_most = liquidatable(least), liquidatable(most)
    if not liquidatable(anchor):
        below = border_between(liquidatable, anchor, least) if at_least else None
        above = border_between(liquidatable, anchor, most) if at_most else None
        return below, above
    if at_least and not at_most:
        return border_between(liquidatable, most, least), None
    if at_most and not at_least:
        return None, border_between(liquidatable, least, most)
    return None, None


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

"""A cascade on one market as a monotone fixed point, in one pass over liquidation prices in order.

    P = P₀·I(Q(P)),   Q(P) = Σ { size : liquidation price ≥ P }        longs; shorts mirrored, with ≤ and buying

Every sale lowers the price, and every lower price sells more, so the rounds "mark, liquidate, mark" only ever go down,
and end at the highest price that is a fixed point. In order of liquidation prices the same end is met in one pass: the
n-th position falls if and only if its price is reached once the ones before it are sold, and the first that is not
reached ends the cascade. Ties fall together.

Large books need no full sort. Sizes are first summed in bands of price: a band whose far edge is reached at the price
before it falls whole, and one whose near edge is not reached at that price ends the cascade. Only what lies from the
first undecided band to that end is sorted. Sizes are values at P₀ [quote currency] as `impact` takes them, float64; the
end is exactly that of the rounds where their sums are, as with whole numbers. A position that a liquidation cures in
part is several thresholds: `slices`.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from marginbook.domain.errors import BadInput
from marginbook.simulate.impact import Impact

Array = Any
BANDS = 4096
SORTED_MOST = 20_000
"""Up to so many thresholds are simply sorted."""
WIDER = 1e-9
"""Edges of bands are taken this much wider, relative to the start, than float64 could misplace a price."""


@dataclass(frozen=True, slots=True)
class Fall:
    """Where a cascade ends."""

    price: float  # [quote]
    sold: float  # [value at the price before] of what was liquidated; bought, for shorts
    count: int  # positions that were liquidated


def cascade(
    thresholds: Array, sizes: Array, price: float, impact: Impact, side: Literal["long", "short"] = "long"
) -> Fall:
    """The end of a cascade that starts at `price`, after the shock that sets it off.

    `thresholds` are liquidation prices and `sizes` what each liquidation sells (longs) or buys (shorts).

    >>> from marginbook.simulate.impact import linear
    >>> fall = cascade([100.0, 99.0, 96.0, 80.0], [100.0, 300.0, 100.0, 500.0], 100.0, linear(100.0))
    >>> fall.price, fall.sold, fall.count
    (95.0, 500.0, 3)
    """
    levels, weights = np.asarray(thresholds, np.float64), np.asarray(sizes, np.float64)
    if levels.shape != weights.shape or levels.ndim != 1:
        raise BadInput("bad_cascade", "cascade: sizes", weights.shape, f"one size per threshold, {levels.shape}")
    sign = 1.0 if side == "long" else -1.0
    if len(levels) > SORTED_MOST:
        return _in_bands(levels, weights, price, impact, sign)
    if not (price > 0.0 and np.isfinite(weights).all() and (weights >= 0.0).all() and not np.isnan(levels).any()):
        raise _bad(price)
    return _sorted(levels, weights, price, impact, sign, 0.0, 0)


def slices(threshold: float, size: float, step: float, count: int, fraction: float) -> tuple[Array, Array]:
    """Thresholds and sizes of a position that is liquidated in parts.

    The n-th part, `fraction` of what is left, falls at threshold·(1 − n·step); the last of `count` is the rest.

    >>> levels, parts = slices(100.0, 80.0, 0.01, 3, 0.5)
    >>> levels.tolist(), parts.tolist()
    ([100.0, 99.0, 98.0], [40.0, 20.0, 20.0])
    """
    numbers = np.arange(count)
    parts = size * fraction * (1.0 - fraction) ** numbers
    parts[-1] = size * (1.0 - fraction) ** (count - 1)
    return threshold * (1.0 - step * numbers), parts


def _sorted(levels: Array, sizes: Array, price: float, impact: Impact, sign: float, sold: float, count: int) -> Fall:
    """The pass over all of `levels`, once `sold` of `count` positions before them is."""
    order = np.argsort(-sign * levels, kind="stable")
    total = sold + np.cumsum(sizes[order])
    before = np.concatenate(([sold], total[:-1]))
    reached = sign * levels[order] >= sign * price * impact(sign * before)
    more = len(order) if reached.all() else int(np.argmin(reached))
    end = float(total[more - 1]) if more else sold
    return Fall(float(price * impact(sign * end)), end, count + more)


def _in_bands(levels: Array, sizes: Array, price: float, impact: Impact, sign: float) -> Fall:
    from marginbook.simulate.bands import fill, gather

    # Band 0 is what the start reaches, band n ≥ 1 lies from (n − 1)·width to n·width away; the last is out of reach.
    furthest = abs(price - float(price * impact(sign * sizes.sum())))
    width = (1.0 + WIDER * BANDS) * max(furthest, WIDER * price) / (BANDS - 2)
    sums, counts = np.zeros(BANDS), np.zeros(BANDS, np.int64)
    if not (price > 0.0 and width < np.inf and fill(levels, sizes, price, sign / width, sums, counts)):
        raise _bad(price)
    before = np.concatenate(([0.0], np.cumsum(sums[:-1])))
    moved = sign * (price - price * impact(sign * before))
    far = np.arange(BANDS) * width
    whole = moved >= far + WIDER * price
    whole[0], whole[-1] = True, False
    first = int(np.argmin(whole))
    stopped = moved[first:] < far[first:] - width - WIDER * price
    last = first + int(np.argmax(stopped)) if stopped.any() else BANDS
    chosen = np.empty(int(counts[first:last].sum()), np.int64)
    gather(levels, price, sign / width, BANDS - 1, first, last, chosen)
    taken = int(counts[:first].sum())
    return _sorted(levels[chosen], sizes[chosen], price, impact, sign, float(before[first]), taken)


def _bad(price: float) -> BadInput:
    expected = "a price above 0, finite sizes of at least 0, no missing threshold"
    return BadInput("bad_cascade", "cascade", price, expected)

"""Compiled passes over liquidation prices: sums by band of price, and what lies in some bands.

Band of a price: 0 where the start reaches it, else 1 + its distance from the start in widths, at most the last.
"""

from typing import Any

import numpy as np
from numba import njit

from marginbook.book.compiled import KERNEL


@njit(**KERNEL)
def band_of(level: float, start: float, rate: float, last: int) -> int:
    """Band of one price; `rate` is 1 / width, negative for shorts."""
    away = (start - level) * rate
    if away <= 0.0:
        return 0
    return last if away >= last - 1 else 1 + int(away)


@njit(**KERNEL)
def fill(levels: Any, sizes: Any, start: float, rate: float, sums: Any, counts: Any) -> bool:
    """Add sizes and numbers by band; False where a price is missing, or a size negative or not finite."""
    last, fits = len(sums) - 1, True
    for i in range(len(levels)):
        fits &= (sizes[i] >= 0.0) & (sizes[i] < np.inf) & (levels[i] == levels[i])
        band = band_of(levels[i], start, rate, last)
        sums[band] += sizes[i]
        counts[band] += 1
    return fits


@njit(**KERNEL)
def gather(levels: Any, start: float, rate: float, last: int, first: int, end: int, found: Any) -> None:
    """Write the places of the prices in bands from `first` up to `end` to `found`, in their order."""
    n = 0
    for i in range(len(levels)):
        band = band_of(levels[i], start, rate, last)
        if first <= band < end:
            found[n] = i
            n += 1

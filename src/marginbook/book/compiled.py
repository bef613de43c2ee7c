"""How the book's kernels are compiled, and the lookups that they share."""

from typing import Any

import numpy as np
from numba import njit

INLINE: dict[str, Any] = {"forceinline": True, "nogil": True, "_nrt": False, "error_model": "numpy"}
KERNEL: dict[str, Any] = {"cache": True, "nogil": True, "_nrt": False, "error_model": "numpy"}
"""Without reference counts: the caller holds every array, and kernels allocate none."""


@njit(**INLINE)
def leg_bracket(brackets: Any, k: Any, guess: Any, notional: float) -> Any:
    """Index of the bracket of class `k` that contains `notional`, whatever the guess."""
    index = np.int64(k.table) + np.int64(guess)
    if not (guess < k.brackets and brackets[index].floor <= notional < brackets[index + 1].floor):
        index = np.int64(k.table)
        while brackets[index + 1].floor <= notional:
            index += 1
    return index


@njit(**INLINE)
def group_slopes(i: int, end: int, f: float, low_cap: float, high_cap: float, r: Any) -> tuple[float, ...]:
    """Of the legs [i, end), which share the factor `f`: what they add per unit of it, and how far that holds.

    (equity, support, demand, gross, blur, least and most demand of the tables upwards, the same downwards, low and high
    end of the factor up to which the tables' slopes are those; never beyond the caps given).
    """
    equity = support = demand = spread = units = 0.0
    up_least = up_most = down_least = down_most = 0.0
    for j in range(i, end):
        leg = r.legs[j]
        k = r.classes[np.int64(leg.klass)]
        equity += k.equity * leg.amount
        support += k.support * leg.amount
        demand += k.demand * leg.amount
        size = abs(leg.amount) * k.size
        spread += k.gross * (abs(leg.amount) + size)
        units += k.blur
        if k.brackets > 0:
            b = leg_bracket(r.brackets, k, leg.bracket, size * f)
            r.legs[j].bracket = b - np.int64(k.table)
            row = r.reach[b]
            up_least += size * row.up_least
            up_most += size * row.up_most
            down_least += size * row.down_least
            down_most += size * row.down_most
            if high_cap * size > row.up_cap:
                high_cap = row.up_cap / size
            if low_cap * size < row.down_cap:
                low_cap = row.down_cap / size
    return equity, support, demand, spread, units, up_least, up_most, down_least, down_most, low_cap, high_cap

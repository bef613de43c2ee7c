"""How the book's kernels are compiled, and the one lookup that all of them share."""

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

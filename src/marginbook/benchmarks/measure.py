"""Medians, result rows and the physical limits that results are compared with."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

REPEATS = 7


def seconds(action: Callable[[], Any], repeats: int = REPEATS) -> float:
    """Median wall time of `action`, after one unmeasured run."""
    action()
    taken = []
    for _ in range(repeats):
        begun = time.perf_counter()
        action()
        taken.append(time.perf_counter() - begun)
    return median(taken)


def row(
    name: str,
    value: float,
    unit: str,
    baseline: str | None = None,
    ratio: float | None = None,
    limit: str | None = None,
    fraction_of_limit: float | None = None,
) -> dict[str, Any]:
    """One result; four significant digits."""
    return {
        "name": name,
        "value": _short(value),
        "unit": unit,
        "baseline": baseline,
        "ratio": _short(ratio),
        "limit": limit,
        "fraction_of_limit": _short(fraction_of_limit),
    }


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def read_bandwidth() -> float:
    """Bytes per second that all cores read from memory together, by the same run."""
    from numba import njit, prange

    @njit(parallel=True, fastmath=True)
    def total(data: Any) -> float:
        found = 0.0
        for i in prange(len(data)):
            found += data[i]
        return found

    data = np.ones(60_000_000)
    return data.nbytes / seconds(lambda: total(data))

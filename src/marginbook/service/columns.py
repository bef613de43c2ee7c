"""Figures per account for tables and counts: pools added up in one pass that lets other threads run."""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from marginbook.book.book import Book
from marginbook.book.layout import FLAG_DEAD
from marginbook.book.views import pool_outputs

Array = npt.NDArray[Any]
NAMES = ("danger", "notional", "equity", "margin_balance", "maintenance_margin", "headroom")
BEYOND = 1e9
"""Sorts what has no support left behind every ratio, the largest last."""


@njit(cache=True, nogil=True)
def _add_up(pools: Any, out: Any, sums: Any, zones: Any) -> None:
    for p in range(len(pools)):
        a = pools[p]["account"]
        if a < 0 or pools[p]["flags"] & FLAG_DEAD:
            continue
        o = out[p]
        sums[0, a] = max(sums[0, a], o["ratio"])
        sums[1, a] += o["notional"]
        sums[2, a] += o["equity"]
        sums[3, a] += o["margin_balance"]
        sums[4, a] += o["maintenance_margin"]
        zones[a] = max(zones[a], pools[p]["zone"])
    for a in range(len(zones)):
        sums[5, a] = sums[3, a] - sums[4, a]
        if not np.isfinite(sums[0, a]):
            sums[0, a] = BEYOND + sums[1, a]


def account_columns(book: Book, numbers: Array) -> dict[str, Array]:
    """Columns in the order of `numbers`, the live accounts. Only on the thread that changes the book."""
    size = book.identities.size
    sums, zones = np.zeros((len(NAMES), size)), np.zeros(size, np.int8)
    _add_up(book.store.live_pools, pool_outputs(book), sums, zones)
    whole = len(numbers) == size
    columns = {name: sums[i] if whole else sums[i][numbers] for i, name in enumerate(NAMES)}
    columns["zone"] = zones if whole else zones[numbers]
    return columns

"""Which group of a chart each pool belongs to: its venue, or the asset that it depends on most."""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from marginbook.book.book import Book
from marginbook.book.layout import FACTOR_VALUE
from marginbook.book.views import venues_of
from marginbook.margin_calls.assets import is_stable, underlying
from marginbook.units import STABLE_ASSETS

Array = npt.NDArray[Any]
SHOWN = 5
"""Assets with a group of their own; the rest are together."""
OTHER = "other"


def groups_by_venue(book: Book) -> tuple[Array, list[str]]:
    """(group of every pool, names of the groups)."""
    with book.lock:
        names, venue_of = venues_of(book)
        owners = np.maximum(book.store.live_pools["account"], 0)
    return (venue_of[owners].astype(np.int64) if len(owners) else np.zeros(1, np.int64)), names


@njit(cache=True, nogil=True)
def _heaviest(pools: Any, legs: Any, values: Any, moves: Any, found: Any) -> None:
    for p in range(len(pools)):
        worth = 0.0
        for i in range(pools[p]["start"], pools[p]["start"] + pools[p]["count"]):
            factor = np.int64(legs[i]["factor"])
            here = abs(legs[i]["amount"] * values[factor])
            if moves[factor] and here > worth:
                worth = here
                found[p] = factor


def groups_by_asset(book: Book) -> tuple[Array, list[str]]:
    """(group of every pool, names of the groups): the largest holding of an asset that is not stable decides."""
    with book.lock:
        factors = list(book.factors.names)
        assets = [underlying(factor[0][0][1]) if factor else OTHER for factor in factors]
        moves = np.array([bool(f) and not is_stable(f[0][0][1], STABLE_ASSETS) for f in factors] or [False])
        pools = book.store.live_pools
        found = np.full(max(len(pools), 1), -1, np.int64)
        _heaviest(pools, book.store.legs, book.factors.table[:, FACTOR_VALUE], moves, found)
    tally: dict[str, int] = {}
    for number, count in zip(*np.unique(found[found >= 0], return_counts=True), strict=True):
        tally[assets[number]] = tally.get(assets[number], 0) + int(count)
    names = [*sorted(tally, key=lambda name: -tally[name])[:SHOWN], OTHER]
    group = np.array([names.index(asset) if asset in names else SHOWN for asset in assets] + [len(names) - 1])
    return np.minimum(group[found], len(names) - 1), names

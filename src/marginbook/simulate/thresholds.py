"""Where every pool of a book is liquidated when one asset moves, by the kernel: what the one-pass cascade sorts.

A threshold is a multiple of the present price of the asset: every quote that follows it moves by the same ratio, all
others stand still. It is the root of support − demand in the kernel's float64, to about 10^-12; the exact functions
decide what lies that near. A pool may cross more than once as a hedge does; then it is one of the crossings.

The size of a pool is what it holds of the asset, longs and collateral (or shorts and debt, where prices rise), at the
present price: all of it falls at once, which bounds what a venue sells that liquidates in parts.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numba import njit

from marginbook.book.book import Book
from marginbook.book.compiled import INLINE, KERNEL
from marginbook.book.kernel import pool_sums
from marginbook.book.layout import FLAG_DEAD, FLAG_JOINED, FLAG_OPAQUE, Array
from marginbook.margin_calls.assets import underlying

LEAST, MOST = 1e-3, 1e3
"""Multiples of the price between which thresholds are looked for."""
STEPS_MOST = 80
NEAR = 1e-14
"""Of support and demand: a root."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """One row per pool that has a threshold on this side."""

    levels: Array  # multiples of the present price
    sizes: Array  # [currency of the pool] at the present price
    pools: Array  # numbers of the pools in the book
    opaque: int  # pools that only their exact functions can judge: not in the rows


def thresholds(book: Book, asset: str, side: Literal["long", "short"] = "long") -> Thresholds:
    """Thresholds of a fall (`long`) or rise of what follows `asset`."""
    book.factors.link()
    records = book.store.records
    powers = _powers(book, asset)
    scratch = records._replace(factors=records.factors.copy())
    levels, sizes = np.full(len(records.pools), np.nan), np.zeros(len(records.pools))
    opaque = _find(records, scratch, powers, 1.0 if side == "long" else -1.0, levels, sizes)
    found = np.flatnonzero(~np.isnan(levels))
    return Thresholds(levels[found], sizes[found], found, int(opaque))


def _powers(book: Book, asset: str) -> Array:
    """Net power of the asset's price in every factor."""
    powers = np.zeros(len(book.factors.table))
    for number, parts in enumerate(book.factors.names):
        for (_, name, kind, _), power in parts:
            if kind not in ("supply", "borrow", "funding") and underlying(name) == asset:
                powers[number] += power
    return powers


@njit(**INLINE)
def _gap(pool: Any, multiple: float, r: Any, scratch: Any, powers: Any) -> tuple[float, float]:
    """(support − demand, support + demand) of a pool with the asset at a multiple of its price."""
    first = np.int64(pool.start)
    for i in range(first, first + np.int64(pool.count)):
        f = np.int64(r.legs[i].factor)
        if powers[f] != 0.0:
            scratch.factors[f, 0] = r.factors[f, 0] * multiple ** powers[f]
    sums = pool_sums(pool, scratch)
    return sums[4] - sums[5], abs(sums[4]) + abs(sums[5])


@njit(**KERNEL)
def _find(r: Any, scratch: Any, powers: Any, sign: float, levels: Any, sizes: Any) -> int:
    """Write the threshold and size of every pool that has one; returns how many opaque ones were left out."""
    opaque = 0
    end = LEAST if sign > 0.0 else MOST
    for p in range(len(r.pools)):
        pool = r.pools[p]
        if pool.flags & FLAG_DEAD:
            continue
        size = 0.0
        held = False
        first = np.int64(pool.start)
        for i in range(first, first + np.int64(pool.count)):
            leg = r.legs[i]
            f = np.int64(leg.factor)
            if powers[f] != 0.0:
                held = True
                worth = r.classes[np.int64(leg.klass)].equity * leg.amount * r.factors[f, 0]
                size += max(0.0, sign * powers[f] * worth)
        if not held or size == 0.0:
            continue
        if pool.flags & (FLAG_OPAQUE | FLAG_JOINED):
            opaque += 1
            continue
        safe, here = 1.0, _gap(pool, 1.0, r, scratch, powers)
        demanded = here[1] - here[0] > 0.0
        if here[0] <= 0.0:
            if demanded:
                levels[p], sizes[p] = 1.0, size
            continue
        there = _gap(pool, end, r, scratch, powers)
        if there[0] > 0.0:
            continue
        fallen, safe_gap, fallen_gap = end, here[0], there[0]
        root = fallen
        for step in range(STEPS_MOST):
            if step % 3 == 2:
                root = (safe * fallen) ** 0.5
            else:
                root = (safe * fallen_gap - fallen * safe_gap) / (fallen_gap - safe_gap)
            gap = _gap(pool, root, r, scratch, powers)
            if abs(gap[0]) <= NEAR * gap[1] or abs(safe - fallen) <= NEAR * safe:
                break
            if gap[0] > 0.0:
                safe, safe_gap = root, gap[0]
            else:
                fallen, fallen_gap = root, gap[0]
        levels[p], sizes[p] = root, size
    return opaque

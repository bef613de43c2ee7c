"""live-tick: a price of one market moves; how long until exactly the pools that change zone are known.

Through the Python API, one quote per call, hysteresis and exact refinement included. Baseline: the best full sweep.
"""

import time
from collections.abc import Iterable
from decimal import Decimal
from statistics import median
from typing import Any

import numpy as np

from marginbook.benchmarks.measure import row, seconds
from marginbook.benchmarks.synthetic import AT, ticks, world
from marginbook.book import kernel
from marginbook.book.book import Book
from marginbook.book.layout import Array
from marginbook.domain.market import QuoteKey

TICKS = 20_000
WARM = 1_000


def best_sweep(book: Book) -> float:
    """Seconds of the fastest full decision of the book: serial or on all cores."""
    records = book.store.records
    zones = np.empty(len(records.pools), np.int8)
    return min(
        seconds(lambda: kernel.sweep_zones_parallel(records, zones)),
        seconds(lambda: kernel.sweep_zones_serial(records, zones)),
    )


def follow(book: Book, stream: Iterable[tuple[QuoteKey, Decimal]], warm: int) -> tuple[Array, int, int]:
    """(seconds per tick, crossings, evaluations) of a stream, its first `warm` ticks not counted."""
    taken = []
    crossings = evaluations = 0
    for n, (key, price) in enumerate(stream):
        frame = {key: price}
        begun = time.perf_counter()
        found = book.prices(frame, AT)
        spent = time.perf_counter() - begun
        if n >= warm:
            taken.append(spent)
            crossings += len(found)
            evaluations += int(book.index.counts[0])
    return np.array(taken), crossings, evaluations


def rows(name: str, book: Book, stream: Iterable[tuple[QuoteKey, Decimal]]) -> list[dict[str, Any]]:
    """Mean against a sweep, p50 and p99, work per crossing, and zones checked by a sweep at the end."""
    before = best_sweep(book)
    taken, crossings, evaluations = follow(book, stream, WARM)
    sweep = median([before, best_sweep(book)])
    wrong = wrong_zones(book)
    mean = float(taken.mean())
    return [
        row(f"{name} mean", mean * 1e6, "µs", f"best full sweep, {sweep * 1e3:.4g} ms", sweep / mean),
        row(f"{name} p50", float(np.median(taken)) * 1e6, "µs"),
        row(f"{name} p99", float(np.quantile(taken, 0.99)) * 1e6, "µs"),
        row(f"{name} crossings", crossings / len(taken), "per tick"),
        row(f"{name} evaluations", evaluations / max(1, crossings), "per crossing"),
        row(f"{name} wrong zones", wrong, "pools after the run, by a full sweep"),
    ]


def wrong_zones(book: Book) -> int:
    """Pools whose zone differs from what a full sweep decides."""
    records = book.store.records
    zones = np.empty(len(records.pools), np.int8)
    kernel.sweep_zones_parallel(records, zones)
    return int(np.count_nonzero((zones >= 0) & (zones != records.pools["zone"])))


def run(accounts: int, seed: int) -> list[dict[str, Any]]:
    """About 2 bp per tick, with jumps."""
    made = world(accounts, seed)
    book = Book.from_columns(made.columns, made.market, made.parameters_of, AT)
    return rows("live-tick", book, ticks(made.market, TICKS + WARM, seed + 1))

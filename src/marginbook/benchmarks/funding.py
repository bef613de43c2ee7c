"""funding-event: cumulative funding of the market with most holders moves by one basis point: one write for all."""

import time
from statistics import median
from typing import Any

import numpy as np

from marginbook.benchmarks.frame import meanwhile
from marginbook.benchmarks.live import best_sweep
from marginbook.benchmarks.measure import row
from marginbook.benchmarks.synthetic import AT, market_name, world
from marginbook.book.book import Book
from marginbook.domain.market import Index

EVENTS = 9


def run(accounts: int, seed: int) -> list[dict[str, Any]]:
    """Time of the event, and p99 of the ticks after it, against a sweep."""
    made = world(accounts, seed)
    book = Book.from_columns(made.columns, made.market, made.parameters_of, AT)
    holders = int(np.count_nonzero(book.store.legs["factor"][: book.store.leg_count] == 0))
    sweep = best_sweep(book)
    key = ("binance", market_name(0), "funding")
    step = int(float(made.market.quotes["binance", market_name(0), "mark"].price) * 1e14)
    taken = []
    for n in range(EVENTS):
        begun = time.perf_counter()
        book.indices({key: Index(step * (n + 1))}, AT)
        taken.append(time.perf_counter() - begun)
    middle = median(taken)
    name = f"funding-event, {holders} holders"
    found = row(name, middle * 1e3, "ms", f"as a multiple of the best full sweep, {sweep * 1e3:.4g} ms", middle / sweep)
    return [found, *meanwhile("funding-event", book, made.market, seed, sweep)]

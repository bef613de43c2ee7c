"""parameter-change: new brackets for the market with most holders, all of them decided between two frames."""

import time
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np

from marginbook.benchmarks.frame import meanwhile
from marginbook.benchmarks.live import best_sweep
from marginbook.benchmarks.measure import row
from marginbook.benchmarks.synthetic import AT, CONTRACT_RULES, bracket_rows, market_name, world
from marginbook.book.book import Book
from marginbook.venues.registry import rule_set

CHANGES = 7


def run(accounts: int, seed: int) -> list[dict[str, Any]]:
    """Time until all crossings are known, and p99 of the ticks after it, against a sweep."""
    made = world(accounts, seed)
    parameters = dict(made.parameters)
    book = Book.from_columns(made.columns, made.market, lambda account: parameters[account.rules], AT)
    sweep = best_sweep(book)
    module = rule_set(CONTRACT_RULES).module
    taken = []
    for n in range(CHANGES):
        rows = bracket_rows(0)
        rows[0][2] = "0.0035" if n % 2 else "0.0038"
        changed = module.parameters("usdm", AT, {market_name(0): {"brackets": rows}}).terms_of(market_name(0))
        before = parameters[CONTRACT_RULES]
        parameters[CONTRACT_RULES] = replace(before, terms={**before.terms, market_name(0): changed})
        begun = time.perf_counter()
        book.parameters_changed(CONTRACT_RULES, None, AT)
        taken.append(time.perf_counter() - begun)
        if n < CHANGES - 1:
            while book.maintain():
                pass
    middle = median(taken)
    holders = int(np.count_nonzero(book.store.legs["factor"][: book.store.leg_count] == 0))
    name = f"parameter-change, {holders} holders"
    found = row(name, middle * 1e3, "ms", f"as a multiple of the best full sweep, {sweep * 1e3:.4g} ms", middle / sweep)
    return [found, *meanwhile("parameter-change", book, made.market, seed, sweep)]

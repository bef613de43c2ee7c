"""parameter-change: new brackets in every market of an exchange, all holders decided between two frames."""

import time
from statistics import median
from typing import Any

from marginbook.benchmarks.frame import meanwhile
from marginbook.benchmarks.live import best_sweep
from marginbook.benchmarks.measure import row
from marginbook.benchmarks.synthetic import AT, CONTRACT_RULES, MARKETS, bracket_rows, market_name, world
from marginbook.book.book import Book
from marginbook.venues.registry import rule_set

CHANGES = 7
FEWER = 50
"""Markets whose table changes."""


def run(accounts: int, seed: int) -> list[dict[str, Any]]:
    """The most held markets get other rates; time until all crossings are known, and p99 of the ticks after it."""
    made = world(accounts, seed)
    parameters = dict(made.parameters)
    book = Book.from_columns(made.columns, made.market, lambda account: parameters[account.rules], AT)
    sweep = best_sweep(book)
    module = rule_set(CONTRACT_RULES).module
    taken = []
    for n in range(CHANGES):
        tables = {market_name(m): {"brackets": bracket_rows(m)} for m in range(MARKETS)}
        for m in range(FEWER):
            rows = [list(cells) for cells in bracket_rows(m)]
            rows[0][2] = "0.0035" if n % 2 else "0.0038"
            tables[market_name(m)] = {"brackets": rows}
        parameters[CONTRACT_RULES] = module.parameters("usdm", AT, tables)
        begun = time.perf_counter()
        book.parameters_changed(CONTRACT_RULES, None, AT)
        taken.append(time.perf_counter() - begun)
        if n < CHANGES - 1:
            while book.maintain():
                pass
    middle = median(taken)
    holders = len(made.columns[0].names)
    name = f"parameter-change, {holders} holders"
    found = row(name, middle * 1e3, "ms", f"best full sweep, {sweep * 1e3:.4g} ms", middle / sweep)
    return [found, *meanwhile("parameter-change", book, made.market, seed, sweep)]

"""tick-to-message: from a crossing to the account's exact figures, liquidation prices and least deposit, as JSON."""

import json
import time
from typing import Any

import numpy as np

from marginbook.benchmarks.measure import row
from marginbook.benchmarks.synthetic import AT, ticks, world
from marginbook.book.book import Book
from marginbook.engine.answers import report_json
from marginbook.engine.evaluate import ALERT, evaluate

MESSAGES = 300
MOST_ACCOUNTS = 100_000


def run(accounts: int, seed: int) -> list[dict[str, Any]]:
    """p50 and p99 over the first crossings of a stream, the tick itself included."""
    made = world(min(accounts, MOST_ACCOUNTS), seed)
    book = Book.from_columns(made.columns, made.market, made.parameters_of, AT)
    taken = []
    for key, price in ticks(made.market, 100_000, seed + 2):
        begun = time.perf_counter()
        crossings = book.prices({key: price}, AT)
        if crossings:
            report = evaluate(book.account(crossings[0].account), book.market, made.parameters_of, AT, measures=ALERT)
            json.dumps(report_json(report))
            taken.append(time.perf_counter() - begun)
        if len(taken) == MESSAGES:
            break
    return [
        row("tick-to-message p50", float(np.median(taken)) * 1e3, "ms"),
        row("tick-to-message p99", float(np.quantile(taken, 0.99)) * 1e3, "ms"),
    ]

"""frame: all quotes at once, against the best full sweep; and the ticks that arrive while certificates are pending."""

import time
from decimal import Decimal
from typing import Any

import numpy as np

from marginbook.benchmarks.live import best_sweep, follow
from marginbook.benchmarks.measure import row
from marginbook.benchmarks.synthetic import AT, ticks, world
from marginbook.book.book import Book
from marginbook.domain.market import QuoteKey

FRAMES = 7


def run(accounts: int, seed: int) -> list[dict[str, Any]]:
    """Frames of 1, 3 and 10 bp standard deviation in every market."""
    made = world(accounts, seed)
    book = Book.from_columns(made.columns, made.market, made.parameters_of, AT)
    rng = np.random.default_rng(seed)
    sweep = best_sweep(book)
    found = []
    for size in (1, 3, 10):
        taken = []
        for _ in range(FRAMES):
            frame: dict[QuoteKey, Decimal] = {
                key: Decimal(f"{float(quote.price) * np.exp(rng.normal(0, size * 1e-4)):.8g}")
                for key, quote in book.market.quotes.items()
                if not key[1].startswith("S")
            }
            begun = time.perf_counter()
            book.prices(frame, AT)
            taken.append(time.perf_counter() - begun)
            while size < 10 and book.maintain():
                pass
        middle = float(np.median(taken))
        found.append(
            row(
                f"frame {size} bp",
                middle * 1e3,
                "ms",
                f"as a multiple of the best full sweep, {sweep * 1e3:.4g} ms",
                middle / sweep,
            )
        )
    return found + meanwhile("frame", book, made.market, seed, sweep)


def meanwhile(name: str, book: Book, market: Any, seed: int, sweep: float) -> list[dict[str, Any]]:
    """p99 of the ticks that arrive until all certificates are written again, or of the next 200."""
    taken, _, _ = follow(book, ticks(book.market, 200, seed + 5, only=1.0), 0)
    p99 = float(np.quantile(taken, 0.99))
    return [
        row(
            f"{name}, p99 of ticks meanwhile",
            p99 * 1e3,
            "ms",
            f"as a multiple of the best full sweep, {sweep * 1e3:.4g} ms",
            p99 / sweep,
        )
    ]

"""live-tick-liquidation: the liquidation border alone, ticks of exactly one basis point."""

from typing import Any

from marginbook.benchmarks.live import TICKS, WARM, rows
from marginbook.benchmarks.synthetic import AT, ticks, world
from marginbook.book.book import Book


def run(accounts: int, seed: int) -> list[dict[str, Any]]:
    """No warning and no call."""
    made = world(accounts, seed)
    borders: dict[str, Any] = {"derivatives": (), "lending": (), "loop": ()}
    book = Book.from_columns(made.columns, made.market, made.parameters_of, AT, borders)
    return rows("live-tick-liquidation", book, ticks(made.market, TICKS + WARM, seed + 1, only=1.0))

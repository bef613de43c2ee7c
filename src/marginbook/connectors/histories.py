"""Price histories: CSV (also gzipped) or Parquet as a stream of frames.

Long form, one price per row: `time, venue, market, kind, price`; the kind may be empty (the venue's default) and its
column may be absent. Wide form, one frame per row: `time, binance:BTCUSDT, aave:WETH:oracle, …`; an empty cell is no
change. Rows of equal time are one frame. A bad row or a late one is a `Problem`, and the rest goes on.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

from marginbook.connectors.events import split_market
from marginbook.connectors.prices import KINDS, Prices, default_kinds
from marginbook.connectors.rows import Rows, open_rows
from marginbook.connectors.sources import Source, source_of_path
from marginbook.connectors.values import read_positive, read_text, read_time, shown, suggestion
from marginbook.domain.errors import BadInput, Problem
from marginbook.domain.events import PriceFrame, Stamp
from marginbook.domain.market import Quote, QuoteKey
from marginbook.units import format_time

LONG_COLUMNS = ("time", "venue", "market", "kind", "price")
Cell = tuple[str, str, tuple[QuoteKey, ...]]
"""(column, text, what it is the price of)."""


def read_price_frames(path: Path) -> Iterator[PriceFrame | Problem]:
    """The frames of a price history in the order of their times."""
    return price_frames_of(source_of_path(path))


def price_frames_of(source: Source) -> Iterator[PriceFrame | Problem]:
    """`read_price_frames` for a file on disk or in memory."""
    try:
        yield from _frames(open_rows(source))
    except BadInput as error:
        yield error.problem


def is_history(header: list[str]) -> bool:
    """Whether a table with this header is a price history."""
    return "time" in header and ("price" in header or any(":" in name for name in header))


def add_last_prices(source: Source, prices: Prices) -> None:
    """The latest price of every market in a history, each with its own time."""
    latest: dict[QuoteKey, Quote] = {}
    for item in price_frames_of(source):
        if isinstance(item, Problem):
            prices.problems.append(item)
            continue
        prices.see_time(item.stamp.time)
        latest.update({key: Quote(price, item.stamp.time, None, source.name) for key, price in item.prices.items()})
    for key, quote in latest.items():
        prices.attempt(prices.set_quote, key, quote, source.name)


def _frames(rows: Rows) -> Iterator[PriceFrame | Problem]:
    short_name = rows.source.name.rpartition("/")[2]
    if "time" not in rows.header:
        raise BadInput("missing_key", rows.place(1), "no time column", "columns " + ", ".join(LONG_COLUMNS))
    time_column = rows.header.index("time")
    cells_of = _long_cells(rows) if "price" in rows.header else _wide_cells(rows)
    sequence, at, at_text = 0, -1, ""
    frame: dict[QuoteKey, Decimal] = {}
    for number, row in rows.body:
        try:
            rows.check_length(number, row)
            text = row[time_column]
            if text != at_text:
                time = _time_in_order(text, at, rows.place(number, "time"))
                if time > at and frame:
                    sequence += 1
                    yield PriceFrame(stamp=Stamp(source=short_name, source_sequence=sequence, time=at), prices=frame)
                    frame = {}
                at, at_text = time, text
            cells = cells_of(number, row)
        except BadInput as error:
            yield error.problem
            continue
        for column, price_text, keys in cells:
            try:
                _add(frame, keys, price_text, rows.place(number, column))
            except BadInput as error:
                yield error.problem
    if frame:
        yield PriceFrame(stamp=Stamp(source=short_name, source_sequence=sequence + 1, time=at), prices=frame)


def _time_in_order(text: str, at: int, place: str) -> int:
    time = read_time(text.strip(), place)
    if time < at:
        expected = f"a time from {format_time(at)} on, which came before it; the late row is ignored"
        raise BadInput("late_price", place, text, expected)
    return time


def _add(frame: dict[QuoteKey, Decimal], keys: tuple[QuoteKey, ...], text: str, place: str) -> None:
    price = read_positive(text, place)
    for key in keys:
        if frame.setdefault(key, price) != price:
            raise BadInput(
                "duplicate_price", place, text, f"one price of {':'.join(key)} in a frame, not also {frame[key]}"
            )


def _long_cells(rows: Rows) -> Callable[[int, list[str]], list[Cell]]:
    """One price per row."""
    for name in rows.header:
        if name not in LONG_COLUMNS:
            expected = "columns " + ", ".join(LONG_COLUMNS) + suggestion(name, LONG_COLUMNS)
            raise BadInput("unknown_key", rows.place(1), shown(name), expected)
    missing = [name for name in ("venue", "market") if name not in rows.header]
    if missing:
        raise BadInput("missing_key", rows.place(1), "no " + missing[0], "columns " + ", ".join(LONG_COLUMNS))
    venue_column, market_column, price_column = (rows.header.index(name) for name in ("venue", "market", "price"))
    kind_column = rows.header.index("kind") if "kind" in rows.header else None
    known: dict[tuple[str, str, str], tuple[QuoteKey, ...]] = {}

    def cells_of(number: int, row: list[str]) -> list[Cell]:
        kind = row[kind_column] if kind_column is not None else ""
        name = row[venue_column], row[market_column], kind
        keys = known.get(name)
        if keys is None:
            keys = known[name] = _keys(rows, number, *(part.strip() for part in name))
        return [("price", row[price_column], keys)]

    return cells_of


def _keys(rows: Rows, number: int, venue: str, market: str, kind: str) -> tuple[QuoteKey, ...]:
    read_text(venue, rows.place(number, "venue"))
    read_text(market, rows.place(number, "market"))
    if kind and kind not in KINDS:
        expected = " or ".join(KINDS) + suggestion(kind, KINDS)
        raise BadInput("unknown_choice", rows.place(number, "kind"), shown(kind), expected)
    kinds = (kind,) if kind else default_kinds(venue, rows.place(number, "venue"))
    return tuple((venue, market, kind) for kind in kinds)


def _wide_cells(rows: Rows) -> Callable[[int, list[str]], list[Cell]]:
    """One frame per row, one column per market; header names keep their case."""
    columns: list[tuple[int, str, tuple[QuoteKey, ...]]] = []
    for index, name in enumerate(rows.names):
        if rows.header[index] != "time":
            venue, market, kinds = split_market(name, rows.place(1))
            columns.append((index, name, tuple((venue, market, kind) for kind in kinds)))

    def cells_of(number: int, row: list[str]) -> list[Cell]:
        return [(name, row[index], keys) for index, name, keys in columns if row[index].strip()]

    return cells_of

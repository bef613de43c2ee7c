"""One market's prices over time, as float64 for the statistics of a backtest: from a price history or from candles.

Price histories are those of `histories`. Candles are tables with a `close` column and a time column (`time`,
`open_time`, `open_time_ms`, `open_time_utc`, `timestamp` or `date`), perhaps a `symbol` or `market` column; a close
counts at the time that its row gives. Of rows of equal time the last counts. Rows that cannot be read are problems, and
the rest goes on.
"""

from dataclasses import dataclass
from pathlib import Path

from marginbook.connectors.histories import LONG_COLUMNS, is_history, price_frames_of
from marginbook.connectors.rows import Rows, open_rows
from marginbook.connectors.sources import Source, source_of_path
from marginbook.connectors.values import read_positive, read_time
from marginbook.domain.errors import BadInput, Problem

TIMES = ("time", "open_time", "open_time_ms", "open_time_utc", "timestamp", "date")
MARKETS = ("symbol", "market")
NAMED_MOST = 10
"""Most markets that an error lists."""

Points = dict[tuple[str, ...], list[tuple[int, float]]]
"""What it is the price of -> (time [µs], price) in the order of the file."""


@dataclass(frozen=True, slots=True)
class PriceSeries:
    """Times [µs] that rise and a price at each; what could not be read."""

    name: str
    times: tuple[int, ...]
    prices: tuple[float, ...]
    problems: tuple[Problem, ...] = ()


def read_price_series(path: Path, market: str | None = None) -> PriceSeries:
    """The prices of `market`: `BTCUSDT`, `binance:BTCUSDT` or `binance:BTCUSDT:mark`; None where there is only one."""
    points, problems = read_points(path)
    name, found = _chosen(points, market, path.as_posix())
    latest = dict(sorted(found, key=lambda point: point[0]))
    return PriceSeries(name, tuple(latest), tuple(latest.values()), tuple(problems))


def read_points(path: Path) -> tuple[Points, list[Problem]]:
    """(prices of every market of a file, what could not be read)."""
    source = source_of_path(path)
    rows = open_rows(source)
    problems: list[Problem] = []
    if is_history(rows.header):
        return _history(source, problems), problems
    if "close" in rows.header and any(name in rows.header for name in TIMES):
        return _candles(rows, problems), problems
    expected = f"columns {', '.join(LONG_COLUMNS)}; or time, VENUE:MARKET, …; or candles: {TIMES[1]}, close"
    raise BadInput("missing_key", rows.place(1), ", ".join(rows.names[:NAMED_MOST]), expected)


def _history(source: Source, problems: list[Problem]) -> Points:
    points: Points = {}
    for item in price_frames_of(source):
        if isinstance(item, Problem):
            problems.append(item)
            continue
        for key, price in item.prices.items():
            points.setdefault(key, []).append((item.stamp.time, float(price)))
    return points


def _candles(rows: Rows, problems: list[Problem]) -> Points:
    time, close = next(name for name in TIMES if name in rows.header), rows.header.index("close")
    time_column = rows.header.index(time)
    named = next((rows.header.index(name) for name in MARKETS if name in rows.header), None)
    alone = Path(rows.source.name).name.partition(".")[0]
    points: Points = {}
    for number, cells in rows.body:
        try:
            rows.check_length(number, cells)
            at = read_time(cells[time_column].strip(), rows.place(number, time))
            price = float(read_positive(cells[close], rows.place(number, "close")))
        except BadInput as error:
            problems.append(error.problem)
            continue
        points.setdefault((alone if named is None else cells[named],), []).append((at, price))
    return points


def _chosen(points: Points, market: str | None, place: str) -> tuple[str, list[tuple[int, float]]]:
    keys = [key for key in points if market is None or market in _names(key)]
    names = sorted({":".join(key[:2]) for key in keys or points})
    if not keys:
        raise BadInput("unknown_market", place, market or "no prices", _one_of(names))
    if len(names) > 1:
        raise BadInput("ambiguous_market", place, f"{len(names)} markets", "--market with " + _one_of(names))
    if any(points[key] != points[keys[0]] for key in keys):
        kinds = sorted(":".join(key) for key in keys)
        raise BadInput("ambiguous_market", place, f"{len(kinds)} kinds of price", "--market with " + _one_of(kinds))
    return names[0], points[keys[0]]


def _names(key: tuple[str, ...]) -> tuple[str, ...]:
    return (":".join(key), ":".join(key[:2]), key[min(1, len(key) - 1)])


def _one_of(names: list[str]) -> str:
    more = f" and {len(names) - NAMED_MOST} more" if len(names) > NAMED_MOST else ""
    return ("one of " + ", ".join(names[:NAMED_MOST]) + more) if names else "a file with prices"

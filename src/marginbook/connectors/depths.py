"""Order-book depth over time, as Binance publishes it: cumulative notional at distances from the mid price.

    timestamp, percentage, depth, notional        percentage −5 … −1 are bids, 1 … 5 asks; one snapshot per timestamp

A level whose figure stays the same to the last digit over many snapshots while others move is a feed that stands still:
`frozen` finds it, and a warning names it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from statistics import median

from marginbook.connectors.rows import open_rows
from marginbook.connectors.sources import source_of_path
from marginbook.connectors.values import read_decimal, read_not_negative, read_time
from marginbook.domain.errors import BadInput
from marginbook.units import format_time

COLUMNS = ("timestamp", "percentage", "notional")
FROZEN_LEAST = 30
"""Snapshots after which a level that has not moved is taken for one that stands still."""
Levels = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Depth:
    """(distance [fraction], cumulative notional) of bids and asks, nearest first; what to know about them."""

    bids: Levels
    asks: Levels
    warnings: tuple[str, ...] = ()


def read_depth(path: Path, at: int | None = None) -> Depth:
    """The last snapshot up to `at`, or the median of each level over the whole file."""
    snapshots = read_snapshots(path)
    if at is not None:
        snapshots = [snapshot for snapshot in snapshots if snapshot[0] <= at]
    if not snapshots:
        raise BadInput("no_rows", path.as_posix(), "no snapshot", "rows of " + ", ".join(COLUMNS))
    warnings = tuple(
        f"{path.name}: depth at {level} % stands at {notional} from {format_time(first)} in {count} snapshots"
        for level, notional, first, count in frozen(snapshots)
    )
    if at is None:
        seen: dict[Decimal, list[Decimal]] = {}
        for _, levels in snapshots:
            for level, notional in levels.items():
                seen.setdefault(level, []).append(notional)
        chosen = {level: median(values) for level, values in seen.items()}
    else:
        chosen = snapshots[-1][1]
    return Depth(_side(chosen, -1), _side(chosen, 1), warnings)


def read_snapshots(path: Path) -> list[tuple[int, dict[Decimal, Decimal]]]:
    """(time [µs], percentage -> cumulative notional) in the order of the file."""
    rows = open_rows(source_of_path(path))
    missing = [name for name in COLUMNS if name not in rows.header]
    if missing:
        raise BadInput("missing_key", rows.place(1), ", ".join(rows.names[:10]), "columns " + ", ".join(COLUMNS))
    places = [rows.header.index(name) for name in COLUMNS]
    found: list[tuple[int, dict[Decimal, Decimal]]] = []
    for number, cells in rows.body:
        rows.check_length(number, cells)
        time, level, notional = (cells[place].strip() for place in places)
        at = read_time(time, rows.place(number, "timestamp"))
        if not found or found[-1][0] != at:
            found.append((at, {}))
        key = read_decimal(level, rows.place(number, "percentage"))
        found[-1][1][key] = read_not_negative(notional, rows.place(number, "notional"))
    return found


def frozen(snapshots: list[tuple[int, dict[Decimal, Decimal]]]) -> Iterator[tuple[Decimal, Decimal, int, int]]:
    """(level, notional, first time, snapshots) of every figure that comes back exactly in many later snapshots."""
    runs: dict[tuple[Decimal, Decimal], list[int]] = {}
    for at, levels in snapshots:
        for level, notional in levels.items():
            runs.setdefault((level, notional), []).append(at)
    for (level, notional), times in sorted(runs.items()):
        if len(times) >= FROZEN_LEAST:
            yield level, notional, times[0], len(times)


def _side(levels: dict[Decimal, Decimal], sign: int) -> Levels:
    """The levels of one side, nearest first; one that adds nothing to those before it is left out."""
    found: Levels = []
    for level in sorted(levels, key=abs):
        if level * sign > 0 and levels[level] > (found[-1][1] if found else 0):
            found.append((float(abs(level)) / 100.0, float(levels[level])))
    return found

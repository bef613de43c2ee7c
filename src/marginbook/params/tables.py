"""Dated parameter tables with their provenance, read from `params/data`.

A file holds, per market, `[date, rows]` in order of date; `null` rows say that the market had gone. The table valid at
a time is the latest that is not later. Newer files are tried first, so the long history is read by replays only.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files

from marginbook.domain.errors import BadInput
from marginbook.units import format_time, parse_time

Rows = tuple[tuple[Decimal, ...], ...]
BINANCE_USDM_FILES = ("binance_usdm.json", "binance_usdm_history.json")
"""Newest first."""


@dataclass(frozen=True, slots=True)
class DatedTables:
    """What a venue's tables were at one time."""

    as_of: int  # [µs UTC] when they were last seen unchanged
    source: str
    tables: Mapping[str, Rows]  # by market; columns as the file declares them


@dataclass(frozen=True, slots=True)
class _File:
    source: str
    snapshots: tuple[int, ...]  # [µs UTC]
    markets: Mapping[str, tuple[tuple[int, Rows | None], ...]]


@cache
def _read(name: str) -> _File:
    raw = json.loads(files("marginbook.params").joinpath("data", name).read_text())
    return _File(
        source=raw["source"],
        snapshots=tuple(parse_time(day) for day in raw["snapshots"]),
        markets={
            market: tuple(
                (parse_time(day), None if rows is None else tuple(tuple(map(Decimal, row)) for row in rows))
                for day, rows in dated
            )
            for market, dated in raw["markets"].items()
        },
    )


def tables_at(names: Sequence[str], at: int) -> DatedTables:
    """The tables valid at `at` [µs UTC] from `names`, newest file first. BadInput `no_parameters` before the first.

    >>> tables_at(BINANCE_USDM_FILES, parse_time("2022-03-01")).tables["BTCUSDT"][0]
    (Decimal('0'), Decimal('50000'), Decimal('0.004'), Decimal('125'), Decimal('0'))
    """
    for name in names:
        file = _read(name)
        seen = [time for time in file.snapshots if time <= at]
        if seen:
            return _valid(name, seen[-1])
    first = _read(names[-1]).snapshots[0]
    raise BadInput("no_parameters", "at", format_time(at), f"a time from {format_time(first)} on")


@cache
def _valid(name: str, as_of: int) -> DatedTables:
    file = _read(name)
    tables = {}
    for market, dated in file.markets.items():
        rows = [rows for time, rows in dated if time <= as_of]
        if rows and rows[-1] is not None:
            tables[market] = rows[-1]
    return DatedTables(as_of, file.source, tables)

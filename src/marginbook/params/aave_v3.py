"""Dated parameters of Aave v3 pools, folded from the changes in `params/data/aave_v3_<network>.json`.

The file lists changes in order of date, each with its source; a change names only what it changed. The table at a time
is everything up to it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from marginbook.units import parse_time


@dataclass(frozen=True, slots=True)
class AaveTable:
    """The table in force at one time; rows of assets by symbol and of e-mode categories by `emode:<n>`."""

    as_of: int  # [µs UTC] until when the record is known to be complete, at most the time asked for
    source: str
    rows: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class _Record:
    until: int  # [µs UTC]
    changes: tuple[tuple[int, str, Mapping[str, Any]], ...]


@cache
def _record(network: str) -> _Record:
    path = files("marginbook.params").joinpath("data", f"aave_v3_{network}.json")
    if not network.isalnum() or not path.is_file():
        return _Record(0, ())
    raw = json.loads(path.read_text())
    changes = tuple((parse_time(change["date"]), change["source"], change["rows"]) for change in raw["changes"])
    return _Record(parse_time(raw["recorded_until"]), changes)


def first_time(network: str) -> int | None:
    """When the table of `network` begins [µs UTC]; None without one."""
    changes = _record(network).changes
    return changes[0][0] if changes else None


def table_at(network: str, at: int) -> AaveTable | None:
    """The table of `network` in force at `at` [µs UTC]; None before its first change.

    >>> table_at("ethereum", parse_time("2023-10-31T12:00:00Z")).rows["WBTC"]["liquidation_threshold"]
    '0.78'
    """
    record = _record(network)
    count = sum(time <= at for time, _, _ in record.changes)
    if not count:
        return None
    return AaveTable(min(at, record.until), record.changes[count - 1][1], _fold(network, count))


@cache
def _fold(network: str, count: int) -> Mapping[str, Mapping[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    for _, _, changed in _record(network).changes[:count]:
        for name, values in changed.items():
            rows.setdefault(name, {}).update(values)
    return MappingProxyType(rows)

"""Dated parameters as a record of changes, read from `params/data/<name>.json`.

    {"about": …, "recorded_until": "2025-01-31",
     "changes": [{"date": "2023-10-31", "source": …, "rows": {"WETH": {"ltv": "0.8"}, "*": {…}}}, …]}

Changes are in order of date; each names only what it changed, and a row that is null takes the entry away. The table at
a time is everything up to it. Numbers are text, so that they are exact. A change may say `complete_until`, from when on
others may have been missed until the next one.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.units import format_time, parse_time


@dataclass(frozen=True, slots=True)
class Record:
    """The table in force at one time."""

    as_of: int  # [µs UTC] until when the record is known to be complete, at most the time asked for
    source: str
    rows: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class _File:
    changes: tuple[tuple[int, str, Mapping[str, Any], int], ...]  # (time, source, rows, complete until [µs UTC])


@cache
def _read(name: str) -> _File:
    path = files("marginbook.params").joinpath("data", f"{name}.json")
    if not name.replace("_", "").isalnum() or not path.is_file():
        return _File(())
    raw = json.loads(path.read_text())
    until = parse_time(raw["recorded_until"])
    changes = tuple(
        (
            parse_time(change["date"]),
            change["source"],
            change["rows"],
            parse_time(change["complete_until"]) if "complete_until" in change else until,
        )
        for change in raw["changes"]
    )
    return _File(changes)


def first_time(name: str) -> int | None:
    """When the record begins [µs UTC]; None without one."""
    changes = _read(name).changes
    return changes[0][0] if changes else None


def record_at(name: str, at: int) -> Record | None:
    """The table of `name` in force at `at` [µs UTC]; None before its first change.

    >>> record_at("aave_v3_ethereum", parse_time("2023-10-31T12:00:00Z")).rows["WBTC"]["liquidation_threshold"]
    '0.78'
    """
    file = _read(name)
    count = sum(change[0] <= at for change in file.changes)
    if not count:
        return None
    _, source, _, until = file.changes[count - 1]
    return Record(min(at, until), source, _fold(name, count))


def record_or_error(name: str, at: int, rules: str) -> Record:
    """`record_at`, or BadInput `no_parameters` that says from when on there are any."""
    found = record_at(name, at)
    if found is None:
        first = first_time(name)
        expected = "a table [parameters.<name>.<market>]" if first is None else f"a time from {format_time(first)} on"
        raise BadInput("no_parameters", f"parameters of {rules}", format_time(at), expected)
    return found


@cache
def _fold(name: str, count: int) -> Mapping[str, Mapping[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    for _, _, changed, _ in _read(name).changes[:count]:
        for entry, values in changed.items():
            if values is None:
                rows.pop(entry, None)
            else:
                rows.setdefault(entry, {}).update(values)
    return MappingProxyType(rows)

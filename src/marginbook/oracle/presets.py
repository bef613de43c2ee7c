"""Rules of venues at a date, from `params/data/oracles.json`: index, mark window, delivery window, feed.

A page without a date enters the record at the earliest day that the evidence allows, and says so in `unverified`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Generic, TypeVar

from marginbook.domain.errors import BadInput
from marginbook.oracle.index import IndexRule
from marginbook.oracle.mark import Window
from marginbook.oracle.push_feed import PushRule
from marginbook.params.records import record_or_error
from marginbook.units import MICROSECONDS

Rule = TypeVar("Rule")
RECORD = "oracles"
TIMES = ("max_age", "max_ahead", "max_unchanged", "ban", "strike_window", "return_after")
FRACTIONS = ("band", "return_band")
PLAIN = ("outliers", "at_band", "outliers_from", "median_from", "weighted_from", "equal", "strikes", "median_of_all")


@dataclass(frozen=True, slots=True)
class Preset(Generic[Rule]):
    """A rule, the source of its last change, and what of it nobody has confirmed."""

    rule: Rule
    source: str
    unverified: tuple[str, ...]


def index_rule(venue: str, at: int, asset: str = "") -> Preset[IndexRule]:
    """How `venue` made its index at `at` [µs UTC]; `asset` picks a designated band (Binance: BTC and ETH).

    >>> from marginbook.units import parse_time
    >>> found = index_rule("okx", parse_time("2025-10-10"))
    >>> found.rule.outliers, found.rule.band, found.unverified
    ('clamp', Decimal('0.02'), ('the age at which a source falls out',))
    >>> [index_rule("binance", parse_time("2025-10-10"), asset).rule.band for asset in ("BTC", "AAVE")]
    [Decimal('0.01'), Decimal('0.03')]
    """
    row = _row(f"{venue}/index", at)
    values: dict[str, Any] = {name: row[name] for name in PLAIN if row.get(name) is not None}
    values |= {name: int(row[name]) * MICROSECONDS for name in TIMES if row.get(name) is not None}
    values |= {name: Decimal(row[name]) for name in FRACTIONS if row.get(name) is not None}
    if asset in row.get("bands", {}):
        values["band"] = Decimal(row["bands"][asset])
    if row.get("hold"):
        values["hold"] = {int(count): Decimal(band) for count, band in row["hold"].items()}
    return _preset(IndexRule(**values), row)


def mark_window(venue: str, at: int) -> Preset[Window]:
    """The window of a mark price's basis.

    >>> from marginbook.units import parse_time
    >>> [mark_window("binance", parse_time(day)).rule.samples for day in ("2025-09-17", "2025-09-19")]
    [60, 30]
    """
    return _window(f"{venue}/mark", at)


def delivery_window(venue: str, at: int) -> Preset[Window]:
    """The window of a delivery price: Binance 1,800 values since 2024-11-11, Deribit 450 (300 before)."""
    return _window(f"{venue}/delivery", at)


def push_rule(feed: str, at: int, delay: int = 0) -> Preset[PushRule]:
    """Deviation and heartbeat of a feed such as `chainlink/ETH-USD`; BadInput where its deviation is not known."""
    row = _row(feed, at)
    if "deviation" not in row:
        raise BadInput("unknown_deviation", feed, "a heartbeat alone", "a feed whose deviation is recorded")
    return _preset(PushRule(Decimal(row["deviation"]), int(row["heartbeat"]) * MICROSECONDS, delay), row)


def _row(name: str, at: int) -> Mapping[str, Any]:
    record = record_or_error(RECORD, at, name)
    if name not in record.rows:
        known = ", ".join(sorted(record.rows))
        raise BadInput("no_parameters", "oracle", name, f"one of {known}")
    return record.rows[name]


def _window(name: str, at: int) -> Preset[Window]:
    row = _row(name, at)
    return _preset(Window(int(row["window"]) * MICROSECONDS, int(row["every"]) * MICROSECONDS), row)


def _preset(rule: Rule, row: Mapping[str, Any]) -> Preset[Rule]:
    return Preset(rule, row["source"], tuple(row.get("unverified", ())))

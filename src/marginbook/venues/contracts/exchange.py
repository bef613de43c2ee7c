"""Parameters of an exchange: a venue's conventions, its dated tier tables, and a book's overlay on both.

A record (`params/data/<name>.json`) has a row `"*"` of what the venue asks everywhere (basis, taker fee …), which the
rule set turns into conventions for a market's name, and a row per market with its tiers and its tick.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.params.records import first_time, record_or_error
from marginbook.venues.contracts.model import Terms
from marginbook.venues.contracts.overlay import ALL, terms_with, with_overlay

OVERLAY_KEYS = frozenset(
    (
        *("brackets", "maintenance_rate", "initial_rate", "leverage", "taker_fee", "liquidation_fee"),
        *("tick", "quantity_step", "contract_size", "currency"),
    )
)
"""What a book may say of a market; contract, basis and operator belong to the venue."""
Conventions = Callable[[Mapping[str, Any], str], Terms]
"""(venue's row, market name) -> terms without a table."""


@dataclass(frozen=True, slots=True)
class Found:
    """Terms in force at a time."""

    terms: Mapping[str, Terms]
    default_of: Callable[[str], Terms] | None
    source: str
    as_of: int | None  # [µs UTC]
    venue_row: Mapping[str, Any]
    warnings: tuple[str, ...] = ()


def exchange_terms(
    record: str,
    rules: str,
    at: int,
    overlay: Mapping[str, Any] | None,
    conventions: Conventions,
    is_market: Callable[[str], str | bool | None],
) -> Found:
    """The record's terms at `at` [µs UTC] with an overlay on them.

    An overlay may serve accounts of several venues: names that are no market of this one are not looked at. Before the
    first record: BadInput `no_parameters`, unless an overlay says all; the earliest conventions hold then.
    """
    try:
        dated = record_or_error(record, at, rules)
    except BadInput:
        first = first_time(record)
        if not overlay or first is None:
            raise
        dated = record_or_error(record, first, rules)
        shipped: Mapping[str, Terms] = {}
        source, as_of = "conventions of the first record", None
    else:
        source, as_of = dated.source, dated.as_of
        shipped = _shipped(record, dated.as_of, rules, conventions)
    row = dated.rows.get(ALL, {})
    if not overlay:
        return Found(shipped, None, source, as_of, row)
    ours = {name: entry for name, entry in overlay.items() if name == ALL or is_market(name)}

    def base_of(name: str) -> Terms:
        return conventions(row, name)

    terms, default, odd = with_overlay(shipped, ours, OVERLAY_KEYS, base_of)
    default_of = None
    if default is not None:

        @cache
        def default_of(name: str) -> Terms:
            return terms_with(base_of(name), ours[ALL], name, OVERLAY_KEYS)[0]

    return Found(terms, default_of, f"the book's own parameters on: {source}", as_of, row, tuple(odd))


@lru_cache(maxsize=64)
def _shipped(record: str, as_of: int, rules: str, conventions: Conventions) -> Mapping[str, Terms]:
    rows = record_or_error(record, as_of, rules).rows
    row = rows.get(ALL, {})
    return {
        name: terms_with(conventions(row, name), entry, name, OVERLAY_KEYS)[0]
        for name, entry in rows.items()
        if name != ALL
    }

"""Terms from a book's `[parameters.<name>.<market>]` table, alone or on top of shipped terms."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.exact import ONE, ZERO, divide, in_exact_context
from marginbook.venues.brackets import BracketTable, bracket_table, flat_table, number_from, table_warnings
from marginbook.venues.contracts.model import NO_TABLE, Terms

FRACTIONS = ("initial_rate", "fee_to_close", "liquidation_fee")
POSITIVE = ("tick", "quantity_step", "contract_size")
TABLES = ("brackets", "maintenance_rate")
WORDS = ("currency", "contract", "basis", "leverage", "taker_fee", "operator")


EVERY_KEY = frozenset((*FRACTIONS, *POSITIVE, *TABLES, *WORDS))
ALL = "*"
"""Overlay entry for every market that has none of its own."""


@in_exact_context
def with_overlay(
    shipped: Mapping[str, Terms],
    overlay: Mapping[str, Any],
    keys: frozenset[str] = EVERY_KEY,
    base_of: Callable[[str], Terms] | None = None,
) -> tuple[dict[str, Terms], Terms | None, list[str]]:
    """Terms by market, terms of all other markets, and warnings. An `"*"` entry leaves nothing of the shipped table.

    `keys` are the parameters that the rule set lets a book change; another one is refused. `base_of` gives a venue's
    conventions for a market that has no terms yet.
    """
    default: Terms | None = None
    warnings: list[str] = []
    terms = dict(shipped)
    if ALL in overlay:
        terms = {}
        default, warnings = terms_with(base_of(ALL) if base_of else None, overlay[ALL], ALL, keys)
    for market, entry in overlay.items():
        if market != ALL:
            base = terms.get(market)
            if base is None and base_of is not None:
                known = {**overlay.get(ALL, {}), **entry} if isinstance(entry, Mapping) else entry
                base, entry = base_of(market), known
            terms[market], odd = terms_with(base or default, entry, market, keys)
            warnings += odd
    return terms, default, warnings


def terms_with(
    base: Terms | None, entry: Mapping[str, Any], market: str, keys: frozenset[str] = EVERY_KEY
) -> tuple[Terms, list[str]]:
    """`base` changed by one market's overlay entry, and what is odd about the entry. BadInput names a bad key."""
    place = f"parameters.{market}"
    if not isinstance(entry, Mapping):
        raise BadInput("bad_parameters", place, entry, "a table of parameters")
    for key in entry:
        if key not in keys:
            raise BadInput("unknown_parameter", f"{place}.{key}", entry[key], "one of " + ", ".join(sorted(keys)))
    table = _table(base, entry, place)
    if base is not None and base.steps:
        table = stepped(table)
    changes: dict[str, Any] = {"table": table}
    for key in FRACTIONS:
        if key in entry:
            changes[key] = _number(entry, key, place, most=ONE)
    for key in POSITIVE:
        if key in entry:
            changes[key] = _number(entry, key, place, positive=True)
    if "taker_fee" in entry:
        fee = _number(entry, "taker_fee", place, most=ONE)
        if base is not None and base.closing is not None:
            changes["closing"] = replace(base.closing, rate=fee)
        else:
            changes["fee_to_close"] = fee
    if "leverage" in entry:
        changes["initial_rate"] = divide(ONE, _number(entry, "leverage", place, positive=True))
    if "currency" in entry:
        changes["currency"] = str(entry["currency"])
    if "contract" in entry:
        changes["inverse"] = _word(entry, "contract", place, ("linear", "inverse")) == "inverse"
    if "basis" in entry:
        changes["basis"] = _word(entry, "basis", place, ("mark", "entry"))
    terms = replace(base, **changes) if base is not None else Terms(**changes)
    warnings = [] if terms.steps or terms.tiers_by == "quantity" else table_warnings(table, market)
    if terms.initial_rate is not None and table.rows[0].rate > terms.initial_rate:
        warnings.append(
            f"{market}: maintenance rate {table.rows[0].rate} is above the initial rate {terms.initial_rate}"
        )
    return terms, warnings


def stepped(table: BracketTable) -> BracketTable:
    """The same tiers without maintenance amounts: each rate holds for the whole position."""
    return BracketTable(tuple(replace(row, cum=ZERO) for row in table.rows))


def _table(base: Terms | None, entry: Mapping[str, Any], place: str) -> BracketTable:
    if "brackets" in entry:
        return bracket_table(entry["brackets"], f"{place}.brackets")
    if "maintenance_rate" in entry:
        return flat_table(_number(entry, "maintenance_rate", place, most=ONE))
    if base is None or base.table is NO_TABLE:
        raise BadInput("no_parameters", place, ", ".join(entry) or "nothing", "brackets or maintenance_rate")
    return base.table


def _number(
    entry: Mapping[str, Any], key: str, place: str, *, most: Decimal | None = None, positive: bool = False
) -> Decimal:
    value = number_from(entry[key], f"{place}.{key}")
    if value < 0 or (positive and not value) or (most is not None and value > most):
        expected = "above 0" if positive else f"from 0 to {most}" if most is not None else "at least 0"
        raise BadInput("bad_parameter", f"{place}.{key}", value, expected)
    return value


def _word(entry: Mapping[str, Any], key: str, place: str, allowed: tuple[str, ...]) -> str:
    if entry[key] not in allowed:
        raise BadInput("bad_parameter", f"{place}.{key}", entry[key], " or ".join(allowed))
    return str(entry[key])

"""Margin tiers of Hyperliquid and the dated rules of the venue (`params/data/hyperliquid.json`).

A tier is (lower bound of notional [USDC], max leverage): maintenance is half of the initial margin at max leverage, so
its rate is 1 / (2 · max leverage), with the deduction that keeps it continuous:

    maintenance = notional · rate_n − deduction_n
    deduction_n = deduction_(n−1) + lower_bound_n · (rate_n − rate_(n−1))

A date is when a table was first seen, so an upper bound of the day it took effect. Tiers of other coins are in the
venue's `meta` answer: `overlay_from_meta` makes an overlay of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.exact import ONE, ZERO, divide, in_exact_context, round_floor, round_half_up
from marginbook.params.records import first_time, record_or_error
from marginbook.units import format_time
from marginbook.venues.brackets import Bracket, BracketTable, maintenance_amounts, number_from
from marginbook.venues.common.fields import fraction, positive, read_row, whole, word
from marginbook.venues.contracts.model import Contracts, Shown, Terms

RECORD = "hyperliquid"
RULES = "hyperliquid/perps"
CURRENCY = "USDC"
ALL = "*"
TWO = Decimal(2)
PRICE_PLACES = 8
RATE_PLACES = 60
"""A rate such as 1/6 is cut here, so that equity that equals the requirement is not below it."""
SIZE_DECIMALS_MOST = 8
FLAT_TABLES_BELOW = 50
"""Margin table ids below it stand for one tier with that max leverage."""


def _tiers(value: Any, place: str) -> BracketTable:
    """`[[lower bound, max leverage], …]` as brackets."""
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise BadInput("bad_tiers", place, value, "rows of [lower bound, max leverage]")
    rows: list[tuple[Decimal, Decimal]] = []
    for number, row in enumerate(value):
        here = f"{place}[{number}]"
        if not isinstance(row, Sequence) or isinstance(row, str) or len(row) != 2:
            raise BadInput("bad_tiers", here, row, "[lower bound, max leverage]")
        bound, leverage = number_from(row[0], f"{here}[0]"), positive(row[1], f"{here}[1]")
        if leverage < 1 or (bound <= rows[-1][0] if rows else bound != 0):
            raise BadInput("bad_tiers", here, row, "lower bounds that rise from 0, and a leverage of at least 1")
        rows.append((bound, leverage))
    return tier_table(tuple(rows))


@lru_cache(maxsize=512)
@in_exact_context
def tier_table(tiers: tuple[tuple[Decimal, Decimal], ...]) -> BracketTable:
    """Brackets of (lower bound, max leverage) tiers.

    >>> table = tier_table(((Decimal(0), Decimal(40)), (Decimal(150_000_000), Decimal(20))))
    >>> [int(table.maintenance(Decimal(notional))) for notional in (150_000_000, 200_000_000)]
    [1875000, 3125000]
    """
    rates = [round_floor(divide(ONE, TWO * leverage), RATE_PLACES) for _, leverage in tiers]
    amounts = maintenance_amounts(zip((bound for bound, _ in tiers), rates, strict=True))
    caps = [*(bound for bound, _ in tiers[1:]), None]
    return BracketTable(
        tuple(
            Bracket(bound, cap, rate, leverage, amount)
            for (bound, leverage), cap, rate, amount in zip(tiers, caps, rates, amounts, strict=True)
        )
    )


def _one_tier(value: Any, place: str) -> BracketTable:
    return _tiers([["0", value]], place)


def _size_decimals(value: Any, place: str) -> int:
    number = whole(value, place)
    if number > SIZE_DECIMALS_MOST:
        raise BadInput("bad_parameter", place, value, f"at most {SIZE_DECIMALS_MOST}")
    return number


MARKET_FIELDS = {"tiers": _tiers, "max_leverage": _one_tier, "size_decimals": _size_decimals, "tick": positive}
VENUE_FIELDS = {"liquidation_price": word("documented", "without_divisor"), "transfer_rate": fraction}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules(Contracts):
    """Contracts with what only this venue has."""

    transfer_rate: Decimal = ZERO  # margin [fraction of the notional] that has to stay after a withdrawal


def documented_price(shown: Shown) -> Decimal:
    """Liquidation price as documented: price − side · margin available / size / (1 − l · side), at 8 decimals.

    l is the maintenance rate of the tier at that price, so it is the root of equity = maintenance. Nearest; the venue's
    own rounding of the last digit is not known.
    """
    return round_half_up(shown.root, PRICE_PLACES)


def price_without_divisor(shown: Shown) -> Decimal | None:
    """Liquidation price of 2023-03: mark − side · (account value − maintenance of all positions) / size."""
    slope = sum((holding.slope for holding in shown.own), ZERO)
    if shown.price is None or shown.room is None:
        return None
    found = shown.price - divide(shown.room, slope)
    return round_half_up(found, PRICE_PLACES) if found > 0 else None


DISPLAYED = {"documented": documented_price, "without_divisor": price_without_divisor}


def parameters(version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None) -> Rules:
    """Tiers and rules in force at `at` [µs UTC], a book's overlay on them.

    >>> from marginbook.units import parse_time
    >>> parameters("perps", parse_time("2026-10-01")).terms_of("BTC").table.rows[1].max_leverage
    Decimal('20')
    """
    try:
        as_of = record_or_error(RECORD, at, RULES).as_of
    except BadInput:
        if not overlay:
            raise
        first = first_time(RECORD) or 0
        shipped = _rules({ALL: _shipped_rows(first)[ALL]}, f"none are known before {format_time(first)}", None)
        rows: Mapping[str, Any] = {ALL: _shipped_rows(first)[ALL]}
    else:
        shipped, rows = _shipped(as_of), _shipped_rows(as_of)
    if not overlay:
        return shipped
    merged = dict(rows)
    for name, entry in overlay.items():
        if not isinstance(entry, Mapping):
            raise BadInput("bad_parameters", f"parameters.{name}", entry, "a table of parameters")
        base = {key: value for key, value in merged.get(name, {}).items() if not _replaced(key, entry)}
        merged[name] = {**base, **entry}
    return _rules(merged, f"the book's own parameters on: {shipped.source}", shipped.as_of)


def _replaced(key: str, entry: Mapping[str, Any]) -> bool:
    """Whether a shipped key gives way: one table of tiers takes the place of the other way to state it."""
    return key in ("tiers", "max_leverage") and bool({"tiers", "max_leverage"} & set(entry))


def _shipped_rows(as_of: int) -> Mapping[str, Any]:
    return record_or_error(RECORD, as_of, RULES).rows


@cache
def _shipped(as_of: int) -> Rules:
    record = record_or_error(RECORD, as_of, RULES)
    return _rules(record.rows, record.source, record.as_of)


def _rules(rows: Mapping[str, Mapping[str, Any]], source: str, as_of: int | None) -> Rules:
    venue = {key: value for key, value in rows[ALL].items() if key in VENUE_FIELDS}
    others = {key: value for key, value in rows[ALL].items() if key not in VENUE_FIELDS}
    stated = read_row(venue, VENUE_FIELDS, f"parameters.{ALL}")
    return Rules(
        rules=RULES,
        venue="hyperliquid",
        price_kind="mark",
        at_equality=False,
        terms={name: _terms(row, name) for name, row in rows.items() if name != ALL},
        currency_of=lambda market: CURRENCY,
        source=source,
        displayed=DISPLAYED[stated["liquidation_price"]],
        default=_terms(others, ALL) if others else None,
        as_of=as_of,
        transfer_rate=stated["transfer_rate"],
    )


def _terms(row: Mapping[str, Any], name: str) -> Terms:
    place = f"parameters.{name}"
    read = read_row(row, MARKET_FIELDS, place)
    table = read.get("tiers", read.get("max_leverage"))
    if table is None:
        raise BadInput("no_parameters", place, ", ".join(row) or "nothing", "tiers or max_leverage")
    decimals = read.get("size_decimals", SIZE_DECIMALS_MOST)
    return Terms(table=table, currency=CURRENCY, tick=read.get("tick"), quantity_step=ONE.scaleb(-decimals))


def overlay_from_meta(meta: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """An overlay from the venue's `meta` answer: every listed coin with its margin table.

    >>> overlay_from_meta({"universe": [{"name": "BTC", "szDecimals": 5, "maxLeverage": 40, "marginTableId": 56},
    ...     {"name": "GAS", "szDecimals": 1, "maxLeverage": 3, "marginTableId": 3}], "marginTables": [[56, {
    ...     "marginTiers": [{"lowerBound": "0.0", "maxLeverage": 40}, {"lowerBound": "150000000.0",
    ...     "maxLeverage": 20}]}]]})["GAS"]
    {'size_decimals': 1, 'tiers': [['0', 3]]}
    """
    tables = {int(number): table["marginTiers"] for number, table in meta.get("marginTables", ())}
    found: dict[str, dict[str, Any]] = {}
    for coin in meta["universe"]:
        number = coin.get("marginTableId", coin["maxLeverage"])
        if number in tables:
            tiers = [[tier["lowerBound"], tier["maxLeverage"]] for tier in tables[number]]
        elif number < FLAT_TABLES_BELOW or number == coin["maxLeverage"]:
            tiers = [["0", coin["maxLeverage"]]]
        else:
            raise BadInput("bad_tiers", f"meta.{coin['name']}.marginTableId", number, "one of the margin tables")
        found[coin["name"]] = {"size_decimals": coin["szDecimals"], "tiers": tiers}
    return found

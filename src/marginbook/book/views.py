"""Read-only views of a book: columns, counts, pages, shocks, the liquidation ladder."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from marginbook.book import kernel, tables
from marginbook.book.layout import OUTPUT, Array
from marginbook.domain.market import QuoteKey
from marginbook.domain.zones import Zone
from marginbook.units import STABLE_ASSETS

if TYPE_CHECKING:
    from marginbook.book.book import Book

MONEY = ("equity", "unrealized", "margin_balance", "initial_margin", "maintenance_margin", "notional")


@dataclass(frozen=True, slots=True)
class ShockSummary:
    """A book at shocked quotes, by the kernel."""

    counts: Mapping[Zone, int]
    notional: Mapping[Zone, float]
    bad_debt: float  # Σ of negative equities of pools
    newly_liquidatable: int


@dataclass(frozen=True, slots=True)
class LadderStep:
    """What is liquidatable after a common move of all non-stable quotes."""

    move: float
    accounts: int
    notional: Mapping[str, float]  # by venue


def pool_outputs(book: "Book", factors: Array | None = None) -> Array:
    """Kernel outputs of every pool, at the book's factors or others."""
    records = book.store.records
    if factors is not None:
        records = records._replace(factors=factors)
    out = np.empty(len(records.pools), OUTPUT)
    kernel.sweep_outputs_parallel(records, out)
    return out


def _by_account(book: "Book") -> dict[str, Array]:
    """Figures by account number."""
    size = book.identities.size
    sums, zones = np.zeros((size, len(MONEY) + 1)), np.zeros(size, np.int8)
    tables.sum_by_account(book.store.live_pools, pool_outputs(book), sums, zones)
    columns = {name: sums[:, i] for i, name in enumerate((*MONEY, "ratio"))}
    return columns | {"zone": zones}


def account_zones(book: "Book") -> Array:
    """Zone of the worst pool by account number."""
    zones = np.zeros(book.identities.size, np.int8)
    tables.worst_zones(book.store.live_pools, zones)
    return zones


def account_columns(book: "Book") -> dict[str, Array]:
    """Figures per account in the order of `ids()`."""
    order = book.identities.numbers()
    return {name: values[order] for name, values in _by_account(book).items()}


def venues_of(book: "Book") -> tuple[list[str], Array]:
    """(venue names, venue number by account number)."""
    venues = [key[0].partition("/")[0] for key in book.rules]
    names = list(dict.fromkeys(venues))
    lookup = np.array([names.index(venue) for venue in venues] or [0], np.int16)
    return names, lookup[book.holders["rule"][: book.identities.size]]


def counts(book: "Book") -> dict[tuple[str, Zone], int]:
    """Accounts by (venue, zone)."""
    order = book.identities.numbers()
    names, numbers = venues_of(book)
    tally = np.bincount(numbers[order] * 5 + account_zones(book)[order], minlength=5 * len(names))
    return {(name, zone): int(tally[5 * i + zone]) for i, name in enumerate(names) for zone in list(Zone)[:5]}


def notional(book: "Book") -> dict[Zone, float]:
    """Gross notional by zone of the account."""
    columns = account_columns(book)
    sums = np.bincount(columns["zone"], weights=columns["notional"], minlength=5)
    return {zone: float(sums[zone]) for zone in list(Zone)[:5]}


def page(
    book: "Book",
    sort: str,
    descending: bool,
    offset: int,
    limit: int,
    zone: Zone | None,
    search: str | None,
    venue: str | None,
) -> list[dict[str, Any]]:
    """Rows in `sort` order: a column name, or "account"."""
    chosen = book.identities.numbers()
    if zone is not None:
        chosen = chosen[account_zones(book)[chosen] == zone]
    if venue is not None:
        names, numbers = venues_of(book)
        chosen = chosen[numbers[chosen] == (names.index(venue) if venue in names else -1)]
    if search:
        chosen = book.identities.matching(search, chosen)
    columns = _by_account(book)
    if sort == "account":
        texts = book.identities.names[chosen].copy()
        keys = texts.view(f"S{texts.shape[1]}").ravel()
        order = np.argsort(keys, kind="stable")
        ranked = chosen[order[::-1] if descending else order][offset : offset + limit]
    else:
        values = np.nan_to_num(columns[sort][chosen].astype(np.float64), nan=-np.inf, posinf=1e308)
        values = -values if descending else values
        wanted = min(offset + limit, len(values))
        top = np.argpartition(values, wanted - 1)[:wanted] if wanted else np.arange(0)
        ranked = chosen[top[np.lexsort((top, values[top]))]][offset:]
    rows = []
    for i in ranked.tolist():
        rules = book.rules[int(book.holders[i]["rule"])][0]
        row: dict[str, Any] = {"account": book.identities.name(i), "venue": rules.partition("/")[0], "rules": rules}
        row |= {name: float(columns[name][i]) for name in (*MONEY, "ratio")}
        if np.isnan(row["unrealized"]):
            row["unrealized"] = None
        row["zone"] = Zone(int(columns["zone"][i])).label
        rows.append(row)
    return rows


def shocked(book: "Book", multipliers: Mapping[QuoteKey, float]) -> ShockSummary:
    """The book after multiplying quotes; pools count once each, zones start from the present ones."""
    ids = book.factors.value_ids
    table = book.factors.with_values((ids[(*key, "")], m) for key, m in multipliers.items() if (*key, "") in ids)
    size = book.identities.size
    zones, by_zone, totals = np.zeros(size, np.int8), np.zeros(5), np.zeros(2)
    tables.shocked_sums(book.store.live_pools, pool_outputs(book, table), int(Zone.LIQUIDATION), zones, by_zone, totals)
    tally = np.bincount(zones[book.identities.numbers()], minlength=5)
    return ShockSummary(
        {zone: int(tally[zone]) for zone in list(Zone)[:5]},
        {zone: float(by_zone[zone]) for zone in list(Zone)[:5]},
        float(totals[0]),
        int(totals[1]),
    )


def ladder(book: "Book", steps: Iterable[float]) -> list[LadderStep]:
    """One sweep per step over all quotes that are not of stable assets."""
    names, numbers = venues_of(book)
    quotes = [
        n
        for key, n in book.factors.value_ids.items()
        if not key[3] and key[2] not in ("supply", "borrow", "funding") and key[1] not in STABLE_ASSETS
    ]
    found = []
    for step in steps:
        out = pool_outputs(book, book.factors.with_values((n, 1.0 + step) for n in quotes))
        seen, by_venue = np.zeros(book.identities.size, np.bool_), np.zeros(len(names))
        accounts = tables.liquidatable_by_venue(
            book.store.live_pools, out, int(Zone.LIQUIDATION), numbers, seen, by_venue
        )
        found.append(LadderStep(step, int(accounts), {name: float(by_venue[i]) for i, name in enumerate(names)}))
    return found

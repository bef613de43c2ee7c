"""Read-only views of a book: columns, counts, pages, shocks, the liquidation ladder."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from marginbook.book import kernel
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
    store = book.store
    pools = store.live_pools
    out = np.empty(len(pools), OUTPUT)
    table = book.factors.table if factors is None else factors
    kernel.sweep_outputs_parallel(pools, store.legs, store.classes, store.brackets, table, store.chain, out)
    return out


def _owners(book: "Book") -> tuple[Array, Array]:
    """(live pools, their accounts)."""
    owners = book.store.live_pools["account"]
    live = np.flatnonzero((owners >= 0) & (book.store.live_pools["flags"] & 1 == 0))
    return live, owners[live]


def _by_account(book: "Book") -> dict[str, Array]:
    out = pool_outputs(book)
    live, owners = _owners(book)
    size = len(book._accounts)
    columns: dict[str, Array] = {}
    for name in MONEY:
        columns[name] = np.bincount(owners, weights=out[name][live], minlength=size)
    ratio = np.zeros(size)
    np.maximum.at(ratio, owners, out["ratio"][live])
    zone = np.zeros(size, np.int8)
    np.maximum.at(zone, owners, book.store.live_pools["zone"][live])
    columns["ratio"], columns["zone"] = ratio, zone
    return columns


def account_columns(book: "Book") -> dict[str, Array]:
    """Figures per account in the order of `ids()`."""
    order = np.fromiter(book._numbers.values(), np.int64, len(book._numbers))
    return {name: values[order] for name, values in _by_account(book).items()}


def venues_of(book: "Book") -> tuple[list[str], Array]:
    """(venue names, venue number of every account in the order of `ids()`)."""
    names: dict[str, int] = {}
    numbers = np.empty(len(book._numbers), np.int16)
    for i, n in enumerate(book._numbers.values()):
        account = book._accounts[n]
        assert account is not None
        numbers[i] = names.setdefault(account.venue, len(names))
    return list(names), numbers


def counts(book: "Book") -> dict[tuple[str, Zone], int]:
    """Accounts by (venue, zone)."""
    zones = account_columns(book)["zone"]
    names, numbers = venues_of(book)
    return {
        (name, zone): int(np.count_nonzero((numbers == i) & (zones == zone)))
        for i, name in enumerate(names)
        for zone in list(Zone)[:5]
    }


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
    columns = account_columns(book)
    ids = book.ids()
    chosen = np.arange(len(ids))
    if zone is not None:
        chosen = chosen[columns["zone"][chosen] == zone]
    if venue is not None:
        names, numbers = venues_of(book)
        chosen = chosen[numbers[chosen] == (names.index(venue) if venue in names else -1)]
    if search:
        wanted = search.lower()
        chosen = np.array([i for i in chosen.tolist() if wanted in ids[i].lower()], np.int64)
    if sort == "account":
        order = sorted(chosen.tolist(), key=lambda i: ids[i], reverse=descending)[offset : offset + limit]
    else:
        keys = np.nan_to_num(columns[sort][chosen].astype(np.float64), nan=-np.inf, posinf=1e308)
        keys = -keys if descending else keys
        wanted_count = min(offset + limit, len(keys))
        top = np.argpartition(keys, wanted_count - 1)[:wanted_count] if wanted_count else np.arange(0)
        order = chosen[top[np.argsort(keys[top], kind="stable")]][offset:].tolist()
    rows = []
    for i in order:
        account = book.account(ids[i])
        row: dict[str, Any] = {"account": ids[i], "venue": account.venue, "rules": account.rules}
        row |= {name: float(columns[name][i]) for name in (*MONEY, "ratio")}
        row["zone"] = Zone(int(columns["zone"][i])).label
        rows.append(row)
    return rows


def shocked(book: "Book", multipliers: Mapping[QuoteKey, float]) -> ShockSummary:
    """The book after multiplying quotes; pools count once each, zones start from the present ones."""
    ids = book.factors.value_ids
    table = book.factors.with_values((ids[(*key, "")], m) for key, m in multipliers.items() if (*key, "") in ids)
    out = pool_outputs(book, table)
    live, owners = _owners(book)
    zones = out["zone"][live]
    before = book.store.live_pools["zone"][live]
    zones = np.where(zones < 0, before, zones)
    by_account = np.zeros(len(book._accounts), np.int8)
    np.maximum.at(by_account, owners, zones.astype(np.int8))
    held = np.zeros(len(book._accounts), bool)
    held[owners] = True
    sums = np.bincount(zones, weights=out["notional"][live], minlength=5)
    tally = np.bincount(by_account[held], minlength=5)
    equity = out["equity"][live]
    return ShockSummary(
        {zone: int(tally[zone]) for zone in list(Zone)[:5]},
        {zone: float(sums[zone]) for zone in list(Zone)[:5]},
        float(-equity[(equity < 0) & (zones >= Zone.LIQUIDATION)].sum()),
        int(np.count_nonzero((zones >= Zone.LIQUIDATION) & (before < Zone.LIQUIDATION))),
    )


def ladder(book: "Book", steps: Iterable[float]) -> list[LadderStep]:
    """One sweep per step over all quotes that are not of stable assets."""
    names, numbers = venues_of(book)
    venue_of = np.zeros(len(book._accounts), np.int16)
    venue_of[np.fromiter(book._numbers.values(), np.int64, len(book._numbers))] = numbers
    quotes = [
        n
        for key, n in book.factors.value_ids.items()
        if not key[3] and key[2] not in ("supply", "borrow", "funding") and key[1] not in STABLE_ASSETS
    ]
    live, owners = _owners(book)
    before = book.store.live_pools["zone"][live]
    found = []
    for step in steps:
        out = pool_outputs(book, book.factors.with_values((n, 1.0 + step) for n in quotes))
        zones = out["zone"][live]
        zones = np.where(zones < 0, before, zones)
        hit = zones >= Zone.LIQUIDATION
        by_venue = np.bincount(venue_of[owners[hit]], weights=out["notional"][live][hit], minlength=len(names))
        found.append(
            LadderStep(step, len(np.unique(owners[hit])), {name: float(by_venue[i]) for i, name in enumerate(names)})
        )
    return found

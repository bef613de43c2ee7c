"""What readers see: columns of the whole book as they stood at one moment, never changed afterwards.

The engine's thread publishes a new one a few times a second; tables are cut from it by top-k, without a lock and
without an object per account.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from marginbook.book.book import Book
from marginbook.book.views import venues_of
from marginbook.domain.market import Market
from marginbook.domain.zones import Zone
from marginbook.service.provider import PageQuery

Array = npt.NDArray[Any]
COLUMN_OF = {
    "danger": "danger",
    "exposure": "notional",
    "margin_balance": "margin_balance",
    "maintenance_margin": "maintenance_margin",
    "headroom": "headroom",
}
"""Sort key -> column of the book."""


class Names:
    """Ids and venues of all accounts: the same for every view until accounts come or go."""

    def __init__(self, book: Book) -> None:
        self._identities = book.identities
        self.numbers = book.identities.numbers()  # of the accounts, in the order of the columns
        self._texts = book.identities.names[self.numbers].copy()
        self.venues, venue_of = venues_of(book)
        self.venue_of = venue_of[self.numbers]

    def __len__(self) -> int:
        return len(self.numbers)

    def id(self, i: int) -> str:
        """Id of the account in row `i` of the columns."""
        return bytes(self._texts[i]).rstrip(b"\0").decode()

    def rows(self, accounts: Iterable[str]) -> Array:
        """Rows of these accounts; those that are not here are left out."""
        found = np.array([self._identities.find(account) for account in accounts], np.int64)
        return np.flatnonzero(np.isin(self.numbers, found[found >= 0])) if len(found) else found

    @cached_property
    def rank(self) -> Array:
        """Place of each account in the order of ids."""
        keys = self._texts.view(f"S{self._texts.shape[1]}").ravel()
        rank = np.empty(len(keys), np.int64)
        rank[np.argsort(keys, kind="stable")] = np.arange(len(keys))
        return rank

    def matching(self, text: str) -> Array:
        """Rows of the accounts whose id contains `text`, any case."""
        return np.searchsorted(self.numbers, self._identities.matching(text, self.numbers))


@dataclass(frozen=True)
class View:
    """One published moment."""

    number: int
    sequence: int
    at: int  # [µs UTC]
    market: Market
    names: Names
    columns: Mapping[str, Array]

    def zone(self, i: int) -> Zone:
        """Zone of the account with number `i`."""
        return Zone(int(self.columns["zone"][i]))

    @cached_property
    def counts(self) -> dict[str, int]:
        """Accounts by zone."""
        tally = np.bincount(self.columns["zone"], minlength=len(Zone))
        return {zone.label: int(tally[zone]) for zone in Zone}

    @cached_property
    def notional(self) -> dict[str, float]:
        """Gross notional by zone."""
        sums = np.bincount(self.columns["zone"], weights=self.columns["notional"], minlength=len(Zone))
        return {zone.label: float(sums[zone]) for zone in Zone}

    @cached_property
    def venues(self) -> dict[str, int]:
        """Accounts by venue."""
        tally = np.bincount(self.names.venue_of, minlength=len(self.names.venues))
        return {name: int(tally[i]) for i, name in enumerate(self.names.venues)}

    @cached_property
    def bad_debt(self) -> float:
        """What is missing in accounts that are worth less than nothing."""
        return -float(np.minimum(self.columns["equity"], 0.0).sum())

    def select(self, query: PageQuery) -> tuple[int, list[int]]:
        """(how many match, the numbers of those on the page)."""
        chosen: Array | None = self.names.matching(query.search) if query.search else None
        if query.zone:
            chosen = _narrow(chosen, self.columns["zone"] == Zone[query.zone.upper()])
        if query.venue:
            known = self.names.venues.index(query.venue) if query.venue in self.names.venues else -1
            chosen = _narrow(chosen, self.names.venue_of == known)
        keys = self.names.rank if query.sort == "account" else self.columns[COLUMN_OF[query.sort]]
        if chosen is not None:
            keys = keys[chosen]
        order = top(keys, query.offset, query.limit, query.descending)
        found = order if chosen is None else chosen[order]
        return len(keys), [int(i) for i in found]


def _narrow(chosen: Array | None, mask: Array) -> Array:
    return np.flatnonzero(mask) if chosen is None else chosen[mask[chosen]]


def top(keys: Array, offset: int, limit: int, descending: bool) -> Array:
    """Places `offset` to `offset + limit` of `keys` in order, by selection instead of sorting all; ties by place.

    >>> top(np.array([3.0, 1.0, 2.0, 5.0]), 1, 2, True).tolist()
    [0, 2]
    """
    size = len(keys)
    least, most = min(offset, size), min(offset + limit, size)
    if least == most:
        return np.zeros(0, np.int64)
    keys = -keys if descending else keys
    if most < size // 4:
        border = np.partition(keys, most - 1)[most - 1]
        candidates = np.flatnonzero(keys <= border)
    elif size - least < size // 4:
        border = np.partition(keys, least)[least]
        below = int(np.count_nonzero(keys < border))
        candidates = np.flatnonzero(keys >= border)
        least, most = least - below, most - below
    else:
        candidates = np.arange(size)
    return candidates[np.argsort(keys[candidates], kind="stable")][least:most]

"""What a frame decided, named when it is read: most readers want the count, or a few of the names.

Reading them after an account has left the book or been replaced, so that numbers may have been passed on, is an error
rather than another account's name.
"""

from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple, overload

from marginbook.book.columns import Names
from marginbook.book.identities import Identities
from marginbook.book.layout import Array
from marginbook.book.store import Store
from marginbook.domain.zones import Zone

_ZONES = tuple(Zone)
FEW = 12
"""Crossings that are faster told one by one."""


class Crossing(NamedTuple):
    """A pool entered another zone."""

    account: str
    pool: str
    from_zone: Zone
    to_zone: Zone


def named(rows: list[tuple[int, int, int]], store: Store, identities: Identities, names: Names) -> list[Crossing]:
    """Crossings of (pool, zone before, zone) rows, in order of pool."""
    rows.sort(key=itemgetter(0))
    texts = names.texts
    accounts, labels = store.pools["account"], store.places["label"]
    if len(rows) < FEW:
        name = identities.name
        return [
            Crossing(name(accounts[p]), texts[labels[p]], _ZONES[before], _ZONES[after]) for p, before, after in rows
        ]
    pools = [row[0] for row in rows]
    told = identities.names_of(accounts[pools])
    return [
        Crossing(name, texts[label], _ZONES[before], _ZONES[after])
        for name, label, (_, before, after) in zip(told, labels[pools].tolist(), rows, strict=True)
    ]


class Crossings(Sequence[Crossing]):
    """Crossings in order of pool, named at first sight."""

    __slots__ = ("_identities", "_names", "_removals", "_rows", "_store", "_told")

    def __init__(self, rows: Array, store: Store, identities: Identities, names: Names) -> None:
        self._rows = rows  # (pool, zone before, zone), this object's own
        self._store = store
        self._identities = identities
        self._names = names
        self._removals = store.removals
        self._told: list[Crossing] | None = None

    def tell(self) -> list[Crossing]:
        """All of them, named. RuntimeError if an account has left or been replaced since."""
        if self._told is None:
            if self._store.removals != self._removals:
                raise RuntimeError("crossings must be read before an account leaves or is replaced")
            self._told = named(self._rows.tolist(), self._store, self._identities, self._names)
        return self._told

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Crossing]:
        return iter(self.tell())

    @overload
    def __getitem__(self, index: int) -> Crossing: ...

    @overload
    def __getitem__(self, index: slice) -> list[Crossing]: ...

    def __getitem__(self, index: int | slice) -> Crossing | list[Crossing]:
        return self.tell()[index]

    def __eq__(self, other: object) -> bool:
        return self.tell() == (other.tell() if isinstance(other, Crossings) else other)

    def __repr__(self) -> str:
        return repr(self.tell())

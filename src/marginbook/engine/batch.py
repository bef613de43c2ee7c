"""The batch twin of a fold: runs of transfers and fills applied to the exact columns of the book.

A stretch of transfers and fills within one second, each for another account, is written to the columns at once, its
pools are lowered, decided and certified together, and what has moved is told in order. Only plain cases are taken:
contracts in one-way mode, cross pools, fills that grow or reduce a position, no funding. Everything else goes through
`Fold.step`, in its place. The arithmetic is that of `venues.contracts.events`, on integers:

    wallet   10^-24    quantity 10^-8    entry 10^-16, averaged and rounded against the holder

A test holds it equal to the steps one by one.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import numpy as np
from numba import njit

from marginbook.book.book import Book
from marginbook.book.columns import CONTRACTS, ENTRY_PLACES, QUANTITY_PLACES, WALLET_PLACES, limbs
from marginbook.book.identities import _find
from marginbook.book.layout import Array
from marginbook.domain.events import Event, Fill, Transfer
from marginbook.engine.book_store import BookStore
from marginbook.engine.fold import Fold
from marginbook.engine.outputs import Output
from marginbook.engine.ports import NONE, TEXT, EventBatch, Run
from marginbook.engine.store import Move
from marginbook.exact import div_ceil, div_floor
from marginbook.units import MICROSECONDS

LEAST = 8
"""Shorter stretches are folded one by one."""
BALANCE_MOST = 1 << 126
QUANTITY_MOST = 1 << 62
ENTRY_MOST = 1 << 88
"""Numbers beyond these leave the columns; `Fold.step` sees to that."""
VOLUNTARY = ("withdrawal", "transfer")
ENTRY_PART = 10**8  # a position's entry lies in two columns
POWERS: list[int] = [10**n for n in range(WALLET_PLACES + 1)]


def fold_batch(fold: Fold, store: BookStore, batch: EventBatch, skip: int = 0) -> Iterator[Output]:
    """Fold the events of a logged batch after the first `skip`; what they give rise to, in order."""
    events = _Events(batch)
    at, end = skip, len(batch.kinds)
    while at < end:
        stop = events.stretch(at, fold) if _plain(fold) else at
        if stop - at < LEAST:
            yield from fold.step(events[at])
            at += 1
            continue
        yield from _stretch(fold, store, events, at, stop)
        at = stop


def _plain(fold: Fold) -> bool:
    """Whether nothing is in doubt, so that an event that moves nobody has nothing to tell."""
    return not (fold.doubts.doubtful() or fold.liquidations.undecided or fold.granted)


class _Events:
    """A batch as events by place, and as the columns that transfers and fills share."""

    def __init__(self, batch: EventBatch) -> None:
        self.batch = batch
        self._made: list[Event] | None = None
        kinds = np.frombuffer(batch.kinds, np.uint8)
        size = len(kinds)
        self.simple = np.zeros(size, bool)
        self.fill = np.zeros(size, bool)
        self.account = np.zeros(size, np.int64)
        self.time = np.zeros(size, np.int64)
        self.place = np.zeros(size, np.int64)  # among the events of its kind
        self.runs: dict[bool, Run] = {}
        for kind, run in batch.runs.items():
            if not isinstance(run, Run) or run.event not in (Fill, Transfer):
                continue
            of_kind = kinds == kind
            self.runs[run.event is Fill] = run
            self.simple[of_kind] = True
            self.fill[of_kind] = run.event is Fill
            self.account[of_kind] = run.columns["account"]
            self.time[of_kind] = run.columns["time"]
            self.place[of_kind] = np.arange(run.count)

    def __getitem__(self, index: int) -> Event:
        if self._made is None:
            self._made = self.batch.events()
        return self._made[index]

    def stretch(self, at: int, fold: Fold) -> int:
        """End of the longest stretch from `at` that may be taken at once."""
        second = fold.clock // MICROSECONDS
        clock, fresh_until = fold.clock, fold.doubts.fresh_until()
        seen: set[int] = set()
        stop = at
        simple, time, account = self.simple, self.time, self.account
        for stop in range(at, len(simple)):
            if not simple[stop] or time[stop] < clock or time[stop] // MICROSECONDS != second:
                return stop
            if account[stop] in seen or (fresh_until is not None and time[stop] > fresh_until):
                return stop
            seen.add(int(account[stop]))
            clock = time[stop]
        return len(simple)

    def columns(self, index: int) -> tuple[dict[str, Any], int]:
        """The columns of an event's kind, and its place in them."""
        return self.runs[bool(self.fill[index])].columns, int(self.place[index])

    def text(self, index: int, name: str) -> str:
        """A text of an event."""
        columns, place = self.columns(index)
        return str(self.batch.strings[columns[name][place]])

    def name(self, index: int) -> str:
        """The account of an event."""
        return str(self.batch.strings[self.account[index]])

    def stamps(self, at: int, stop: int) -> Iterator[tuple[str, int]]:
        """(source, number) of the events of a stretch."""
        strings = self.batch.strings
        for index in range(at, stop):
            columns, place = self.columns(index)
            yield strings[columns["source"][place]], columns["source_sequence"][place]


@njit(cache=True, nogil=True)
def _locate(  # type: ignore[no-untyped-def]
    wanted, markets, names, slots, holders, pools, places, exact, found, rows
) -> None:
    """Pool of every wanted (account, market or currency), and row of its position; −1 where the plain way ends.

    `markets` is the number of a market's name for a fill, −1 − number of a currency for a transfer.
    """
    for n in range(len(wanted)):
        found[n] = -1
        rows[n] = -1
        number = slots[_find(wanted[n], names, slots)]
        if number < 0 or holders[number].kind != CONTRACTS or holders[number].hedge != 0:
            continue
        p = holders[number].first
        while p >= 0:
            if places[p].currency >= 0:
                if markets[n] < 0:
                    if places[p].currency == -1 - markets[n]:
                        found[n] = p
                        break
                else:
                    start = pools[p].start
                    for i in range(start, start + pools[p].count):
                        if exact[i].market == markets[n]:
                            found[n] = p
                            rows[n] = i
            p = places[p].next


def _stretch(fold: Fold, store: BookStore, events: _Events, at: int, stop: int) -> Iterator[Output]:
    pools, rows = _located(store.book, events, at, stop)
    taken, moves = _written(fold, store, events, at, pools, rows)
    first = fold.sequence + 1 - at
    fold.doubts.forget()
    moved = {name: list(group) for name, group in groupby(moves, key=lambda move: move.account)}
    telling = {index for index in range(at, stop) if index not in taken}
    telling |= {index for index in taken if events.name(index) in moved} if moved else set()
    for index in sorted(telling):
        fold.sequence = first + index - 1
        if index in taken:
            yield from fold.told(moved[events.name(index)], events[index])
        else:
            yield from fold.step(events[index])
    fold.sequence = first + stop - 1
    fold.clock = fold.tables.clock = int(events.time[stop - 1])
    fold.marks |= {source: number for source, number in events.stamps(at, stop) if number > 0}


def _located(book: Book, events: _Events, at: int, stop: int) -> tuple[Array, Array]:
    """Pool and position row of every event of a stretch; −1 where the plain way ends."""
    numbers = book.names.numbers
    unknown = 1 << 40
    markets = [
        numbers.get(events.text(index, "market"), unknown)
        if events.fill[index]
        else -1 - numbers.get(events.text(index, "asset"), unknown)
        for index in range(at, stop)
    ]
    keys = np.array([events.name(index).encode() for index in range(at, stop)])
    found, rows = np.empty(len(keys), np.int64), np.empty(len(keys), np.int64)
    _locate(
        keys.view(np.uint8).reshape(len(keys), -1),
        np.array(markets),
        book.identities.names,
        book.identities.slots,
        book.holders,
        book.store.pools,
        book.store.places,
        book.store.exact,
        found,
        rows,
    )
    return found, rows


def _written(
    fold: Fold, store: BookStore, events: _Events, at: int, pools: Array, rows: Array
) -> tuple[set[int], list[Move]]:
    """Write what the plain events of a stretch change; which those are, and what has moved."""
    places, exact = store.book.store.places, store.book.store.exact
    high, low = places["wallet_high"][pools].tolist(), places["wallet_low"][pools].tolist()
    before = exact[rows]
    quantities, entries, parts = (before[name].tolist() for name in ("quantity", "entry", "entry_low"))
    steady = (before["leverage"] != 0) & (before["funding"] < 0)
    steady &= ~np.isin(before["market"], _funded(store.book, fold))
    taken: dict[int, tuple[int, int, int]] = {}  # -> wallet, quantity, entry
    for n in np.flatnonzero(pools >= 0).tolist():
        wallet = (high[n] << 64) + low[n]
        after: tuple[int, int, int] | None
        if rows[n] < 0:
            after = _paid(events, at + n, wallet)
        elif steady[n]:
            after = _filled(events, at + n, wallet, quantities[n], entries[n] * ENTRY_PART + parts[n])
        else:
            after = None
        if after is not None:
            taken[n] = after
    chosen = np.fromiter(taken, np.int64, len(taken))
    split = [limbs(wallet) for wallet, _, _ in taken.values()]
    written = pools[chosen]
    places["wallet_high"][written] = [pair[0] for pair in split]
    places["wallet_low"][written] = np.array([pair[1] for pair in split], np.uint64)
    filled = rows[chosen] >= 0
    held = rows[chosen][filled]
    values = [pair for pair, is_fill in zip(taken.values(), filled.tolist(), strict=True) if is_fill]
    exact["quantity"][held] = [quantity for _, quantity, _ in values]
    exact["entry"][held] = [entry // ENTRY_PART for _, _, entry in values]
    exact["entry_low"][held] = [entry % ENTRY_PART for _, _, entry in values]
    return {at + n for n in taken}, store.rewritten(written)


def _funded(book: Book, fold: Fold) -> list[int]:
    """Markets with a funding index: their fills settle funding first."""
    names = {market for _, market, kind in fold.market.indices if kind == "funding"}
    return [book.names.numbers[name] for name in names if name in book.names.numbers]


def _paid(events: _Events, index: int, wallet: int) -> tuple[int, int, int] | None:
    """The wallet after a transfer."""
    columns, place = events.columns(index)
    amount = _scaled(columns["amount"], place, WALLET_PLACES)
    if amount is None or columns["pool"][place] != NONE or columns["to_pool"][place] != NONE:
        return None
    after = wallet + amount
    refused = amount < 0 and after < 0 and events.text(index, "kind") in VOLUNTARY
    return None if refused or abs(after) >= BALANCE_MOST else (after, 0, 0)


def _filled(events: _Events, index: int, wallet: int, held: int, entry: int) -> tuple[int, int, int] | None:
    """Wallet, signed quantity and entry after a fill that grows or reduces the position `held` at `entry`."""
    columns, place = events.columns(index)
    quantity = _scaled(columns["quantity"], place, QUANTITY_PLACES)
    price = _scaled(columns["price"], place, ENTRY_PLACES)
    fee = _scaled(columns["fee"], place, WALLET_PLACES)
    if not quantity or not price or fee is None or quantity < 0 or price < 0:
        return None
    if events.text(index, "kind") != "trade" or columns["order_id"][place] != NONE:
        return None
    sign = 1 if held > 0 else -1
    size = abs(held)
    if (events.text(index, "side") == "buy") == (held > 0):
        total = size + quantity
        # Against the holder: a long's entry up, a short's down.
        average = (div_ceil if held > 0 else div_floor)(size * entry + quantity * price, total)
        after = wallet - fee, sign * total, average
    elif quantity < size:
        after = wallet - fee + sign * quantity * (price - entry), sign * (size - quantity), entry
    else:
        return None
    fits = abs(after[0]) < BALANCE_MOST and abs(after[1]) < QUANTITY_MOST and after[2] < ENTRY_MOST
    return after if fits else None


def _scaled(column: Any, place: int, places: int) -> int | None:
    """A decimal as an integer of 10^-places, or None if it has more decimals, or is not that plain."""
    exponent = column[1][place]
    if exponent == TEXT or exponent < -places or exponent > 0:
        return None
    coefficient: int = column[0][place]
    return coefficient * POWERS[places + exponent]

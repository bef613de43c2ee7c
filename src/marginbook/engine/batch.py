"""The batch twin of a fold: runs of transfers and fills applied to the exact columns of the book.

A stretch of transfers and fills within one second, each for another account, is written to the columns at once, its
pools are lowered, decided and certified together, and what has moved is told in order. Only plain cases are taken:
contracts in one-way mode, cross pools, fills that grow or reduce a position, no funding. Everything else goes through
`Fold.step`, in its place. The arithmetic is that of `venues.contracts.events`, on integers:

    wallet   10^-24    quantity 10^-8    entry 10^-16, averaged and rounded against the holder

A test holds it equal to the steps one by one.
"""

from collections.abc import Iterator
from itertools import groupby, repeat
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
from marginbook.engine.ports import NONE, EventBatch, Run
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
UNKNOWN = 1 << 40
Scaled = tuple[int | None, int | None, int | None]
"""Amount of a transfer [10^-24]; or quantity [10^-8], price [10^-16] and fee [10^-24] of a fill."""


def fold_batch(fold: Fold, store: BookStore, batch: EventBatch, skip: int = 0) -> Iterator[Output]:
    """Fold the events of a logged batch after the first `skip`; what they give rise to, in order."""
    events = _Events(batch)
    at, end = skip, len(events)
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
    """A batch as events by place, and as arrays of what transfers and fills have in common."""

    def __init__(self, batch: EventBatch) -> None:
        self.batch = batch
        kinds = np.frombuffer(batch.kinds, np.uint8)
        size = len(kinds)
        self.simple = np.zeros(size, bool)
        self.fill = np.zeros(size, bool)
        self.account = np.zeros(size, np.int64)  # index of a string, like the next four
        self.target = np.zeros(size, np.int64)  # market of a fill, asset of a transfer
        self.source = np.zeros(size, np.int64)
        self.number = np.zeros(size, np.int64)
        self.time = np.zeros(size, np.int64)
        self.plain = np.zeros(size, bool)
        self.flag = np.zeros(size, bool)  # a buy; a transfer that must be covered
        self.amounts: list[Scaled] = [(0, 0, 0)] * size
        for kind, run in batch.runs.items():
            if isinstance(run, Run) and run.event in (Fill, Transfer):
                self._read(np.flatnonzero(kinds == kind), run)
        order = np.argsort(self.account, kind="stable")
        same = self.account[order[1:]] == self.account[order[:-1]]
        self.before = np.full(size, -1, np.int64)  # the event before of the same account
        self.before[order[1:][same]] = order[:-1][same]
        self.before[~self.simple] = -1

    def _read(self, places: Array, run: Run) -> None:
        columns, strings = run.columns, self.batch.strings
        fill = run.event is Fill
        self.simple[places] = True
        self.fill[places] = fill
        for name, column in (("account", "account"), ("source", "source"), ("time", "time")):
            getattr(self, name)[places] = columns[column]
        self.number[places] = columns["source_sequence"]
        self.target[places] = columns["market" if fill else "asset"]
        kinds = np.asarray(columns["kind"])
        if fill:
            self.plain[places] = (np.asarray(columns["order_id"]) == NONE) & _means(kinds, strings, ("trade",))
            self.flag[places] = _means(np.asarray(columns["side"]), strings, ("buy",))
            scaled = zip(
                _scaled(columns["quantity"], QUANTITY_PLACES),
                _scaled(columns["price"], ENTRY_PLACES),
                _scaled(columns["fee"], WALLET_PLACES),
                strict=True,
            )
        else:
            self.plain[places] = (np.asarray(columns["pool"]) == NONE) & (np.asarray(columns["to_pool"]) == NONE)
            self.flag[places] = _means(kinds, strings, VOLUNTARY)
            scaled = zip(_scaled(columns["amount"], WALLET_PLACES), repeat(0), repeat(0), strict=False)
        for place, amounts in zip(places.tolist(), scaled, strict=True):
            self.amounts[place] = amounts

    def __getitem__(self, index: int) -> Event:
        return self.batch.event(index)

    def __len__(self) -> int:
        return len(self.simple)

    def name(self, index: int) -> str:
        """The account of an event."""
        return str(self.batch.strings[self.account[index]])

    def stretch(self, at: int, fold: Fold) -> int:
        """End of the longest stretch from `at` that may be taken at once."""
        time = self.time[at:]
        ends = ~self.simple[at:] | (time // MICROSECONDS != fold.clock // MICROSECONDS) | (self.before[at:] >= at)
        ends[0] |= time[0] < fold.clock
        ends[1:] |= np.diff(time) < 0
        fresh_until = fold.doubts.fresh_until()
        if fresh_until is not None:
            ends |= time > fresh_until
        return at + int(np.argmax(ends)) if ends.any() else len(self)

    def marks(self, at: int, stop: int) -> dict[str, int]:
        """The last number of every source of a stretch that numbers its events."""
        sources, numbers = self.source[at:stop].tolist(), self.number[at:stop].tolist()
        last = dict(zip(sources, numbers, strict=True))
        return {self.batch.strings[source]: number for source, number in last.items() if number > 0}


def _means(column: Array, strings: list[Any], texts: tuple[str, ...]) -> Array:
    """Where a column of string indices means one of `texts`."""
    return np.isin(column, [index for index, text in enumerate(strings) if text in texts])


def _scaled(column: Any, places: int) -> list[int | None]:
    """Decimals as integers of 10^-places; None where one has more decimals, or is not that plain."""
    powers = [POWERS[places + exponent] if -places <= exponent <= 0 else None for exponent in range(-128, 128)]
    return [
        None if (power := powers[exponent + 128]) is None else coefficient * power
        for coefficient, exponent in zip(*column, strict=True)
    ]


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
    fold.marks |= events.marks(at, stop)


def _located(book: Book, events: _Events, at: int, stop: int) -> tuple[Array, Array]:
    """Pool and position row of every event of a stretch; −1 where the plain way ends."""
    strings, numbers = events.batch.strings, book.names.numbers
    targets = [numbers.get(strings[index], UNKNOWN) for index in events.target[at:stop].tolist()]
    fill = events.fill[at:stop]
    keys = np.array([strings[index].encode() for index in events.account[at:stop].tolist()])
    found, rows = np.empty(len(keys), np.int64), np.empty(len(keys), np.int64)
    _locate(
        keys.view(np.uint8).reshape(len(keys), -1),
        np.where(fill, targets, -1 - np.array(targets)),
        book.identities.names,
        book.identities.slots,
        book.holders,
        book.store.pools,
        book.store.places,
        book.store.exact,
        found,
        rows,
    )
    found[~events.plain[at:stop]] = -1
    return found, rows


def _written(
    fold: Fold, store: BookStore, events: _Events, at: int, pools: Array, rows: Array
) -> tuple[set[int], list[Move]]:
    """Write what the plain events of a stretch change; which those are, and what has moved."""
    places, exact = store.book.store.places, store.book.store.exact
    before = exact[rows]
    steady = (rows < 0) | ((before["leverage"] != 0) & (before["funding"] < 0))
    funded = _funded(store.book, fold)
    if funded:
        steady &= (rows < 0) | ~np.isin(before["market"], funded)
    chosen = np.flatnonzero((pools >= 0) & steady)
    pools, rows, before = pools[chosen], rows[chosen], before[chosen]
    high, low = places["wallet_high"][pools].tolist(), places["wallet_low"][pools].tolist()
    quantities, entries, parts = (before[name].tolist() for name in ("quantity", "entry", "entry_low"))
    flags, amounts = events.flag[at + chosen].tolist(), events.amounts
    kept: list[int] = []
    wallets: list[int] = []
    filled: list[tuple[int, int]] = []
    for n, (place, row) in enumerate(zip(chosen.tolist(), rows.tolist(), strict=True)):
        wallet = (high[n] << 64) + low[n]
        if row < 0:
            paid = _paid(amounts[at + place][0], flags[n], wallet)
            if paid is None:
                continue
            wallets.append(paid)
        else:
            entry = entries[n] * ENTRY_PART + parts[n]
            after = _filled(amounts[at + place], flags[n], wallet, quantities[n], entry)
            if after is None:
                continue
            wallets.append(after[0])
            filled.append(after[1:])
        kept.append(n)
    if not kept:
        return set(), []
    pools, rows = pools[kept], rows[kept]
    split = [limbs(wallet) for wallet in wallets]
    places["wallet_high"][pools] = [pair[0] for pair in split]
    places["wallet_low"][pools] = np.array([pair[1] for pair in split], np.uint64)
    held = rows[rows >= 0]
    exact["quantity"][held] = [quantity for quantity, _ in filled]
    exact["entry"][held] = [entry // ENTRY_PART for _, entry in filled]
    exact["entry_low"][held] = [entry % ENTRY_PART for _, entry in filled]
    return set((at + chosen[kept]).tolist()), store.rewritten(pools)


def _funded(book: Book, fold: Fold) -> list[int]:
    """Markets with a funding index: their fills settle funding first."""
    names = {market for _, market, kind in fold.market.indices if kind == "funding"}
    return [book.names.numbers[name] for name in names if name in book.names.numbers]


def _paid(amount: int | None, must_be_covered: bool, wallet: int) -> int | None:
    """The wallet after a transfer."""
    if amount is None:
        return None
    after = wallet + amount
    refused = must_be_covered and amount < 0 and after < 0
    return None if refused or abs(after) >= BALANCE_MOST else after


def _filled(amounts: Scaled, buys: bool, wallet: int, held: int, entry: int) -> tuple[int, int, int] | None:
    """Wallet, signed quantity and entry after a fill that grows or reduces the position `held` at `entry`."""
    quantity, price, fee = amounts
    if not quantity or not price or fee is None or quantity < 0 or price < 0:
        return None
    if buys == (held > 0):
        # Averaged against the holder: a long's entry up, a short's down.
        total = abs(held) + quantity
        average = (div_ceil if buys else div_floor)(abs(held) * entry + quantity * price, total)
        after = wallet - fee, total if buys else -total, average
    elif quantity < abs(held):
        signed = quantity if held > 0 else -quantity
        after = wallet - fee + signed * (price - entry), held - signed, entry
    else:
        return None
    fits = abs(after[0]) < BALANCE_MOST and abs(after[1]) < QUANTITY_MOST and after[2] < ENTRY_MOST
    return after if fits else None

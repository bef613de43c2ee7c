"""Slots of the live index, and the calls that keep zones and certificates true."""

from operator import is_
from typing import Any, NamedTuple

import numpy as np

from marginbook.book import watch
from marginbook.book.addresses import addresses_of
from marginbook.book.layout import BLOCKS, SLOTS, Array, Slots
from marginbook.book.store import Store

_SUPER = SLOTS * BLOCKS
SWITCH = 64
"""A sweep is cheaper than looking up one pool in so many."""

NO_POOLS: Array = np.zeros(0, np.int32)
NO_CROSSINGS: Array = np.zeros((0, 3), np.int32)
SLICE = 16_384
"""Certificates written after a frame while some are pending."""


class Outcome(NamedTuple):
    """What a frame decided: (pool, zone before, zone) rows, and pools that only exact functions can decide."""

    crossings: Array
    undecided: Array
    swept: bool = False


class Index:
    """Certified bands of every group of legs."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.factor_count = 0
        self.edges: Array = np.zeros((0, 2), np.float32)
        self.owners: Array = np.zeros(0, np.int32)
        self.blocks: Array = np.zeros((0, 2), np.float32)
        self.supers: Array = np.zeros((0, 2), np.float32)
        self.tops: Array = np.zeros((0, 2), np.float32)
        self.ranges: Array = np.zeros((0, 3), np.int32)
        self.free: dict[int, list[int]] = {}
        self.stamps: Array = np.zeros(0, np.int32)
        self.counts: Array = np.zeros(4, np.int64)
        self.candidates: Array = np.zeros(0, np.int32)
        self.found: Array = np.zeros((0, 3), np.int32)
        self.moved: Array = np.zeros(16, np.int32)
        self.pending: Array = np.zeros(0, np.int32)
        self._move: Any = watch.move
        self._addresses: Array = np.zeros((0, 2), np.int64)
        self._held: tuple[Any, ...] = ()

    def __setattr__(self, name: str, value: Any) -> None:
        """Any array may be replaced; the bundle of them is then made anew."""
        object.__setattr__(self, name, value)
        if name in Slots._fields:
            self.__dict__["_slots"] = None
        self.__dict__["_held"] = ()

    @property
    def slots(self) -> Slots:
        """The arrays of the index."""
        found: Slots | None = self.__dict__["_slots"]
        if found is None:
            found = Slots(self.edges, self.owners, self.blocks, self.supers, self.tops, self.ranges)
            self.__dict__["_slots"] = found
        return found

    def rebuild(self) -> Outcome:
        """Lay out all slots anew, decide every pool and certify it."""
        store = self.store
        pools = store.live_pools
        factors = len(store.factors)
        ranges = np.zeros((factors, 3), np.int32)
        watch.assign_slots(pools, store.legs, ranges, self.owners, True)
        room = (ranges[:, 2] + ranges[:, 2] // 8 + 8 + _SUPER - 1) // _SUPER * _SUPER
        ends = np.cumsum(room)
        ranges[:, 0], ranges[:, 1] = ends - room, ends
        total = int(ends[-1]) if factors else 0
        self.owners = np.full(total, -1, np.int32)
        watch.assign_slots(pools, store.legs, ranges, self.owners, False)
        self.ranges, self.factor_count, self.free = ranges, factors, {}
        self.edges = np.empty((total, 2), np.float32)
        self.edges[:, 0], self.edges[:, 1] = -np.inf, np.inf
        self.blocks = np.zeros((total // SLOTS, 2), np.float32)
        self.supers = np.zeros((total // _SUPER, 2), np.float32)
        self.tops = np.zeros((factors, 2), np.float32)
        self._room()
        return self.certify_all()

    def restore(self, columns: dict[str, Array]) -> None:
        """Take the arrays of a snapshot as they are."""
        for name, array in columns.items():
            setattr(self, name, array)
        self.factor_count = len(self.ranges)
        self._room()

    def _room(self) -> None:
        pools = len(self.store.live_pools)
        if len(self.stamps) < pools:
            self.stamps = np.zeros(pools + pools // 4 + 16, np.int32)
            self.candidates = np.zeros(max(256, len(self.stamps) // SWITCH), np.int32)
            self.found = np.zeros((len(self.candidates) + 1, 3), np.int32)
        if len(self.moved) < self.factor_count + 16:
            self.moved = np.zeros(2 * self.factor_count + 16, np.int32)

    def _changes(self, pools: Array, before: Array, after: Array) -> Outcome:
        changed = before != after
        unknown = changed & (after < 0)
        changed &= after >= 0
        rows = np.stack([pools[changed], before[changed], after[changed]], axis=1)
        return Outcome(rows, pools[unknown], True)

    def certify_all(self) -> Outcome:
        """Decide and certify every pool."""
        records, slots = self.store.records, self.slots
        before = np.empty(len(records.pools), np.int8)
        after = np.empty(len(records.pools), np.int8)
        watch.certify_all_parallel(before, after, records, slots)
        watch.rebuild_extremes_parallel(slots)
        watch.rebuild_tops(slots)
        self.pending = self.pending[:0]
        return self._changes(np.arange(len(before)), before, after)

    def decide_all(self) -> Outcome:
        """Decide every pool by a full sweep; those that left their bands await certificates."""
        records = self.store.records
        before = np.empty(len(records.pools), np.int8)
        after = np.empty(len(records.pools), np.int8)
        left = np.empty(len(records.pools), np.bool_)
        watch.decide_all_parallel(before, after, left, records)
        left[self.pending] = True
        self.pending = np.flatnonzero(left).astype(np.int32)
        return self._changes(np.arange(len(before)), before, after)

    def await_certificates(self, pools: Array) -> Outcome:
        """Decide pools whose rule has changed, and have them certified in slices."""
        waiting = np.zeros(len(self.store.live_pools), np.bool_)
        waiting[self.pending] = True
        waiting[pools] = True
        self.pending = np.flatnonzero(waiting).astype(np.int32)
        return self._decide_pending()

    def decide_touched(self, classes: list[int]) -> Outcome:
        """Decide the holders of rewritten classes, and have them certified in slices."""
        records = self.store.records
        touched = np.zeros(len(records.classes), np.bool_)
        touched[classes] = True
        waiting = np.zeros(len(records.pools), np.bool_)
        waiting[self.pending] = True
        before = np.empty(len(records.pools), np.int8)
        after = np.empty(len(records.pools), np.int8)
        watch.decide_touched_parallel(touched, before, after, waiting, records)
        self.pending = np.flatnonzero(waiting).astype(np.int32)
        return self._changes(np.arange(len(before), dtype=np.int32), before, after)

    def _decide_pending(self) -> Outcome:
        before = np.empty(len(self.pending), np.int8)
        after = np.empty(len(self.pending), np.int8)
        watch.decide_some_parallel(self.pending, before, after, self.store.records)
        return self._changes(self.pending, before, after)

    def certify_slice(self, most: int = SLICE) -> int:
        """Certify up to `most` pending pools, whose zones are decided; returns how many are left."""
        if len(self.pending):
            chosen, self.pending = self.pending[-most:], self.pending[:-most]
            self.confirm(chosen, self.store.pools["zone"][chosen])
        return len(self.pending)

    def move(self, changed: Array, values: Array, count: int, known: int) -> list[Outcome]:
        """Apply `count` changed values, besides `known` factors in `moved`, and decide what they touch.

        By bands, or by a sweep if that is cheaper.
        """
        if not count and not known:
            return []
        found = self._move(self._table(changed, values), count, known)
        if found < 0:
            return [self.decide_all()]
        if not found and not len(self.pending):
            return []
        if self._move is watch.move:
            (compiled,) = watch.move.overloads.values()  # always the same types: no need to look at them every tick
            object.__setattr__(self, "_move", compiled.entry_point)
        undecided = int(self.counts[2])
        rows = self.found
        first = Outcome(rows[: found - undecided], rows[len(rows) - undecided :, 0] if undecided else NO_POOLS)
        return [first, self._decide_pending()] if len(self.pending) else [first]

    def _table(self, changed: Array, values: Array) -> Array:
        """Addresses of everything that a move looks at, taken anew when any of it has been replaced."""
        bundles = (changed, values, self.store.factors.links, self.store.records, self.slots)
        if not self._held or not all(map(is_, self._held, bundles)):
            # Every changed value appends the factors it feeds, besides those that funding has shifted.
            most = len(bundles[2].fan_factor) + self.factor_count + 16
            if len(self.moved) < most:
                self.moved = np.concatenate([self.moved, np.zeros(most - len(self.moved), np.int32)])
            own = (self.moved, self.counts, self.candidates, self.found, self.stamps)
            addresses = addresses_of((changed, values, *own, *bundles[2], *bundles[3], *bundles[4]))
            object.__setattr__(self, "_addresses", addresses)
            self.__dict__["_held"] = bundles
        return self._addresses

    def settle(self, chosen: Array) -> Outcome:
        """Decide and certify pools whose legs are new or have changed."""
        before = self.store.pools["zone"][chosen]
        result = np.empty(len(chosen), np.int64)
        watch.settle(chosen, result, self.store.records, self.slots)
        changed = (result >= 0) & (result != before)
        return Outcome(np.stack([chosen, before, result], axis=1)[changed], chosen[result < 0])

    def confirm(self, chosen: Array, zones: Array) -> None:
        """Set exactly decided zones and certify what slack there is."""
        watch.confirm(chosen, zones, self.store.records, self.slots)

    def attach(self, pool: int) -> bool:
        """Give a new pool its slots; False if the index must be rebuilt to make room."""
        row = self.store.pools[pool]
        legs = self.store.legs
        start, end = int(row["start"]), int(row["start"]) + int(row["count"])
        for i in range(start, end):
            if legs[i]["slot"] == -1:
                continue
            factor = int(legs[i]["factor"])
            if factor >= self.factor_count:
                return False
            free = self.free.get(factor)
            if free:
                slot = free.pop()
            else:
                slot = int(self.ranges[factor, 0] + self.ranges[factor, 2])
                if slot >= self.ranges[factor, 1]:
                    return False
                self.ranges[factor, 2] += 1
            legs[i]["slot"] = slot
            self.owners[slot] = pool
        self._room()
        return True

    def detach(self, pool: int) -> None:
        """Free the slots of a pool that leaves."""
        row = self.store.pools[pool]
        for i in range(int(row["start"]), int(row["start"]) + int(row["count"])):
            slot = int(self.store.legs[i]["slot"])
            if slot >= 0:
                self.edges[slot] = -np.inf, np.inf
                self.owners[slot] = -1
                self.free.setdefault(int(self.store.legs[i]["factor"]), []).append(slot)

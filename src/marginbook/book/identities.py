"""Account names to numbers and back without a Python object per account."""

from typing import Any

import numpy as np
from numba import njit

from marginbook.book.layout import Array

EMPTY = -1
WIDTH = 24  # [bytes] of a name, widened when a longer one comes


@njit(cache=True, nogil=True)
def _hash(name: Any) -> np.uint64:
    """FNV-1a of the bytes before the padding."""
    h = np.uint64(14695981039346656037)
    for byte in name:
        if byte == 0:
            break
        h = (h ^ np.uint64(byte)) * np.uint64(1099511628211)
    return h ^ (h >> np.uint64(32))


@njit(cache=True, nogil=True)
def _find(name: Any, names: Any, slots: Any) -> int:
    """Slot that holds `name`, or the free slot where it belongs."""
    mask = np.uint64(len(slots) - 1)
    slot = _hash(name) & mask
    while slots[slot] != EMPTY:
        if slots[slot] >= 0:
            known = names[slots[slot]]
            same = True
            for i in range(len(known)):
                a = name[i] if i < len(name) else 0
                if known[i] != a:
                    same = False
                    break
            if same:
                return int(slot)
        slot = (slot + np.uint64(1)) & mask
    return int(slot)


@njit(cache=True, nogil=True)
def _fill(alive: Any, names: Any, slots: Any) -> int:
    """Enter all live names; the number of a name that occurs twice, or −1."""
    for i in range(len(names)):
        if alive[i]:
            slot = _find(names[i], names, slots)
            if slots[slot] != EMPTY:
                return i
            slots[slot] = i
    return -1


@njit(cache=True, nogil=True)
def _matches(names: Any, wanted: Any, chosen: Any) -> int:
    """Keep the `chosen` numbers whose name contains `wanted`, ASCII case apart; returns how many."""
    kept = 0
    for i in chosen:
        name = names[i]
        for start in range(len(name) - len(wanted) + 1):
            same = True
            for k in range(len(wanted)):
                byte = name[start + k]
                if 65 <= byte <= 90:
                    byte += 32
                if byte != wanted[k]:
                    same = False
                    break
            if same:
                chosen[kept] = i
                kept += 1
                break
    return kept


def as_bytes(names: Array) -> Array:
    """A fixed-width byte-string array as a matrix of bytes."""
    return np.ascontiguousarray(names).view(np.uint8).reshape(len(names), names.dtype.itemsize)


class Identities:
    """A hash table of fixed-width names. Numbers of removed names are used again."""

    def __init__(self) -> None:
        self.names: Array = np.zeros((64, WIDTH), np.uint8)
        self.alive: Array = np.zeros(64, bool)
        self.size = 0  # numbers given out
        self.count = 0  # alive
        self.slots: Array = np.full(256, EMPTY, np.int32)
        self._used = 0
        self.free: list[int] = []

    @classmethod
    def of(cls, names: Array) -> "Identities":
        """Numbers 0, 1, … for an array of byte strings; ValueError if one occurs twice."""
        found = cls()
        found.names = as_bytes(names)
        found.alive = np.ones(len(names), bool)
        found.size = found.count = len(names)
        found._grow_slots()
        return found

    @classmethod
    def restored(cls, names: Array, alive: Array, slots: Array, free: list[int]) -> "Identities":
        """The table that a snapshot holds."""
        found = cls()
        found.names, found.alive, found.slots, found.free = names, alive, slots, free
        found.size = found._used = len(names)
        found.count = int(np.count_nonzero(alive))
        return found

    def _grow_slots(self) -> None:
        size = 256
        while size < 3 * max(self.count, 64):
            size *= 2
        self.slots = np.full(size, EMPTY, np.int32)
        twice = _fill(self.alive[: self.size], self.names[: self.size], self.slots)
        if twice >= 0:
            raise ValueError(f"account {self.name(twice)} occurs twice")
        self._used = self.count

    def _key(self, name: str) -> Array:
        return np.frombuffer(name.encode() or b"\0", np.uint8)

    def __len__(self) -> int:
        return self.count

    def find(self, name: str) -> int:
        """Number of `name`, −1 if it is not here."""
        key = self._key(name)
        if len(key) > self.names.shape[1]:
            return EMPTY
        return int(self.slots[_find(key, self.names, self.slots)])

    def name(self, number: int) -> str:
        """Name of a number."""
        return str(self.names[number].tobytes().rstrip(b"\0"), "utf-8")

    def names_of(self, numbers: Array) -> list[str]:
        """Names of many numbers."""
        width = self.names.shape[1]
        data = self.names[numbers].tobytes()
        return [data[i : i + width].rstrip(b"\0").decode() for i in range(0, len(data), width)]

    def add(self, name: str) -> int:
        """Number of `name`, given out when new."""
        key = self._key(name)
        if b"\0" in name.encode():
            raise ValueError(f"account name {name!r} contains a null character")
        if len(key) > self.names.shape[1]:
            wide = np.zeros((len(self.names), len(key) + 8), np.uint8)
            wide[:, : self.names.shape[1]] = self.names
            self.names = wide
        slot = _find(key, self.names, self.slots)
        if self.slots[slot] >= 0:
            return int(self.slots[slot])
        number = self.free.pop() if self.free else self.size
        if number == self.size:
            self.size += 1
            if self.size > len(self.names):
                names = np.zeros((2 * len(self.names), self.names.shape[1]), np.uint8)
                names[: len(self.names)] = self.names
                self.names = names
                self.alive = np.concatenate([self.alive, np.zeros(len(names) - len(self.alive), bool)])
        self.names[number] = 0
        self.names[number, : len(key)] = key
        self.alive[number] = True
        self.count += 1
        self._used += 1
        self.slots[slot] = number
        if 2 * self._used > len(self.slots):
            self._grow_slots()
        return number

    def remove(self, name: str) -> int:
        """Forget `name`; returns the number that it had."""
        number = self.find(name)
        if number < 0:
            raise KeyError(name)
        self.slots[_find(self._key(name), self.names, self.slots)] = -2
        self.alive[number] = False
        self.count -= 1
        self.free.append(number)
        return number

    def numbers(self) -> Array:
        """Numbers of all live names, rising."""
        return np.flatnonzero(self.alive[: self.size])

    def matching(self, wanted: str, chosen: Array) -> Array:
        """Those of the `chosen` numbers whose name contains `wanted`, ASCII case apart."""
        key = np.frombuffer(wanted.lower().encode(), np.uint8)
        kept = chosen.astype(np.int64)
        return kept[: _matches(self.names, key, kept)] if len(key) else kept

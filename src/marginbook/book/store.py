"""Pools and legs in arrays: lowered accounts in, records out, room for new and vanished positions."""

from collections.abc import Callable, Sequence
from itertools import chain
from math import inf, nextafter
from typing import Any

import numpy as np

from marginbook.book.columns import EXACT, PLACE, Names, PoolRow, limbs
from marginbook.book.factors import Factors, ValueKey, grown
from marginbook.book.layout import (
    BRACKET,
    CLASS,
    CLASS_JUMPS,
    CLASS_PLAIN,
    FACTOR_SIGMA,
    FACTOR_VALUE,
    FLAG_DEAD,
    FLAG_JOINED,
    FLAG_OPAQUE,
    FLAG_PLAIN,
    FLAG_TIMED,
    LEG,
    POOL,
    REACH,
    Array,
    Records,
    border_rows,
    bracket_rows,
)
from marginbook.domain.legs import IDENTITY_TABLE, BracketTable, CurrencyLegs, Leg, Line, PoolLegs, Sums
from marginbook.domain.zones import Border

SUMS = ("assets", "liabilities", "margin_balance", "support_initial", "demand_initial", "support", "demand")
Tag = tuple[int, int, str, Any]
"""(rule number, flags, market or asset, leverage or (e-mode, decimals)): holdings that differ in amount only."""

EQUITY = (1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0)
"""Multipliers of money that counts fully."""


def multiplier_of(slope: float, amount: float) -> float:
    """slope / amount, as the short decimal that it stands for if that gives the slope back.

    >>> multiplier_of(0.83 * 3.7, 3.7)
    0.83
    """
    ratio = slope / amount
    short = float(f"{ratio:.12g}")
    return short if abs(short * amount - slope) <= 4.5e-16 * abs(slope) else ratio


def class_key(
    multipliers: tuple[float, ...],
    size: float,
    table: BracketTable | None,
    initial_rate: float,
    side: int,
    bids: float,
    asks: float,
    unit: float = 1.0,
    blur: float = 0.0,
) -> tuple[Any, ...]:
    """What tells a class from others. A table that demands the notional itself is a multiplier of `demand`."""
    if table == IDENTITY_TABLE:
        multipliers = (*multipliers[:6], multipliers[6] + size)
        table = None
    return multipliers, size, table, initial_rate, side if bids or asks else 1, bids, asks, unit, blur


def leg_key(leg: Leg, unit: float = 1.0, blur: float = 0.0) -> tuple[float, tuple[Any, ...]]:
    """(amount, key of the class) of a leg."""
    slopes = tuple(getattr(leg.slopes, name) for name in SUMS)
    amount = abs(leg.size) or next((abs(value) for value in slopes if value), 0.0)
    if not amount:
        return 0.0, class_key((0.0,) * 7, 0.0, None, 0.0, 1, 0.0, 0.0, unit, blur)
    first = next((value for value in slopes if value), 1.0)
    signed = amount if first > 0 else -amount
    multipliers = tuple(multiplier_of(value, signed) for value in slopes)
    size = multiplier_of(leg.size, amount)
    return signed, class_key(multipliers, size, leg.table, leg.initial_rate, leg.side, leg.bids, leg.asks, unit, blur)


class Store:
    """The records that kernels read."""

    def __init__(self, factors: Factors, names: Names) -> None:
        self.factors = factors
        self.names = names
        self.pools: Array = np.zeros(16, POOL)
        self.places: Array = np.zeros(16, PLACE)
        self.pool_count = 0
        self.timed: set[int] = set()  # pools whose decision depends on the clock itself
        self.removals = 0  # pools so far, whose numbers may have been given out again
        self.legs: Array = np.zeros(64, LEG)
        self.exact: Array = np.zeros(64, EXACT)
        self.leg_count = 0
        self.classes: Array = np.zeros(64, CLASS)
        self.class_count = 0
        self.brackets: Array = np.zeros(16, BRACKET)
        self.reach: Array = np.zeros(16, REACH)
        self.bracket_count = 0
        self.border_sets: list[tuple[Border, ...]] = []
        self.chain: Array = np.zeros((1, 8))
        self.stay: Array = np.zeros((1, 5, 3, 3))
        self.class_ids: dict[tuple[Any, ...], int] = {}
        self.tags: dict[Tag, int] = {}
        self.table_ids: dict[BracketTable, int] = {}
        self.free_pools: list[int] = []
        self.free_legs: dict[int, list[int]] = {}

    @property
    def live_pools(self) -> Array:
        """The pools in use, dead ones between them."""
        return self.pools[: self.pool_count]

    def __setattr__(self, name: str, value: Any) -> None:
        """Any array may be replaced; the bundle of them is then made anew."""
        object.__setattr__(self, name, value)
        self.__dict__["_records"] = None

    @property
    def records(self) -> Records:
        """What kernels read."""
        found: Records | None = self.__dict__["_records"]
        table = self.factors.table
        if found is None or found.factors is not table:
            found = Records(
                self.live_pools, self.legs, self.classes, self.brackets, self.reach, table, self.chain, self.stay
            )
            self.__dict__["_records"] = found
        return found

    def border_set(self, borders: tuple[Border, ...]) -> int:
        """Number of a set of borders."""
        if borders not in self.border_sets:
            self.border_sets.append(borders)
            self.chain, self.stay = border_rows(self.border_sets)
        return self.border_sets.index(borders)

    def table_id(self, table: BracketTable) -> int:
        """First row of a bracket table."""
        if table not in self.table_ids:
            rows, reach = bracket_rows(table)
            start = self.bracket_count
            self.brackets = grown(self.brackets, start + len(rows))
            self.reach = grown(self.reach, start + len(rows))
            self.brackets[start : start + len(rows)] = rows
            self.reach[start : start + len(rows)] = reach
            self.bracket_count = start + len(rows)
            self.table_ids[table] = start
        return self.table_ids[table]

    def class_id(
        self,
        multipliers: tuple[float, ...],
        size: float = 0.0,
        table: BracketTable | None = None,
        initial_rate: float = 0.0,
    ) -> int:
        """Number of the class with these multipliers."""
        key = class_key(multipliers, size, table, initial_rate, 1, 0.0, 0.0)
        return self._class_of(key, key)

    def currency_class(self, one: CurrencyLegs) -> int:
        """Number of the class that says what a currency counts."""
        rates = (one.demand_rate, one.initial_rate, one.initial_of_demand, one.borrow_rate, one.borrow_initial_rate)
        tag = ("currency", one.lines, one.equity_whole, rates)
        if tag in self.class_ids:
            return self.class_ids[tag]
        number = self._class_room(tag)
        row = self.classes[number]
        row["equity"] = one.equity_whole
        row["demand"], row["initial_rate"], row["initial_of_demand"] = rates[:3]
        row["borrow_rate"], row["borrow_initial_rate"] = rates[3:]
        row["table"], row["brackets"] = self.lines_id(one.lines), len(one.lines)
        steepest = max(rate for rate, _, _ in one.lines)
        row["gross"] = max(1.0 if one.equity_whole else 0.0, steepest, one.demand_rate + one.borrow_rate)
        return number

    def lines_id(self, lines: tuple[Line, ...]) -> int:
        """First row of a currency's lines: floor and cum stand for the amounts, in the currency and in the pool's."""
        start = self.bracket_count
        self.brackets = grown(self.brackets, start + len(lines))
        self.reach = grown(self.reach, start + len(lines))
        for n, (rate, plus, plus_pool) in enumerate(lines, start):
            self.brackets[n] = (plus, rate, plus_pool, 0.0)
        self.bracket_count = start + len(lines)
        return start

    def _class_room(self, tag: tuple[Any, ...]) -> int:
        number = self.class_ids[tag] = self.class_count
        self.classes = grown(self.classes, number + 1)
        self.class_count = number + 1
        return number

    def _class_of(self, tag: tuple[Any, ...], key: tuple[Any, ...]) -> int:
        number = self.class_ids.get(tag)
        if number is None:
            number = self._class_room(tag)
            self.write_class(number, key)
        return number

    def tagged_class(self, tag: Tag, key: tuple[Any, ...]) -> int:
        """Class of the holdings that `tag` describes: new parameters rewrite its row, see `write_class`."""
        if tag not in self.class_ids:
            self.tags[tag] = self.class_count
        return self._class_of(tag, key)

    def write_class(self, number: int, key: tuple[Any, ...]) -> None:
        """Fill the row of a class from what tells it apart."""
        multipliers, size, table, initial_rate, side, bids, asks, unit, blur = key
        row = self.classes[number]
        for name, value in zip(SUMS, multipliers, strict=True):
            row[name] = value
        row["equity"], row["counted"] = multipliers[0] - multipliers[1], multipliers[2] + multipliers[1]
        plain = multipliers == EQUITY and size == 1.0 and not bids and not asks and not blur and table is not None
        row["flags"] = CLASS_PLAIN if plain else 0
        row["size"], row["initial_rate"], row["side"], row["bids"], row["asks"] = size, initial_rate, side, bids, asks
        row["unit"], row["blur"] = unit, blur
        row["notional"] = size if size else multipliers[1]
        row["table"], row["brackets"] = 0, 0
        steepest = 0.0
        if table is not None:
            row["table"], row["brackets"] = self.table_id(table), len(table)
            row["jump"] = self.brackets["jump"][row["table"] : row["table"] + row["brackets"]].max()
            if row["jump"]:
                row["flags"] = CLASS_JUMPS
            steepest = max(rate + (abs(cum) / floor if floor else abs(cum)) for floor, rate, cum in table)
        row["gross"] = max(
            abs(multipliers[0]) + abs(multipliers[1]), abs(multipliers[5]), abs(multipliers[6]) + steepest * size
        )

    def constants(self, sums: Sums) -> tuple[float, int]:
        """(cash, class) of a pool's constants."""
        values = tuple(getattr(sums, name) for name in SUMS)
        cash = sums.assets or next((value for value in values if value), 0.0)
        if not cash:
            return 0.0, self.class_id(EQUITY)
        scaled = tuple(multiplier_of(value, cash) for value in values)
        if all(value in (0.0, 1.0) for value in scaled):
            return cash, self.class_id(scaled)
        return 1.0, self.class_id(values)

    def add_pool(
        self,
        account: int,
        lowered: PoolLegs,
        borders: int,
        rules: str,
        current: Callable[[ValueKey], float],
        exact: PoolRow | None,
        units: Sequence[tuple[float, float]] = (),
        tags: "Sequence[Tag]" = (),
        funded: bool = False,
    ) -> int:
        """Write a lowered pool, with its exact rows if it has them; its slots are still to be assigned."""
        legs = list(lowered.legs)
        if lowered.opaque:
            legs += [Leg("", factor, Sums()) for factor in lowered.inputs]
        records = []
        for i, leg in enumerate(legs):
            factor = self.factors.intern(leg.factor, rules, current, funded)
            unit, blur = units[i] if units else (1.0, 0.0)
            amount, key = leg_key(leg, unit, blur)
            klass = self.tagged_class(tags[i], key) if tags else self._class_of(key, key)
            records.append((factor, amount, klass, exact.rows[i].exact if exact else None))
        records.sort(key=lambda record: record[0])
        runs = [self._run(one, rules, current) for one in lowered.currencies]
        number = self._pool_room()
        start, capacity = self._leg_room(len(records) + sum(len(run) for run in runs))
        cash, klass = self.constants(lowered.constants)
        row = self.pools[number]
        row["cash"], row["klass"] = cash, klass
        row["absolute"] = nextafter(float(lowered.absolute), inf)
        row["relative"] = np.nextafter(np.float32(lowered.relative), np.float32(inf))
        row["start"], row["count"], row["capacity"] = start, len(records) + sum(len(run) for run in runs), capacity
        row["account"], row["borders"] = account, borders
        row["flags"] = FLAG_OPAQUE if lowered.opaque else 0
        if lowered.timed:
            row["flags"] |= FLAG_TIMED
            self.timed.add(number)
        if runs:
            row["flags"] |= FLAG_JOINED
        plain = not runs and all(self.classes[record[2]]["flags"] & CLASS_PLAIN for record in records)
        if plain and klass == self.class_id(EQUITY):
            row["flags"] |= FLAG_PLAIN
        previous = -1
        for i, (factor, amount, leg_class, held) in enumerate(records, start):
            self.legs[i] = self._leg(factor, amount, leg_class, factor != previous)
            if held is not None:
                self.exact[i] = held
            previous = factor
        for n, leg_row in enumerate(chain.from_iterable(runs), start):
            self.legs[n] = leg_row
        place = self.places[number]
        place["next"], place["currency"] = -1, -1
        place["label"] = self.names.number(lowered.pool)
        if exact is not None:
            high, low = limbs(exact.wallet)
            place["wallet_high"], place["wallet_low"] = high, low
            if exact.currency is not None:
                place["currency"] = self.names.number(exact.currency)
        return number

    def _leg(
        self, factor: int, amount: float, klass: int, leads: bool, worth: float | None = None, bracket: int = 0
    ) -> tuple[Any, ...]:
        """A leg without a band; its share of slack goes by what its factor moves of it, or of `worth`."""
        value, sigma = self.factors.table[factor, FACTOR_VALUE], self.factors.table[factor, FACTOR_SIGMA]
        weight = (abs(amount if worth is None else worth) * abs(value) * sigma) ** 0.5
        return amount, klass, factor, bracket, -2 if leads else -1, max(weight, 1e-30), inf, -inf

    def _run(self, one: CurrencyLegs, rules: str, current: Callable[[ValueKey], float]) -> list[tuple[Any, ...]]:
        """The legs of a currency, led by its price."""
        cash = Leg("", (), Sums(*(one.cash * part for part in EQUITY)))
        known = [cash, Leg("", (), Sums(demand=one.demand)), Leg("", (), Sums(demand_initial=one.demand_initial))]
        records, worth = [], 0.0
        for leg in (*(leg for leg in known if leg.slopes != Sums()), *one.legs):
            factor = self.factors.intern(leg.factor, rules, current)
            amount, key = leg_key(leg)
            records.append((factor, amount, self._class_of(key, key)))
            worth += leg.slopes.support * self.factors.table[factor, FACTOR_VALUE]
        records.sort()
        price = self.factors.intern(one.factor, rules, current)
        klass = self.currency_class(one)
        rows = [self._leg(price, nextafter(one.absolute, inf), klass, True, worth, bracket=len(records))]
        previous = -1
        for factor, amount, klass in records:
            rows.append(self._leg(factor, amount, klass, factor != previous))
            previous = factor
        return rows

    def _pool_room(self) -> int:
        number = self.free_pools.pop() if self.free_pools else self.pool_count
        if number == self.pool_count:
            self.pool_count += 1
            self.pools = grown(self.pools, self.pool_count)
            self.places = grown(self.places, self.pool_count)
        self.pools[number] = np.zeros((), POOL)
        self.places[number] = np.zeros((), PLACE)
        return number

    def _leg_room(self, count: int) -> tuple[int, int]:
        capacity = max(1, 1 << (count - 1).bit_length()) if count else 0
        for size in (count, capacity):
            free = self.free_legs.get(size)
            if free:
                return free.pop(), size
        start = self.leg_count
        self.leg_count += capacity
        self.legs = grown(self.legs, self.leg_count)
        self.exact = grown(self.exact, self.leg_count)
        return start, capacity

    def remove_pool(self, number: int) -> None:
        """Free a pool whose slots have been released."""
        self.removals += 1
        self.timed.discard(number)
        row = self.pools[number]
        if row["capacity"]:
            self.free_legs.setdefault(int(row["capacity"]), []).append(int(row["start"]))
        self.pools[number] = np.zeros((), POOL)
        self.pools[number]["flags"] = FLAG_DEAD
        self.pools[number]["account"] = -1
        self.free_pools.append(number)

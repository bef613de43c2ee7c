"""Factors: what legs are functions of, each a product of quotes and growth indices, kept as float64.

    f = Π quote^±1 · Π index / 10^27

A value (one quote or one index) feeds every factor that it is part of: its fan-out.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import numpy as np

from marginbook.book.layout import FACTOR_INSET, FACTOR_OFFSET, FACTOR_SIGMA, FACTOR_VALUE, FACTORS_MOST, Array, Links
from marginbook.domain.errors import BadInput
from marginbook.domain.legs import Factor
from marginbook.exact import to_raw_floor
from marginbook.units import STABLE_ASSETS

ValueKey = tuple[str, str, str, str]
"""(venue, market, price kind, "") or (venue, asset, "supply" | "borrow" | "funding", rules or "")."""

SIGMA = 1.0
SIGMA_STABLE = 0.02
"""Relative volatilities that share out slack until measured ones are set; they affect speed only."""


def grown(array: Array, length: int) -> Array:
    """`array` with room for `length` rows, at least doubled when it must grow."""
    if length <= len(array):
        return array
    out = np.zeros((max(length, 2 * len(array), 16), *array.shape[1:]), array.dtype)
    out[: len(array)] = array
    return out


class Factors:
    """The factor table and the values behind it."""

    def __init__(self) -> None:
        self.ids: dict[tuple[tuple[tuple[ValueKey, int], ...], bool], int] = {}
        self.names: list[tuple[tuple[ValueKey, int], ...]] = []  # (value, power) per part
        self.value_ids: dict[ValueKey, int] = {}
        self.quote_ids: dict[tuple[str, str, str], int] = {}  # the values that are quotes
        self.values: Array = np.ones(16)
        self.table: Array = np.zeros((16, 4))
        self.funding: dict[ValueKey, list[int]] = {}
        self.fan_start: Array = np.zeros(1, np.int32)
        self.fan_factor: Array = np.zeros(0, np.int32)
        self.part_start: Array = np.zeros(1, np.int32)
        self.part_value: Array = np.zeros(0, np.int32)
        self.part_power: Array = np.zeros(0, np.int8)
        self._stale = False

    def __len__(self) -> int:
        return len(self.names)

    def value_id(self, key: ValueKey) -> int:
        """Number of a quote or index, added when new."""
        if key not in self.value_ids:
            self.value_ids[key] = len(self.value_ids)
            self._know(key)
            self.values = grown(self.values, len(self.value_ids))
            self._stale = True
        return self.value_ids[key]

    def _know(self, key: ValueKey) -> None:
        if not key[3]:
            self.quote_ids[key[:3]] = self.value_ids[key]

    def intern(self, factor: Factor, rules: str, current: Callable[[ValueKey], float], funded: bool = False) -> int:
        """Number of `factor` under `rules`, added with its `current` values when new; `funded`: it carries funding."""
        parts = parts_of(factor, rules)
        known = self.ids.get((parts, funded))
        if known is not None:
            return known
        fresh = {key: current(key) for key, _ in parts if key not in self.value_ids}  # a missing one leaves no trace
        number = len(self.names)
        if number >= FACTORS_MOST:
            raise BadInput("too_many_factors", "book", number, f"at most {FACTORS_MOST} prices and indices")
        product = 1.0
        for key, power in parts:
            i = self.value_id(key)
            if key in fresh:
                self.values[i] = fresh[key]
            product = product * self.values[i] if power > 0 else product / self.values[i]
        self.ids[parts, funded] = number
        self.names.append(parts)
        self.table = grown(self.table, number + 1)
        self.table[number] = 0.0
        self.table[number, FACTOR_VALUE] = product
        stable = bool(parts) and all(key[1] in STABLE_ASSETS for key, _ in parts)
        self.table[number, FACTOR_SIGMA] = SIGMA_STABLE if stable else SIGMA if parts else 0.0
        self._stale = True
        return number

    def fund(self, key: ValueKey, factor: int, cumulative: float) -> None:
        """Let cumulative funding `key` be subtracted from `factor` wherever it stands for worth."""
        known = self.funding.setdefault(key, [])
        if factor not in known:
            known.append(factor)
            self.table[factor, FACTOR_OFFSET] = -cumulative

    def shift(self, key: ValueKey, cumulative: float, charge: float) -> list[int]:
        """Apply new cumulative funding; returns the factors that it moved."""
        moved = []
        for factor in self.funding.get(key, ()):
            change = -cumulative - self.table[factor, FACTOR_OFFSET]
            if change:
                self.table[factor, FACTOR_OFFSET] = -cumulative
                self.table[factor, FACTOR_INSET] += charge * abs(change)
                moved.append(factor)
        return moved

    def restore(
        self,
        values: list[ValueKey],
        factors: list[tuple[tuple[tuple[ValueKey, int], ...], bool, int]],
        funding: dict[ValueKey, list[int]],
    ) -> None:
        """Names of values and factors whose numbers a snapshot holds."""
        self.value_ids = {key: n for n, key in enumerate(values)}
        for key in values:
            self._know(key)
        self.names = [()] * len(factors)
        for parts, funded, number in factors:
            self.ids[parts, funded] = number
            self.names[number] = parts
        self.funding = funding
        self._stale = True

    def link(self) -> None:
        """Bring fan-outs up to date with the factors and values known."""
        if not self._stale:
            return
        part_start, part_value, part_power = [0], [], []
        fans: list[list[int]] = [[] for _ in range(len(self.value_ids))]
        for number, factor in enumerate(self.names):
            for key, power in factor:
                i = self.value_ids[key]
                part_value.append(i)
                part_power.append(power)
                if number not in fans[i]:
                    fans[i].append(number)
            part_start.append(len(part_value))
        self.part_start = np.array(part_start, np.int32)
        self.part_value = np.array(part_value, np.int32)
        self.part_power = np.array(part_power, np.int8)
        self.fan_start = np.cumsum([0] + [len(fan) for fan in fans]).astype(np.int32)
        self.fan_factor = np.array([factor for fan in fans for factor in fan], np.int32)
        self._stale = False

    def __setattr__(self, name: str, value: Any) -> None:
        """Any array may be replaced; the bundle of them is then made anew."""
        object.__setattr__(self, name, value)
        self.__dict__["_links"] = None

    @property
    def links(self) -> Links:
        """What kernels recompute factors from; `link` first."""
        found: Links | None = self.__dict__["_links"]
        if found is None:
            found = Links(
                self.values, self.fan_start, self.fan_factor, self.part_start, self.part_value, self.part_power
            )
            self.__dict__["_links"] = found
        return found

    def with_values(self, multipliers: Iterable[tuple[int, float]]) -> Array:
        """A copy of the factor table in which values are multiplied, for what-if sweeps."""
        values = self.values.copy()
        for number, multiplier in multipliers:
            values[number] *= multiplier
        table = self.table.copy()
        for number, factor in enumerate(self.names):
            product = 1.0
            for key, power in factor:
                i = self.value_ids[key]
                product = product * values[i] if power > 0 else product / values[i]
            table[number, FACTOR_VALUE] = product
        return table


def parts_of(factor: Factor, rules: str) -> tuple[tuple[ValueKey, int], ...]:
    """Values and powers of a factor; interest accrues by the formulas of `rules`.

    >>> parts_of((("quote", "aave", "WETH", "oracle"), ("supply", "aave", "WETH", "")), "aave/3.6")
    ((('aave', 'WETH', 'oracle', ''), 1), (('aave', 'WETH', 'supply', 'aave/3.6'), 1))
    """
    found: list[tuple[ValueKey, int]] = []
    for how, venue, name, kind in factor:
        if how in ("quote", "inverse"):
            found.append(((venue, name, kind, ""), 1 if how == "quote" else -1))
        else:
            found.append(((venue, name, how, "" if how == "funding" else rules), 1))
    return tuple(found)


def index_float(raw: int) -> float:
    """A growth index [ray] as a number.

    >>> index_float(2 * 10**27)
    2.0
    """
    return float(Decimal(raw).scaleb(-27))


def cut_price(price: Decimal, places: int) -> float:
    """A price as a feed of `places` decimals keeps it: further ones are cut.

    >>> cut_price(Decimal("0.123456789"), 8)
    0.12345678
    """
    if -int(price.as_tuple().exponent) <= places:
        return float(price)
    return float(to_raw_floor(price, places) / 10**places)

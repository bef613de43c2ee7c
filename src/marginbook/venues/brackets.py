"""Maintenance margin by brackets of notional: a continuous, piecewise linear requirement.

    maintenance(x) = rate_n · x − cum_n            for floor_n ≤ x < floor_{n+1}
    cum_1 = 0,  cum_n = cum_{n−1} + floor_n · (rate_n − rate_{n−1})

`cum`, the maintenance amount, is exactly the constant that makes the requirement continuous (Binance help article
"Leverage and Margin of USDⓈ-M Futures", 2020 text; the identity holds in every published row known to us). The bracket
is that of the position's notional, never of its collateral. Above the last cap the last bracket goes on.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.exact import DIGITS_MAX, ONE, ZERO, in_exact_context, parse_decimal

NONE = (None, "", "Infinity")


@dataclass(frozen=True, slots=True)
class Bracket:
    """One row of a tier table."""

    floor: Decimal  # [currency] notional from which it holds
    cap: Decimal | None  # [currency]; None: no end
    rate: Decimal  # maintenance margin rate
    max_leverage: Decimal | None
    cum: Decimal  # [currency] maintenance amount


@dataclass(frozen=True, slots=True, eq=False)
class BracketTable:
    """Brackets by rising notional; the first floor is 0. Compared and hashed by identity, as a key of caches."""

    rows: tuple[Bracket, ...]
    floors: tuple[Decimal, ...] = field(init=False)
    jump_most: Decimal = field(init=False)  # [currency] largest discontinuity at a floor

    def __post_init__(self) -> None:
        object.__setattr__(self, "floors", tuple(row.floor for row in self.rows))
        jumps = [abs(_jump(low, high)) for low, high in pairwise(self.rows)]
        object.__setattr__(self, "jump_most", max(jumps, default=ZERO))

    def bracket_of(self, notional: Decimal) -> Bracket:
        """The bracket that contains `notional` [currency]."""
        return self.rows[max(0, bisect_right(self.floors, notional) - 1)]

    def bracket_up_to(self, quantity: Decimal) -> Bracket:
        """The bracket that contains `quantity` where a cap belongs to the bracket below it."""
        return self.rows[max(0, bisect_left(self.floors, quantity) - 1)]

    def maintenance(self, notional: Decimal) -> Decimal:
        """Maintenance margin [currency] of a notional: rate · notional − cum.

        >>> table = bracket_table([["0", "1000", "0.01"], ["1000", None, "0.02"]], "docs")
        >>> table.maintenance(Decimal(500)), table.maintenance(Decimal(3000))
        (Decimal('5.00'), Decimal('50.00'))
        """
        row = self.bracket_of(notional)
        return row.rate * notional - row.cum


def _jump(low: Bracket, high: Bracket) -> Decimal:
    return (high.rate * high.floor - high.cum) - (low.rate * high.floor - low.cum)


@in_exact_context
def maintenance_amounts(floors_and_rates: Iterable[tuple[Decimal, Decimal]]) -> list[Decimal]:
    """`cum` of each bracket from (floor, rate): cum_n = cum_{n−1} + floor_n · (rate_n − rate_{n−1}).

    >>> maintenance_amounts([(Decimal(0), Decimal("0.004")), (Decimal(50000), Decimal("0.005"))])
    [Decimal('0'), Decimal('50.000')]
    """
    amounts: list[Decimal] = []
    cum, previous = ZERO, None
    for floor, rate in floors_and_rates:
        if previous is not None:
            cum = next_maintenance_amount(floor, previous, rate, cum)
        amounts.append(cum)
        previous = rate
    return amounts


@in_exact_context
def next_maintenance_amount(floor: Decimal, rate_before: Decimal, rate: Decimal, cum_before: Decimal) -> Decimal:
    """`cum` of a bracket from its floor and the bracket before it.

    >>> next_maintenance_amount(Decimal(5_000_000), Decimal("0.025"), Decimal("0.05"), Decimal(16_300))
    Decimal('141300.000')
    """
    return cum_before + floor * (rate - rate_before)


def flat_table(rate: Decimal) -> BracketTable:
    """One bracket without end.

    >>> flat_table(Decimal("0.004")).maintenance(Decimal(40400))
    Decimal('161.600')
    """
    return BracketTable((Bracket(ZERO, None, rate, None, ZERO),))


@in_exact_context
def bracket_table(rows: Sequence[Sequence[Any]], place: str) -> BracketTable:
    """A validated table from `[floor, cap, rate, max_leverage, cum]` rows; the last two and the last cap may be absent.

    A missing `cum` is derived; a cell that is absent may also be "" and an endless cap "Infinity", since TOML has no
    null. BadInput names the row that is not a bracket.
    """
    if not isinstance(rows, Sequence) or isinstance(rows, str) or not rows:
        raise BadInput("bad_brackets", place, rows, "rows of [floor, cap, rate, max_leverage, cum]")
    floors: list[Decimal] = []
    caps: list[Decimal | None] = []
    rates: list[Decimal] = []
    leverages: list[Decimal | None] = []
    printed: list[Decimal | None] = []
    for number, row in enumerate(rows):
        here = f"{place}[{number}]"
        if not isinstance(row, Sequence) or isinstance(row, str) or not 3 <= len(row) <= 5:
            raise BadInput("bad_brackets", here, row, "[floor, cap, rate, max_leverage, cum]")
        floor, cap, rate, leverage, cum = [
            None if value in NONE else number_from(value, f"{here}[{column}]")
            for column, value in enumerate([*row, None, None][:5])
        ]
        if floor is None or rate is None or not ZERO <= rate <= ONE or floor < 0:
            raise BadInput("bad_brackets", here, row, "a floor of at least 0 and a rate from 0 to 1")
        if number == 0 and floor != 0:
            raise BadInput("bad_brackets", here, row, "0 as the first floor")
        if number and (floor <= floors[-1] or (caps[-1] is not None and caps[-1] != floor)):
            raise BadInput("bad_brackets", here, row, f"the floor to be the cap before it, {caps[-1]}")
        if cap is not None and cap <= floor:
            raise BadInput("bad_brackets", here, row, "a cap above the floor")
        if leverage is not None and leverage <= 0:
            raise BadInput("bad_brackets", here, row, "a leverage above 0")
        floors.append(floor)
        caps.append(cap)
        rates.append(rate)
        leverages.append(leverage)
        printed.append(cum)
    derived = maintenance_amounts(zip(floors, rates, strict=True))
    amounts = [cum if cum is not None else ours for cum, ours in zip(printed, derived, strict=True)]
    return BracketTable(tuple(map(Bracket, floors, caps, rates, leverages, amounts)))


def table_warnings(table: BracketTable, market: str) -> list[str]:
    """What looks wrong in a table that is usable: printed maintenance amounts that break continuity, falling rates."""
    found = []
    for low, high in pairwise(table.rows):
        if _jump(low, high):
            found.append(
                f"{market}: maintenance amount {high.cum} at {high.floor} makes a jump of {_jump(low, high)}; "
                f"{next_maintenance_amount(high.floor, low.rate, high.rate, low.cum)} would be continuous"
            )
        if high.rate < low.rate:
            found.append(f"{market}: maintenance rate falls from {low.rate} to {high.rate} at {high.floor}")
    for row in table.rows:
        if row.max_leverage is not None and row.rate * row.max_leverage > 1:
            found.append(f"{market}: maintenance rate {row.rate} is above the initial margin at {row.max_leverage}x")
    return found


def number_from(value: Any, place: str) -> Decimal:
    """A decimal parameter; BadInput `bad_number` otherwise. Floats are read by their shortest text."""
    try:
        return parse_decimal(repr(value) if isinstance(value, float) else value)
    except ValueError:
        raise BadInput("bad_number", place, value, f"a decimal number of at most {DIGITS_MAX} digits") from None

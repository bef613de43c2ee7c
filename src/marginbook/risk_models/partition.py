"""The cheapest way to divide units into groups of given kinds, in exact rationals, with a bound that proves it.

    cost = Σ cost_g · n_g,   where Σ n_g · (units of i in group g) = units of i,   n_g ≥ 0 and whole

The simplex method (Dantzig) finds the least cost of fractions of groups, and prices y with Σ y_i · (units of i in g) ≤
cost_g for every kind g: whatever the groups, Σ y · units is a lower bound. Where the fractions are whole, as they
mostly are, the bound is the cost. Otherwise a small book is searched exhaustively; of a larger one only what the whole
parts leave over, and the answer says how far it may be from the best.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod

Rational = int | Fraction
SETTLED = 400
"""Steps after which the entering group is the first that saves (Bland's rule, which cannot go round in circles)."""
STATES = 20_000
"""Most remainders that a search looks at."""


DEPTH = 200
"""Most units of a book that is searched."""


@dataclass(frozen=True, slots=True)
class Group:
    """A kind of group: what one costs, and how many units of what it holds."""

    cost: int
    members: tuple[tuple[int, int], ...]  # (thing, units), each thing once


@dataclass(frozen=True, slots=True)
class Partition:
    """How often each group is formed; no division costs less than `bound`."""

    groups: tuple[tuple[int, int], ...]  # (number of the group, how often)
    prices: tuple[Fraction, ...]
    cost: int
    bound: Fraction
    tried_all: bool = False  # every division was looked at: none costs less than `cost`, whatever the bound


def cheapest_partition(units: Sequence[int], groups: Sequence[Group]) -> Partition:
    """Divide `units`; every thing must have a group of its own with one unit.

    >>> kinds = [Group(10, ((0, 1),)), Group(0, ((1, 1),)), Group(3, ((0, 2), (1, 1)))]
    >>> found = cheapest_partition([5, 2], kinds)
    >>> found.groups, found.cost, found.bound
    (((0, 1), (2, 2)), 16, Fraction(16, 1))
    """
    amounts, prices = _fractions(units, groups)
    bound = sum((price * held for price, held in zip(prices, units, strict=True)), Fraction(0))
    whole = {number: int(amount) for number, amount in amounts.items()}
    left = list(units)
    for number, count in whole.items():
        for thing, held in groups[number].members:
            left[thing] -= held * count
    for number in _search(tuple(left), groups) if any(left) else ():
        whole[number] = whole.get(number, 0) + 1
    cost = sum(groups[number].cost * count for number, count in whole.items())
    tried_all = cost > bound and prod(held + 1 for held in units) <= STATES and sum(units) <= DEPTH
    if tried_all:
        whole = dict(Counter(_search(tuple(units), groups)))
        cost = sum(groups[number].cost * count for number, count in whole.items())
    chosen = tuple(sorted((number, count) for number, count in whole.items() if count))
    return Partition(chosen, prices, cost, bound, tried_all)


def is_bound(prices: Sequence[Fraction | int], groups: Sequence[Group]) -> bool:
    """Whether no group costs less than the prices of its members: then Σ price · units bounds every division.

    >>> is_bound([10, -7], [Group(10, ((0, 1),)), Group(3, ((0, 1), (1, 1)))])
    True
    """
    return all(sum(prices[thing] * held for thing, held in group.members) <= group.cost for group in groups)


def _fractions(units: Sequence[int], groups: Sequence[Group]) -> tuple[dict[int, Rational], tuple[Fraction, ...]]:
    """How much of each group costs least, if fractions may be formed; and the prices that prove it."""
    size = range(len(units))
    basis = [0] * len(units)
    for number, group in enumerate(groups):
        if len(group.members) == 1 and group.members[0][1] == 1:
            basis[group.members[0][0]] = number
    inverse: list[list[Rational]] = [[int(row == column) for column in size] for row in size]
    amounts: list[Rational] = list(units)
    for step in range(10**6):
        prices: list[Rational] = [0] * len(units)
        for row, number in enumerate(basis):
            if cost := groups[number].cost:
                prices = [price + cost * entry for price, entry in zip(prices, inverse[row], strict=True)]
        entering = -1
        saved: Rational = 0
        for number, group in enumerate(groups):
            gain: Rational = group.cost
            for thing, held in group.members:
                gain -= prices[thing] * held
            if gain < saved:
                entering, saved = number, gain
                if step > SETTLED:
                    break
        if entering < 0:
            break
        column = [sum(inverse[row][i] * held for i, held in groups[entering].members) for row in size]
        leaving = min(
            (row for row in size if column[row] > 0), key=lambda row: (_over(amounts[row], column[row]), basis[row])
        )
        pivot = column[leaving]
        if pivot != 1:
            inverse[leaving] = [_over(entry, pivot) for entry in inverse[leaving]]
            amounts[leaving] = _over(amounts[leaving], pivot)
        for row in size:
            if row != leaving and column[row]:
                factor = column[row]
                inverse[row] = [_plain(a - factor * b) for a, b in zip(inverse[row], inverse[leaving], strict=True)]
                amounts[row] = _plain(amounts[row] - factor * amounts[leaving])
        basis[leaving] = entering
    return {number: amount for number, amount in zip(basis, amounts, strict=True) if amount}, tuple(
        map(Fraction, prices)
    )


def _plain(value: Rational) -> Rational:
    """An integer where it is one: nearly all are, and integers are far faster."""
    return value if isinstance(value, int) or value.denominator != 1 else value.numerator


def _over(a: Rational, b: Rational) -> Rational:
    return a if b == 1 else _plain(Fraction(a) / b)


def _search(units: tuple[int, ...], groups: Sequence[Group]) -> tuple[int, ...]:
    """The cheapest groups for a few units by trying all, the thing held first in each; single ones beyond `STATES`."""
    by_thing: list[list[int]] = [[] for _ in units]
    for number, group in enumerate(groups):
        for thing, _ in group.members:
            by_thing[thing].append(number)
    known: dict[tuple[int, ...], tuple[int, tuple[int, ...]]] = {}

    def best(left: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
        first = next((thing for thing, held in enumerate(left) if held), None)
        if first is None:
            return 0, ()
        if left not in known:
            tried = []
            for number in by_thing[first]:
                after = list(left)
                for thing, held in groups[number].members:
                    after[thing] -= held
                if min(after) >= 0 and (len(groups[number].members) == 1 or len(known) < STATES):
                    cost, used = best(tuple(after))
                    tried.append((cost + groups[number].cost, (*used, number)))
            known[left] = min(tried)
        return known[left]

    return best(units)[1]

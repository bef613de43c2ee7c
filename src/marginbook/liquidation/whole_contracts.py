"""Sharing a deficit out in whole contracts, where closing one contract costs its holder a fixed gap.

    floor pro-rata    k_i = floor(N · q_i / Σ q)                                      N contracts needed, q_i held
    least largest     min of the largest k_i · gap_i / equity_i over integers 0 ≤ k_i ≤ q_i with Σ k_i · gap_i ≥ budget

Rounding down collects too little, by less than one contract per holder. The second is the integer program of arXiv
2512.01112 ("min-max ILP") for one position per account, solved exactly: if no rate above M is allowed, account i can
close floor(M · equity_i / gap_i) contracts, so what can be collected only grows with M. M is bisected until every
account has at most one rate k · gap_i / equity_i left between the bounds; these are then tried from the least.
O(n · log(contracts · ratio of rates)). Several positions per account would be a knapsack; they are not covered.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from marginbook.exact import ZERO, div_floor, in_exact_context

HALF = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class Holder:
    """A winner's position in one market."""

    contracts: int
    gap: Decimal  # [settlement currency per contract] mark less closing price, what a closed contract gives up
    equity: Decimal  # [settlement currency]


def floor_pro_rata(needed: int, held: Sequence[int]) -> list[int]:
    """Contracts in proportion to those held, each rounded down, none more than is held.

    Of 10 contracts, 9 are closed:

    >>> floor_pro_rata(10, [7, 7, 7]), floor_pro_rata(99, [1, 2])
    ([3, 3, 3], [1, 2])
    """
    total = sum(held)
    return [min(own, div_floor(needed * own, total)) if own else 0 for own in held]


@in_exact_context
def least_largest(budget: Decimal, holders: Sequence[Holder]) -> list[int]:
    """Contracts of each holder that collect `budget` with the least largest rate; everything where that is too little.

    Contracts that are not needed for the budget are given back, the holder with the highest rate first: the overshoot
    is less than the smallest gap of those who close any.

    >>> pair = [Holder(9, Decimal(2), Decimal(100)), Holder(9, Decimal(3), Decimal(50))]
    >>> least_largest(Decimal(10), pair)
    [4, 1]
    """
    open_ = [i for i, holder in enumerate(holders) if holder.contracts > 0 and holder.gap > 0 and holder.equity > 0]
    low, high = Fraction(0), max((_rate(holders[i], holders[i].contracts) for i in open_), default=Fraction(0))
    counts = {i: holders[i].contracts for i in open_}
    if _collected(counts, holders) > budget > 0:
        while any(_allowed(holders[i], high) - _allowed(holders[i], low) > 1 for i in open_):
            middle = (low + high) * HALF
            enough = _collected({i: _allowed(holders[i], middle) for i in open_}, holders) >= budget
            low, high = (low, middle) if enough else (middle, high)
        counts = {i: _allowed(holders[i], low) for i in open_}
        _raise(counts, [i for i in open_ if _allowed(holders[i], high) > counts[i]], holders, budget)
        _give_back(counts, holders, budget)
    return [counts.get(i, 0) if budget > 0 else 0 for i in range(len(holders))]


def _raise(counts: dict[int, int], candidates: list[int], holders: Sequence[Holder], budget: Decimal) -> None:
    """One contract more for the candidates, those with the lowest rate first, until the budget is met."""
    collected = _collected(counts, holders)
    for i in sorted(candidates, key=lambda i: _rate(holders[i], counts[i] + 1)):
        if collected >= budget:
            return
        counts[i] += 1
        collected += holders[i].gap


def _give_back(counts: dict[int, int], holders: Sequence[Holder], budget: Decimal) -> None:
    over = _collected(counts, holders) - budget
    for i in sorted(counts, key=lambda i: _rate(holders[i], counts[i]), reverse=True):
        spare = min(counts[i], int(Fraction(Fraction(over), Fraction(holders[i].gap))))
        counts[i] -= spare
        over -= spare * holders[i].gap


def _collected(counts: dict[int, int], holders: Sequence[Holder]) -> Decimal:
    return sum((count * holders[i].gap for i, count in counts.items()), ZERO)


def _rate(holder: Holder, contracts: int) -> Fraction:
    return contracts * Fraction(Fraction(holder.gap), Fraction(holder.equity))


def _allowed(holder: Holder, rate: Fraction) -> int:
    """The most contracts whose rate is at most `rate`."""
    numerator, denominator = (rate * Fraction(holder.equity)).as_integer_ratio()
    gap_numerator, gap_denominator = holder.gap.as_integer_ratio()
    return min(holder.contracts, div_floor(numerator * gap_denominator, denominator * gap_numerator))

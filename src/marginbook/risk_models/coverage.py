"""Backtests of a margin model: how often losses exceeded it, and whether those days came in clusters.

T days of which x exceeded the margin, p the share that was to be expected (0.01 at 99 %):

    LR_pof = −2·ln[(1−p)^(T−x)·p^x / ((1−x/T)^(T−x)·(x/T)^x)]                                 ~ χ² of 1 degree
    LR_ind = −2·ln[(1−π)^(n00+n10)·π^(n01+n11) / ((1−π0)^n00·π0^n01·(1−π1)^n10·π1^n11)]       ~ χ² of 1 degree
    LR_cc  = LR_pof + LR_ind                                                                  ~ χ² of 2 degrees

n_ij counts days of state j after days of state i (1: exceeded), π0 = n01/(n00+n01), π1 = n11/(n10+n11),
π = (n01+n11)/(T−1), and 0·ln 0 = 0. Basel zones by the probability of at most x: green below 95 %, red from 99.99 % on,
yellow between. Sources: Kupiec, Journal of Derivatives 3 (1995); Christoffersen, International Economic Review 39
(1998); Basel Committee, Supervisory framework for the use of backtesting (January 1996). In float64, relative error
below 10^-10 up to T = 10^6. Overlapping horizons are not independent days: none of the tests holds for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import erfc, exp, fsum, lgamma, log, log1p, sqrt
from typing import Literal

from marginbook.domain.errors import BadInput

YELLOW, RED = 0.95, 0.9999
"""Least probabilities of at most x exceedances in the yellow and in the red zone."""


@dataclass(frozen=True, slots=True)
class LikelihoodRatio:
    """A likelihood ratio and the probability of one at least as large if the model were right."""

    statistic: float
    p_value: float


def _times_log(count: float, probability: float) -> float:
    return count * log(probability) if count else 0.0


def chi_squared_beyond(statistic: float, degrees: Literal[1, 2]) -> float:
    """Probability of more than `statistic`: erfc(√(x/2)) for one degree of freedom, e^(−x/2) for two.

    >>> round(chi_squared_beyond(3.841459, 1), 6), round(chi_squared_beyond(5.991465, 2), 6)
    (0.05, 0.05)
    """
    half = max(0.0, statistic) / 2
    return erfc(sqrt(half)) if degrees == 1 else exp(-half)


def kupiec(exceeded: int, days: int, expected: float) -> LikelihoodRatio:
    """Share of exceedances against the expected one.

    >>> found = kupiec(7, 250, 0.01)
    >>> round(found.statistic, 6), round(found.p_value, 6)
    (5.49699, 0.019049)
    """
    _check(exceeded, days, expected)
    seen = exceeded / days
    ours = (days - exceeded) * log1p(-expected) + exceeded * log(expected)
    best = _times_log(days - exceeded, 1 - seen) + _times_log(exceeded, seen)
    statistic = max(0.0, -2 * (ours - best))
    return LikelihoodRatio(statistic, chi_squared_beyond(statistic, 1))


def transitions(exceedances: Sequence[bool]) -> tuple[int, int, int, int]:
    """n00, n01, n10, n11 of a series of days.

    >>> transitions([False, True, True, False, False])
    (1, 1, 1, 1)
    """
    counts = {(before, now): 0 for before in (False, True) for now in (False, True)}
    for before, now in pairwise(exceedances):
        counts[bool(before), bool(now)] += 1
    return counts[False, False], counts[False, True], counts[True, False], counts[True, True]


def independence(n00: int, n01: int, n10: int, n11: int) -> LikelihoodRatio:
    """Whether an exceedance makes another one on the next day more likely.

    >>> found = independence(247, 0, 1, 1)
    >>> round(found.statistic, 4), round(found.p_value, 4)
    (10.2583, 0.0014)
    """
    share = (n01 + n11) / max(1, n00 + n01 + n10 + n11)
    after_calm, after_breach = n01 / max(1, n00 + n01), n11 / max(1, n10 + n11)
    one = _times_log(n00 + n10, 1 - share) + _times_log(n01 + n11, share)
    two = _times_log(n00, 1 - after_calm) + _times_log(n01, after_calm)
    two += _times_log(n10, 1 - after_breach) + _times_log(n11, after_breach)
    statistic = max(0.0, -2 * (one - two))
    return LikelihoodRatio(statistic, chi_squared_beyond(statistic, 1))


def christoffersen(exceedances: Sequence[bool], expected: float) -> LikelihoodRatio:
    """Conditional coverage: the share of exceedances and their independence in one test.

    >>> found = christoffersen([True, True] + [False] * 248, 0.01)
    >>> round(found.statistic, 4), round(found.p_value, 4)
    (10.3667, 0.0056)
    """
    share = kupiec(sum(map(bool, exceedances)), len(exceedances), expected)
    statistic = share.statistic + independence(*transitions(exceedances)).statistic
    return LikelihoodRatio(statistic, chi_squared_beyond(statistic, 2))


def binomial_at_most(exceeded: int, days: int, expected: float) -> float:
    """Probability of at most `exceeded` exceedances in `days`.

    >>> round(binomial_at_most(4, 250, 0.01), 9)
    0.892187627
    """
    _check(exceeded, days, expected)
    if exceeded == days:
        return 1.0
    odds, rest, most = log(expected), log1p(-expected), lgamma(days + 1)
    terms = (
        exp(most - lgamma(count + 1) - lgamma(days - count + 1) + count * odds + (days - count) * rest)
        for count in range(exceeded + 1)
    )
    return min(1.0, fsum(terms))


def basel_zone(exceeded: int, days: int = 250, expected: float = 0.01) -> Literal["green", "yellow", "red"]:
    """The zone; at 250 days and 1 % green to 4, yellow to 9.

    >>> [basel_zone(count) for count in (4, 5, 9, 10)]
    ['green', 'yellow', 'yellow', 'red']
    """
    reached = binomial_at_most(exceeded, days, expected)
    return "green" if reached < YELLOW else "yellow" if reached < RED else "red"


def _check(exceeded: int, days: int, expected: float) -> None:
    if not (0 <= exceeded <= days and days > 0 and 0 < expected < 1):
        raise BadInput("no_backtest", "exceeded", f"{exceeded} of {days} at {expected}", "0 ≤ x ≤ T, T > 0, 0 < p < 1")

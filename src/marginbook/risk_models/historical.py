"""Quantile and tail mean of simulated profits, with the convention as an argument.

Profits sorted ascending x_0 ≤ … ≤ x_(n−1), level q (0.01 for the worst 1 %):

    quantile   floor     x_⌊n·q⌋                                         (OpenSourceRisk/Engine)
               ceiling   x_(⌈n·q⌉−1): least x with share of x' ≤ x of q   (left inverse of the empirical distribution)
               linear    x_i + (h − i)·(x_(i+1) − x_i), h = (n−1)·q, i = ⌊h⌋   (type 7, default of NumPy)
    tail mean  inclusive       mean of x_0 … x_⌊n·q⌋                      (OpenSourceRisk/Engine)
               acerbi_tasche   (Σ_(i<⌊nq⌋) x_i + (nq − ⌊nq⌋)·x_⌊nq⌋) / (n·q)   (coherent; Acerbi and Tasche 2002)

A loss is a negative profit; value at risk and expected shortfall as margins are −quantile and −tail mean. Exact in the
inputs; divisions to 128 digits. Conventions differ by whole observations: at n = 715, q = 0.01 `floor` is the eighth
worst profit, `linear` lies between the eighth and the ninth.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from marginbook.domain.errors import BadInput
from marginbook.exact import ZERO, div_ceil, divide, in_exact_context

Quantile = Literal["floor", "ceiling", "linear"]
TailMean = Literal["inclusive", "acerbi_tasche"]


def rank(count: int, level: Decimal, convention: Quantile = "floor") -> int:
    """Index of the (lower) observation of the quantile among `count` sorted ones.

    >>> [rank(715, Decimal(level)) for level in ("0.01", "0.05", "0.95", "0.99")], rank(100, Decimal("0.01"))
    ([7, 35, 679, 707], 1)
    >>> rank(100, Decimal("0.01"), "ceiling"), rank(100, Decimal("0.01"), "linear")
    (0, 0)
    """
    if count < 1 or not 0 <= level <= 1:
        raise BadInput("no_quantile", "level", f"{level} of {count}", "a level from 0 to 1 of at least one profit")
    above, below = level.as_integer_ratio()
    if convention == "ceiling":
        return max(0, div_ceil(count * above, below) - 1)
    whole = (count if convention == "floor" else count - 1) * above // below
    return min(count - 1, whole)


@in_exact_context
def quantile(profits: Sequence[Decimal], level: Decimal, convention: Quantile = "floor") -> Decimal:
    """The quantile of unsorted `profits`.

    >>> ten = [Decimal(value) for value in (3, -5, 1, 0, 4, -2, 7, 2, -9, 6)]
    >>> [str(quantile(ten, Decimal("0.25"), convention)) for convention in ("floor", "ceiling", "linear")]
    ['-2', '-2', '-1.50']
    """
    ordered = sorted(profits)
    index = rank(len(ordered), level, convention)
    if convention != "linear":
        return ordered[index]
    beyond = (len(ordered) - 1) * level - index
    return ordered[index] if not beyond else ordered[index] + beyond * (ordered[index + 1] - ordered[index])


@in_exact_context
def tail_mean(profits: Sequence[Decimal], level: Decimal, convention: TailMean = "inclusive") -> Decimal:
    """Mean of the worst `level` of unsorted `profits`.

    >>> ten = [Decimal(value) for value in (3, -5, 1, 0, 4, -2, 7, 2, -9, 6)]
    >>> str(tail_mean(ten, Decimal("0.15"))), str(tail_mean(ten, Decimal("0.20"), "acerbi_tasche"))
    ('-7', '-7')
    """
    ordered = sorted(profits)
    index = rank(len(ordered), level)
    if convention == "inclusive":
        return divide(sum(ordered[: index + 1], ZERO), Decimal(index + 1))
    share = len(ordered) * level
    if not share:
        return ordered[0]
    return divide(sum(ordered[:index], ZERO) + (share - index) * ordered[index], share)


def value_at_risk(profits: Sequence[Decimal], confidence: Decimal, convention: Quantile = "floor") -> Decimal:
    """Loss that is exceeded with probability 1 − confidence, at least 0.

    >>> value_at_risk([Decimal(value) for value in range(-50, 50)], Decimal("0.99"))
    Decimal('49')
    """
    return max(ZERO, -quantile(profits, 1 - confidence, convention))


def expected_shortfall(profits: Sequence[Decimal], confidence: Decimal, convention: TailMean = "inclusive") -> Decimal:
    """Mean loss beyond that, at least 0.

    >>> expected_shortfall([Decimal(value) for value in range(-50, 50)], Decimal("0.99"))
    Decimal('49.5')
    """
    return max(ZERO, -tail_mean(profits, 1 - confidence, convention))

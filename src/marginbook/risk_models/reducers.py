"""From the profits of an account in every scenario to one number: reducers, with the quantile convention explicit.

Losses are ordered from the largest: L_1 ≥ L_2 ≥ … ≥ L_n. Almost every reducer is a weighted sum of the first few of
them, Σ w_k·L_k, so that several come out of one pass. With tail a = 1 − confidence:

| name | number |
|---|---|
| worst | L_1 |
| k-th loss | L_k |
| quantile "ceiling" | L_⌈n·a⌉: the 25th of 2,500 at 99 % |
| quantile "floor" | L_(⌊n·a⌋ + 1): the 26th of 2,500; the convention of Open Source Risk Engine |
| quantile "linear" | between L_(⌊h⌋ + 1) and the next, h = (n − 1)·a: NumPy's and Excel's default |
| tail mean "acerbi_tasche" | (Σ_(k ≤ ⌊n·a⌋) L_k + (n·a − ⌊n·a⌋)·L_(⌊n·a⌋ + 1)) / (n·a): coherent |
| tail mean "inclusive" | mean of L_1 … L_(⌊n·a⌋ + 1): Open Source Risk Engine |

The conventions are those of `historical`, which is exact for one list of profits. n·a is a fraction here too, so that
2,500 × 0.01 is 25 and not 25.000000000000004. A result may be negative where an account gains in every scenario;
`requirement` floors it at zero and rounds it up to the venue's quantum.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import floor, isfinite

from marginbook.domain.errors import BadInput
from marginbook.exact import ZERO, grid_ceil
from marginbook.risk_models.historical import Quantile, TailMean, rank


@dataclass(frozen=True, slots=True)
class OrderWeights:
    """Σ_k weights[k]·L_(k+1): weights on the largest losses."""

    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ScenarioWeights:
    """max_s weights[s]·loss_s: the weighted worst loss, for tables whose extreme scenarios count in part."""

    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Probabilities:
    """Quantile or tail mean where scenario s has probability[s]: the loss at which the probability of the worse ones

    and itself reaches `tail`; the tail mean takes of that last scenario what is missing to `tail`.
    """

    probability: tuple[float, ...]
    tail: float
    mean: bool


Reducer = OrderWeights | ScenarioWeights | Probabilities


def worst() -> OrderWeights:
    """The largest loss."""
    return OrderWeights((1.0,))


def kth_loss(k: int) -> OrderWeights:
    """The k-th largest loss, counted from 1.

    >>> kth_loss(3).weights
    (0.0, 0.0, 1.0)
    """
    if k < 1:
        raise BadInput("bad_value", "k", k, "a whole number from 1")
    return OrderWeights((0.0,) * (k - 1) + (1.0,))


def weighted_worst(weights: Sequence[float]) -> ScenarioWeights:
    """The largest weighted loss; one weight per scenario, none negative."""
    if not all(isfinite(w) and w >= 0 for w in weights):
        raise BadInput("bad_value", "weights", weights, "finite weights, none negative")
    return ScenarioWeights(tuple(weights))


def tail_of(confidence: Decimal) -> Fraction:
    """1 − confidence, exactly.

    >>> tail_of(Decimal("0.975"))
    Fraction(1, 40)
    """
    if not 0 < confidence < 1:
        raise BadInput("bad_value", "confidence", confidence, "a number between 0 and 1, as text or Decimal")
    return 1 - Fraction(confidence)


def quantile(scenarios: int, confidence: Decimal, convention: Quantile) -> OrderWeights:
    """Value at risk.

    >>> [len(quantile(2500, Decimal("0.99"), c).weights) for c in ("ceiling", "floor", "linear")]
    [25, 26, 26]
    >>> quantile(101, Decimal("0.99"), "linear").weights
    (0.0, 1.0)
    """
    tail = tail_of(confidence)
    k = rank(scenarios, 1 - confidence, convention)
    share = float((scenarios - 1) * tail - k) if convention == "linear" else 0.0
    return OrderWeights((0.0,) * k + ((1.0 - share, share) if share else (1.0,)))


def tail_mean(scenarios: int, confidence: Decimal, convention: TailMean) -> OrderWeights:
    """Expected shortfall.

    >>> weights = tail_mean(2500, Decimal("0.975"), "acerbi_tasche").weights
    >>> len(weights), weights[0], weights[-1]
    (63, 0.016, 0.008)
    """
    inside = scenarios * tail_of(confidence)
    if scenarios < 1:
        raise BadInput("bad_value", "scenarios", scenarios, "at least one scenario")
    whole = floor(inside)
    if convention == "inclusive":
        return OrderWeights((1.0 / (whole + 1),) * (whole + 1))
    part = inside - whole
    weights = (float(1 / inside),) * whole
    return OrderWeights((*weights, float(part / inside)) if part else weights)


def requirement(value: float, quantum: Decimal) -> Decimal:
    """The float64 result of a model as money: never below zero, rounded up to `quantum`; exact from here on.

    >>> requirement(12.341, Decimal("0.01")), requirement(-5.0, Decimal("0.01"))
    (Decimal('12.35'), Decimal('0'))
    """
    if not isfinite(value):
        raise BadInput("bad_value", "requirement", value, "a finite number")
    return grid_ceil(Decimal(value), quantum) if value > 0 else ZERO

"""Value at risk and expected shortfall: scenarios of returns from history, a model or a seed, and margins from them.

Scenarios are rows of returns, one column per factor; every maker below returns such a table and the scenario engine
does the rest.

    historical       r_t
    filtered         r_t · s_t, s_t = σ_(T+1) / σ_t with EWMA volatility (Hull and White 1998; Barone-Adesi et al. 1999)
                     `middle`: s_t = (σ_(T+1) + σ_t) / (2·σ_t);  s_t kept inside `limits`
    age-weighted     probability of r_t = λ^(T − t)·(1 − λ) / (1 − λ^T) (Boudoukh, Richardson and Whitelaw 1998)
    Monte Carlo      σ·L·z, L·L' the correlation matrix, z normal (or Student's t scaled to variance 1) from a seed
    stressed         the rows of fixed dates

Horizon of h days, one of two, never mixed:

    root             margin_h = √h · margin_1
    overlapping      scenarios r_t + … + r_(t+h−1); the margin is the largest of those for 1 … h days, so that a longer
                     horizon never needs less. Such scenarios are not independent: do not backtest them as if they were.

`Model` names every convention. Float64; agreement of the estimators with `historical` (exact) is tested to 10^-13.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from math import sqrt
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from marginbook.domain.errors import BadInput
from marginbook.risk_models.correlation import Correlation, cholesky
from marginbook.risk_models.historical import Quantile, TailMean
from marginbook.risk_models.reducers import Probabilities, Reducer, quantile, tail_mean, tail_of
from marginbook.risk_models.scenarios import Floats, Positions, requirements
from marginbook.risk_models.volatility import DECAY, WARM_UP, ewma, series

ArraysOf = Callable[[Floats], Floats]
"""Scenarios of returns [scenario, factor] -> risk arrays [contract, scenario]."""


def linear(returns: Floats) -> Floats:
    """A contract is one unit of currency in a factor: its profit is the return."""
    return np.ascontiguousarray(returns.T)


def price_arrays(prices: ArrayLike) -> ArraysOf:
    """A contract is one unit of an asset and returns are logarithmic: profit P·(e^r − 1).

    >>> price_arrays([100.0])(np.array([[0.0], [0.1]])).round(6).tolist()
    [[0.0, 10.517092]]
    """
    now = np.asarray(prices, np.float64)
    return lambda returns: np.ascontiguousarray(now[:, None] * np.expm1(returns.T))


def overlapping(returns: ArrayLike, days: int) -> Floats:
    """Sums of `days` consecutive returns.

    >>> overlapping([1.0, 2.0, 4.0], 2).ravel().tolist()
    [3.0, 6.0]
    """
    found = series(returns)
    if not 1 <= days <= len(found):
        raise BadInput("bad_horizon", "days", days, f"1 to the {len(found)} returns that there are")
    total = np.zeros((len(found) - days + 1, found.shape[1]))
    for day in range(days):
        total += found[day : len(found) - days + 1 + day]
    return total


def filtered(
    returns: ArrayLike,
    decay: float = DECAY,
    warm_up: int = WARM_UP,
    middle: bool = False,
    limits: tuple[float, float] = (0.0, np.inf),
) -> Floats:
    """Returns rescaled to the volatility of today; those of the warm-up are left out.

    >>> filtered([0.01, 0.02, 0.01], decay=0.5, warm_up=1).round(6).ravel().tolist()
    [0.026458, 0.008367]
    """
    found = series(returns)
    if len(found) <= warm_up:
        raise BadInput("bad_returns", "returns", len(found), f"more than the warm-up of {warm_up}")
    sigma = ewma(found, decay, warm_up)
    then, today = sigma[warm_up:-1], sigma[-1]
    if not (then > 0).all():
        raise BadInput("bad_returns", "returns", "no volatility", "returns that are not all zero")
    ratio = 0.5 * (today + then) / then if middle else today / then
    kept: Floats = found[warm_up:] * np.clip(ratio, *limits)
    return kept


def ages(count: int, decay: float) -> tuple[float, ...]:
    """Probabilities of `count` scenarios, oldest first, that sum to 1.

    >>> ages(3, 0.5)
    (0.14285714285714285, 0.2857142857142857, 0.5714285714285714)
    """
    if not 0 < decay < 1:
        raise BadInput("bad_value", "decay", decay, "0 < decay < 1")
    weights = decay ** np.arange(count - 1.0, -1.0, -1.0)
    return tuple((weights / weights.sum()).tolist())


def monte_carlo(
    volatility: ArrayLike, correlation: Correlation, count: int, seed: int, degrees: float | None = None
) -> Floats:
    """`count` joint returns of mean zero; `degrees` of freedom of a multivariate t (above 2), None for the normal.

    >>> from marginbook.risk_models.correlation import positive_definite
    >>> drawn = monte_carlo([0.01, 0.02], positive_definite([[1, 0.5], [0.5, 1]]), 20000, seed=1)
    >>> drawn.std(axis=0).round(3).tolist(), round(float(np.corrcoef(drawn.T)[0, 1]), 2)
    ([0.01, 0.02], 0.5)
    """
    sigma, lower = np.asarray(volatility, np.float64), cholesky(correlation.matrix)
    if sigma.shape != (len(lower),) or not (sigma >= 0).all() or count < 1:
        raise BadInput("bad_value", "volatility", sigma.shape, f"{len(lower)} numbers from 0, at least one draw")
    if degrees is not None and not degrees > 2:
        raise BadInput("bad_value", "degrees", degrees, "more than 2, or none")
    random = np.random.default_rng(seed)
    normal = random.standard_normal((len(lower), count))
    out = np.zeros((len(lower), count))
    for j in range(len(lower)):
        for k in range(j + 1):
            out[j] += lower[j, k] * normal[k]
        out[j] *= sigma[j]
    if degrees is not None:
        out *= np.sqrt((degrees - 2.0) / (2.0 * random.standard_gamma(degrees / 2.0, count)))
    return np.ascontiguousarray(out.T)


@dataclass(frozen=True, slots=True)
class Model:
    """Every choice of a scenario margin; the defaults are 99 %, one day, value at risk by the k-th loss."""

    confidence: Decimal = Decimal("0.99")
    measure: Literal["value_at_risk", "expected_shortfall"] = "value_at_risk"
    days: int = 1
    horizon: Literal["root", "overlapping"] = "root"
    quantile: Quantile = "ceiling"
    tail_mean: TailMean = "acerbi_tasche"
    age_decay: float | None = None

    def __post_init__(self) -> None:
        if self.days < 1:
            raise BadInput("bad_horizon", "days", self.days, "a whole number from 1")

    def reducer(self, scenarios: int) -> Reducer:
        """The reducer for so many scenarios."""
        mean = self.measure == "expected_shortfall"
        if self.age_decay is not None:
            return Probabilities(ages(scenarios, self.age_decay), float(tail_of(self.confidence)), mean)
        if mean:
            return tail_mean(scenarios, self.confidence, self.tail_mean)
        return quantile(scenarios, self.confidence, self.quantile)


def margins(
    positions: Positions, returns: ArrayLike, model: Model, arrays_of: ArraysOf = linear, threads: int | None = None
) -> Floats:
    """Margin of every account, at least 0, from scenarios of one day each.

    >>> losses = np.arange(-50.0, 50.0)[:, None]
    >>> one = Positions.of(1, [0], [0], [1.0])
    >>> margins(one, losses, Model()).tolist(), margins(one, losses, Model(days=4)).tolist()
    ([50.0], [100.0])
    >>> margins(one, losses, Model(measure="expected_shortfall", confidence=Decimal("0.975"))).tolist()
    [49.2]
    """
    found = series(returns)
    if model.horizon == "root":
        return sqrt(model.days) * _one(positions, found, model, arrays_of, threads)
    out = np.zeros(positions.accounts)
    for days in range(1, model.days + 1):
        out = np.maximum(out, _one(positions, overlapping(found, days), model, arrays_of, threads))
    return out


def _one(positions: Positions, scenarios: Floats, model: Model, arrays_of: ArraysOf, threads: int | None) -> Floats:
    found = requirements(positions, arrays_of(scenarios), [model.reducer(len(scenarios))], threads)
    return np.maximum(0.0, found[:, 0])


def blend(parts: Floats, weights: ArrayLike) -> Floats:
    """Σ weight·margin over the first axis: a stressed share, or historical and stress risk side by side.

    >>> blend(np.array([[100.0], [200.0]]), [0.75, 0.25]).tolist()
    [125.0]
    """
    shares = np.asarray(weights, np.float64)
    if not (shares >= 0).all() or abs(shares.sum() - 1.0) > 1e-12:
        raise BadInput("bad_value", "weights", shares.tolist(), "shares from 0 that sum to 1")
    out = np.zeros(parts.shape[1:])
    for part, share in zip(parts, shares, strict=True):
        out += share * part
    return out

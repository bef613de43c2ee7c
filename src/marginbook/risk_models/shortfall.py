"""Backtests of an expected shortfall: are losses beyond the margin as many and as large as forecast?

L_t loss, M_t margin at tail a, S_t forecast mean loss beyond it, I_t = [L_t > M_t], N = Σ I_t over T periods:

    Z1 = 1 − Σ I_t·L_t/S_t / N                 size alone                             Acerbi and Szekely (2014)
    Z2 = 1 − Σ I_t·L_t/S_t / (T·a)             number and size together
    t  = mean(r)·√N / s(r),  r = L_t/S_t − 1   of exceedances; p by bootstrap of r − mean(r)    McNeil and Frey (2000)

All Z are 0 on average where the model is right and negative where it is too low. Critical values of Z2 depend on T, a
and the tail of the losses: `critical` draws them for independent normal or Student t (3) losses from a seed. For T 250
and a 2.5 % the paper's are near −0.7 (5 %) for a wide range of tails. Z3 needs whole forecast distributions and is not
computed. Float64.

Sources: Acerbi and Szekely, Backtesting Expected Shortfall (MSCI, December 2014); McNeil and Frey, Journal of Empirical
Finance 7 (2000); MathWorks, pages of `esbacktest` (critical values that the tests of this module reproduce).
"""

from dataclasses import dataclass
from decimal import Decimal
from math import erfc, inf, pi, sqrt
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marginbook.domain.errors import BadInput
from marginbook.risk_models.reducers import tail_of
from marginbook.risk_models.volatility import Floats

Tail = Literal["normal", "t3"]
SAMPLES = 20_000
GRID = 20_001
DRAWN_MOST = 200
"""Expected exceedances beyond which sums are taken as normal instead of drawn."""
LEAST_EXCEEDED = 3
"""Exceedances from which a bootstrap is made."""


@dataclass(frozen=True, slots=True)
class Shortfall:
    """The statistics of one side; Z1 without exceedances and p of fewer than three are None."""

    z1: float | None
    z2: float
    p_value: float | None


def shortfall_tests(
    lost: ArrayLike, margin: ArrayLike, shortfall: ArrayLike, confidence: Decimal, seed: int = 1
) -> Shortfall:
    """Losses against margins and forecast shortfalls, period by period.

    >>> found = shortfall_tests([0.0, 3.0, 0.0, 4.5], [2.0] * 4, [3.0] * 4, Decimal("0.75"))
    >>> found.z1, found.z2, found.p_value
    (-0.25, -1.5, None)
    """
    loss, held, mean = (np.asarray(x, np.float64) for x in (lost, margin, shortfall))
    if not loss.shape == held.shape == mean.shape or loss.ndim != 1 or not loss.size or not (mean > 0).all():
        raise BadInput("no_backtest", "shortfall", mean.shape, "three series of one length, shortfall above 0")
    ratio = (loss / mean)[loss > held]
    return Shortfall(
        z1=1.0 - float(ratio.mean()) if ratio.size else None,
        z2=1.0 - float(ratio.sum()) / (loss.size * float(tail_of(confidence))),
        p_value=_bootstrap(ratio - 1.0, seed) if ratio.size >= LEAST_EXCEEDED else None,
    )


def _bootstrap(residuals: Floats, seed: int) -> float:
    """One-sided: share of resampled means at least as far above 0, in standard errors, as the one seen."""
    count = residuals.size
    seen = _in_errors(residuals[None, :])[0]
    random = np.random.default_rng(seed)
    drawn = (residuals - residuals.mean())[random.integers(0, count, (SAMPLES // 10, count))]
    return float((1 + (_in_errors(drawn) >= seen).sum()) / (1 + len(drawn)))


def _in_errors(rows: Floats) -> Floats:
    mean, spread = rows.mean(axis=1), rows.std(axis=1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = np.where(spread > 0, mean * sqrt(rows.shape[1]) / spread, np.sign(mean) * inf)
    return np.nan_to_num(found, nan=0.0, posinf=inf, neginf=-inf)


def critical(
    periods: int,
    confidence: Decimal,
    level: float = 0.05,
    tail: Tail = "normal",
    samples: int = SAMPLES,
    seed: int = 1,
) -> float:
    """The Z2 below which a right model falls with probability `level`, of independent losses with that tail.

    Standard error with the default samples: 0.005 at T 250 and 2.5 %.

    >>> round(critical(250, Decimal("0.975")), 1), round(critical(250, Decimal("0.975"), tail="t3"), 1)
    (-0.7, -0.8)
    """
    if periods < 1 or not 0 < level < 1 or samples < 1:
        raise BadInput(
            "no_backtest", "critical", f"{periods}, {level}", "periods and samples from 1, a level inside 0-1"
        )
    share = float(tail_of(confidence))
    if periods * share > DRAWN_MOST:
        ratios = _tail_quantiles(share, tail) / _tail_mean(share, tail)
        spread = sqrt(max(0.0, float((ratios * ratios).mean()) / share - 1.0) / periods)
        return spread * NormalDist().inv_cdf(level)
    random = np.random.default_rng(seed)
    counts = random.binomial(periods, share, samples)
    ratios = _tail_losses(random.random(int(counts.sum())) * share, tail) / _tail_mean(share, tail)
    ends = np.concatenate([[0.0], np.cumsum(ratios)])[np.cumsum(np.concatenate([[0], counts]))]
    statistics = 1.0 - np.diff(ends) / (periods * share)
    return float(np.quantile(statistics, level))


def _tail_losses(probabilities: Floats, tail: Tail) -> Floats:
    """Losses exceeded with the given probabilities, interpolated between points of the survival function."""
    losses, beyond = _survival(tail)
    found: NDArray[np.float64] = np.interp(np.log(probabilities), np.log(beyond[::-1]), losses[::-1])
    return found


def _survival(tail: Tail) -> tuple[Floats, Floats]:
    """Losses and the probability of more."""
    if tail == "normal":
        losses = np.linspace(0.0, 9.0, GRID)
        return losses, np.array([0.5 * erfc(x / sqrt(2.0)) for x in losses.tolist()])
    losses = np.sinh(np.linspace(0.0, np.arcsinh(1e5), GRID))
    scaled = losses / sqrt(3.0)
    with np.errstate(divide="ignore"):
        angle = np.arctan(1.0 / scaled)
    return losses, (angle - scaled / (1.0 + scaled * scaled)) / pi


def _tail_mean(share: float, tail: Tail) -> float:
    """Mean loss of the worst `share`."""
    return float(_tail_quantiles(share, tail).mean())


def _tail_quantiles(share: float, tail: Tail) -> Floats:
    """Losses at the midpoints of equal parts of the worst `share`."""
    return _tail_losses(np.linspace(0.0, share, 100_001)[1:] - share / 200_000, tail)

"""Parametric value at risk and expected shortfall: delta-normal, and Cornish-Fisher for skew and fat tails.

    σ² = x'·Σ·x          x exposures [currency per unit return], Σ covariance of returns per day; mean zero
    delta-normal         VaR = z·σ·√h,   ES = φ(z) / (1 − c)·σ·√h,   z = Φ⁻¹(c)
    Cornish-Fisher       VaR = −w·σ·√h with q = −z and
                         w = q + (q² − 1)·S/6 + (q³ − 3·q)·K/24 − (2·q³ − 5·q)·S²/36

S skewness and K excess kurtosis of one-day profits (Cornish and Fisher 1937; Zangari 1996). Over h independent days S
falls by √h and K by h. The expansion is a quantile only while w rises with q; where it does not, a warning says so
(Maillard 2012). Float64, relative error below 10^-12.
"""

from dataclasses import dataclass
from decimal import Decimal
from math import exp, pi, sqrt
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from marginbook.domain.errors import BadInput
from marginbook.risk_models.reducers import tail_of
from marginbook.risk_models.volatility import Floats


def delta_normal(
    exposures: ArrayLike,
    covariance: ArrayLike,
    confidence: Decimal,
    days: int = 1,
    measure: Literal["value_at_risk", "expected_shortfall"] = "value_at_risk",
) -> Floats:
    """Margin of each row of `exposures` [account, factor].

    >>> delta_normal([[1000.0]], [[0.0004]], Decimal("0.99")).round(6).tolist()
    [46.526957]
    """
    held, table = np.atleast_2d(np.asarray(exposures, np.float64)), np.asarray(covariance, np.float64)
    if table.shape != (held.shape[1], held.shape[1]) or days < 1:
        raise BadInput("bad_value", "covariance", table.shape, f"{held.shape[1]} × {held.shape[1]}, at least one day")
    variance = np.zeros(len(held))
    for j in range(len(table)):
        for k in range(len(table)):
            variance += held[:, j] * table[j, k] * held[:, k]
    if not (variance >= -1e-12 * (held**2).sum(axis=1) * np.abs(table).max()).all():
        raise BadInput("bad_correlation", "covariance", variance.min(), "no negative variance: repair the matrix")
    return normal_factor(confidence, measure) * np.sqrt(np.maximum(0.0, variance)) * sqrt(days)


def normal_factor(confidence: Decimal, measure: Literal["value_at_risk", "expected_shortfall"]) -> float:
    """Standard deviations that are charged.

    >>> round(normal_factor(Decimal("0.99"), "value_at_risk"), 6)
    2.326348
    >>> round(normal_factor(Decimal("0.975"), "expected_shortfall"), 6)
    2.337803
    """
    tail = float(tail_of(confidence))
    z = -NormalDist().inv_cdf(tail)
    return z if measure == "value_at_risk" else exp(-0.5 * z * z) / sqrt(2.0 * pi) / tail


@dataclass(frozen=True, slots=True)
class Expansion:
    """A margin by the expansion, with the moments it used."""

    margin: float
    deviation: float
    skewness: float
    excess_kurtosis: float
    warnings: tuple[str, ...] = ()


def cornish_fisher(profits: ArrayLike, confidence: Decimal, days: int = 1) -> Expansion:
    """Value at risk of a series of one-day profits, around zero; at least 0.

    >>> found = cornish_fisher([-2.0, -1.0, 0.0, 1.0, 2.0], Decimal("0.99"))
    >>> round(found.margin, 6), found.skewness, round(found.excess_kurtosis, 6)
    (2.860139, 0.0, -1.3)
    """
    found = np.asarray(profits, np.float64)
    if found.ndim != 1 or found.size < 2 or not np.isfinite(found).all() or days < 1:
        raise BadInput("bad_returns", "profits", found.shape, "at least two finite numbers, at least one day")
    centred = found - found.mean()
    deviation = sqrt(float((centred**2).mean()))
    if not deviation:
        return Expansion(0.0, 0.0, 0.0, 0.0)
    skewness = float((centred**3).mean()) / deviation**3
    kurtosis = float((centred**4).mean()) / deviation**4 - 3.0
    s, k = skewness / sqrt(days), kurtosis / days
    q = NormalDist().inv_cdf(float(tail_of(confidence)))
    w = q + (q * q - 1) * s / 6 + (q**3 - 3 * q) * k / 24 - (2 * q**3 - 5 * q) * s * s / 36
    rising = 1 + q * s / 3 + (3 * q * q - 3) * k / 24 - (6 * q * q - 5) * s * s / 36
    warnings = () if rising > 0 else (f"skewness {s:.4g} and excess kurtosis {k:.4g} are outside of the expansion",)
    return Expansion(max(0.0, -w * deviation * sqrt(days)), deviation, skewness, kurtosis, warnings)

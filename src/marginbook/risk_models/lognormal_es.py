"""Margin factors by the expected shortfall of a log-normal price (Vega protocol).

    S_τ = S·exp((μ − σ²/2)·τ + σ·√τ·Z),   s = σ·√τ
    short = e^(μτ)·Φ(Φ⁻¹(λ) + s) / λ − 1,      long = 1 − e^(μτ)·Φ(Φ⁻¹(λ) − s) / λ

The factor times |position|·price is the mean loss of a short (long) position over the worst λ of all outcomes after τ
years; μ drift and σ volatility per year. A long position cannot lose more than its price, so its factor stays below 1.
Source: vegaprotocol/quant, riskmodelbs (forwards and its test). In float64; relative error below 10^-12 / λ.
"""

from dataclasses import dataclass
from math import exp, sqrt
from statistics import NormalDist

from marginbook.domain.errors import BadInput
from marginbook.risk_models.black_scholes import normal


@dataclass(frozen=True, slots=True)
class Factors:
    """Margin per unit of notional."""

    short: float
    long: float


def margin_factors(drift: float, volatility: float, years: float, level: float) -> Factors:
    """Factors for the tail `level` (λ, 0.01 for the worst 1 %).

    >>> found = margin_factors(0.0, 1.5, 1 / (365 * 24 * 60), 0.01)
    >>> round(found.short, 13), round(found.long, 13)
    (0.0055276558362, 0.0055011137953)
    """
    if not 0 < level < 1 or volatility < 0 or years < 0:
        raise BadInput("no_shortfall", "level", str(level), "0 < level < 1, volatility and years at least 0")
    grown, width = exp(drift * years), volatility * sqrt(years)
    border = NormalDist().inv_cdf(level)
    return Factors(grown * normal(border + width) / level - 1, 1 - grown * normal(border - width) / level)

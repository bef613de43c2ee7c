"""What it costs to sell over time, and the schedule that balances cost against risk, by Almgren and Chriss (2000).

"Optimal execution of portfolio transactions". X is sold over T in N intervals of τ = T / N; permanent impact γ [price
per unit], temporary impact η [price per unit and time], fixed cost ε [price], volatility σ [price per √time]:

    η̃ = η − γ·τ / 2
    E = γ·X² / 2 + ε·Σ|n| + (η̃ / τ)·Σ n²             expected cost of selling n_1 … n_N
    V = σ²·τ·Σ x²                                   its variance, x_j what is left after j intervals
    n_j = 2·sinh(κτ/2) / sinh(κT)·cosh(κ(T − (j − 1/2)τ))·X      least E + λ·V

with κ from 2·(cosh(κτ) − 1) = λ·σ²·τ² / η̃. Float64.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marginbook.domain.errors import BadInput

Floats = NDArray[np.float64]
FLAT = 1e-9
"""κT below which the schedule is even."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """How a market takes a sale."""

    permanent: float  # γ
    temporary: float  # η
    fixed: float = 0.0  # ε
    volatility: float = 0.0  # σ

    def slope(self, interval: float) -> float:
        """η̃ of intervals of this length; BadInput where permanent impact outweighs temporary."""
        found = self.temporary - self.permanent * interval / 2.0
        if not found > 0.0:
            raise BadInput("bad_execution", "execution: temporary", self.temporary, "above γ·τ / 2")
        return found


def expected_cost(sold: ArrayLike, interval: float, market: Market) -> float:
    """E [price · units] of selling so much in each interval.

    >>> market = Market(permanent=2.5e-7, temporary=2.5e-6, fixed=0.0625, volatility=0.95)
    >>> round(expected_cost([200_000] * 5, 1.0, market))
    662500
    """
    parts = np.asarray(sold, np.float64)
    whole = float(parts.sum())
    fixed = market.fixed * float(np.abs(parts).sum())
    return market.permanent * whole**2 / 2.0 + fixed + market.slope(interval) / interval * float((parts**2).sum())


def variance(sold: ArrayLike, interval: float, market: Market) -> float:
    """V [(price · units)²] of the cost."""
    parts = np.asarray(sold, np.float64)
    left = parts.sum() - np.cumsum(parts)
    return market.volatility**2 * interval * float((left**2).sum())


def urgency(interval: float, market: Market, risk_aversion: float) -> float:
    """κ [1 / time]: sales decline as e^(−κt).

    >>> market = Market(permanent=2.5e-7, temporary=2.5e-6, fixed=0.0625, volatility=0.95)
    >>> round(urgency(1.0, market, 1e-6), 2)
    0.61
    """
    inside = risk_aversion * market.volatility**2 * interval**2 / (2.0 * market.slope(interval))
    return float(np.arccosh(1.0 + inside)) / interval


def schedule(quantity: float, time: float, intervals: int, market: Market, risk_aversion: float) -> Floats:
    """What to sell in each interval for the least E + `risk_aversion`·V."""
    if not (time > 0.0 and intervals > 0 and risk_aversion >= 0.0):
        raise BadInput("bad_execution", "execution", (time, intervals, risk_aversion), "a time and intervals above 0")
    step = time / intervals
    kappa = urgency(step, market, risk_aversion)
    if kappa * time < FLAT:
        return np.full(intervals, quantity / intervals)
    middles = time - (np.arange(1, intervals + 1) - 0.5) * step
    found: Floats = 2.0 * np.sinh(kappa * step / 2.0) / np.sinh(kappa * time) * np.cosh(kappa * middles) * quantity
    return found

"""Margin rate and leverage limit that follow volatility, with speed limits, a floor and tools against procyclicality.

    raw rate_t     = z·σ_t·√h               σ_t EWMA or realised, known before r_t; z from the confidence (normal)
    buffer         rate_t = max(raw_t, min((1 + b)·raw_t, (1 + rebuild)·rate_(t−1)))        b 25 %
    stressed       rate_t = (1 − w)·raw_t + w·stressed rate                                 w 25 %
    long run       rate_t = max(raw_t, z·σ_long·√h)               σ_long over ten years of rows
    floor, speed   rate_t = max(floor, rate_t), then between (1 − fall)·rate_(t−1) and (1 + rise)·rate_(t−1)
    leverage limit = 1 / rate_t

The three tools are those of EMIR, Delegated Regulation 153/2013, article 28: a buffer of at least 25 % that may be
drawn when margins rise, at least 25 % weight of stressed observations, or a floor from ten years of volatility. How a
buffer is drawn and rebuilt is not in the text: here the charged rate stays put while the raw one eats into the buffer,
and rises again by at most `rebuild` per step. A limit on rises trades coverage for calm: backtest it. Float64.
"""

from dataclasses import dataclass
from decimal import Decimal
from math import inf, sqrt
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from marginbook.domain.errors import BadInput
from marginbook.risk_models.parametric import normal_factor
from marginbook.risk_models.volatility import DECAY, WARM_UP, Floats, ewma, log_returns

Tool = Literal["none", "buffer", "stressed", "long_run"]


@dataclass(frozen=True, slots=True)
class Policy:
    """Choices of a volatility-based margin; `days` is the horizon in rows of the price series."""

    confidence: Decimal = Decimal("0.99")
    days: int = 1
    decay: float | None = DECAY
    window: int = 60
    floor: float = 0.0
    rise: float = inf
    fall: float = 1.0
    tool: Tool = "none"
    buffer: float = 0.25
    rebuild: float = 0.01
    stressed_weight: float = 0.25
    stressed_rate: float = 0.0
    long_run: int = 2520

    def __post_init__(self) -> None:
        shares = (self.floor, self.rise, self.buffer, self.rebuild, self.stressed_rate)
        if not (all(x >= 0 for x in shares) and 0 <= self.fall <= 1 and 0 <= self.stressed_weight <= 1):
            raise BadInput("bad_policy", "policy", self, "shares from 0, fall and stressed_weight at most 1")
        if self.days < 1 or self.window < 1 or self.long_run < 1:
            raise BadInput("bad_policy", "policy", self, "days, window and long_run from 1")


@dataclass(frozen=True, slots=True)
class Path:
    """Rates for each row after the first price, plus the one for the time after the last."""

    volatility: Floats
    raw: Floats
    rate: Floats
    warnings: tuple[str, ...] = ()

    @property
    def leverage_limit(self) -> Floats:
        """1 / rate."""
        return 1.0 / self.rate


def margin_path(prices: ArrayLike, policy: Policy) -> Path:
    """Rates of a price series, oldest first; element t uses prices before row t + 1 only, the warm-up excepted.

    >>> calm = [100.0 * 1.01 ** (n % 2) for n in range(100)]
    >>> path = margin_path(calm, Policy(floor=0.01))
    >>> round(float(path.rate[-1]), 6), round(float(path.leverage_limit[-1]), 2)
    (0.023148, 43.2)
    """
    returns = log_returns(prices)
    if returns.shape[1] != 1:
        raise BadInput("bad_prices", "prices", f"{returns.shape[1]} columns", "one price series")
    sigma = ewma(returns, policy.decay)[:, 0] if policy.decay is not None else _realised(returns[:, 0], policy.window)
    scale = normal_factor(policy.confidence, "value_at_risk") * sqrt(policy.days)
    raw = scale * sigma
    wanted, warnings = raw, []
    if policy.tool == "stressed":
        wanted = (1.0 - policy.stressed_weight) * raw + policy.stressed_weight * policy.stressed_rate
    elif policy.tool == "long_run":
        wanted = np.maximum(raw, scale * _realised(returns[:, 0], policy.long_run))
        if len(returns) < policy.long_run:
            warnings.append(f"long-run volatility from {len(returns)} of {policy.long_run} rows")
    rate = np.empty_like(wanted)
    for t, now in enumerate(wanted):
        before = rate[t - 1] if t else None
        if policy.tool == "buffer":
            full = (1.0 + policy.buffer) * now
            now = full if before is None else max(now, min(full, (1.0 + policy.rebuild) * before))
        now = max(policy.floor, now)
        if before is not None:
            now = min(max(now, (1.0 - policy.fall) * before), (1.0 + policy.rise) * before if before else now)
        rate[t] = now
    if not (rate > 0).all():
        raise BadInput("bad_prices", "prices", "a rate of zero", "a floor above 0, or prices that move")
    return Path(sigma, raw, rate, tuple(warnings))


def _realised(returns: Floats, window: int) -> Floats:
    """σ over the `window` returns before each time; while there are fewer than the warm-up, that of the warm-up."""
    squares = returns * returns
    first = min(WARM_UP, window, len(returns))
    out = np.empty(len(returns) + 1)
    for t in range(len(out)):
        end = max(t, first)
        out[t] = sqrt(float(squares[max(0, end - window) : end].mean()))
    return out


@dataclass(frozen=True, slots=True)
class Procyclicality:
    """How much the margin of an unchanged position moves, and what it costs.

    `peak_to_trough` = max / min, `rises[n]` = largest M_(t+n) / M_t, `cost` = mean (Murphy, Vasios and Vause 2014).
    """

    peak_to_trough: float
    rises: dict[int, float]
    cost: float


def procyclicality(margin: ArrayLike, steps: tuple[int, ...] = (1, 5, 20)) -> Procyclicality:
    """Measures of a series of positive margins.

    >>> procyclicality([1.0, 2.0, 1.0, 4.0], (1, 2))
    Procyclicality(peak_to_trough=4.0, rises={1: 4.0, 2: 2.0}, cost=2.0)
    """
    found = np.asarray(margin, np.float64)
    if found.ndim != 1 or not found.size or not (found > 0).all():
        raise BadInput("bad_value", "margin", found.shape, "a series of positive margins")
    rises = {n: float((found[n:] / found[:-n]).max()) for n in steps if n < found.size}
    return Procyclicality(float(found.max() / found.min()), rises, float(found.mean()))

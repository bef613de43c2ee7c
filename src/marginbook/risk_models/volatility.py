"""Volatility of series of returns: realised, exponentially weighted, and the series that filtered models need.

    realised    σ² = Σ_(t in window) r_t² / window                            mean zero
    EWMA        σ²_(t+1) = λ·σ²_t + (1 − λ)·r²_t                              RiskMetrics (1996), λ 0.94 daily

σ_t is known before r_t is. The first σ² is the mean square of the first `warm_up` returns. Rows are times, oldest
first, columns are factors. Volatility is per row of the series (per day for daily returns).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marginbook.domain.errors import BadInput

Floats = NDArray[np.float64]
DECAY, WARM_UP = 0.94, 20


def series(given: ArrayLike) -> Floats:
    """Returns as [time, factor]; BadInput where one is not finite or there are none."""
    found = np.asarray(given, np.float64)
    found = found[:, None] if found.ndim == 1 else found
    if found.ndim != 2 or not found.size or not np.isfinite(found).all():
        raise BadInput("bad_returns", "returns", found.shape, "finite numbers, time × factor, at least one")
    return found


def log_returns(prices: ArrayLike) -> Floats:
    """ln(P_t / P_(t−1)).

    >>> log_returns([100.0, 110.0, 99.0]).round(6).ravel().tolist()
    [0.09531, -0.105361]
    """
    found = series(prices)
    if len(found) < 2 or not (found > 0).all():
        raise BadInput(
            "bad_prices", "prices", f"{len(found)} rows, least {found.min()}", "two positive prices at least"
        )
    return np.diff(np.log(found), axis=0)


def realised(returns: ArrayLike, window: int) -> Floats:
    """Volatility over the last `window` returns, one per factor; all of them where there are fewer."""
    last = series(returns)[-window:]
    found: Floats = np.sqrt((last * last).mean(axis=0))
    return found


def ewma(returns: ArrayLike, decay: float = DECAY, warm_up: int = WARM_UP) -> Floats:
    """σ_1 … σ_T and the forecast σ_(T+1) in the last row [time + 1, factor].

    >>> ewma([0.01, 0.02], decay=0.5, warm_up=1).round(6).ravel().tolist()
    [0.01, 0.01, 0.015811]
    """
    found = series(returns)
    if not 0 <= decay < 1 or warm_up < 1:
        raise BadInput("bad_value", "decay, warm_up", f"{decay}, {warm_up}", "0 ≤ decay < 1, warm_up from 1")
    variance = np.empty((len(found) + 1, found.shape[1]))
    variance[0] = (found[:warm_up] ** 2).mean(axis=0)
    for t, now in enumerate(found):
        variance[t + 1] = decay * variance[t] + (1.0 - decay) * now * now
    return np.sqrt(variance)


def covariance(returns: ArrayLike, decay: float | None = None) -> Floats:
    """Second moments around zero [factor, factor]; `decay` weights row t by λ^(T − t), else all alike.

    >>> covariance([[0.01, 0.02], [0.03, -0.02]]).round(6).tolist()
    [[0.0005, -0.0002], [-0.0002, 0.0004]]
    """
    found = series(returns)
    weights = np.ones(len(found)) if decay is None else decay ** np.arange(len(found) - 1.0, -1.0, -1.0)
    weighted = found * (weights / weights.sum())[:, None]
    return np.array([(weighted * found[:, [j]]).sum(axis=0) for j in range(found.shape[1])])

"""Calibration from prices: volatility, scan ranges, correlation; every number with what it was estimated from.

All prices lie on one grid of UTC times with h rows per horizon, at most 24; over gaps the last price is kept, and
what is before a gap of more than a tenth of the window is left out. With
r_t = ln(P_t / P_(t−1)), x_t = Σ of h returns (overlapping), W rows in the window, tail a = 1 − confidence:

    realised volatility      √(mean r²) in the window, mean zero               per √year of 365 days
    EWMA volatility          σ²_(t+1) = λ·σ²_t + (1 − λ)·r²_t, λ 0.94 a day    the forecast after the last price
    normal range             z·σ_EWMA·√h
    historical ranges        1 − e^x and e^x − 1 of the ⌈n·a⌉-th worst x of either side
    price scan range         the largest of the three, as a share of the price and at the last price
    volatility scan range    ⌈n·a⌉-th largest |σ_(t+h) − σ_t| / σ_t of the EWMA volatility
    correlation              Σ x·y / √(Σ x²·Σ y²) over rows where both have prices of their own; EWMA-weighted too

A price file has no implied volatilities: the volatility scan range is that of a stand-in, and says so. Pairs have rows
of their own, so the matrices may have negative eigenvalues; they are repaired with a warning. Horizons overlap, which
is right for estimates and wrong for tests. Float64. Sources: RiskMetrics (1996) for λ; CME Group, Components of SPAN,
for what scan ranges are; how much a range must cover is each clearing house's own choice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from math import sqrt
from statistics import median

import numpy as np
from numpy.typing import NDArray

from marginbook.domain.errors import BadInput
from marginbook.risk_models.correlation import positive_definite
from marginbook.risk_models.historical import rank
from marginbook.risk_models.parametric import normal_factor
from marginbook.risk_models.reducers import tail_of
from marginbook.risk_models.volatility import DECAY, WARM_UP, Floats, covariance, ewma
from marginbook.units import DAY_MICROSECONDS, format_time

HOUR = DAY_MICROSECONDS // 24
YEAR_DAYS = 365.0
ROWS_PER_HORIZON_MOST = 24
ROWS_MOST = 300_000
GAP_SHARE = 10
"""A gap of more than a tenth of the window ends a history: only what is after the last one counts."""
HOURS_MOST, DAYS_MOST = 10_000, 10_000
CONFIDENCE_LEAST, CONFIDENCE_MOST = Decimal("0.5"), Decimal("0.9999")


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of one market at rising times [µs UTC]."""

    market: str
    times: Sequence[int]
    prices: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Horizon [hours] and confidence of the ranges, window [days] back from the last price of each market."""

    horizon: Decimal = Decimal(24)
    confidence: Decimal = Decimal("0.99")
    window: Decimal = Decimal(365)

    def __post_init__(self) -> None:
        check_choice(self.horizon, self.window, self.confidence)


def check_choice(horizon: Decimal, window: Decimal, confidence: Decimal) -> None:
    """BadInput unless horizon [hours], window [days] and confidence are within their limits."""
    for name, value, most in (("horizon", horizon, HOURS_MOST), ("window", window, DAYS_MOST)):
        if not (value.is_finite() and 0 < value <= most):
            raise BadInput("bad_choice", name, value, f"more than 0, at most {most}")
    if not (confidence.is_finite() and CONFIDENCE_LEAST <= confidence <= CONFIDENCE_MOST):
        raise BadInput("bad_choice", "confidence", confidence, f"{CONFIDENCE_LEAST} to {CONFIDENCE_MOST}")


@dataclass(frozen=True, slots=True)
class Estimate:
    """One number of a market, or of a pair, and what it was estimated from."""

    market: str
    quantity: str
    value: float
    unit: str
    convention: str
    start: int  # [µs UTC] of the first return
    end: int
    observations: int
    with_market: str = ""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Estimates in the order of the markets; matrices alike, after a repair; `step` of the grid [µs]."""

    markets: tuple[str, ...]
    estimates: tuple[Estimate, ...]
    correlation: Floats
    recent_correlation: Floats
    step: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Row:
    """One market on the grid: time of each price, returns to it, and which prices are its own."""

    market: str
    times: NDArray[np.int64]
    last: float
    returns: Floats
    own: NDArray[np.bool_]


def calibrate(series: Sequence[Prices], choice: Choice) -> Calibration:
    """Every estimate of every market.

    >>> days = [day * DAY_MICROSECONDS for day in range(400)]
    >>> prices = [100.0 * 1.01 ** (day % 2) for day in range(400)]
    >>> found = calibrate([Prices("A", days, prices), Prices("B", days, [2 * p for p in prices])], Choice())
    >>> [(e.quantity, round(e.value, 4)) for e in found.estimates[:2]], round(float(found.correlation[0, 1]), 4)
    ([('realised volatility', 0.1901), ('ewma volatility', 0.1901)], 1.0)
    """
    if not series or len({one.market for one in series}) < len(series):
        raise BadInput("bad_prices", "markets", [one.market for one in series], "one or more, no two alike")
    step, rows = _grid(series, choice)
    window = int(choice.window * DAY_MICROSECONDS) // step
    if 1 / tail_of(choice.confidence) > window - rows + 1 or window < rows + WARM_UP:
        raise BadInput("bad_window", "window", f"{choice.window} days", f"a window for tails of {choice.confidence}")
    warnings: list[str] = []
    found = [_on_grid(one, step, window, warnings) for one in series]
    estimates = [estimate for row in found for estimate in _of_market(row, rows, step, choice, warnings)]
    matrices = []
    for decay, name in ((None, "correlation"), (DECAY ** (step / DAY_MICROSECONDS), "ewma correlation")):
        table, pairs = _correlations(found, rows, window, decay, name)
        repaired = positive_definite(table)
        warnings += [f"{name}: {text}" for text in repaired.warnings]
        estimates += pairs
        matrices.append(repaired.matrix)
    names = tuple(row.market for row in found)
    return Calibration(names, tuple(estimates), matrices[0], matrices[1], step, tuple(warnings))


def _grid(series: Sequence[Prices], choice: Choice) -> tuple[int, int]:
    """(step [µs], rows per horizon) of the widest spacing."""
    spacings = []
    for one in series:
        gaps = [after - before for before, after in pairwise(one.times)]
        positive = all(0 < price < float("inf") for price in one.prices)
        if len(one.times) != len(one.prices) or not gaps or min(gaps) <= 0 or not positive:
            raise BadInput("bad_prices", one.market, f"{len(one.times)} rows", "positive prices at rising times")
        spacings.append(median(gaps))
    horizon, widest = int(choice.horizon * HOUR), max(spacings)
    if horizon < widest:
        expected = f"at least the {widest / HOUR:g} h between prices"
        raise BadInput("bad_horizon", "horizon", f"{choice.horizon} h", expected)
    rows = min(ROWS_PER_HORIZON_MOST, int(horizon // widest))
    return horizon // rows, rows


def _on_grid(one: Prices, step: int, window: int, warnings: list[str]) -> _Row:
    times = np.asarray(one.times, np.int64)
    first, last = -(-int(times[0]) // step), int(times[-1]) // step
    if not 1 + WARM_UP <= last - first <= ROWS_MOST:
        raise BadInput("short_history", one.market, f"{max(0, last - first)} rows", f"{1 + WARM_UP} to {ROWS_MOST}")
    grid = step * np.arange(first, last + 1, dtype=np.int64)
    index = np.searchsorted(times, grid, side="right") - 1
    own = np.concatenate([[True], np.diff(index) > 0])
    seen = np.flatnonzero(own)
    breaks = seen[1:][np.diff(seen) > max(1, window // GAP_SHARE)]
    if len(breaks):
        grid, index, own = grid[breaks[-1] :], index[breaks[-1] :], own[breaks[-1] :]
        warnings.append(f"{one.market}: prices before {format_time(int(grid[0]))} left out, a long gap is after them")
    rows = len(grid) - 1
    if rows < 1 + WARM_UP:
        raise BadInput("short_history", one.market, f"{rows} rows", f"at least {1 + WARM_UP}, without a long gap")
    if 2 * own.sum() < len(own):
        told = f"{int((~own).sum())} of {len(own)} rows without a price"
        raise BadInput("bad_prices", one.market, told, "a history with fewer gaps")
    if rows < window:
        warnings.append(f"{one.market}: {rows * step / DAY_MICROSECONDS:g} days of prices, fewer than the window")
    kept = int((~own[-window - 1 :]).sum())
    if kept:
        warnings.append(f"{one.market}: {kept} rows of the window without a price of their own, the last one is kept")
    prices = np.asarray(one.prices, np.float64)[index]
    return _Row(one.market, grid, float(prices[-1]), np.diff(np.log(prices)), own)


def _of_market(row: _Row, rows: int, step: int, choice: Choice, warnings: list[str]) -> list[Estimate]:
    window = min(int(choice.window * DAY_MICROSECONDS) // step, len(row.returns))
    days, confidence = step / DAY_MICROSECONDS, choice.confidence
    decay = DECAY**days
    returns = row.returns[-window:]
    sigma = ewma(row.returns, decay)[:, 0]
    now, yearly = float(sigma[-1]), sqrt(YEAR_DAYS / days)
    total = np.concatenate([[0.0], np.cumsum(returns)])
    changes = np.sort(total[rows:] - total[:-rows])
    k = rank(len(changes), 1 - confidence, "ceiling")
    normal = normal_factor(confidence, "value_at_risk") * now * sqrt(rows)
    down, up = float(-np.expm1(changes[k])), float(np.expm1(changes[-1 - k]))
    share = max(normal, down, up)
    start, end = int(row.times[-window - 1]), int(row.times[-1])
    horizon = f"{choice.horizon} h"

    def estimate(quantity: str, value: float, unit: str, convention: str, observations: int) -> Estimate:
        first = start if observations <= window else int(row.times[0])
        return Estimate(row.market, quantity, value, unit, convention, first, end, observations)

    found = [
        estimate("realised volatility", yearly * sqrt(float((returns**2).mean())), "per √year", "mean zero", window),
        estimate("ewma volatility", yearly * now, "per √year", f"λ {DECAY} a day, whole history", len(row.returns)),
        estimate("normal range", normal, "share", f"z·σ·√h of the EWMA volatility, {confidence}, {horizon}", window),
        estimate("range down", down, "share", f"⌈n·a⌉-th worst, {confidence}, {horizon}, overlapping", len(changes)),
        estimate("range up", up, "share", f"⌈n·a⌉-th worst, {confidence}, {horizon}, overlapping", len(changes)),
        estimate("price scan range", share, "share", "largest of the normal and both historical ranges", len(changes)),
        estimate("price scan range", share * row.last, "price", "share times the last price", len(changes)),
    ]
    known = sigma[-window:]
    if not (known > 0).all():
        warnings.append(f"{row.market}: prices that stood still have no volatility scan range")
        return found
    moves = np.sort(np.abs(known[rows:] / known[:-rows] - 1.0))
    swing = float(moves[-1 - rank(len(moves), 1 - confidence, "ceiling")])
    stand_in = f"EWMA volatility as a stand-in for the implied one, {confidence}, {horizon}, overlapping"
    found.append(estimate("volatility scan range", swing, "share of volatility", stand_in, len(moves)))
    return found


def _correlations(
    found: Sequence[_Row], rows: int, window: int, decay: float | None, name: str
) -> tuple[Floats, list[Estimate]]:
    """The matrix of changes over the horizon, from the common rows of each pair."""
    table, pairs = np.eye(len(found)), []
    for i, one in enumerate(found):
        for j, other in enumerate(found[:i]):
            changes, times = _common(one, other, rows, window)
            moments = covariance(changes, decay)
            scale = sqrt(float(moments[0, 0] * moments[1, 1]))
            value = min(1.0, max(-1.0, float(moments[0, 1]) / scale)) if scale > 0 else 0.0
            table[i, j] = table[j, i] = value
            convention = f"of changes over {rows} rows, overlapping" + (
                f", λ {DECAY} a day" if decay else ", mean zero"
            )
            pair = (name, value, "", convention, int(times[0]), int(times[-1]), len(times))
            pairs.append(Estimate(other.market, *pair, with_market=one.market))
    return table, pairs


def _common(one: _Row, other: _Row, rows: int, window: int) -> tuple[Floats, NDArray[np.int64]]:
    """Changes over the horizon of both inside the window, where both begin and end at prices of their own."""
    sides = []
    for row in (one, other):
        total = np.concatenate([[0.0], np.cumsum(row.returns)])
        whole = row.own[rows:] & row.own[:-rows]
        whole[: max(0, len(row.returns) - window)] = False
        sides.append((row.times[rows:][whole], (total[rows:] - total[:-rows])[whole]))
    times, left, right = np.intersect1d(sides[0][0], sides[1][0], assume_unique=True, return_indices=True)
    if len(times) < WARM_UP:
        raise BadInput("short_history", f"{one.market}, {other.market}", f"{len(times)} common rows", f"{WARM_UP}")
    return np.column_stack([sides[0][1][left], sides[1][1][right]]), times


def period(estimate: Estimate) -> tuple[str, str]:
    """From and to, as text."""
    return format_time(estimate.start), format_time(estimate.end)

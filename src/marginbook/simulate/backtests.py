"""Margin models side by side on one price history: coverage, size of exceedances, procyclicality and cost.

The history is laid on a regular grid (the last price is kept over gaps) with a horizon of h rows, at most 24. A margin
is set once per horizon, at every h-th row t, from prices up to t; it is tested against the loss to row t + h, so that
tested periods do not overlap. With x_s = ln(P_(s+h) / P_s), window of W rows, tail a = 1 − confidence:

    historical      the ⌈n·a⌉-th worst of x_s, s + h ≤ t, in the window
    age-weighted    the same with probability ∝ λ^age, λ 0.99 a day        Boudoukh, Richardson and Whitelaw (1998)
    filtered        σ_t · the ⌈n·a⌉-th worst of x_s / σ_s                  Hull and White (1998); σ EWMA, λ 0.94 a day
    normal          z·σ·√h, σ realised in the window
    ewma            z·σ_t·√h
    ewma-buffer, ewma-stressed, ewma-long-run                              `risk_models.dynamic`: with a tool against it

The first three have a rate of each side, 1 − e^x and e^x − 1; the others one of both. `ewma-stressed` takes the largest
rate before the first tested row as its stressed one. Procyclicality and cost are of the mean of both sides.

Each model also forecasts the mean loss beyond its rate: the first three the mean of their worst a (of their losses),
the others rate·φ(z)/(a·z). `risk_models.shortfall` tests it. Float64.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from statistics import median
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marginbook.domain.errors import BadInput
from marginbook.risk_models.backtest import Coverage, coverage
from marginbook.risk_models.calibration import check_choice
from marginbook.risk_models.dynamic import Policy, Procyclicality, Tool, margin_path, procyclicality
from marginbook.risk_models.historical import rank
from marginbook.risk_models.parametric import normal_factor
from marginbook.risk_models.reducers import tail_of
from marginbook.risk_models.shortfall import Shortfall, Tail, critical, shortfall_tests
from marginbook.risk_models.volatility import DECAY, WARM_UP, Floats, ewma, log_returns, realised
from marginbook.units import DAY_MICROSECONDS, format_time

HOUR = DAY_MICROSECONDS // 24
ROWS_PER_HORIZON_MOST = 24
ROWS_MOST = 300_000
EXPECTED_LEAST = Fraction(5, 2)
"""Exceedances to be expected, below which a warning says that the tests mean little: the 250 days at 99 % of Basel."""
AGE_DECAY = 0.99
"""Weight of a scenario against one that is a day younger."""
REBUILD = 0.01
"""Most by which a drawn buffer is rebuilt in a day."""
LONG_RUN_DAYS = 3652

Tick = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is compared: horizon [hours], confidence, window of the models [days], tested time [µs], models by name."""

    horizon: Decimal = Decimal(24)
    confidence: Decimal = Decimal("0.99")
    window: Decimal = Decimal(365)
    start: int | None = None
    end: int | None = None
    models: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_choice(self.horizon, self.window, self.confidence)
        for model in self.models:
            if model not in MODELS:
                raise BadInput("unknown_model", "model", model, "one of " + ", ".join(MODELS))


@dataclass(frozen=True, slots=True)
class Result:
    """One model: its rate at each tested row, the coverage of both sides, how much it moved, what it cost.

    Tests of the shortfall of each side are None where a forecast is 0.
    """

    model: str
    long_rate: Floats
    short_rate: Floats
    long: Coverage
    short: Coverage
    long_shortfall: Shortfall | None
    short_shortfall: Shortfall | None
    movement: Procyclicality
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """All models on the same tested rows: `times` [µs] when margins were set, `change` of price to the horizon."""

    market: str
    choice: Choice
    times: NDArray[np.int64]
    change: Floats
    tested: tuple[Result, ...]
    critical: dict[str, float]  # Z2 at 5 % for losses with that tail
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ground:
    """What a model sees: prices and returns on the grid, lengths in rows, tested rows `at`."""

    prices: Floats
    returns: Floats
    changes: Floats  # x_s over the horizon
    rows: int
    window: int
    days: float  # of one row
    at: NDArray[np.int64]
    confidence: Decimal

    def volatility(self) -> Floats:
        """EWMA σ per row, known at each row."""
        found: Floats = ewma(self.returns, DECAY**self.days)[:, 0]
        return found


def compare(
    times: ArrayLike, prices: ArrayLike, choice: Choice, market: str = "prices", tick: Tick | None = None
) -> Comparison:
    """Every model of `choice` (default: all) on a history, oldest first.

    >>> random = np.random.default_rng(1)
    >>> prices = 100 * np.exp(np.cumsum(0.01 * random.standard_normal(1500)))
    >>> days = np.arange(1500) * DAY_MICROSECONDS
    >>> found = compare(days, prices, Choice(models=("historical", "ewma")))
    >>> [(t.model, t.long.periods, t.long.exceeded, t.long.zone) for t in found.tested]
    [('historical', 1134, 12, 'green'), ('ewma', 1134, 17, 'yellow')]
    """
    grid, ground, warnings = _ground(np.asarray(times, np.int64), np.asarray(prices, np.float64), choice)
    change = ground.prices[ground.at + ground.rows] / ground.prices[ground.at] - 1.0
    names = tuple(dict.fromkeys(choice.models)) or tuple(MODELS)
    tested = []
    for done, name in enumerate(names):
        if tick:
            tick(done, len(names))
        found = MODELS[name][1](ground)
        tested.append(
            Result(
                name,
                found.long,
                found.short,
                coverage(-change, found.long, choice.confidence),
                coverage(change, found.short, choice.confidence),
                _shortfall(-change, found.long, found.long_mean, choice.confidence),
                _shortfall(change, found.short, found.short_mean, choice.confidence),
                procyclicality(0.5 * (found.long + found.short)),
                found.warnings,
            )
        )
    if tick:
        tick(len(names), len(names))
    tails: tuple[Tail, ...] = ("normal", "t3")
    limits: dict[str, float] = {tail: critical(len(change), choice.confidence, tail=tail) for tail in tails}
    return Comparison(market, choice, grid[ground.at], change, tuple(tested), limits, warnings)


def _shortfall(lost: Floats, margin: Floats, mean: Floats, confidence: Decimal) -> Shortfall | None:
    return shortfall_tests(lost, margin, mean, confidence) if (mean > 0).all() else None


def _ground(
    times: NDArray[np.int64], prices: Floats, choice: Choice
) -> tuple[NDArray[np.int64], Ground, tuple[str, ...]]:
    if times.shape != prices.shape or times.ndim != 1 or len(times) < 3 or not (np.diff(times) > 0).all():
        raise BadInput("bad_prices", "prices", f"{times.shape}, {prices.shape}", "three or more prices at rising times")
    horizon, spacing = int(choice.horizon * HOUR), median(after - before for before, after in pairwise(times.tolist()))
    if horizon < spacing:
        raise BadInput(
            "bad_horizon", "horizon", f"{choice.horizon} h", f"at least the {spacing / HOUR:g} h between prices"
        )
    rows = min(ROWS_PER_HORIZON_MOST, int(horizon // spacing))
    step = horizon // rows
    count = int((times[-1] - times[0]) // step) + 1
    window = int(choice.window * DAY_MICROSECONDS) // step
    if count > ROWS_MOST:
        raise BadInput("file_too_large", "prices", f"{count} rows", f"at most {ROWS_MOST}: a longer horizon")
    grid = times[0] + step * np.arange(count, dtype=np.int64)
    index = np.searchsorted(times, grid, side="right") - 1
    kept = int((np.diff(index) == 0).sum())
    if 2 * kept > count:
        raise BadInput("bad_prices", "prices", f"{kept} of {count} rows without a price", "a history with fewer gaps")
    needed = 1 / tail_of(choice.confidence)
    if window < rows + WARM_UP or window - rows + 1 < needed:
        least = max(float(rows + WARM_UP), float(needed) + rows) * step / DAY_MICROSECONDS
        expected = f"at least {least:.3g} days"
        raise BadInput("bad_window", "window", f"{choice.window} days", expected)
    first = max(window, 0 if choice.start is None else int(np.searchsorted(grid, choice.start)))
    last = count - 1 if choice.end is None else int(np.searchsorted(grid, choice.end, side="right")) - 1
    at = np.arange(first, last - rows + 1, rows, dtype=np.int64)
    if len(at) < 2:
        shown = f"{format_time(int(times[0]))} to {format_time(int(times[-1]))}"
        raise BadInput("short_history", "prices", shown, f"two tested horizons after a window of {choice.window} days")
    on_grid = prices[index]
    returns = log_returns(on_grid)[:, 0]
    total = np.concatenate([[0.0], np.cumsum(returns)])
    warnings = [f"{kept} of {count} rows without a price of their own: the last one is kept"] if kept else []
    if choice.start is not None and grid[first] > choice.start + step:
        warnings.append(f"tested from {format_time(int(grid[first]))}, after the first window")
    if len(at) < EXPECTED_LEAST * needed:
        warnings.append(f"{len(at)} periods are too few for p-values and zones at {choice.confidence}")
    days = step / DAY_MICROSECONDS
    ground = Ground(on_grid, returns, total[rows:] - total[:-rows], rows, window, days, at, choice.confidence)
    return grid, ground, tuple(warnings)


@dataclass(frozen=True, slots=True)
class Rates:
    """Rates of both sides at the tested rows, and the forecast mean losses beyond them."""

    long: Floats
    short: Floats
    long_mean: Floats
    short_mean: Floats
    warnings: tuple[str, ...] = ()


def _of_tails(values: Floats, ground: Ground, scale: Floats) -> Rates:
    """From the worst changes of the window, in logarithms and times the row's `scale`: the last loss and the mean."""
    count = ground.window - ground.rows + 1
    many = rank(count, 1 - ground.confidence, "ceiling") + 1
    reached = float(tail_of(ground.confidence) * count)
    shares = np.ones(many)
    shares[-1] = reached - (many - 1)  # the last one belongs to the tail in part
    found = np.empty((4, len(ground.at)))
    for i, t in enumerate(ground.at):
        seen = values[t - ground.window : t - ground.rows + 1]
        ordered = np.partition(seen, (many - 1, count - many))
        sides = -np.sort(ordered[:many]), np.sort(ordered[-many:])[::-1]
        lost = -np.expm1(-sides[0] * scale[i]), np.expm1(sides[1] * scale[i])
        found[:2, i] = [side[-1] for side in lost]
        found[2:, i] = [float((shares * side).sum()) / reached for side in lost]
    return Rates(*np.maximum(0.0, found))


def _historical(ground: Ground) -> Rates:
    return _of_tails(ground.changes, ground, np.ones(len(ground.at)))


def _filtered(ground: Ground) -> Rates:
    sigma = ground.volatility()
    if not (sigma > 0).all():
        raise BadInput("bad_prices", "prices", "no volatility", "prices that move")
    return _of_tails(ground.changes / sigma[: len(ground.changes)], ground, sigma[ground.at])


def _age_weighted(ground: Ground) -> Rates:
    count, tail = ground.window - ground.rows + 1, float(tail_of(ground.confidence))
    weights = (AGE_DECAY**ground.days) ** np.arange(count - 1.0, -1.0, -1.0)
    weights /= weights.sum()
    found = np.empty((4, len(ground.at)))
    for i, t in enumerate(ground.at):
        seen = ground.changes[t - ground.window : t - ground.rows + 1]
        found[0, i], found[2, i] = _reached(seen, -np.expm1(seen), weights, tail)
        found[1, i], found[3, i] = _reached(-seen, np.expm1(seen), weights, tail)
    return Rates(*np.maximum(0.0, found))


def _reached(values: Floats, losses: Floats, weights: Floats, tail: float) -> tuple[float, float]:
    """Loss of the value at which the weight of the lower ones and itself reaches `tail`; mean loss of that tail."""
    few = min(len(values), 256)
    while True:
        lowest = np.argpartition(values, few - 1)[:few]
        lowest = lowest[np.argsort(values[lowest])]
        reached = np.cumsum(weights[lowest])
        if reached[-1] >= tail or few == len(values):
            last = min(few - 1, int(np.searchsorted(reached, tail)))
            shares = np.minimum(weights[lowest], np.maximum(0.0, tail - reached + weights[lowest]))[: last + 1]
            tail_losses = losses[lowest[: last + 1]]
            return float(tail_losses[-1]), float((shares * tail_losses).sum() / shares.sum())
        few = min(len(values), 4 * few)


def _same(rate: Floats, ground: Ground, warnings: tuple[str, ...] = ()) -> Rates:
    """One rate of both sides, of a normal distribution."""
    beyond = normal_factor(ground.confidence, "expected_shortfall") / normal_factor(ground.confidence, "value_at_risk")
    return Rates(rate, rate, rate * beyond, rate * beyond, warnings)


def _normal(ground: Ground) -> Rates:
    scale = normal_factor(ground.confidence, "value_at_risk") * ground.rows**0.5
    return _same(np.array([scale * float(realised(ground.returns[:t], ground.window)[0]) for t in ground.at]), ground)


def _dynamic(tool: Tool) -> Callable[[Ground], Rates]:
    def rates(ground: Ground) -> Rates:
        stressed = 0.0
        if tool == "stressed":
            first = int(ground.at[0])
            scale = normal_factor(ground.confidence, "value_at_risk") * ground.rows**0.5
            stressed = scale * float(ground.volatility()[:first].max())
        policy = Policy(
            confidence=ground.confidence,
            days=ground.rows,
            decay=DECAY**ground.days,
            tool=tool,
            rebuild=(1.0 + REBUILD) ** ground.days - 1.0,
            stressed_rate=stressed,
            long_run=int(LONG_RUN_DAYS / ground.days),
        )
        path = margin_path(ground.prices, policy)
        return _same(path.rate[ground.at], ground, path.warnings)

    return rates


MODELS: Mapping[str, tuple[str, Callable[[Ground], Rates]]] = MappingProxyType(
    {
        "historical": ("historical value at risk of the window", _historical),
        "age-weighted": ("historical, recent scenarios weigh more", _age_weighted),
        "filtered": ("historical, rescaled to the volatility of now", _filtered),
        "normal": ("delta-normal, volatility of the window", _normal),
        "ewma": ("delta-normal, EWMA volatility", _dynamic("none")),
        "ewma-buffer": ("EWMA with a 25 % buffer that may be drawn", _dynamic("buffer")),
        "ewma-stressed": ("EWMA with a 25 % weight of a stressed rate", _dynamic("stressed")),
        "ewma-long-run": ("EWMA, never below the ten-year volatility", _dynamic("long_run")),
    }
)
"""Name -> what it is, and its rates."""


def answer(found: Comparison) -> dict[str, Any]:
    """The comparison as plain values: shares of notional, exceedances with their times."""
    choice = found.choice
    return {
        "market": found.market,
        "horizon_hours": str(choice.horizon),
        "confidence": str(choice.confidence),
        "window_days": str(choice.window),
        "from": format_time(int(found.times[0])),
        "to": format_time(int(found.times[-1]) + int(choice.horizon * HOUR)),
        "periods": len(found.times),
        "expected_exceedances": float(tail_of(choice.confidence)) * len(found.times),
        "shortfall_z2_at_5_percent": found.critical,
        "models": [_model_answer(found, tested) for tested in found.tested],
        "warnings": list(found.warnings),
    }


def _model_answer(found: Comparison, tested: Result) -> dict[str, Any]:
    return {
        "model": tested.model,
        "description": MODELS[tested.model][0],
        "long": _side_answer(tested.long, tested.long_shortfall),
        "short": _side_answer(tested.short, tested.short_shortfall),
        "mean_rate": tested.movement.cost,
        "peak_to_trough": tested.movement.peak_to_trough,
        "largest_rise": {str(n): rise for n, rise in tested.movement.rises.items()},
        "exceedances": exceedances(found, tested),
        "warnings": list(tested.warnings),
    }


def _side_answer(side: Coverage, shortfall: Shortfall | None) -> dict[str, Any]:
    return {
        "exceeded": side.exceeded,
        "coverage": 1.0 - side.exceeded / side.periods,
        "kupiec_p": side.kupiec.p_value,
        "independence_p": side.independence.p_value,
        "christoffersen_p": side.conditional.p_value,
        "basel_zone": side.zone,
        "largest_exceedance": side.largest,
        "mean_exceedance": side.mean,
        "shortfall_z1": shortfall and shortfall.z1,
        "shortfall_z2": shortfall and shortfall.z2,
        "shortfall_mcneil_frey_p": shortfall and shortfall.p_value,
    }


def exceedances(found: Comparison, tested: Result) -> list[dict[str, Any]]:
    """When the margin was set, the side that lost more than it, its loss and its rate; in order of time."""
    rows = []
    for side, loss, rates in (("long", -found.change, tested.long_rate), ("short", found.change, tested.short_rate)):
        for i in np.flatnonzero(loss > rates):
            rows.append(
                {
                    "time": format_time(int(found.times[i])),
                    "side": side,
                    "loss": float(loss[i]),
                    "rate": float(rates[i]),
                }
            )
    return sorted(rows, key=lambda row: str(row["time"]))

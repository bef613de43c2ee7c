"""Seeded price paths of several assets: multiples of the start prices at each step of a horizon.

With R the correlation, L·Lᵀ = R its Cholesky factor, z standard normal, dt = horizon / steps in years and σ volatility
a year, the log move of a step is

    gbm        (μ − σ²/2)·dt + σ·√dt·(L·z)
    student    −σ²·dt/2 + σ·√dt·(L·z)·√((ν − 2) / χ²_ν)   one χ² per step for all assets; standard deviation σ·√dt
    jump       the gbm plus N·m + s·√N·z′, N ~ Poisson(λ·dt), common to all assets; the drift takes out
               λ·dt·(e^(m + s²/2) − 1), so that prices stay fair                                      Merton (1976)
    bootstrap  rows of joint log moves of a history, drawn in blocks of consecutive rows             Künsch (1989)

Path n of seed s comes from `SeedSequence(s, spawn_key=(n,))` alone and from elementwise operations in a fixed order, so
that it does not depend on which process draws it, nor on what else is drawn. Float64.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from marginbook.domain.errors import BadInput

Floats = NDArray[np.float64]
YEAR_HOURS = 8_760.0
STEPS_MOST = 10_000
SINGULAR = 1e-12
"""A pivot below this, of a correlation, counts as 0: one asset is a mix of others."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """How prices move. Assets are underlyings: ETH moves WETH, wstETH and ETHUSDT alike."""

    kind: str
    assets: tuple[str, ...]
    steps: int = 24
    horizon: float = 24.0  # [hours]
    volatility: Floats | None = None  # [assets] a year
    factor: Floats | None = None  # [assets, assets] lower triangle, `cholesky` of the correlation
    drift: float = 0.0  # a year, of all assets; gbm only
    degrees: float = 4.0  # student
    jumps: float = 12.0  # jump: expected number a year
    jump_mean: float = -0.1  # jump: mean log move
    jump_deviation: float = 0.1  # jump: standard deviation of the log move
    history: Floats | None = None  # bootstrap: [rows, assets] log moves
    rows: int = 24  # bootstrap: rows of history in a horizon
    block: int = 6  # bootstrap: rows in a block

    def __post_init__(self) -> None:
        checks = (
            ("model", self.kind, self.kind in DRAWS, "one of " + ", ".join(sorted(DRAWS))),
            ("steps", self.steps, 1 <= self.steps <= STEPS_MOST, f"1 to {STEPS_MOST}"),
            ("horizon", self.horizon, 0 < self.horizon <= 10 * YEAR_HOURS, "hours above 0, at most 10 years"),
            ("degrees", self.degrees, self.degrees > 2, "more than 2, so that there is a variance"),
            ("assets", len(self.assets), len(self.assets) > 0, "at least one asset that is not stable"),
        )
        for place, value, fine, expected in checks:
            if not fine:
                raise BadInput("bad_model", place, value, expected)
        if self.kind == "bootstrap":
            found = 0 if self.history is None else len(self.history)
            if found < self.block or not self.block >= 1 or self.rows < self.steps:
                expected = f"at least {self.block} rows of history, and {self.steps} rows in a horizon"
                raise BadInput("bad_model", "history", f"{found} rows, {self.rows} in a horizon", expected)
        elif self.volatility is None or self.factor is None:
            raise BadInput("bad_model", "volatility", "nothing", "a volatility and a correlation of each asset")


def path(model: Model, seed: int, number: int) -> Floats:
    """Prices of path `number` as multiples of the start: [steps, assets].

    >>> model = Model(kind="gbm", assets=("ETH",), steps=2, volatility=np.array([0.8]), factor=np.eye(1))
    >>> bool((path(model, 1, 7) == path(model, 1, 7)).all()), path(model, 1, 7).shape
    (True, (2, 1))
    """
    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(number,))))
    return np.exp(np.cumsum(DRAWS[model.kind](model, random), axis=0))


def paths(model: Model, seed: int, first: int, end: int) -> Floats:
    """Paths `first` to `end`, exclusive: [paths, steps, assets]."""
    return np.stack([path(model, seed, number) for number in range(first, end)])


def _correlated(model: Model, random: np.random.Generator) -> tuple[Floats, Floats, float]:
    """(L·z, σ, dt); the sum over columns of L in the order of assets, not by a library that picks its own order."""
    assert model.volatility is not None
    assert model.factor is not None
    z = random.standard_normal((model.steps, len(model.assets)))
    mixed = np.zeros_like(z)
    for column in range(z.shape[1]):
        mixed += z[:, column : column + 1] * model.factor[:, column]
    return mixed, model.volatility, model.horizon / YEAR_HOURS / model.steps


def _gbm(model: Model, random: np.random.Generator) -> Floats:
    mixed, sigma, dt = _correlated(model, random)
    moves: Floats = (model.drift - 0.5 * sigma * sigma) * dt + sigma * np.sqrt(dt) * mixed
    return moves


def _student(model: Model, random: np.random.Generator) -> Floats:
    mixed, sigma, dt = _correlated(model, random)
    wide = np.sqrt((model.degrees - 2.0) / random.chisquare(model.degrees, (model.steps, 1)))
    moves: Floats = -0.5 * sigma * sigma * dt + sigma * np.sqrt(dt) * mixed * wide
    return moves


def _jump(model: Model, random: np.random.Generator) -> Floats:
    moves = _gbm(model, random)
    mean, deviation = model.jump_mean, model.jump_deviation
    rate = model.jumps * model.horizon / YEAR_HOURS / model.steps
    count = random.poisson(rate, (model.steps, 1)).astype(np.float64)
    jumped = count * mean + np.sqrt(count) * deviation * random.standard_normal((model.steps, 1))
    moves += jumped - rate * np.expm1(mean + 0.5 * deviation * deviation)
    return moves


def _bootstrap(model: Model, random: np.random.Generator) -> Floats:
    assert model.history is not None
    blocks = -(-model.rows // model.block)
    starts = random.integers(0, len(model.history) - model.block + 1, blocks)
    rows = (starts[:, None] + np.arange(model.block)).ravel()[: model.rows]
    total = np.cumsum(model.history[rows], axis=0)
    ends = np.arange(1, model.steps + 1) * model.rows // model.steps - 1
    return np.diff(total[ends], axis=0, prepend=0.0)


DRAWS: Mapping[str, Callable[[Model, np.random.Generator], Floats]] = MappingProxyType(
    {"gbm": _gbm, "student": _student, "jump": _jump, "bootstrap": _bootstrap}
)
"""Kind of model -> log moves of each step, [steps, assets]."""


def cholesky(correlation: Sequence[Sequence[float]] | Floats) -> Floats:
    """L, lower triangular, with L·Lᵀ = `correlation`; BadInput where that is no correlation.

    >>> cholesky([[1.0, 0.6], [0.6, 1.0]]).tolist()
    [[1.0, 0.0], [0.6, 0.8]]
    """
    given = np.array(correlation, np.float64)
    size = len(given)
    unit = given.shape == (size, size) and np.isfinite(given).all() and (np.diag(given) == 1.0).all()
    if not unit or (given != given.T).any():
        raise BadInput(
            "bad_correlation", "correlation", given.tolist(), "a square, symmetric table with a diagonal of 1"
        )
    lower = np.zeros_like(given)
    for i in range(size):
        for j in range(i + 1):
            rest = float(given[i, j])
            for k in range(j):
                rest -= float(lower[i, k]) * float(lower[j, k])
            if i == j:
                if rest < -SINGULAR:
                    raise BadInput("bad_correlation", f"correlation[{i}]", given[i].tolist(), "positive semidefinite")
                lower[i, i] = np.sqrt(rest) if rest > SINGULAR else 0.0
            elif lower[j, j]:
                lower[i, j] = rest / lower[j, j]
            elif abs(rest) > 1e-6:
                raise BadInput("bad_correlation", f"correlation[{i}]", given[i].tolist(), "positive semidefinite")
    return lower


def common_correlation(size: int, correlation: float) -> Floats:
    """The same correlation between any two of `size` assets."""
    table = np.full((size, size), correlation)
    np.fill_diagonal(table, 1.0)
    return table


def measured(moves: Floats, hours: float) -> tuple[Floats, Floats]:
    """(volatility a year, correlation) of joint log moves [rows, assets], each over so many hours; mean taken as 0."""
    if len(moves) < 2 or not (moves != 0.0).any(axis=0).all():
        raise BadInput(
            "bad_model", "history", f"{len(moves)} rows", "at least 2 rows, and a price of each asset that moves"
        )
    second = np.array([[float((a * b).mean()) for b in moves.T] for a in moves.T])
    deviation = np.sqrt(np.diag(second))
    correlation = second / deviation[:, None] / deviation
    np.fill_diagonal(correlation, 1.0)
    return deviation * np.sqrt(YEAR_HOURS / hours), correlation


def conditional_moves(
    volatility: Mapping[str, float], correlation: Floats, given: Mapping[str, float]
) -> dict[str, float]:
    """The log moves of all assets to be expected with those `given`: x_o = Σ_og·Σ_gg⁻¹·x_g.

    >>> table = common_correlation(2, 0.5)
    >>> found = conditional_moves({"ETH": 0.8, "SOL": 1.2}, table, {"ETH": -0.2})
    >>> {name: round(move, 3) for name, move in found.items()}
    {'ETH': -0.2, 'SOL': -0.15}
    """
    names = list(volatility)
    unknown = [name for name in given if name not in volatility]
    if unknown or not given:
        raise BadInput("unknown_market", "given", ", ".join(unknown) or "nothing", "some of " + ", ".join(names))
    scale = np.array(list(volatility.values()))
    covariance = correlation * scale[:, None] * scale
    known = [names.index(name) for name in given]
    weights = np.linalg.solve(covariance[np.ix_(known, known)], np.array(list(given.values())))
    return {name: given.get(name, float(covariance[i, known] @ weights)) for i, name in enumerate(names)}

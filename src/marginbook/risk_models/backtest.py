"""Backtest of a margin rate on a price history: coverage, size of exceedances, procyclicality and cost.

    loss of a long position over h rows = 1 − P_(t+h) / P_t,   of a short one = P_(t+h) / P_t − 1
    exceeded where loss > rate_t, the rate that was known before row t

Windows do not overlap (every h-th row), since the coverage tests need independent periods. The first rows, whose
volatility comes from the warm-up and so from their own future, are left out. Tests of an expected shortfall are in
`shortfall`.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from marginbook.domain.errors import BadInput
from marginbook.risk_models.coverage import (
    LikelihoodRatio,
    basel_zone,
    christoffersen,
    independence,
    kupiec,
    transitions,
)
from marginbook.risk_models.dynamic import Policy, Procyclicality, margin_path, procyclicality
from marginbook.risk_models.reducers import tail_of
from marginbook.risk_models.volatility import WARM_UP, Floats, series

Side = Literal["long", "short"]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of one side: periods, how many exceeded, by how much of the notional, and what the tests say.

    `zone` is that of the Basel traffic light for as many periods, at the tail of the model.
    """

    periods: int
    exceeded: int
    largest: float
    mean: float
    kupiec: LikelihoodRatio
    independence: LikelihoodRatio
    conditional: LikelihoodRatio
    zone: str


@dataclass(frozen=True, slots=True)
class Backtest:
    """One policy on one history: rates by row, coverage of both sides, procyclicality and cost (the mean rate)."""

    rate: Floats
    long: Coverage
    short: Coverage
    movement: Procyclicality
    warnings: tuple[str, ...] = ()


def losses(prices: ArrayLike, days: int, side: Side) -> Floats:
    """Loss per unit of notional over `days` rows from each row on.

    >>> losses([100.0, 80.0, 120.0], 1, "long").tolist(), losses([100.0, 80.0, 120.0], 1, "short").tolist()
    ([0.19999999999999996, -0.5], [-0.19999999999999996, 0.5])
    """
    found = series(prices)[:, 0]
    if not 1 <= days < len(found) or not (found > 0).all():
        raise BadInput("bad_prices", "prices", len(found), f"more than {days} positive prices")
    ratio = found[days:] / found[:-days]
    return 1.0 - ratio if side == "long" else ratio - 1.0


def coverage(lost: ArrayLike, margin: ArrayLike, confidence: Decimal) -> Coverage:
    """Losses against the margins held, period by period.

    >>> found = coverage([0.02, -0.01, 0.05, 0.0], [0.03] * 4, Decimal("0.99"))
    >>> found.exceeded, round(found.largest, 12), found.zone
    (1, 0.02, 'yellow')
    """
    loss, held = np.asarray(lost, np.float64), np.asarray(margin, np.float64)
    if loss.shape != held.shape or loss.ndim != 1 or not loss.size:
        raise BadInput("no_backtest", "losses", f"{loss.shape}, {held.shape}", "two series of one length, not empty")
    beyond = loss - held
    exceeded = beyond > 0
    count, tail = int(exceeded.sum()), float(tail_of(confidence))
    flags = exceeded.tolist()
    return Coverage(
        periods=loss.size,
        exceeded=count,
        largest=float(beyond[exceeded].max()) if count else 0.0,
        mean=float(beyond[exceeded].mean()) if count else 0.0,
        kupiec=kupiec(count, loss.size, tail),
        independence=independence(*transitions(flags)),
        conditional=christoffersen(flags, tail),
        zone=basel_zone(count, loss.size, tail),
    )


def backtest(prices: ArrayLike, policy: Policy, skip: int = WARM_UP) -> Backtest:
    """The policy on a price series, oldest first.

    >>> random = np.random.default_rng(1)
    >>> prices = 100 * np.exp(np.cumsum(0.01 * random.standard_normal(2000)))
    >>> found = backtest(prices, Policy())
    >>> found.long.periods, found.long.exceeded, found.short.exceeded, round(found.movement.cost, 4)
    (1979, 29, 35, 0.0233)
    """
    path = margin_path(prices, policy)
    sides: dict[Side, Coverage] = {}
    for side in ("long", "short"):
        lost = losses(prices, policy.days, side)
        rows = np.arange(skip, lost.size, policy.days)
        sides[side] = coverage(lost[rows], path.rate[rows], policy.confidence)
    return Backtest(path.rate, sides["long"], sides["short"], procyclicality(path.rate[skip:]), path.warnings)

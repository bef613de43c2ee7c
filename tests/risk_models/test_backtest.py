"""Backtests: known series, no look-ahead, calm and stormy models side by side."""

from decimal import Decimal

import numpy as np
import pytest

from marginbook.domain.errors import BadInput
from marginbook.risk_models.backtest import backtest, coverage, losses
from marginbook.risk_models.dynamic import Policy

CONFIDENCE = Decimal("0.99")


def history(rows: int = 3000, seed: int = 3) -> np.ndarray:
    random = np.random.default_rng(seed)
    sigma = 0.02 * np.exp(0.8 * np.sin(np.arange(rows) / 200))
    return 100 * np.exp(np.cumsum(random.standard_normal(rows) * sigma))


def test_a_right_model_passes_and_a_low_one_fails() -> None:
    good = backtest(history(), Policy())
    assert good.long.kupiec.p_value > 0.01
    assert good.long.zone != "red"
    poor = backtest(history(), Policy(confidence=CONFIDENCE, decay=None, window=1000))
    assert poor.long.exceeded > good.long.exceeded
    assert poor.long.zone == "red"


def test_counts_by_hand_for_two_days() -> None:
    prices = history(300)
    found = backtest(prices, Policy(days=2))
    rows = range(20, 298, 2)
    long = [1 - prices[t + 2] / prices[t] - found.rate[t] for t in rows]
    short = [prices[t + 2] / prices[t] - 1 - found.rate[t] for t in rows]
    assert found.long.periods == len(long)
    assert found.long.exceeded == sum(x > 0 for x in long)
    assert found.short.exceeded == sum(x > 0 for x in short)
    assert found.short.largest == pytest.approx(max([0.0, *(x for x in short if x > 0)]))


def test_the_frontier_of_four_policies() -> None:
    plain, buffer, stressed, long_run = (
        backtest(history(), Policy(tool=tool, stressed_rate=0.1, long_run=1000))  # type: ignore[arg-type]
        for tool in ("none", "buffer", "stressed", "long_run")
    )
    for other in (buffer, long_run):
        assert other.long.exceeded <= plain.long.exceeded
        assert other.movement.cost > plain.movement.cost
    assert stressed.movement.peak_to_trough < plain.movement.peak_to_trough


def test_bad_input_is_named() -> None:
    for action in (
        lambda: losses([1.0], 1, "long"),
        lambda: losses([1.0, -1.0], 1, "long"),
        lambda: coverage([], [], CONFIDENCE),
        lambda: coverage([1.0], [1.0, 2.0], CONFIDENCE),
    ):
        with pytest.raises(BadInput):
            action()

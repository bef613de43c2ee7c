"""Value at risk: estimators against the exact ones, models against closed forms, horizons, repair, seeds."""

from decimal import Decimal
from itertools import pairwise
from math import sqrt

import numpy as np
import pytest

from marginbook.domain.errors import BadInput
from marginbook.risk_models import historical
from marginbook.risk_models.correlation import cholesky, eigen, positive_definite
from marginbook.risk_models.parametric import cornish_fisher, delta_normal, normal_factor
from marginbook.risk_models.scenarios import Positions
from marginbook.risk_models.var import (
    Model,
    ages,
    blend,
    filtered,
    linear,
    margins,
    monte_carlo,
    overlapping,
    price_arrays,
)
from marginbook.risk_models.volatility import covariance, ewma, log_returns, realised

CONFIDENCE = Decimal("0.99")


def returns(rows: int = 600, factors: int = 4, seed: int = 1) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.standard_normal((rows, factors)) * 0.02 * np.exp(0.5 * np.sin(np.arange(rows) / 60))[:, None]


def book(accounts: int = 25, factors: int = 4, seed: int = 2) -> tuple[np.ndarray, Positions]:
    held = np.random.default_rng(seed).standard_normal((accounts, factors)) * 1000
    account, factor = np.nonzero(held)
    return held, Positions.of(accounts, account, factor, held[account, factor])


@pytest.mark.parametrize("convention", ["ceiling", "floor", "linear"])
def test_historical_is_the_exact_estimator(convention: historical.Quantile) -> None:
    held, positions = book()
    found = margins(positions, returns(), Model(quantile=convention))
    for account, margin in enumerate(found):
        exact = [Decimal(float(p)) for p in held[account] @ returns().T]
        assert margin == pytest.approx(float(historical.value_at_risk(exact, CONFIDENCE, convention)), rel=1e-13)


@pytest.mark.parametrize("horizon", ["root", "overlapping"])
@pytest.mark.parametrize("measure", ["value_at_risk", "expected_shortfall"])
def test_a_longer_horizon_never_needs_less(horizon: str, measure: str) -> None:
    _, positions = book()
    found = [
        margins(positions, returns(), Model(measure=measure, horizon=horizon, days=days), price_arrays([1, 1, 1, 1]))  # type: ignore[arg-type]
        for days in range(1, 12)
    ]
    assert all((later >= earlier).all() for earlier, later in pairwise(found))
    assert found[0] == pytest.approx(margins(positions, returns(), Model(measure=measure), price_arrays([1] * 4)))  # type: ignore[arg-type]


def test_a_higher_confidence_never_needs_less_and_shortfall_is_beyond_the_quantile() -> None:
    _, positions = book()
    levels = [Decimal(text) for text in ("0.9", "0.95", "0.975", "0.99", "0.995")]
    found = [margins(positions, returns(), Model(confidence=level)) for level in levels]
    assert all((later >= earlier).all() for earlier, later in pairwise(found))
    tails = [margins(positions, returns(), Model(confidence=x, measure="expected_shortfall")) for x in levels]
    assert all((mean >= loss - 1e-9).all() for mean, loss in zip(tails, found, strict=True))


def test_margin_grows_with_the_position() -> None:
    held, positions = book()
    double = Positions(positions.starts, positions.contract, 2 * positions.quantity)
    assert margins(double, returns(), Model()) == pytest.approx(2 * margins(positions, returns(), Model()))
    assert (margins(positions, returns(), Model()) >= 0).all()
    assert held.shape == (25, 4)


def test_filtered_history_follows_volatility() -> None:
    calm, wild = returns(400, 1, 3) * 0.2, returns(60, 1, 4) * 3
    one = Positions.of(1, [0], [0], [1.0])
    after_storm, after_calm = np.vstack([calm, wild]), np.vstack([wild, calm])
    plain = [margins(one, series, Model())[0] for series in (after_storm, after_calm)]
    scaled = [margins(one, filtered(series), Model())[0] for series in (after_storm, after_calm)]
    assert scaled[0] > plain[0] / 2
    assert scaled[1] < plain[1] / 2
    middle = filtered(after_storm, middle=True, limits=(0.5, 2.0))
    sigma = ewma(after_storm)
    ratio = np.clip((sigma[-1] + sigma[20:-1]) / (2 * sigma[20:-1]), 0.5, 2.0)
    assert middle == pytest.approx(after_storm[20:] * ratio, rel=1e-15)


def test_filtering_a_series_of_constant_volatility_changes_nothing() -> None:
    flips = 0.01 * (-1.0) ** np.arange(100)[:, None]
    assert filtered(flips) == pytest.approx(flips[20:], rel=1e-12)


def test_age_weights_favour_the_recent() -> None:
    assert sum(ages(500, 0.98)) == pytest.approx(1.0, rel=1e-12)
    one = Positions.of(1, [0], [0], [1.0])
    quiet_now = np.vstack([returns(100, 1, 5) * 5, returns(400, 1, 6) * 0.2])
    aged = margins(one, quiet_now, Model(age_decay=0.98))
    assert aged[0] < margins(one, quiet_now, Model())[0] / 3


def test_monte_carlo_meets_the_closed_form_and_its_seed() -> None:
    table = positive_definite([[1.0, 0.6, 0.0], [0.6, 1.0, -0.3], [0.0, -0.3, 1.0]])
    sigma = np.array([0.01, 0.02, 0.03])
    drawn = monte_carlo(sigma, table, 50_000, seed=7)
    assert drawn.tobytes() == monte_carlo(sigma, table, 50_000, seed=7).tobytes()
    assert drawn.tobytes() != monte_carlo(sigma, table, 50_000, seed=8).tobytes()
    held, positions = book(10, 3)
    closed = delta_normal(held, table.matrix * np.outer(sigma, sigma), CONFIDENCE)
    assert margins(positions, drawn, Model()) == pytest.approx(closed, rel=0.04)
    heavy = monte_carlo(sigma, table, 50_000, seed=7, degrees=4.0)
    assert heavy.std(axis=0) == pytest.approx(sigma, rel=0.05)
    assert (
        margins(positions, heavy, Model(confidence=Decimal("0.999")))
        > 1.3 * normal_factor(Decimal("0.999"), "value_at_risk") / normal_factor(CONFIDENCE, "value_at_risk") * closed
    ).all()


def test_delta_normal_by_hand() -> None:
    both = delta_normal([[100.0, 50.0]], [[0.0004, 0.0001], [0.0001, 0.0009]], CONFIDENCE, days=4)
    variance = 100 * 100 * 0.0004 + 2 * 100 * 50 * 0.0001 + 50 * 50 * 0.0009
    assert both[0] == pytest.approx(2.3263478740408408 * sqrt(variance) * 2, rel=1e-12)
    shortfall = delta_normal([[100.0, 50.0]], np.eye(2), CONFIDENCE, measure="expected_shortfall")
    assert shortfall[0] == pytest.approx(2.665214220345806 * sqrt(12500), rel=1e-12)
    with pytest.raises(BadInput):
        delta_normal([[1.0, -1.0]], [[1.0, 2.0], [2.0, 1.0]], CONFIDENCE)


def test_cornish_fisher_is_normal_without_skew_and_larger_with_a_long_left_tail() -> None:
    sample = np.random.default_rng(9).standard_normal(200_000)
    assert cornish_fisher(sample, CONFIDENCE).margin == pytest.approx(2.326, rel=0.02)
    left = cornish_fisher(-(sample[:5000] ** 2), CONFIDENCE)
    right = cornish_fisher(sample[:5000] ** 2, CONFIDENCE)
    assert left.margin > right.margin
    assert cornish_fisher(np.append(np.zeros(999), -1.0), CONFIDENCE).warnings
    assert cornish_fisher(np.zeros(10), CONFIDENCE).margin == 0.0


def test_repair_gives_a_correlation_matrix_and_says_so() -> None:
    random = np.random.default_rng(10)
    for _ in range(10):
        raw = np.triu(random.uniform(-1, 1, (6, 6)), 1)
        given = raw + raw.T + np.eye(6)
        found = positive_definite(given)
        assert found.warnings
        assert (np.diag(found.matrix) == 1.0).all()
        assert (found.matrix == found.matrix.T).all()
        lower = cholesky(found.matrix)
        assert lower @ lower.T == pytest.approx(found.matrix, abs=1e-12)
        assert sorted(eigen(given)[0]) == pytest.approx(np.linalg.eigvalsh(given), abs=1e-12)
    fine = positive_definite(np.corrcoef(returns().T))
    assert not fine.warnings
    for bad in ([[1.0, 2.0], [2.0, 1.0]], [[1.0, 0.1], [0.2, 1.0]], [[0.9]], [[1.0, 0.0]], [[float("nan")]]):
        with pytest.raises(BadInput):
            positive_definite(bad)
    with pytest.raises(BadInput):
        cholesky(np.array([[1.0, 1.0], [1.0, 1.0]]))


def test_volatility_by_hand() -> None:
    flat = returns(50, 2)
    assert realised(flat, 10) == pytest.approx(np.sqrt((flat[-10:] ** 2).mean(axis=0)), rel=1e-14)
    assert covariance(flat) == pytest.approx(flat.T @ flat / 50, rel=1e-12)
    weights = 0.94 ** np.arange(49, -1, -1)
    assert covariance(flat, 0.94) == pytest.approx((flat.T * weights) @ flat / weights.sum(), rel=1e-12)
    assert overlapping(flat, 3) == pytest.approx(flat[:-2] + flat[1:-1] + flat[2:])
    assert log_returns([[1.0], [2.0]])[0, 0] == pytest.approx(np.log(2))
    assert linear(flat).flags.c_contiguous


def test_blending_and_bad_models() -> None:
    parts = np.array([[100.0, 10.0], [300.0, 0.0]])
    assert blend(parts, [0.75, 0.25]).tolist() == [150.0, 7.5]
    _, positions = book()
    for action in (
        lambda: blend(parts, [0.5, 0.6]),
        lambda: Model(days=0),
        lambda: ages(5, 1.0),
        lambda: filtered(returns(20)),
        lambda: filtered(np.zeros((50, 1))),
        lambda: overlapping(returns(5), 6),
        lambda: log_returns([1.0, -1.0]),
        lambda: margins(positions, np.full((5, 4), np.inf), Model()),
        lambda: monte_carlo([0.1], positive_definite([[1.0, 0.0], [0.0, 1.0]]), 10, 1),
        lambda: monte_carlo([0.1], positive_definite([[1.0]]), 10, 1, degrees=2.0),
    ):
        with pytest.raises(BadInput):
            action()

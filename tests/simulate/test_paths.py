"""Price paths: what a model promises of its moments, and that a path is the same wherever it is drawn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginbook.domain.errors import BadInput
from marginbook.simulate.paths import (
    DRAWS,
    YEAR_HOURS,
    Model,
    cholesky,
    common_correlation,
    conditional_moves,
    measured,
    path,
    paths,
)

SIGMA = np.array([0.6, 0.9, 1.2])
TABLE = np.array([[1.0, 0.8, 0.5], [0.8, 1.0, 0.6], [0.5, 0.6, 1.0]])
ASSETS = ("BTC", "ETH", "SOL")


def model(kind: str, **more: object) -> Model:
    common = {"steps": 4, "horizon": 720.0, "volatility": SIGMA, "factor": cholesky(TABLE)}
    return Model(kind=kind, assets=ASSETS, **(common | more))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["gbm", "student", "jump"])
def test_volatility_and_correlation_are_those_asked_for(kind: str) -> None:
    chosen = model(kind, jumps=0.0, degrees=8.0, steps=200, horizon=200.0)
    draws = [DRAWS[kind](chosen, np.random.default_rng(seed)) for seed in range(100)]
    found_sigma, found_table = measured(np.concatenate(draws), 1.0)
    np.testing.assert_allclose(found_sigma, SIGMA, rtol=0.03)
    np.testing.assert_allclose(found_table, TABLE, atol=0.03)


@pytest.mark.parametrize(("kind", "drift"), [("gbm", 0.0), ("gbm", 0.5), ("jump", 0.0)])
def test_prices_are_fair_up_to_the_drift(kind: str, drift: float) -> None:
    chosen = model(kind, drift=drift, jump_mean=-0.2, jump_deviation=0.1, jumps=24.0)
    ends = paths(chosen, 3, 0, 4000)[:, -1]
    error = ends.std(axis=0) / np.sqrt(len(ends))
    expected = np.exp(drift * 720.0 / YEAR_HOURS)
    assert (np.abs(ends.mean(axis=0) - expected) < 4 * error).all()


def test_jumps_have_the_variance_of_a_compound_poisson_process() -> None:
    chosen = model("jump", jumps=50.0, jump_mean=-0.1, jump_deviation=0.2)
    ends = np.log(paths(chosen, 5, 0, 4000)[:, -1])
    years = 720.0 / YEAR_HOURS
    expected = SIGMA**2 * years + 50.0 * years * (0.1**2 + 0.2**2)
    np.testing.assert_allclose(ends.var(axis=0), expected, rtol=0.1)


@given(st.integers(0, 2**40), st.integers(0, 10_000))
def test_a_path_is_the_same_whatever_is_drawn_around_it(seed: int, number: int) -> None:
    chosen = model("student")
    assert (paths(chosen, seed, number, number + 3)[2] == path(chosen, seed, number + 2)).all()


def test_other_seeds_and_numbers_give_other_paths() -> None:
    chosen = model("gbm")
    assert not (path(chosen, 1, 1) == path(chosen, 1, 2)).any()
    assert not (path(chosen, 1, 1) == path(chosen, 2, 1)).any()


def test_a_bootstrap_draws_rows_that_follow_each_other() -> None:
    moves = np.arange(30, dtype=np.float64)[:, None] * [1e-3, 2e-3]
    chosen = Model(kind="bootstrap", assets=("BTC", "ETH"), steps=3, history=moves, rows=12, block=4)
    steps = np.diff(np.log(path(chosen, 1, 0)), axis=0, prepend=0.0)
    np.testing.assert_allclose(steps[:, 1], 2 * steps[:, 0])  # joint rows
    starts = (steps[:, 0] / 1e-3 - 6.0) / 4.0  # each step is one block: 4·start + 0 + 1 + 2 + 3
    np.testing.assert_allclose(starts, np.round(starts), atol=1e-9)
    assert ((starts > -1e-9) & (starts < 26 + 1e-9)).all()


def test_rows_that_do_not_divide_into_steps_are_all_used() -> None:
    chosen = Model(kind="bootstrap", assets=("BTC",), steps=3, history=np.full((9, 1), 0.01), rows=7, block=3)
    np.testing.assert_allclose(np.log(path(chosen, 1, 0))[:, 0], [0.02, 0.04, 0.07])


def test_cholesky_gives_the_correlation_back_and_takes_a_singular_one() -> None:
    lower = cholesky(TABLE)
    np.testing.assert_allclose(lower @ lower.T, TABLE, atol=1e-15)
    assert cholesky(common_correlation(3, 1.0)).tolist() == [[1, 0, 0], [1, 0, 0], [1, 0, 0]]


@pytest.mark.parametrize(
    "table",
    [[[1, 0.5], [0.4, 1]], [[1, 1.1], [1.1, 1]], [[2, 0], [0, 1]], [[1, -0.6, -0.6], [-0.6, 1, -0.6], [-0.6, -0.6, 1]]],
)
def test_what_is_no_correlation_is_refused(table: list[list[float]]) -> None:
    with pytest.raises(BadInput, match="bad_correlation"):
        cholesky(table)


def test_moves_to_be_expected_with_others_are_betas() -> None:
    """ETH −20 % with σ 0.8 and ρ 0.5: SOL at σ 1.2 has β = 0.5 · 1.2 / 0.8 = 0.75."""
    table = common_correlation(3, 0.5)
    found = conditional_moves({"ETH": 0.8, "SOL": 1.2, "BTC": 0.6}, table, {"ETH": -0.2})
    assert found["SOL"] == pytest.approx(-0.15)
    assert found["BTC"] == pytest.approx(-0.075)
    both = conditional_moves({"ETH": 0.8, "SOL": 1.2, "BTC": 0.6}, table, {"ETH": -0.2, "SOL": -0.3})
    assert (both["ETH"], both["SOL"]) == (-0.2, -0.3)
    assert both["BTC"] == pytest.approx(0.6 / 3 * (-0.25 - 0.25))  # β of each in units of its σ: 1/3


@pytest.mark.parametrize(
    ("place", "more"),
    [
        ("steps", {"steps": 0}),
        ("horizon", {"horizon": 0.0}),
        ("degrees", {"degrees": 2.0}),
        ("volatility", {"volatility": None}),
    ],
)
def test_a_model_that_means_nothing_is_refused(place: str, more: dict[str, object]) -> None:
    with pytest.raises(BadInput, match=place):
        model("gbm", **more)

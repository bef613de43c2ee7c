"""Tests of an expected shortfall: published critical values, statistics by hand, what they must and must not reject."""

from decimal import Decimal
from statistics import NormalDist

import numpy as np
import pytest

from marginbook.domain.errors import BadInput
from marginbook.risk_models.shortfall import Tail, critical, shortfall_tests

CONFIDENCE = Decimal("0.975")
QUANTILE, MEAN = 1.959963985, 2.337802788


@pytest.mark.parametrize(
    ("periods", "level", "tail", "published", "tolerance"),
    [
        (1966, 0.01, "normal", -0.34639, 0.005),  # MathWorks, esbacktest.unconditionalNormal
        (1966, 0.01, "t3", -0.42986, 0.007),  # MathWorks, esbacktest.unconditionalT
        (250, 0.05, "normal", -0.70, 0.01),  # Acerbi and Szekely, -0.70 and -0.82 at 5 %
        (250, 0.05, "t3", -0.82, 0.015),
    ],
)
def test_published_critical_values(periods: int, level: float, tail: Tail, published: float, tolerance: float) -> None:
    """Tolerance: three standard errors of 60,000 samples, and a digit of what was printed."""
    assert critical(periods, CONFIDENCE, level, tail, samples=60_000) == pytest.approx(published, abs=tolerance)


@pytest.mark.parametrize("tail", ["normal", "t3"])
def test_many_exceedances_are_summed_as_normal(tail: Tail) -> None:
    drawn, summed = (critical(periods, CONFIDENCE, tail=tail, samples=5_000) for periods in (7_900, 8_100))
    assert summed == pytest.approx(drawn, rel=0.1)


def test_statistics_by_hand() -> None:
    found = shortfall_tests([5.0, 1.0, 3.0, 6.0], [2.0, 2.0, 2.0, 2.0], [4.0, 4.0, 4.0, 4.0], Decimal("0.5"))
    ratios = [5 / 4, 3 / 4, 6 / 4]
    assert found.z1 == pytest.approx(1 - sum(ratios) / 3)
    assert found.z2 == pytest.approx(1 - sum(ratios) / (4 * 0.5))
    assert shortfall_tests([1.0] * 9, [2.0] * 9, [3.0] * 9, CONFIDENCE).z1 is None
    assert shortfall_tests([1.0] * 9, [2.0] * 9, [3.0] * 9, CONFIDENCE).z2 == 1.0


def test_a_right_model_passes_and_sizes_and_numbers_are_told_apart() -> None:
    random = np.random.default_rng(11)
    sample = random.standard_normal(20_000)
    held, mean = np.full(sample.size, QUANTILE), np.full(sample.size, MEAN)
    right = shortfall_tests(sample, held, mean, CONFIDENCE)
    assert right.z1 is not None
    assert abs(right.z1) < 0.03
    assert right.z2 > critical(sample.size, CONFIDENCE)
    assert right.p_value is not None
    assert right.p_value > 0.05
    wider = shortfall_tests(1.3 * sample, held, mean, CONFIDENCE)
    assert wider.z2 < critical(sample.size, CONFIDENCE, 0.001)
    larger = np.where(sample > QUANTILE, 1.2 * sample, sample)
    sizes = shortfall_tests(larger, held, mean, CONFIDENCE)
    assert sizes.p_value is not None
    assert sizes.p_value < 0.01
    assert sizes.z1 == pytest.approx(1 - 1.2 * (1 - right.z1))


def test_p_values_of_right_models_are_spread_evenly() -> None:
    random, normal = np.random.default_rng(3), NormalDist()
    tails = [[-normal.inv_cdf(u) for u in random.random(25) * 0.025] for _ in range(200)]
    found = [shortfall_tests(row, [QUANTILE] * 25, [MEAN] * 25, CONFIDENCE, seed=i) for i, row in enumerate(tails)]
    p_values = [f.p_value for f in found if f.p_value is not None]
    assert len(p_values) == 200
    assert 0.02 <= sum(p < 0.1 for p in p_values) / 200 <= 0.2
    assert 0.35 <= sum(p < 0.5 for p in p_values) / 200 <= 0.65


def test_a_seed_gives_the_same_numbers() -> None:
    assert critical(500, CONFIDENCE, seed=4) == critical(500, CONFIDENCE, seed=4)
    rows = np.linspace(0, 5, 60), np.full(60, 2.0), np.full(60, 3.0)
    assert shortfall_tests(*rows, CONFIDENCE) == shortfall_tests(*rows, CONFIDENCE)


def test_bad_input_is_named() -> None:
    for action in (
        lambda: shortfall_tests([1.0], [1.0], [0.0], CONFIDENCE),
        lambda: shortfall_tests([1.0], [1.0, 2.0], [1.0], CONFIDENCE),
        lambda: shortfall_tests([], [], [], CONFIDENCE),
        lambda: critical(0, CONFIDENCE),
        lambda: critical(10, CONFIDENCE, 1.0),
    ):
        with pytest.raises(BadInput):
            action()

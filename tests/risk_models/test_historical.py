"""Quantile conventions against NumPy, and what a tail mean promises that a quantile does not."""

from decimal import Decimal
from random import Random

import numpy as np
import pytest

from marginbook.domain.errors import BadInput
from marginbook.exact import round_half_up
from marginbook.risk_models.historical import expected_shortfall, quantile, rank, tail_mean, value_at_risk

LEVELS = [Decimal(text) for text in ("0", "0.005", "0.01", "0.025", "0.05", "0.5", "0.99", "1")]


def drawn(random: Random, count: int) -> list[Decimal]:
    return [Decimal(random.randint(-(10**6), 10**6)) / 100 for _ in range(count)]


@pytest.mark.parametrize("count", [1, 2, 99, 100, 101, 715])
def test_conventions_are_those_of_numpy(count: int) -> None:
    profits = drawn(Random(count), count)
    floats = np.array([float(profit) for profit in profits])
    for level in LEVELS:
        for ours, theirs in (("linear", "linear"), ("ceiling", "inverted_cdf")):
            wanted = np.quantile(floats, float(level), method=theirs)
            assert float(quantile(profits, level, ours)) == pytest.approx(wanted, abs=1e-7)  # type: ignore[arg-type]


def test_ranks_are_exact_where_floats_are_not() -> None:
    # 0.07 · 100 is 7.000000000000001 in floats, so that a ceiling would be one too high.
    assert rank(100, Decimal("0.07"), "ceiling") == 6
    assert rank(1000, Decimal("0.029")) == 29
    assert rank(5, Decimal(1)) == 4
    for count, level in ((0, Decimal("0.1")), (5, Decimal("1.1"))):
        with pytest.raises(BadInput):
            rank(count, level)


def test_a_tail_mean_is_beyond_its_quantile_and_sub_additive() -> None:
    random = Random(7)
    for _ in range(100):
        count = random.randint(20, 200)
        one, two = drawn(random, count), drawn(random, count)
        both = [a + b for a, b in zip(one, two, strict=True)]
        for level in LEVELS[1:6]:
            assert tail_mean(one, level) <= quantile(one, level)
            together = tail_mean(both, level, "acerbi_tasche")
            assert together >= tail_mean(one, level, "acerbi_tasche") + tail_mean(two, level, "acerbi_tasche")


def test_value_at_risk_is_not_sub_additive_and_shortfall_is() -> None:
    # Two loans, each lost on one day of fifty, never on the same: neither shows at 97 %, both together do.
    one = [Decimal(-100 if day == 0 else 1) for day in range(50)]
    two = [Decimal(-100 if day == 1 else 1) for day in range(50)]
    both = [a + b for a, b in zip(one, two, strict=True)]
    confidence = Decimal("0.97")
    assert value_at_risk(one, confidence) == value_at_risk(two, confidence) == 0
    assert value_at_risk(both, confidence) == 99
    whole = expected_shortfall(both, confidence, "acerbi_tasche")
    assert whole <= 2 * expected_shortfall(one, confidence, "acerbi_tasche")


def test_the_convention_of_acerbi_and_tasche_takes_part_of_an_observation() -> None:
    profits = [Decimal(value) for value in (-8, -4, -2, 0, 2)]
    # 0.3 · 5 = 1.5 observations: all of −8 and half of −4.
    assert round_half_up(tail_mean(profits, Decimal("0.3"), "acerbi_tasche"), 9) == Decimal("-6.666666667")
    assert tail_mean(profits, Decimal("0.3")) == -6
    assert tail_mean(profits, Decimal(0), "acerbi_tasche") == -8

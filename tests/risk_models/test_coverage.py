"""Backtests of coverage against exact binomials and the formulas written out."""

from fractions import Fraction
from math import comb, exp, log
from random import Random

import pytest

from marginbook.domain.errors import BadInput
from marginbook.risk_models.coverage import (
    basel_zone,
    binomial_at_most,
    chi_squared_beyond,
    christoffersen,
    independence,
    kupiec,
    transitions,
)


@pytest.mark.parametrize(("days", "rate"), [(10, Fraction(1, 10)), (250, Fraction(1, 100)), (1000, Fraction(1, 200))])
def test_binomials_are_those_of_exact_fractions(days: int, rate: Fraction) -> None:
    total = Fraction(0)
    for count in range(min(days, 30) + 1):
        total += comb(days, count) * rate**count * (1 - rate) ** (days - count)
        assert binomial_at_most(count, days, float(rate)) == pytest.approx(float(total), rel=1e-11)
    assert binomial_at_most(days, days, float(rate)) == 1.0


def test_kupiec_at_its_ends() -> None:
    assert kupiec(0, 250, 0.01).statistic == pytest.approx(-2 * 250 * log(0.99), rel=1e-12)
    assert kupiec(250, 250, 0.01).statistic == pytest.approx(-2 * 250 * log(0.01), rel=1e-12)
    exact = kupiec(10, 1000, 0.01)
    assert exact.statistic == pytest.approx(0.0, abs=1e-10)
    assert exact.p_value == pytest.approx(1.0, abs=1e-4)


def test_zones_follow_probabilities_at_other_lengths() -> None:
    assert [basel_zone(count) for count in range(12)] == ["green"] * 5 + ["yellow"] * 5 + ["red"] * 2
    zones = [basel_zone(count, 500, 0.01) for count in range(20)]
    assert zones == sorted(zones, key=["green", "yellow", "red"].index)
    assert (
        binomial_at_most(zones.index("yellow"), 500, 0.01)
        >= 0.95
        > binomial_at_most(zones.index("yellow") - 1, 500, 0.01)
    )


def test_independence_written_out() -> None:
    n00, n01, n10, n11 = 230, 8, 8, 4
    share, calm, breach = 12 / 250, 8 / 238, 4 / 12
    one = (n00 + n10) * log(1 - share) + (n01 + n11) * log(share)
    two = n00 * log(1 - calm) + n01 * log(calm) + n10 * log(1 - breach) + n11 * log(breach)
    found = independence(n00, n01, n10, n11)
    assert found.statistic == pytest.approx(-2 * (one - two), rel=1e-12)
    assert found.p_value == chi_squared_beyond(found.statistic, 1)


def test_clusters_are_seen_and_scattered_days_are_not() -> None:
    scattered = [day % 100 == 50 for day in range(1000)]
    clustered = [500 <= day < 510 for day in range(1000)]
    assert sum(scattered) == sum(clustered) == 10
    assert independence(*transitions(scattered)).p_value > 0.5
    assert independence(*transitions(clustered)).p_value < 1e-9
    assert christoffersen(clustered, 0.01).p_value < christoffersen(scattered, 0.01).p_value


def test_independence_keeps_its_size_on_independent_days() -> None:
    random = Random(3)
    low = sum(
        independence(*transitions([random.random() < 0.05 for _ in range(1000)])).p_value < 0.05 for _ in range(400)
    )
    assert low / 400 < 0.12


def test_no_day_breached_and_one_day_only() -> None:
    assert independence(*transitions([False] * 250)).statistic == 0
    assert christoffersen([False] * 250, 0.01).statistic == kupiec(0, 250, 0.01).statistic
    assert independence(*transitions([True])).statistic == 0


def test_two_degrees_are_exponential_and_bad_counts_are_refused() -> None:
    assert chi_squared_beyond(3.0, 2) == exp(-1.5)
    for exceeded, days, rate in ((-1, 10, 0.1), (11, 10, 0.1), (1, 0, 0.1), (1, 10, 0.0), (1, 10, 1.0)):
        with pytest.raises(BadInput):
            kupiec(exceeded, days, rate)

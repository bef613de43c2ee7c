"""The log-normal margin factors against a numeric integral, and their limits."""

from math import exp, sqrt
from statistics import NormalDist

import pytest

from marginbook.domain.errors import BadInput
from marginbook.risk_models.lognormal_es import margin_factors


def integrated(
    drift: float, volatility: float, years: float, level: float, steps: int = 200_000
) -> tuple[float, float]:
    """Mean of the price over the upper and over the lower tail, by the midpoint rule over probabilities."""
    normal = NormalDist()
    upper = lower = 0.0
    for step in range(steps // 100):
        share = (step + 0.5) / (steps // 100) * level
        for sign in (1, -1):
            z = sign * -normal.inv_cdf(share)
            price = exp((drift - volatility**2 / 2) * years + volatility * sqrt(years) * z)
            if sign > 0:
                upper += price
            else:
                lower += price
    return upper / (steps // 100) - 1, 1 - lower / (steps // 100)


@pytest.mark.parametrize(("drift", "volatility", "years", "level"), [(0.0, 0.8, 0.01, 0.05), (0.1, 0.5, 0.5, 0.2)])
def test_against_an_integral(drift: float, volatility: float, years: float, level: float) -> None:
    found = margin_factors(drift, volatility, years, level)
    short, long = integrated(drift, volatility, years, level)
    assert found.short == pytest.approx(short, rel=2e-3)
    assert found.long == pytest.approx(long, rel=2e-3)


def test_limits() -> None:
    calm = margin_factors(0.0, 0.0, 1.0, 0.01)
    assert (calm.short, calm.long) == pytest.approx((0.0, 0.0), abs=1e-12)
    horizons = [margin_factors(0.0, 1.0, years, 0.01) for years in (0.001, 0.01, 0.1, 1.0)]
    assert [one.short for one in horizons] == sorted(one.short for one in horizons)
    assert [one.long for one in horizons] == sorted(one.long for one in horizons)
    # A long position cannot lose more than its price; a short one can, and always loses more than a long one.
    assert all(one.long < 1 and one.short > one.long for one in horizons)
    wild = margin_factors(0.0, 3.0, 1.0, 0.01)
    assert wild.long < 1 < wild.short


def test_a_level_outside_is_refused() -> None:
    for level in (0.0, 1.0, -0.1):
        with pytest.raises(BadInput):
            margin_factors(0.0, 1.0, 1.0, level)

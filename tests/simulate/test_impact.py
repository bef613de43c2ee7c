"""Impact curves: published forms, exact integers of pools, a real order book, and laws."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginbook.domain.errors import BadInput
from marginbook.simulate import impact

CURVES = {
    "none": impact.none,
    "square root": impact.square_root(0.05, 1e8, 0.9),
    "linear": impact.linear(3e6),
    "pool": impact.constant_product(5e7),
    "book": impact.book([(0.01, 1e6), (0.02, 4e6), (0.05, 5e6)], [(0.003, 1e5), (0.1, 1e6)]),
}


@pytest.mark.parametrize("name", CURVES)
@given(st.lists(st.floats(-1e12, 1e12), min_size=2, max_size=30))
def test_curves_start_at_one_never_rise_and_stay_positive(name: str, sold: list[float]) -> None:
    curve = CURVES[name]
    quantities = np.sort(np.array([0.0, *sold]))
    factors = curve(quantities)
    assert float(curve(0.0)) == 1.0
    assert (np.diff(factors) <= 0.0).all()
    assert (factors > 0.0).all()
    assert [float(curve(q)) for q in quantities] == factors.tolist()  # one by one as in an array


def test_square_root_doubles_with_four_times_the_quantity() -> None:
    curve = impact.square_root(0.02, 1e9)
    assert 1 - float(curve(4e6)) == pytest.approx(2 * (1 - float(curve(1e6))), rel=1e-12)
    assert 1 - float(curve(1e9)) == pytest.approx(0.02)  # a whole volume moves one volatility


def test_a_book_is_walked_level_by_level() -> None:
    # Cumulative bids of a BTC perpetual on an ordinary day, 10^6 dollars at 1, 2 and 5 %.
    curve = impact.book([(0.01, 181.3e6), (0.02, 463.6e6), (0.05, 980.0e6)])
    for move, depth in ((0.01, 181.3e6), (0.02, 463.6e6), (0.05, 980.0e6)):
        assert float(curve(depth)) == pytest.approx(1 - move, rel=1e-12)
    assert 1 - float(curve(980.0e6 + 172.13e6)) == pytest.approx(0.06, rel=1e-4)  # on at the last slope


@pytest.mark.parametrize("levels", [[], [(0.01, 0.0)], [(0.02, 5.0), (0.01, 6.0)], [(0.01, 5.0), (0.02, 5.0)]])
def test_bad_depth_is_refused(levels: list[tuple[float, float]]) -> None:
    with pytest.raises(BadInput, match="bad_impact"):
        impact.book(levels)


def test_bad_numbers_are_refused() -> None:
    for number in (0.0, -1.0, math.inf, math.nan):
        for make in (impact.linear, impact.constant_product, lambda n: impact.square_root(n, 1.0)):
            with pytest.raises(BadInput, match="bad_impact"):
                make(number)
    with pytest.raises(BadInput, match="elapsed"):
        impact.remaining(0.1, -1.0, 1.0)

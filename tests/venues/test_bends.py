"""Initial demand with bends is the function that was asked for, whatever its parts; its worth stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginbook.domain.legs import BracketTable, Factor, Leg, Sums
from marginbook.venues.common.bends import lower_bends, lower_table

PRICE: Factor = (("quote", "v", "BTC", ""),)
numbers = st.floats(0.01, 100.0)
bends = st.lists(st.tuples(numbers, st.floats(-2.0, 2.0), st.sampled_from((-1, 1))), max_size=6)


def asked(legs: list[Leg], f: float) -> float:
    """As the kernel has it."""
    return sum(
        leg.slopes.demand_initial * f
        + leg.initial_rate * max(abs(leg.size * f + leg.bids), abs(leg.size * f - leg.asks))
        for leg in legs
    )


def demand(table: BracketTable, x: float) -> float:
    rate, cum = next((rate, cum) for floor, rate, cum in reversed(table) if x >= floor)
    return rate * x - cum


@given(bends, numbers, numbers, st.floats(0.0, 1.0))
def test_bends_add_up(bends: list[tuple[float, float, int]], size: float, f: float, rate: float) -> None:
    leg = Leg(
        "BTC", PRICE, Sums(size, 0.0, size, size, 0.0, size, 0.0), size, ((0.0, 0.1, 0.0), (50.0, 0.2, 5.0)), rate
    )
    legs, constant = lower_bends(leg, bends)
    expected = rate * size * f + sum(rate * max(0.0, side * (size * f - place)) for place, rate, side in bends)
    assert constant + asked(legs, f) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert sum(leg.slopes.support for leg in legs) == size
    assert sum(leg.size for leg in legs) == pytest.approx(size, rel=1e-15)
    assert leg.table is not None
    assert legs[0].table is not None
    if abs(size * f - 50.0) > 1e-9:
        assert demand(legs[0].table, legs[0].size * f) == pytest.approx(demand(leg.table, size * f), rel=1e-12)
    assert all(one.table is None for one in legs[1:])


def test_a_table_without_jumps_is_bends() -> None:
    """A share sold short: 2.50 up to a price of 2.50, the price up to 5, 5, then 30 %."""
    table = ((0.0, 0.0, -2.5), (2.5, 1.0, 0.0), (5.0, 0.0, -5.0), (50 / 3, 0.3, 0.0))
    legs, constant = lower_table(Leg("A", PRICE, Sums(), 1.0, table), table)
    found = [constant + asked(legs, f) for f in (1.0, 2.5, 4.0, 5.0, 10.0, 20.0)]
    assert found == pytest.approx([2.5, 2.5, 4.0, 5.0, 5.0, 6.0])
    assert [leg.size for leg in legs] == [0.5, 0.25, 0.25]


def test_orders_are_a_bend_of_their_own() -> None:
    with pytest.raises(ValueError, match="orders rest"):
        lower_bends(Leg("A", PRICE, Sums(), 1.0, bids=3.0), [(1.0, 1.0, 1)])

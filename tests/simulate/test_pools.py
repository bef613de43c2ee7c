"""Pools in exact integers: Uniswap's own test figures, one unit either side, and laws; schedules of sales."""

import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginbook.domain.errors import BadInput
from marginbook.simulate.execution import Market, expected_cost, schedule, urgency, variance
from marginbook.simulate.impact import constant_product
from marginbook.simulate.pools import (
    Q96,
    constant_product_out,
    price_after_token0,
    price_after_token1,
    sell_in_range,
    sell_through,
    token0_between,
    token1_between,
)

E18 = 10**18
PRINTED = json.loads((Path(__file__).parent.parent / "vectors" / "pools" / "uniswap.json").read_text())


@pytest.mark.parametrize("case", PRINTED["constant_product"])
def test_swaps_of_uniswap_2(case: list[str]) -> None:
    amount, reserve_in, reserve_out, out = map(int, case)
    assert constant_product_out(amount, reserve_in, reserve_out) == out


def test_square_root_prices_of_uniswap_3() -> None:
    for name, ours in (("next_price_token0_in", price_after_token0), ("next_price_token1_in", price_after_token1)):
        for price, liquidity, amount, after in PRINTED[name]:
            assert ours(int(price), int(liquidity), int(amount)) == int(after)
    for name, deltas in (("amount0", token0_between), ("amount1", token1_between)):
        for low, high, liquidity, up, amount in PRINTED[name]:
            assert deltas(int(low), int(high), int(liquidity), up=up) == int(amount)


def test_a_step_to_the_border_of_a_range_of_uniswap_3() -> None:
    """Amount offered, √P, liquidity, border, fee -> taken without the fee, fee, given, √P afterwards."""
    for amount, price, liquidity, border, fee, taken, charged, given_out, after in PRINTED["sale_to_border"]:
        sale = sell_in_range(int(amount), int(price), int(liquidity), int(border), fee)
        found = (sale.taken - sale.fee, sale.fee, sale.given, sale.price)
        assert found == (int(taken), int(charged), int(given_out), int(after))


@given(st.integers(1, 10**24), st.integers(1, 10**24), st.integers(1, 10**24))
def test_a_swap_never_shrinks_the_product(amount: int, x: int, y: int) -> None:
    out = constant_product_out(amount, x, y, 0)
    assert (x + amount) * (y - out) >= x * y
    assert (x + amount) * (y - out - 1) < x * y  # one unit more would


@given(st.integers(0, 10**24), st.integers(10**6, 10**24), st.integers(Q96 // 100, Q96 * 100), st.integers(0, 10**5))
def test_a_range_is_never_overpaid(amount: int, liquidity: int, price: int, fee: int) -> None:
    sale = sell_in_range(amount, price, liquidity, price // 2, fee)
    assert 0 <= sale.fee <= sale.taken <= amount + 1
    assert price // 2 <= sale.price <= price
    # Token 1 given for token 0 kept, at a price between the two ends.
    assert sale.given * Q96 * Q96 <= (sale.taken - sale.fee) * price * price


def test_ranges_are_sold_through_like_one() -> None:
    """Two ranges of equal liquidity are one, and a constant product is one range."""
    low, middle = Q96 // 2, Q96 * 3 // 4
    one = sell_through(E18 // 2, Q96, [(low, E18)], 0)
    two = sell_through(E18 // 2, Q96, [(middle, E18), (low, E18)], 0)
    assert (one.taken, one.price) == (two.taken, pytest.approx(two.price, rel=1e-15))
    assert abs(one.given - two.given) <= 2
    assert one.given == pytest.approx(constant_product_out(E18 // 2, E18, E18, 0), rel=1e-15)
    factor = (Decimal(one.price) / Q96) ** 2
    assert float(factor) == pytest.approx(float(constant_product(1e18)(0.5e18)))
    assert sell_through(10 * E18, Q96, [(middle, E18)], 0).taken < E18  # nobody takes the rest


def test_bad_pools_are_refused() -> None:
    for make in (
        lambda: constant_product_out(1, 0, 1),
        lambda: constant_product_out(1, 1, 1, 10**6),
        lambda: sell_in_range(1, Q96, 0, Q96),
        lambda: sell_in_range(1, Q96, 1, Q96 + 1),
    ):
        with pytest.raises(BadInput, match="bad_pool"):
            make()


def test_the_schedule_is_the_least_of_cost_and_risk() -> None:
    """No shift between two intervals improves E + λV; without risk aversion sales are even."""
    market = Market(permanent=2.5e-7, temporary=2.5e-6, fixed=0.0625, volatility=0.95)
    best = schedule(1e6, 5.0, 5, market, 1e-6)
    assert best.sum() == pytest.approx(1e6)
    assert (np.diff(best) < 0).all()

    def burden(sold: np.ndarray) -> float:  # type: ignore[type-arg]
        return expected_cost(sold, 1.0, market) + 1e-6 * variance(sold, 1.0, market)

    for i in range(5):
        for j in set(range(5)) - {i}:
            other = best.copy()
            other[i], other[j] = other[i] + 1000, other[j] - 1000
            assert burden(other) >= burden(best) - 1e-6
    assert schedule(1e6, 5.0, 5, market, 0.0).tolist() == [2e5] * 5
    # Sales decline by κ: the ratio of what is left follows sinh.
    kappa, left = urgency(1.0, market, 1e-6), 1e6 - np.cumsum(best)
    assert left[:-1] == pytest.approx(1e6 * np.sinh(kappa * (5 - np.arange(1, 5))) / np.sinh(kappa * 5))
    with pytest.raises(BadInput, match="bad_execution"):
        schedule(1.0, 1.0, 1, Market(permanent=1.0, temporary=0.1), 0.0)

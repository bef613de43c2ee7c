"""Volatility-based margin and its tools, add-ons, procyclicality."""

from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest

from marginbook.domain.errors import BadInput
from marginbook.risk_models import add_ons
from marginbook.risk_models.dynamic import Policy, margin_path, procyclicality


def prices(seed: int = 1) -> np.ndarray:
    random = np.random.default_rng(seed)
    sizes = np.where((np.arange(600) > 300) & (np.arange(600) < 340), 0.06, 0.01)
    return 100 * np.exp(np.cumsum(random.standard_normal(600) * sizes))


def test_ewma_margin_by_hand() -> None:
    path = margin_path(prices(), Policy(days=2))
    returns = np.diff(np.log(prices()))
    variance = (returns[:20] ** 2).mean()
    for t, r in enumerate(returns):
        assert path.rate[t] == pytest.approx(2.3263478740408408 * np.sqrt(2 * variance), rel=1e-12)
        variance = 0.94 * variance + 0.06 * r * r
    assert path.rate.size == returns.size + 1
    assert path.leverage_limit[-1] == 1 / path.rate[-1]


def test_realised_margin_uses_its_window_only() -> None:
    path = margin_path(prices(), Policy(decay=None, window=30))
    returns = np.diff(np.log(prices()))
    assert path.volatility[-1] == pytest.approx(np.sqrt((returns[-30:] ** 2).mean()), rel=1e-13)
    assert path.volatility[100] == pytest.approx(np.sqrt((returns[70:100] ** 2).mean()), rel=1e-13)


def test_no_rate_depends_on_the_future() -> None:
    whole = margin_path(prices(), Policy(tool="buffer", rise=0.5, fall=0.1))
    part = margin_path(prices()[:200], Policy(tool="buffer", rise=0.5, fall=0.1))
    assert whole.rate[:200].tobytes() == part.rate.tobytes()


def test_floor_and_speed_limits() -> None:
    path = margin_path(prices(), Policy(floor=0.02, rise=0.05, fall=0.02))
    assert (path.rate >= 0.02).all()
    for before, after in pairwise(path.rate):
        assert 0.98 * before - 1e-15 <= after <= 1.05 * before + 1e-15


def test_the_buffer_is_drawn_before_the_charge_rises() -> None:
    plain, buffered = margin_path(prices(), Policy()), margin_path(prices(), Policy(tool="buffer"))
    assert (buffered.rate >= plain.rate).all()
    assert (buffered.rate <= 1.25 * plain.rate * (1 + 1e-12)).all()
    assert buffered.rate[0] == pytest.approx(1.25 * plain.rate[0])
    for before, after, raw in zip(buffered.rate, buffered.rate[1:], plain.rate[1:], strict=False):
        assert after <= max(raw, 1.01 * before) * (1 + 1e-12)
    jump = 5
    assert procyclicality(buffered.rate, (jump,)).rises[jump] < procyclicality(plain.rate, (jump,)).rises[jump]


def test_stressed_weight_and_long_run_floor() -> None:
    plain = margin_path(prices(), Policy())
    stressed = margin_path(prices(), Policy(tool="stressed", stressed_rate=0.3))
    assert stressed.rate == pytest.approx(0.75 * plain.rate + 0.075, rel=1e-14)
    assert procyclicality(stressed.rate).peak_to_trough < procyclicality(plain.rate).peak_to_trough
    long = margin_path(prices(), Policy(tool="long_run"))
    assert (long.rate >= plain.rate).all()
    assert long.warnings == ("long-run volatility from 599 of 2520 rows",)


def test_a_longer_horizon_and_a_higher_confidence_never_need_less() -> None:
    paths = [margin_path(prices(), Policy(days=days)).rate for days in (1, 2, 5, 10)]
    assert all((after >= before).all() for before, after in pairwise(paths))
    levels = [margin_path(prices(), Policy(confidence=Decimal(c))).rate for c in ("0.95", "0.99", "0.995")]
    assert all((after >= before).all() for before, after in pairwise(levels))


def test_half_of_the_liquidity_needs_disproportionately_more_than_a_hundredth() -> None:
    for cost in (
        lambda q: add_ons.square_root_impact(q, 10.0, 0.05, 1000.0),
        lambda q: add_ons.pool_impact(q, 10.0, 1000.0),
        lambda q: add_ons.tiered(q, [(0.0, 0.01), (100.0, 0.05), (400.0, 0.2)]),
        lambda q: q * add_ons.size_factor(q, 0.01, 0.01),
    ):
        assert cost(500.0) > 1.5 * 50 * cost(10.0) > 0
        assert cost(-500.0) == cost(500.0) or cost(500.0) > 0


def test_add_ons_grow_with_size_and_never_fall_below_zero() -> None:
    sizes = np.linspace(0, 2000, 50)
    for cost in (
        lambda q: add_ons.square_root_impact(q, 10.0, 0.05, 1000.0, threshold=0.1),
        lambda q: add_ons.pool_impact(q, 10.0, 1000.0),
        lambda q: add_ons.tiered(q, [(0.0, 0.0), (100.0, 0.05)]),
        lambda q: add_ons.liquidation_days(q, 1000.0, 0.2, 2.0),
    ):
        found = [cost(float(q)) for q in sizes]
        assert found == sorted(found)
        assert found[0] >= 0
    assert add_ons.square_root_impact(100.0, 10.0, 0.05, 1000.0, threshold=0.1) == 0.0


def test_haircuts() -> None:
    assert add_ons.supervisory_haircut("main_index_equity", days=20.0) == pytest.approx(0.15 * 2**0.5)
    assert add_ons.supervisory_haircut("other_listed_equity", days=10_000.0) == 1.0
    assert add_ons.exposure(add_ons.Part(10.0, 0.0), [add_ons.Part(100.0, 0.99)], 0.08) == 10.0
    assert 0 <= add_ons.volatility_haircut(5.0, 2.0, 100.0) <= 1


def test_bad_input_is_named() -> None:
    for action in (
        lambda: margin_path([1.0], Policy()),
        lambda: margin_path(np.ones((50, 2)), Policy()),
        lambda: margin_path(np.ones(50), Policy()),
        lambda: Policy(fall=2.0),
        lambda: Policy(days=0),
        lambda: procyclicality([1.0, 0.0]),
        lambda: add_ons.square_root_impact(1.0, 1.0, 1.0, 0.0),
        lambda: add_ons.pool_impact(1.0, 1.0, 0.0),
        lambda: add_ons.pool_impact(1.0, -1.0, 1.0),
        lambda: add_ons.tiered(1.0, [(1.0, 0.1)]),
        lambda: add_ons.liquidation_days(1.0, 1.0, 0.0, 1.0),
        lambda: add_ons.cascade([(10.0, 1.0), (10.0, 1.0)]),
        lambda: add_ons.multiplied(1.0, {"calm": 0.5}),
        lambda: add_ons.supervisory_haircut("art"),
        lambda: add_ons.scaled_haircut(0.1, 0.0, 1.0),
    ):
        with pytest.raises(BadInput):
            action()

"""Joint moves from a file's prices: grids, gaps, and the worst window of real crashes."""

from pathlib import Path

import numpy as np
import pytest

from marginbook.connectors.price_series import read_points
from marginbook.domain.errors import BadInput
from marginbook.simulate.histories import HOUR, history, worst_window


def points(**prices: list[tuple[int, float]]) -> dict[tuple[str, ...], list[tuple[int, float]]]:
    return {
        ("binance", name, "mark"): [(hour * HOUR, price) for hour, price in found] for name, found in prices.items()
    }


def test_prices_are_laid_on_one_grid_over_the_time_that_all_have() -> None:
    found = history(
        points(ETHUSDT=[(0, 100.0), (1, 110.0), (2, 121.0), (3, 133.1)], BTCUSDT=[(1, 10.0), (2, 20.0), (3, 20.0)]),
        ["BTC", "ETH"],
    )
    assert found.hours == 1
    np.testing.assert_allclose(np.expm1(found.moves()), [[1.0, 0.1], [0.0, 0.1]])


def test_no_move_crosses_a_gap() -> None:
    hours = [*range(5), *range(20, 25)]
    found = history(points(ETHUSDT=[(hour, 100.0 + hour) for hour in hours]), ["ETH"])
    assert len(found.moves()) < 24
    assert np.expm1(found.moves()).max() < 0.0101


def test_of_several_markets_of_an_asset_the_longest_counts() -> None:
    found = history(points(ETHUSDT=[(0, 1.0), (1, 2.0)], WETH=[(0, 1.0), (1, 3.0), (2, 9.0)]), ["ETH"])
    np.testing.assert_allclose(np.exp(found.moves()), [[3.0], [3.0]])


def test_the_worst_window_is_the_one_with_the_least_mean_log_move() -> None:
    eth = [(0, 100.0), (1, 90.0), (2, 95.0), (3, 80.0), (4, 79.0)]
    moves, start, end = worst_window(history(points(ETHUSDT=eth), ["ETH"]), 2)
    assert (moves["ETH"], start, end) == (pytest.approx(79 / 95 - 1), "1970-01-01T02:00:00Z", "1970-01-01T04:00:00Z")


def test_an_asset_without_prices_is_named() -> None:
    with pytest.raises(BadInput, match="SOL"):
        history(points(ETHUSDT=[(0, 1.0), (1, 2.0)]), ["ETH", "SOL"])


def test_black_thursday_in_hourly_closes(data: Path) -> None:
    """24 hours close to close: BTC −46.5 %, ETH −47.8 %, each at its own worst hours."""
    everything = read_points(data / "binance_spot_1h_stress_windows.csv")[0]
    march = {key: [p for p in found if p[0] < 1_590_000_000_000_000] for key, found in everything.items()}
    for asset, expected in (("BTC", -0.465), ("ETH", -0.478)):
        moves, start, _ = worst_window(history(march, [asset]), 24)
        assert moves[asset] == pytest.approx(expected, abs=0.0006)
        assert start.startswith("2020-03-12")

"""Named crashes: the figures of the windows' table, computed again from the prices where these are at hand."""

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market, Quote
from marginbook.simulate.histories import HOUR, history
from marginbook.simulate.scenarios import historical, names, scenario, shocks_of
from marginbook.simulate.shocks import shocked

TABLE = {
    ("black-thursday-2020", "BTC"): (-0.245, -0.465, -0.526),
    ("black-thursday-2020", "ETH"): (-0.256, -0.478, -0.575),
    ("may-2021", "BTC"): (-0.161, None, -0.345),  # BTC's own worst 24 hours, −19.8 %, were not those of ETH
    ("may-2021", "ETH"): (-0.280, -0.335, -0.471),
    ("terra-2022", "BTC"): (-0.079, -0.137, -0.183),
    ("terra-2022", "ETH"): (-0.117, -0.229, -0.268),
    ("june-2022", "BTC"): (-0.064, None, -0.265),
    ("june-2022", "ETH"): (-0.072, -0.210, -0.305),
}
"""Worst hour open to low, worst 24 hours close to close, worst 48 hours high to low."""


@pytest.mark.parametrize(("name", "asset"), TABLE)
def test_figures_are_those_of_the_windows(name: str, asset: str) -> None:
    for span, expected in zip(("1h", "24h", "48h"), TABLE[name, asset], strict=True):
        if expected is not None:
            assert float(scenario(f"{name}:{span}").moves[asset]) == pytest.approx(expected, abs=0.00051)


@pytest.mark.parametrize("name", ["black-thursday-2020", "may-2021", "terra-2022", "june-2022"])
def test_the_day_is_computed_again_from_hourly_candles(name: str, data: Path) -> None:
    crash = scenario(name)
    closes: dict[tuple[str, str], float] = {}
    with (data / "binance_spot_1h_stress_windows.csv").open() as text:
        for row in csv.DictReader(text):
            closes[row["symbol"].removesuffix("USDT"), row["open_time_utc"]] = float(row["close"])

    def close(asset: str, at: str) -> float:
        """The close of the hour that ends then."""
        hour = int(at[11:13])
        day = int(at[8:10]) - (hour == 0)
        return closes[asset, f"{at[:8]}{day:02d}T{(hour - 1) % 24:02d}:00:00Z"]

    checked = 0
    for asset, move in crash.moves.items():
        if (asset, crash.start) in closes:
            assert float(move) == pytest.approx(close(asset, crash.end) / close(asset, crash.start) - 1, abs=0.00005)
            checked += 1
    assert checked >= 9


def test_every_scenario_can_be_had_with_and_without_its_span() -> None:
    assert len(names()) >= 15
    for name in names():
        found = scenario(name)
        assert found.name == name
        assert all(-1 < move < 1 for move in found.moves.values())
    assert scenario("october-2025").name == "october-2025:1h"
    with pytest.raises(BadInput, match="unknown_scenario"):
        scenario("tulips-1637")
    with pytest.raises(BadInput, match="unknown_scenario"):
        scenario("may-2021:1y")


def test_what_has_no_figure_moves_by_the_median_and_is_told() -> None:
    prices = {"WETH": 3000, "wstETH": 3600, "WBTC": 60000, "PEPE": 1, "USDC": 1}
    market = Market(quotes={("aave", name, "oracle"): Quote(Decimal(price)) for name, price in prices.items()})
    crash = scenario("black-thursday-2020")
    shocks, assumed = shocks_of(crash, market)
    assert assumed == ["PEPE"]
    after = {m.market: m.after for m in shocked(market, shocks)[1]}
    assert after["WETH"] == Decimal(3000) * (1 + crash.moves["ETH"])
    assert after["wstETH"] == Decimal(3600) * (1 + crash.moves["ETH"])
    assert after["PEPE"] == 1 + sorted(crash.moves.values())[(len(crash.moves) - 1) // 2]
    assert "USDC" not in after


def test_a_window_of_a_file_is_a_scenario() -> None:
    prices = [(0, 100.0), (1, 90.0), (2, 99.0), (3, 66.0)]
    found = history({("x", "ETHUSDT", "mark"): [(hour * HOUR, price) for hour, price in prices]}, ["ETH"])
    crash = historical(found, 1, "prices.csv")
    assert (crash.moves["ETH"], crash.start) == (Decimal("-0.333333"), "1970-01-01T02:00:00Z")

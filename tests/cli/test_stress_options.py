"""`marginbook stress` beyond shocks: crashes, histories, parameters, outages and the reverse question."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from marginbook.cli import app

BOOK = """
[[account]]
id = "loan"
rules = "aave/3.6"
owner = "desk"
collateral = [ { asset = "WETH", amount = "10" } ]
debt = [ { asset = "USDC", amount = "20000" } ]

[[account]]
id = "hedge"
rules = "binance/usdm"
owner = "desk"
wallet = { USDT = "10000" }
position = [ { market = "ETHUSDT", side = "short", quantity = "5", entry = "3000", leverage = "5" } ]

[prices]
as_of = "2026-10-01T12:00:00Z"
rates = { USDT = "1" }
aave = { WETH = "3000", USDC = "1" }
binance = { ETHUSDT = "3000" }
"""


def asked(tmp_path: Path, *words: str) -> dict[str, Any]:
    file = tmp_path / "book.toml"
    file.write_text(BOOK)
    result = CliRunner().invoke(app, ["stress", str(file), *words, "--json"])
    assert result.exit_code == 0, result.output
    table = CliRunner().invoke(app, ["stress", str(file), *words])
    assert table.exit_code == 0, table.output
    return json.loads(result.stdout)


def test_a_crash_by_name(tmp_path: Path) -> None:
    told = asked(tmp_path, "--scenario", "may-2021")
    assert (told["scenarios"][0]["name"], told["assumed"]) == ("may-2021:24h", [])
    assert {row["market"] for row in told["moved"]} == {"WETH", "ETHUSDT"}
    assert told["after"]["counts"]["bankrupt"] + told["after"]["counts"]["liquidation"] == 1


def test_the_worst_window_of_a_file(tmp_path: Path) -> None:
    prices = tmp_path / "eth.csv"
    rows = [f"2026-09-{day:02d},binance,ETHUSDT,mark,{price}" for day, price in ((1, 100), (2, 80), (3, 84), (4, 83))]
    prices.write_text("time,venue,market,kind,price\n" + "\n".join(rows))
    told = asked(tmp_path, "--history", str(prices), "--hours", "24")
    assert {row["to"] for row in told["moved"]} == {"2400"}


def test_a_parameter_and_a_shock_together(tmp_path: Path) -> None:
    told = asked(tmp_path, "--parameter", "aave.WETH.liquidation_threshold=0.81", "--shock", "ETH=-18%")
    assert told["touched"] == 1
    assert [row["account"] for row in told["distances"]] == ["loan"]
    assert told["accounts"][0]["to"] == "liquidation"


def test_a_venue_that_is_down(tmp_path: Path) -> None:
    told = asked(tmp_path, "--venue-down", "binance", "--shock", "ETH=-5%")
    (desk,) = told["owners"]
    assert desk["delta"] == {"ETH": "14250"}  # 28,500 long, 14,250 short
    assert desk["delta_in_reach"] == {"ETH": "28500"}


def test_the_reverse_question(tmp_path: Path) -> None:
    told = asked(tmp_path, "--reverse", "accounts=1", "--direction", "ETH")["reverse"]
    assert (told["size"], told["reached"], told["one_step_less"]) == ("0.19678715", "1", "0")  # 1 − 20,000 / 24,900
    told = asked(tmp_path, "--reverse", "accounts=2", "--direction", "ETH")["reverse"]
    assert told["size"] is None


@pytest.mark.parametrize("words", [(), ("--history", "missing.csv")])
def test_usage_errors(words: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "book.toml"
    file.write_text(BOOK)
    assert CliRunner().invoke(app, ["stress", str(file), *words]).exit_code == 2


def test_shocks_that_spread(tmp_path: Path) -> None:
    prices = tmp_path / "two.csv"
    rows = [
        f"2026-09-{day:02d},{name},{price}"
        for name, found in (("ETHUSDT", (100, 110, 99)), ("BTCUSDT", (100, 110, 99)))
        for day, price in enumerate(found, 1)
    ]
    prices.write_text("date,symbol,close\n" + "\n".join(rows))
    told = asked(tmp_path, "--shock", "ETH=-10%", "--correlated", str(prices))
    assert {row["to"] for row in told["moved"]} == {"2700"}

"""`marginbook check` on the two accounts of the README: every figure, every exit code."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from marginbook.cli import app

EXAMPLE = Path(__file__).parents[2] / "examples" / "two-accounts.toml"


def check(*args: str | Path, code: int = 0) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["check", *map(str, args), "--json"])
    assert result.exit_code == code, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def near(text: str, expected: str) -> bool:
    """Equal to the printed digits of `expected`."""
    unit = Decimal(1).scaleb(Decimal(expected).as_tuple().exponent)  # type: ignore[arg-type]
    return abs(Decimal(text) - Decimal(expected)) < unit


def test_old_parameters_are_told_where_a_limit_is_asked_for() -> None:
    old = "older than the limit asked for"
    for days, told in (("400", 0), ("1", 2)):
        accounts = check(EXAMPLE, "--parameters-max-age", days)["accounts"]
        assert sum(old in text for account in accounts for text in account["warnings"]) == told


def test_two_accounts_come_out_as_published() -> None:
    trader, treasury = check(EXAMPLE)["accounts"]
    assert trader["account"] == "trader-1"
    assert trader["zone"] == "safe"
    assert Decimal(trader["unrealized_pnl"]) == -1400
    assert Decimal(trader["margin_balance"]) == 8600
    assert Decimal(trader["initial_margin"]) == 2540
    assert Decimal(trader["free_margin"]) == 6060
    assert Decimal(trader["maintenance_margin"]) == Decimal("161.6")
    assert near(trader["margin_ratio"]["value"], "0.018791")
    assert trader["margin_ratio"]["bad"] == "high"
    exact = {p["market"]: p for p in trader["liquidation_prices"] if p["source"] == "exact"}
    assert near(exact["BTCUSDT"]["price"], "43055.4217")
    assert exact["BTCUSDT"]["when"] == "at_or_below"
    assert near(exact["ETHUSDT"]["price"], "4701.1952")
    assert exact["ETHUSDT"]["when"] == "at_or_above"
    assert near(trader["distance"]["down"], "0.4341")
    assert trader["distance"]["up"] is None
    assert near(trader["distance_worst"], "0.2093")

    assert treasury["account"] == "treasury"
    assert Decimal(treasury["health_factor"]) == Decimal("1.66")
    assert Decimal(treasury["margin_balance"]) == 15000
    assert Decimal(treasury["account_equity"]) == 20000
    assert Decimal(treasury["borrowable"]) == 9150
    weth = next(p for p in treasury["liquidation_prices"] if p["market"] == "WETH" and p["source"] == "exact")
    assert near(weth["price"], "1807.2289")


@pytest.mark.parametrize(
    ("eth", "zone", "code"),
    [
        ("2711", "safe", 0),  # health 1.50009
        ("2710", "warning", 0),
        ("1988", "warning", 0),  # 1.10003
        ("1987", "call", 3),
        ("1807.22891567", "call", 3),
        ("1807.22891566", "liquidation", 4),
        ("1400", "bankrupt", 4),
    ],
)
def test_exit_codes_follow_the_worst_zone(tmp_path: Path, eth: str, zone: str, code: int) -> None:
    text = EXAMPLE.read_text().replace('WETH = "3000"', f'WETH = "{eth}"')
    text = text.replace('{ asset = "USDC", amount = "5000", enabled = false }', "")
    assert text.count(eth)
    book = tmp_path / "book.toml"
    book.write_text(text)
    assert check(book, code=code)["accounts"][1]["zone"] == zone


def test_fail_on_raises_a_warning_to_three(tmp_path: Path) -> None:
    book = tmp_path / "book.toml"
    book.write_text(EXAMPLE.read_text().replace('WETH = "3000"', 'WETH = "2700"'))
    check(book, "--fail-on", "call")
    check(book, "--fail-on", "warning", code=3)


def test_usage_errors_exit_with_two(tmp_path: Path) -> None:
    for args in (["check"], ["check", str(tmp_path / "absent.toml")], ["check", str(EXAMPLE), "--fail-on", "red"]):
        assert CliRunner().invoke(app, args).exit_code == 2


def test_one_bad_account_is_a_row_and_the_other_goes_on(tmp_path: Path) -> None:
    book = tmp_path / "book.toml"
    book.write_text(EXAMPLE.read_text().replace('entry = "2500"', 'entry = "-2500"'))
    rows = {row["account"]: row for row in check(book, code=1)["accounts"]}
    error = rows["trader-1"]["error"]
    assert error["place"].endswith("position[1].entry")
    assert error["value"] == "-2500"
    assert Decimal(rows["treasury"]["health_factor"]) == Decimal("1.66")


def test_a_missing_price_is_an_error_of_its_account_only(tmp_path: Path) -> None:
    book = tmp_path / "book.toml"
    book.write_text(EXAMPLE.read_text().replace(', ETHUSDT = "2600"', ""))
    rows = {row["account"]: row for row in check(book, code=1)["accounts"]}
    assert rows["trader-1"]["error"]["code"] == "missing_price"
    assert rows["treasury"]["error"] is None


def test_the_table_for_people_names_zone_and_price() -> None:
    result = CliRunner().invoke(app, ["check", str(EXAMPLE)], env={"COLUMNS": "220"})
    assert result.exit_code == 0
    assert "● safe" in result.stdout
    assert "1807.22891566" in result.stdout


@pytest.mark.parametrize(("wallet", "zone"), [("1000", "liquidation"), ("999", "bankrupt")])
def test_the_table_for_people_of_an_account_with_nothing_left(tmp_path: Path, wallet: str, zone: str) -> None:
    book = tmp_path / "book.toml"
    book.write_text(
        f"""
        [[account]]
        id = "gone"
        rules = "binance/usdm"
        wallet = {{ USDT = {wallet} }}
        position = [{{ market = "BTCUSDT", side = "long", quantity = "0.5", entry = "62000", leverage = 20 }}]
        [prices]
        as_of = "2026-10-01T12:00:00Z"
        binance = {{ BTCUSDT = "60000" }}
        """
    )
    result = CliRunner().invoke(app, ["check", str(book)])
    assert result.exit_code == 4, result.output
    assert zone in result.stdout
    assert "maintenance_margin / margin_balance ∞" in result.stdout

"""`marginbook liquidate`: an account of a book file through its venue's waterfall."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from marginbook.cli import app
from marginbook.domain.errors import BadInput

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "two-accounts.toml")


def answered(account: str, *more: str, code: int = 0) -> Any:
    result = CliRunner().invoke(app, ["liquidate", EXAMPLE, account, *more, "--json"])
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def test_a_safe_account_is_told_why_nothing_is_done() -> None:
    (pool,) = answered("trader-1")["pools"]
    assert (pool["outcome"], [step["stage"] for step in pool["steps"]]) == ("covered", ["stop"])
    assert pool["steps"][0]["reason"] == "support covers demand: nothing may be closed"


def test_every_step_has_price_flows_and_what_is_left() -> None:
    answer = answered("trader-1", "--shock", "BTC=-30%", "--fund", "USDT=1000")
    (pool,) = answer["pools"]
    first, _, last = pool["steps"]
    assert (first["stage"], first["market"], first["quantity"], first["price"]) == (
        "take_over",
        "BTCUSDT",
        "0.5",
        "42000",
    )
    assert {"party": "account", "asset": "USDT", "amount": "-10000"} in first["flows"]
    assert first["left"]["liquidatable"] is True
    assert (last["stage"], last["quantity"]) == ("insurance", "400")
    assert (answer["fund_before"], answer["fund_after"]) == ({"USDT": "1000"}, {"USDT": "600"})


def test_a_loan_is_repaid_by_half() -> None:
    (pool,) = answered("treasury", "--shock", "ETH=-40%")["pools"]
    assert [(step["stage"], step["quantity"]) for step in pool["steps"]] == [("seize", "7500")]
    (pool,) = answered("treasury", "--shock", "ETH=-60%")["pools"]
    assert [step["stage"] for step in pool["steps"]] == ["seize", "socialise"]


@pytest.mark.parametrize("fund", ["USDT", "USDT=much", "USDT=-1"])
def test_an_impossible_fund_is_refused(fund: str) -> None:
    result = CliRunner().invoke(app, ["liquidate", EXAMPLE, "trader-1", "--fund", fund])
    assert isinstance(result.exception, BadInput)


def test_people_see_the_same() -> None:
    result = CliRunner().invoke(app, ["liquidate", EXAMPLE, "trader-1", "--shock", "BTC=-30%"], env={"COLUMNS": "120"})
    assert "deleverage 400 USDT" in result.output
    assert "empty" in result.output

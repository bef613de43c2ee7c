"""`marginbook what-if`: an order tried on an account of a book file."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from marginbook.cli import app
from marginbook.domain.errors import BadInput

EXAMPLE = Path(__file__).parents[2] / "examples" / "two-accounts.toml"


def asked(
    *orders: str, account: str = "trader-1", file: Path = EXAMPLE, code: int = 0, more: tuple[str, ...] = ()
) -> Any:
    options = [part for order in orders for part in ("--order", order)]
    result = CliRunner().invoke(app, ["what-if", str(file), account, *options, *more, "--json"])
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def test_before_and_after_in_every_number() -> None:
    answer = asked("buy 0.5 BTCUSDT @ 60000")
    before, after = answer["before"]["pools"]["cross:USDT"], answer["after"]["pools"]["cross:USDT"]
    assert answer["allowed"] is True
    assert (before["initial_margin"], after["initial_margin"]) == ("2540", "4040")  # 1500 + 1040; 3000 + 1040
    assert (before["margin_balance"], after["margin_balance"]) == ("8600", "8600")
    assert (before["maintenance_margin"], after["maintenance_margin"]) == ("161.6", "281.6")  # 0.4 %
    assert after["free_margin"] == "4560"
    assert [row["when"] for row in answer["after"]["liquidation_prices"]] == ["at_or_below"]
    parts = {row["market"]: row["initial_margin"] for row in answer["contributions"]}
    assert parts == {"BTCUSDT": "3000", "ETHUSDT": "1040"}
    assert answer["largest"] == [{"market": "BTCUSDT", "side": "buy", "quantity": "2.01999999"}]


def test_without_a_price_the_order_is_filled_at_the_mark() -> None:
    at_mark, at_price = asked("sell 0.1 BTCUSDT"), asked("sell 0.1 BTCUSDT @ 60000")
    assert at_mark["after"] == at_price["after"]


def test_orders_are_filled_in_turn_and_a_refusal_names_the_order() -> None:
    answer = asked("sell 0.5 BTCUSDT", "sell 25 ETHUSDT @2600", "buy 1 BTCUSDT 20x", code=1)
    assert answer["why_not"].startswith("order 3: cross:USDT would lack")
    assert answer["after"]["pools"]["cross:USDT"]["free_margin"].startswith("-")
    assert len(answer["largest"]) == 3


def test_the_largest_passes_and_a_step_more_does_not() -> None:
    """6060 · 20 / 60000 is 2.02; the averaged entry, rounded up at 16 decimals, leaves a little less."""
    assert asked("buy 2.01999999 BTCUSDT")["after"]["pools"]["cross:USDT"]["free_margin"] == "0.00002999"
    refused = asked("buy 2.02 BTCUSDT", code=1)
    assert refused["why_not"] == "cross:USDT would lack 0.00000001 of initial margin"


def test_the_zone_after_decides_the_exit_code() -> None:
    answer = asked("buy 3 BTCUSDT @ 63000", code=4)
    assert answer["allowed"] is False
    assert answer["after"]["zone"] in ("liquidation", "bankrupt")


def test_what_the_rules_cannot_do_is_refused_with_the_reason() -> None:
    answer = asked("buy 1 WETH @ 3000", account="treasury", code=1)
    assert answer["after"] is None
    assert answer["why_not"]


def test_text_for_people() -> None:
    result = CliRunner().invoke(app, ["what-if", str(EXAMPLE), "trader-1", "--order", "buy 0.5 BTCUSDT @ 60000 20x"])
    assert result.exit_code == 0, result.output
    for part in ("buy 0.5 BTCUSDT @ 60000 by 20", "● allowed", "cross:USDT free margin", "4560", "largest buy", "adds"):
        assert part in result.stdout


@pytest.mark.parametrize(
    "order",
    ["", "hold 1 BTCUSDT", "buy BTCUSDT", "buy x BTCUSDT", "buy 1 BTCUSDT @", "buy -1 BTCUSDT", "buy 1 B 2x 3x"],
)
def test_an_order_that_is_none_says_how_one_is_written(order: str) -> None:
    result = CliRunner().invoke(app, ["what-if", str(EXAMPLE), "trader-1", "--order", order])
    assert isinstance(result.exception, BadInput)
    assert "buy 0.5 BTCUSDT @ 60000" in str(result.exception)


def test_usage() -> None:
    assert CliRunner().invoke(app, ["what-if", str(EXAMPLE), "trader-1"]).exit_code == 2
    result = CliRunner().invoke(app, ["what-if", str(EXAMPLE), "nobody", "--order", "buy 1 BTCUSDT"])
    assert "trader-1" in str(result.exception)


def test_orders_on_every_account() -> None:
    options = ["what-if", str(EXAMPLE), "--all", "--order", "buy 3 BTCUSDT @ 60500"]
    answer = json.loads(CliRunner().invoke(app, [*options, "--json"]).stdout)
    assert (answer["accounts"], answer["refused"], answer["not_traded_there"]) == (2, 1, 1)
    (row,) = answer["rows"]
    assert (row["account"], row["why_not"]) == ("trader-1", "cross:USDT would lack 4440.00000001 of initial margin")
    shown = CliRunner().invoke(app, options)
    assert shown.exit_code == 0
    assert "2 accounts: 1 refused, 1 not traded there" in shown.stdout
    assert CliRunner().invoke(app, [*options[:-2]]).exit_code == 2
    assert CliRunner().invoke(app, ["what-if", str(EXAMPLE), *options[-2:]]).exit_code == 2
    assert CliRunner().invoke(app, ["what-if", str(EXAMPLE), "trader-1", *options[2:]]).exit_code == 2


def test_a_basket_may_pass_as_one_where_it_does_not_in_turn() -> None:
    answer = asked("buy 3 BTCUSDT", "sell 3 BTCUSDT", code=1)
    assert (answer["allowed"], answer["allowed_as_one"], answer["why_not_as_one"]) == (False, True, None)

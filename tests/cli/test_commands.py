"""The other commands: explain, conform, new, schema, venues, stress; and prices that are stale."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from marginbook.cli import app
from marginbook.venues.registry import all_rule_sets

EXAMPLE = Path(__file__).parents[2] / "examples" / "two-accounts.toml"


def run(*args: str | Path, code: int = 0) -> str:
    result = CliRunner().invoke(app, [*map(str, args)])
    assert result.exit_code == code, result.output
    return result.stdout


@pytest.mark.parametrize("rules", [rules.name for rules in all_rule_sets()])
def test_a_new_book_checks_without_complaint(rules: str, tmp_path: Path) -> None:
    book = tmp_path / "book.toml"
    book.write_text(run("new", rules))
    answer = json.loads(run("check", book, "--json"))
    assert [row["error"] for row in answer["accounts"]] == [None] * len(answer["accounts"])
    assert answer["accounts"]


def test_explain_ends_in_inputs_with_their_source() -> None:
    tree = json.loads(run("explain", EXAMPLE, "treasury", "--json"))
    leaves = []

    def walk(node: dict[str, object]) -> None:
        inputs = node["inputs"]
        assert isinstance(inputs, list)
        for child in inputs:
            walk(child)
        if not inputs:
            leaves.append(node)

    walk(tree)
    assert all(leaf["source"] for leaf in leaves)
    assert {"3000", "0.83", "10", "15000"} <= {str(leaf["value"]) for leaf in leaves}


def test_explain_of_an_unknown_account_says_who_is_known() -> None:
    result = CliRunner().invoke(app, ["explain", str(EXAMPLE), "nobody"])
    assert "trader-1" in str(result.exception)


def test_conform_fails_on_a_wrong_number(tmp_path: Path) -> None:
    case = {
        "rules": "binance/usdm",
        "function": "quantities",
        "inputs": {
            "account": {
                "id": "a",
                "wallet": {"USDT": "100"},
                "position": [
                    {"market": "BTCUSDT", "side": "long", "quantity": "0.1", "entry": "60000", "leverage": "10"}
                ],
            },
            "prices": {"binance": {"BTCUSDT": "61000"}},
            "at": "2026-10-01T00:00:00Z",
        },
        "expected": {"unrealized_pnl": "100", "margin_balance": "201"},
        "source": "worked by hand",
    }
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"vectors": [case]}))
    answer = json.loads(run("conform", file, "--json", code=1))
    assert [(f["quantity"], f["expected"], f["got"]) for f in answer["failures"]] == [("margin_balance", "201", "200")]
    assert sum(row["passed"] for row in answer["results"]) == 1


def test_schema_is_json_schema() -> None:
    assert json.loads(run("schema"))["$schema"].startswith("https://json-schema.org/")


def test_every_rule_set_is_in_the_matrix() -> None:
    rows = json.loads(run("venues", "--json"))["rules"]
    assert {row["rules"] for row in rows} == {rules.name for rules in all_rule_sets()}


def test_a_shock_names_what_moved_with_it() -> None:
    answer = json.loads(run("stress", EXAMPLE, "--shock", "ETH=-45%", "--json", code=1))
    assert {(m["market"], m["to"]) for m in answer["moved"]} == {("WETH", "1650"), ("ETHUSDT", "1430")}
    assert answer["after"]["counts"]["liquidation"] == 1
    only = json.loads(run("stress", EXAMPLE, "--shock", "WETH=-45%", "--only", "--json", code=1))
    assert [m["market"] for m in only["moved"]] == ["WETH"]


def test_a_stale_price_is_reported_and_ends_in_one(tmp_path: Path) -> None:
    book = tmp_path / "book.toml"
    old = 'BTCUSDT = { mark = "60000", time = "2026-10-01T11:00:00Z", max_age = 60 }'
    book.write_text(EXAMPLE.read_text().replace('BTCUSDT = "60000"', old))
    trader, treasury = json.loads(run("check", book, "--json", code=1))["accounts"]
    assert any("stale" in warning for warning in trader["warnings"])
    assert trader["zone"] == "safe"
    assert not treasury["warnings"]

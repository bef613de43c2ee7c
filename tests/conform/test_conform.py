"""Printed numbers of venues through the rule sets, and the runner that compares them."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from marginbook.testing.adapters import cex
from marginbook.testing.conformance import conform
from marginbook.testing.vectors import Unsupported, setting_of

ROOT = Path(__file__).parent.parent.parent
VECTORS = ROOT / "tests" / "vectors" / "binance"
FOREIGN = Path(os.environ.get("MARGINBOOK_DATA", ROOT.parent / "shared" / "data")).parent / "vectors"


def totals(answer: dict[str, Any], rules: str | None = None) -> dict[str, int]:
    rows = [row for row in answer["results"] if rules in (None, row["rules"])]
    return {name: sum(row[name] for row in rows) for name in ("passed", "failed", "unsupported")}


def write(folder: Path, content: Any, name: str = "vectors.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(content))
    return path


def test_every_number_that_binance_printed_comes_out() -> None:
    answer = conform([VECTORS])
    assert answer["failures"] == []
    assert totals(answer) == {"passed": 33, "failed": 0, "unsupported": 0}


TOO_FEW_DIGITS = {
    ("bgt-cross-06", "liquidation_price"),
    ("bgt-cross-07", "liquidation_price"),
    ("okx-inv-01", "liquidation_price"),
    ("okx-inv-03", "margin_ratio"),
}
"""Numbers printed with more digits than their inputs: explained on the pages of Bitget and OKX."""


def unexplained(answer: Any) -> list[Any]:
    return [found for found in answer["failures"] if (found["id"], found["quantity"]) not in TOO_FEW_DIGITS]


@pytest.mark.skipif(not FOREIGN.exists(), reason="shared vectors are absent: set MARGINBOOK_DATA")
def test_the_foreign_collection_of_exchanges() -> None:
    answer = conform([FOREIGN / "cex.json"])
    assert unexplained(answer) == []
    assert totals(answer, "binance/usdm") == {"passed": 27, "failed": 0, "unsupported": 0}
    assert totals(answer, "binance/coinm") == {"passed": 6, "failed": 0, "unsupported": 0}
    assert totals(answer, "binance/multi-assets") == {"passed": 1, "failed": 0, "unsupported": 1}
    everything = conform([FOREIGN])
    assert unexplained(everything) == []
    assert totals(everything)["unsupported"] < 100


EXAMPLE = {
    "id": "one",
    "venue": "binance",
    "product": "ETHUSDT USDT-M",
    "margin_mode": "cross",
    "side": "long",
    "qty": "2",
    "entry": "1000",
    "mark": "1100",
    "leverage": "10",
    "collateral": {"WB": "500", "TMM1": "20", "UPNL1": "-30"},
    "mmr": "0.01",
    "cum": "0",
}


def outcome(folder: Path, reported: dict[str, str], **changes: Any) -> dict[str, Any]:
    return conform([write(folder, {"examples": [EXAMPLE | changes | {"reported": reported}]})])


@pytest.mark.parametrize(
    ("reported", "changes"),
    [
        # (500 − 20 − 30 − 2·1000) / (2 · (0.01 − 1)) = 782.828…
        ({"liquidation_price": "782.82"}, {}),
        ({"notional": "2200", "initial_margin": "220", "maintenance_margin": "22", "unrealized_pnl": "200"}, {}),
        ({"margin_balance": "670"}, {}),
        ({"liquidation_price": "782.82"}, {"mark": None, "leverage": None}),
        ({"notional": "-2200"}, {"side": "short"}),
        ({"isolated_margin": "300"}, {"margin_mode": "isolated", "collateral": {"isolated_wallet": "100"}}),
        ({"liquidation_price": "0"}, {"collateral": {"WB": "3000"}}),
        ({"isolated_margin": "300"}, {"margin_mode": "isolated", "collateral": {"isolated_margin": "300"}}),
        (
            {"maintenance_amount": "1.81"},
            {"params": {"floor": "50", "mmr_previous": "0.025", "mmr": "0.05", "cum_previous": "0.56"}, "qty": "0"},
        ),
        (
            # One price for both legs: (500 − 2·1000 + 1·1200) / ((2 + 1)·0.01 − 2 + 1) = 309.27…
            {"liquidation_price": "309.27"},
            {
                "collateral": {"WB": "500"},
                "legs": [{"side": "long", "qty": "2", "entry": "1000"}, {"side": "short", "qty": "1", "entry": "1200"}],
            },
        ),
    ],
)
def test_an_example_of_any_shape(tmp_path: Path, reported: dict[str, str], changes: dict[str, Any]) -> None:
    answer = outcome(tmp_path, reported, **changes)
    assert answer["failures"] == []
    assert totals(answer)["passed"] == len(reported)


@pytest.mark.parametrize(
    ("reported", "changes"),
    [
        # 200·1.004 / (200/37,643.10000021 + 0.00268058), cut at 8 decimals
        ({"liquidation_price": "25119.97445760"}, {"collateral": {"isolatedWallet": "0.00268058"}}),
        ({"unrealized_pnl": "-0.00002134", "notional": "0.00533440"}, {"mark": "37492.5"}),
        # Contracts of another size are counted in ours.
        ({"notional": "0.00533440"}, {"mark": "37492.5", "contract_size": "200", "qty": "1"}),
    ],
)
def test_an_inverse_example(tmp_path: Path, reported: dict[str, str], changes: dict[str, Any]) -> None:
    case = {"product": "BTCUSD_PERP COIN-M", "margin_mode": "isolated", "entry": "37643.10000021"}
    coin = {"mmr": "0.004", "collateral": {"isolated_wallet": "0.1"}, "contract_size": "100"}
    answer = outcome(tmp_path, reported, **case, **(coin | changes))
    assert answer["failures"] == []
    assert totals(answer)["passed"] == len(reported)


def test_hedge_legs_in_two_brackets(tmp_path: Path) -> None:
    """Long 600 in the bracket of 1 %, short 100 in that of 0.4 %: brackets that meet at 500."""
    legs = {
        "long": {"qty": "6", "entry": "100", "mmr": "0.01", "cum": "3"},
        "short": {"qty": "1", "entry": "100", "mmr": "0.004", "cum": "0"},
    }
    answer = outcome(tmp_path, {"maintenance_margin": "3.4"}, mark="100", side="both", **legs)
    assert totals(answer) == {"passed": 1, "failed": 0, "unsupported": 0}


def test_a_malformed_case_fails_alone(tmp_path: Path) -> None:
    broken = EXAMPLE | {"collateral": "500", "reported": {"liquidation_price": "1"}}
    fine = EXAMPLE | {"reported": {"notional": "2200"}}
    answer = conform([write(tmp_path, {"examples": [broken, EXAMPLE | {"qty": "x", "reported": {"a": "1"}}, fine]})])
    assert totals(answer) == {"passed": 1, "failed": 2, "unsupported": 0}


def test_a_wrong_number_fails_and_says_what_was_expected(tmp_path: Path) -> None:
    answer = outcome(tmp_path, {"liquidation_price": "782.84", "notional_reported_only": "1"})
    assert answer["failures"] == [
        {"id": "one", "quantity": "liquidation_price", "expected": "782.84", "got": "782.82828283"}
    ]
    assert totals(answer) == {"passed": 0, "failed": 1, "unsupported": 0}


@pytest.mark.parametrize(
    "changes",
    [
        {"venue": "okx"},
        {"product": "BTCUSD_PERP COIN-M", "mmr": None},
        {"product": "BTCUSD_PERP", "margin_mode": "portfolio"},
        {"product": "multi-assets account"},
        {"product": "ETHUSDT USDT-M", "margin_mode": "portfolio"},
        {"mmr": None},
        {"entry": None},
        {"qty": None},
        {"collateral": {}},
    ],
)
def test_what_cannot_be_computed_is_counted_with_a_reason(tmp_path: Path, changes: dict[str, Any]) -> None:
    answer = outcome(tmp_path, {"liquidation_price": "1"}, **changes)
    assert totals(answer) == {"passed": 0, "failed": 0, "unsupported": 1}
    assert answer["results"][0]["reasons"]


def test_an_adapter_is_never_handed_printed_values(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[Any] = []

    def spy(case: Any, asked: Any) -> None:
        seen.append((case, asked))
        raise Unsupported("seen")

    monkeypatch.setattr(cex, "task", spy)
    case = EXAMPLE | {"reported": {"x": "3.25"}, "check": {"x": 1}, "formula": "F", "expected": {"x": "3.25"}}
    conform([write(tmp_path, {"examples": [case]})])
    [(inputs, asked)] = seen
    assert set(inputs) == set(EXAMPLE)
    assert asked == ("x",)


def test_own_vectors_of_every_function_in_json_and_toml(tmp_path: Path) -> None:
    inputs = {
        "account": {"wallet": {"USD": "1000"}, "position": [{"market": "X", "side": "long", "quantity": "1"}]},
        "prices": {"as_of": "2026-10-01T00:00:00Z", "generic": {"X": "9473.68"}},
        "parameters": {"X": {"maintenance_rate": "0.05"}},
    }
    inputs["account"]["position"][0]["entry"] = "10000"  # type: ignore[index]
    expected = {
        "quantities": {"margin_balance": "473.68", "cross:USD.maintenance_margin": "473.684"},
        "risk": {"support": "473.68"},
        "is_liquidatable": {"is_liquidatable": True, "cross:USD": True},
        "liquidation_prices": {"X": "9473.68421052", "liquidation_price": "9473.68421052"},
        "plan_liquidation": {"close_most": "1", "market": "X"},
        "check": {"zone": "liquidation", "pools.0.pool": "cross:USD"},
    }
    vectors = [
        {"id": name, "rules": "generic/derivatives", "function": name, "inputs": inputs, "expected": values}
        for name, values in expected.items()
    ]
    write(tmp_path, vectors)
    (tmp_path / "one.toml").write_text(
        '[[vectors]]\nid = "t"\nrules = "generic/lending"\nfunction = "quantities"\nexpected = { ltv = 0.5 }\n'
        'tolerance = 0.001\n[vectors.inputs]\naccount = { collateral = [{ asset = "C", amount = "2" }], '
        'debt = [{ asset = "D", amount = "1.001" }] }\nprices = { generic = { C = "1", D = "1" } }\n'
        'parameters = { "*" = { ltv = "0.8" } }\n'
    )
    answer = conform([tmp_path])
    assert answer["failures"] == []
    assert totals(answer) == {"passed": 12, "failed": 0, "unsupported": 0}


def test_a_vector_states_indices_and_state(tmp_path: Path) -> None:
    """BitMEX: 2 XBT at 50,000; an index of 10 USDT per XBT costs a long 20, a rate of 0.01 % asks 10 more of it."""
    position = {"market": "XBTUSDT", "side": "long", "quantity": "2", "entry": "50000", "leverage": "10"}
    inputs = {
        "account": {"wallet": {"USDT": "20000"}, "position": [position]},
        "prices": {"bitmex": {"XBTUSDT": "50000"}},
        "indices": {"bitmex": {"XBTUSDT": {"funding_raw": str(10 * 10**18)}}},
        "state": {"bitmex": {"XBTUSDT": {"funding_rate": "0.0001"}}},
        "parameters": {"XBTUSDT": {"maintenance": "0.005", "taker_fee": "0.00075"}},
        "at": "2025-06-12T00:00:00Z",
    }
    vector = {
        "rules": "bitmex/linear",
        "function": "quantities",
        "inputs": inputs,
        "expected": {"margin_balance": "19980"},
    }
    write(tmp_path, vector, "with.json")
    answer = conform([tmp_path])
    assert totals(answer) == {"passed": 1, "failed": 0, "unsupported": 0}
    plain = {key: value for key, value in inputs.items() if key not in ("indices", "state")}
    demands = []
    for given in (plain, inputs):
        setting = setting_of("bitmex/linear", given)
        demands.append(next(iter(setting.call("risk").values())).demand)
    assert demands[1] - demands[0] == 10


def test_one_number_of_one_vector_needs_no_names(tmp_path: Path) -> None:
    wallet = {"wallet": {"USD": "5"}, "parameters": {"*": {"maintenance_rate": "0.1"}}, "at": "2026-10-01"}
    vector = {"rules": "generic/derivatives", "function": "margin_balance", "inputs": wallet, "expected": "5.0"}
    price = {"function": "liquidation_prices", "expected": None}
    liquidatable = {"function": "is_liquidatable", "expected": False}
    for number, changes in enumerate(({}, price, liquidatable)):
        write(tmp_path, vector | changes, f"{number}.json")
    write(tmp_path, vector | {"expected": "5.3", "tolerance": "nonsense"}, "9.json")
    answer = conform([tmp_path])
    assert [failure["expected"] for failure in answer["failures"]] == ["5.3"]
    assert totals(answer) == {"passed": 3, "failed": 1, "unsupported": 0}


@pytest.mark.parametrize("content", ['{"nothing": []}', "[1]", "{", '[{"id": "x"}]', '[{"rules": "no/such"}]'])
def test_a_file_that_is_no_vectors_fails_with_its_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(content)
    answer = conform([path])
    assert totals(answer)["failed"] == 1
    assert answer["failures"]


def test_other_data_in_a_folder_is_counted_as_unsupported(tmp_path: Path) -> None:
    write(tmp_path, {"walks": []})
    assert totals(conform([tmp_path])) == {"passed": 0, "failed": 0, "unsupported": 1}

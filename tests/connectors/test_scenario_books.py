"""Accounts under scenario margin from a file."""

import json
from pathlib import Path
from typing import Any

import pytest

from marginbook.connectors.scenario_books import load_scenario_book, scenario_book
from marginbook.connectors.sources import parse_toml
from marginbook.domain.errors import BadInput

EXAMPLE = Path(__file__).parents[2] / "examples" / "portfolio.toml"


def parsed() -> dict[str, Any]:
    return parse_toml(EXAMPLE.read_text(), "portfolio.toml")


def test_the_example_is_read_and_evaluated() -> None:
    found = load_scenario_book(EXAMPLE, at=5)
    assert found.ids == ["covered", "naked"]
    assert found.schedule is not None
    assert found.schedule.age == 60_000_000
    rows = [found.row(name) for name in found.ids]
    assert [row["zone"] for row in rows] == ["safe", "safe"]
    assert all(0 < float(row["requirement"]) < float(row["support"]) for row in rows)


def test_json_is_read_alike(tmp_path: Path) -> None:
    path = tmp_path / "portfolio.json"
    path.write_text(json.dumps(parsed(), default=str))
    assert load_scenario_book(path).row("naked") == load_scenario_book(EXAMPLE).row("naked")


def test_a_future_by_hand() -> None:
    """Scans of 10 % with the extreme at 0.35 · 20 %: one future at 60,000 asks 6,000, its tail mean a little less."""
    top = parsed()
    top["account"] = [{"id": "a", "cash": "-50000", "quantities": {"BTC-FUTURE": "1"}}]
    row = scenario_book(top, "x:").row("a")
    assert (row["support"], row["requirement"], row["zone"]) == ("10000", "6000", "safe")
    top["tail_mean"] = "0.75"  # the worst 3 of 12: 6000, 6000, 4200
    assert scenario_book(top, "x:").row("a")["requirement"] == "5400"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"surprise": 1}, "unknown_key"),
        ({"account": []}, "at least one"),
        ({"account": [{"id": "a", "cash": "1", "quantities": {"NONE": "1"}}]}, "unknown_contract"),
        ({"account": [{"id": "a", "cash": "1"}, {"id": "a", "cash": "1"}]}, "duplicate_name"),
        ({"account": [{"id": "a"}]}, "cash"),
        ({"contract": [{"name": "C", "underlying": "NONE", "kind": "future"}]}, "unknown_market"),
        ({"contract": [{"name": "C", "underlying": "BTCUSDT", "kind": "swap"}]}, "future, call, put"),
        ({"contract": [{"name": "C", "underlying": "BTCUSDT", "kind": "call", "strike": "0"}]}, "strike"),
        ({"scan": {"price": ["1"], "volatility": [], "cover": ["1"]}}, "one entry per scenario"),
        ({"tail_mean": "0.9", "value_at_risk": "0.9"}, "second reducer"),
        ({"max_age_seconds": "0"}, "not_positive"),
    ],
)
def test_what_is_wrong_is_told(change: dict[str, Any], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        scenario_book(parsed() | change, "portfolio.toml:")

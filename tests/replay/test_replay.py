"""`marginbook replay`: zone changes at their ticks, problems listed, the rest going on."""

import json
from decimal import Decimal
from pathlib import Path

from typer.testing import CliRunner

from marginbook.cli import app
from marginbook.connectors.histories import read_price_frames
from marginbook.domain.account import Account, Position
from marginbook.domain.market import Market
from marginbook.engine.replay import replay

EXAMPLE = Path(__file__).parents[2] / "examples" / "two-accounts.toml"
HISTORY = """time,binance:BTCUSDT,binance:ETHUSDT,aave:WETH
2026-10-01T12:00:00Z,60000,2600,3000
2026-10-01T12:00:01Z,59000,2650,2700
2026-10-01T12:00:02Z,44000,2650,1900
2026-10-01T12:00:03Z,43000,2650,1800
2026-10-01T12:00:04Z,60000,2650,3000
"""


def long(name: str, wallet: int) -> Account:
    position = Position(market="BTCUSDT", side="long", quantity=Decimal(1), entry=Decimal(60000), leverage=Decimal(10))
    return Account(id=name, rules="binance/usdm", wallet={"USDT": Decimal(wallet)}, positions=(position,))


def test_zone_changes_come_at_their_ticks(tmp_path: Path) -> None:
    history = tmp_path / "history.csv"
    history.write_text(HISTORY)
    result = CliRunner().invoke(app, ["replay", str(EXAMPLE), str(history), "--json"])
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert [(e["time"][-3:], e["account"], e["from"], e["to"]) for e in answer["events"]] == [
        ("01Z", "treasury", "safe", "warning"),
        ("02Z", "treasury", "warning", "call"),
        ("03Z", "trader-1", "safe", "bankrupt"),
        ("03Z", "treasury", "call", "liquidation"),
        ("04Z", "trader-1", "bankrupt", "safe"),
        ("04Z", "treasury", "liquidation", "safe"),
    ]
    assert answer["final"]["counts"]["safe"] == 2


def test_a_deposit_between_two_frames_saves_an_account(tmp_path: Path) -> None:
    history, events = tmp_path / "history.csv", tmp_path / "events.jsonl"
    history.write_text(HISTORY)
    deposit = {
        "type": "deposit",
        "account": "treasury",
        "asset": "WETH",
        "amount": "10",
        "time": "2026-10-01T12:00:02Z",
    }
    events.write_text(json.dumps(deposit | {"source": "wallet", "source_sequence": 1}) + "\n")
    result = CliRunner().invoke(app, ["replay", str(EXAMPLE), str(history), "--events", str(events), "--json"])
    answer = json.loads(result.stdout)
    assert not answer["problems"], answer["problems"]
    assert not [e for e in answer["events"] if e["account"] == "treasury" and e["to"] == "liquidation"]


def test_accounts_without_a_price_at_first_wait_for_one(tmp_path: Path) -> None:
    history = tmp_path / "history.csv"
    history.write_text("time,binance:BTCUSDT\n2026-10-01T00:00:00Z,60000\n2026-10-01T00:00:01Z,54500\n")
    answer = replay([long("a", 6000), long("b", 5500), long("c", 9000)], Market(), {}, read_price_frames(history))
    assert [(e["account"], e["to"]) for e in answer["events"]] == [("b", "liquidation")]


def test_a_late_frame_is_a_problem_and_the_rest_goes_on(tmp_path: Path) -> None:
    history = tmp_path / "history.csv"
    history.write_text(
        "time,binance:BTCUSDT\n2026-10-01T00:00:02Z,60000\n2026-10-01T00:00:01Z,1\n2026-10-01T00:00:03Z,100\n"
    )
    answer = replay([long("a", 6000)], Market(), {}, read_price_frames(history))
    assert [(e["time"], e["to"]) for e in answer["events"]] == [("2026-10-01T00:00:03Z", "bankrupt")]
    assert len(answer["problems"]) == 1

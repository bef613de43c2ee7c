"""Orders tried over REST, on one account and on the book; accounts under scenario margin beside it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from test_live_provider import BOOK, opened, wait_for

from marginbook.connectors.scenario_books import load_scenario_book
from marginbook.ledger.sqlite import SqliteLedger
from marginbook.service.live_provider import LiveProvider
from marginbook.service.run import files_setup

PORTFOLIO = Path(__file__).parents[2] / "examples" / "portfolio.toml"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    path = tmp_path / "book.toml"
    path.write_bytes(BOOK)
    setup = files_setup([path], [])
    setup = replace(setup, scenarios=lambda: load_scenario_book(PORTFOLIO, setup.at))
    found = opened(LiveProvider(setup, SqliteLedger(tmp_path / "events.sqlite")))
    yield found
    found.__exit__(None, None, None)


def send(client: TestClient, *events: dict[str, Any]) -> Any:
    return client.post("/api/v1/events", content="\n".join(json.dumps(event) for event in events)).json()


def test_a_basket_on_one_account(client: TestClient) -> None:
    body = {"account": "trader-1", "orders": ["sell 0.5 BTCUSDT", "sell 25 ETHUSDT @2600", "buy 1 BTCUSDT 20x"]}
    answer = client.post("/api/v1/whatif/orders", json=body).json()
    assert (answer["allowed"], answer["allowed_as_one"]) == (False, False)
    assert answer["why_not"].startswith("order 3: cross:USDT would lack")
    assert len(answer["largest"]) == 3
    assert {row["market"] for row in answer["contributions"]} == {"BTCUSDT", "ETHUSDT"}
    assert answer["as_of"] == "2026-10-01T12:00:00Z"
    body["orders"] = ["buy 3 BTCUSDT", "sell 3 BTCUSDT"]
    answer = client.post("/api/v1/whatif/orders", json=body).json()
    assert (answer["allowed"], answer["allowed_as_one"], answer["why_not_as_one"]) == (False, True, None)


def test_orders_on_the_whole_book(client: TestClient) -> None:
    answer = client.post("/api/v1/whatif/book", json={"orders": ["buy 0.5 BTCUSDT"]}).json()
    assert (answer["accounts"], answer["allowed"], answer["zones_after"]) == (1, 1, {"safe": 1})
    (row,) = answer["rows"]
    assert row["after"]["pools"]["cross:USDT"]["initial_margin"] == "4040"
    assert client.post("/api/v1/whatif/book", json={"orders": ["buy 0.5 BTCUSDT"], "limit": 0}).json()["rows"] == []


def test_orders_that_cannot_be_meant_are_refused(client: TestClient) -> None:
    for path, body in (("orders", {"account": "trader-1"}), ("book", {})):
        wrong = client.post(f"/api/v1/whatif/{path}", json=body | {"orders": ["buy lots"]})
        assert (wrong.status_code, wrong.json()["code"]) == (400, "bad_order")
        assert client.post(f"/api/v1/whatif/{path}", json=body | {"orders": []}).status_code == 422
    body = {"account": "nobody", "orders": ["buy 1 BTCUSDT"]}
    assert client.post("/api/v1/whatif/orders", json=body).status_code == 404


def test_scenario_accounts_follow_prices_and_their_own_events(client: TestClient) -> None:
    listed = client.get("/api/v1/scenarios").json()
    assert (listed["total"], [row["zone"] for row in listed["rows"]]) == (2, ["safe", "safe"])

    def frame(seconds: int, price: str) -> dict[str, Any]:
        time = f"2026-10-01T12:00:{seconds}Z"
        return {"type": "price_frame", "time": time, "prices": {"binance": {"BTCUSDT": price}}}

    answer = send(client, frame(10, "59990"))
    assert answer["problems"] == []
    row = client.get("/api/v1/scenarios/naked").json()["account"]
    assert (row["age_seconds"], row["zone"]) == ("10", "safe")
    assert 0 < float(row["band_used"]) < 1
    row = client.get("/api/v1/scenarios/naked?fresh=true").json()["account"]
    assert (row["age_seconds"], row["band_used"]) == ("0", "0")
    assert send(client, frame(20, "46000"))["accepted"] == 1
    assert client.get("/api/v1/scenarios/naked").json()["account"]["zone"] == "liquidation"

    def told() -> list[Any]:
        events = client.get("/api/v1/timeline").json()["events"]
        return [event for event in events if event["account"] == "naked"]

    wait_for(lambda: told())
    assert told()[-1]["to"] == "liquidation"
    fill = {
        "type": "fill",
        "account": "naked",
        "market": "BTC-55000-PUT",
        "side": "buy",
        "quantity": "2",
        "price": "8000",
        "time": "2026-10-01T12:00:30Z",
        "source": "desk",
        "source_sequence": 1,
    }
    first, again = send(client, fill), send(client, fill)
    assert [(one["accepted"], one["duplicates"]) for one in (first, again)] == [(1, 0), (0, 1)]
    row = client.get("/api/v1/scenarios/naked").json()["account"]
    assert (row["zone"], row["support"], row["requirement"]) == ("safe", "13280", "0")
    wrong = send(client, fill | {"market": "NONE", "source_sequence": 2})
    assert (wrong["accepted"], wrong["problems"][0]["code"]) == (0, "bad_fill")
    assert client.get("/api/v1/scenarios/nobody").status_code == 404

"""The provider over a real engine: a small demo book, one's own file, events, replay control."""

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from marginbook.connectors.books import load_book
from marginbook.engine.answers import report_json
from marginbook.engine.evaluate import evaluate, parameters_source
from marginbook.ledger.sqlite import SqliteLedger
from marginbook.service.app import create_app
from marginbook.service.live_provider import LiveProvider
from marginbook.service.run import files_setup
from marginbook.service.runner import INTERVAL_MOST
from marginbook.service.setup import demo_setup

BOOK = b"""
[[account]]
id = "trader-1"
rules = "binance/usdm"
wallet = { USDT = "10000" }
position = [
  { market = "BTCUSDT", side = "long",  quantity = "0.5", entry = "62000", leverage = "20" },
  { market = "ETHUSDT", side = "short", quantity = "4",   entry = "2500",  leverage = "10" } ]

[[account]]
id = "broken"
rules = "binance/usdm"
wallet = { USDT = "ten" }

[prices]
as_of = "2026-10-01T12:00:00Z"
binance = { BTCUSDT = "60000", ETHUSDT = "2600" }
"""


def wait_for(condition: "object", seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():  # type: ignore[operator]
            return
        time.sleep(0.05)
    pytest.fail("it did not happen in time")


def opened(provider: LiveProvider) -> TestClient:
    client = TestClient(create_app(provider), base_url="http://127.0.0.1")
    client.__enter__()
    wait_for(lambda: provider.runner.view is not None or provider.runner.failure is not None)
    assert provider.runner.failure is None, provider.runner.failure
    return client


def at_rest(client: TestClient) -> bool:
    """Nothing was folded for longer than a view may wait to be published."""
    before = client.get("/api/v1/summary").json()["sequence"]
    time.sleep(INTERVAL_MOST + 0.3)
    return bool(client.get("/api/v1/summary").json()["sequence"] == before)


@pytest.fixture(scope="module")
def demo() -> Iterator[TestClient]:
    client = opened(LiveProvider(demo_setup(accounts=600, seed=3, speed=Decimal(600))))
    wait_for(lambda: client.get("/api/v1/summary").json()["liquidations"] > 0)
    client.post("/api/v1/control", json={"paused": True})
    wait_for(lambda: at_rest(client))
    yield client
    client.__exit__(None, None, None)


@pytest.fixture
def file_client(tmp_path: Path) -> Iterator[TestClient]:
    path = tmp_path / "mine.toml"
    path.write_bytes(BOOK)
    client = opened(LiveProvider(files_setup([path], [])))
    yield client
    client.__exit__(None, None, None)


def test_the_demo_shows_calls_and_liquidations_of_both_venues(demo: TestClient) -> None:
    summary = demo.get("/api/v1/summary").json()
    assert summary["mode"] == "demo"
    assert summary["accounts"] == 600
    assert sum(summary["counts"].values()) == 600
    assert set(summary["venues"]) == {"aave", "binance"}
    events = demo.get("/api/v1/timeline?limit=1000").json()["events"]
    assert {"call", "liquidation"} <= {event["to"] for event in events}
    assert [event["number"] for event in events] == sorted(event["number"] for event in events)


def test_a_page_row_says_what_the_account_page_says(demo: TestClient) -> None:
    for row in demo.get("/api/v1/accounts?limit=15&venue=aave").json()["rows"]:
        full = demo.get(f"/api/v1/accounts/{row['account']}").json()["account"]
        assert row["exposure"] == full["debt_value"]
        for name in ("margin_balance", "maintenance_margin", "headroom", "currency"):
            assert row[name] == full[name], (row["account"], name)
        assert row["ratio"]["value"] == full["health_factor"]


def test_every_order_of_the_table_is_the_order_of_its_numbers(demo: TestClient) -> None:
    for key in ("danger", "exposure", "margin_balance", "maintenance_margin", "headroom"):
        for order in ("asc", "desc"):
            rows = demo.get(f"/api/v1/accounts?sort={key}&order={order}&limit=60&venue=aave").json()["rows"]
            values = [float(row[key]) for row in rows]
            assert values == sorted(values, reverse=order == "desc"), key
    names = [row["account"] for row in demo.get("/api/v1/accounts?sort=account&order=asc&limit=500").json()["rows"]]
    assert names == sorted(names)


def test_pages_do_not_overlap_and_leave_nothing_out(demo: TestClient) -> None:
    seen = []
    for offset in range(0, 600, 150):
        rows = demo.get(f"/api/v1/accounts?limit=150&offset={offset}&sort=exposure").json()["rows"]
        seen += [row["account"] for row in rows]
    assert len(seen) == len(set(seen)) == 600


def test_a_zone_filter_counts_what_the_card_counts(demo: TestClient) -> None:
    counts = demo.get("/api/v1/summary").json()["counts"]
    for zone, number in counts.items():
        assert demo.get(f"/api/v1/accounts?zone={zone}&limit=1").json()["total"] == number


def test_a_shock_of_nothing_changes_nothing_and_a_fall_moves_what_is_derived(demo: TestClient) -> None:
    still = demo.get("/api/v1/shock?asset=ALL&move=0").json()
    assert still["before"] == still["after"]
    fall = demo.get("/api/v1/shock?asset=ETH&move=-0.3").json()
    assert {"ETHUSDT", "WETH", "wstETH"} <= {moved["market"] for moved in fall["moved"]}
    assert "BTCUSDT" not in {moved["market"] for moved in fall["moved"]}
    only = demo.get("/api/v1/shock?asset=ETHUSDT&move=-0.3&only=true").json()
    assert {moved["market"] for moved in only["moved"]} == {"ETHUSDT"}
    assert fall["liquidatable"]["accounts"] > still["liquidatable"]["accounts"]


def test_the_ladder_agrees_with_the_shock_at_each_step(demo: TestClient) -> None:
    steps = demo.get("/api/v1/ladder?asset=ALL").json()["steps"]
    assert [float(step["move"]) for step in steps] == pytest.approx([k * 0.05 for k in range(-10, 11)])
    for step in steps[::5]:
        shock = demo.get(f"/api/v1/shock?asset=ALL&move={step['move']}").json()
        assert step["accounts"] == shock["liquidatable"]["accounts"]
        assert step["notional"] == shock["liquidatable"]["notional"]


def test_the_ladder_stacked_by_asset_adds_up_to_the_one_by_venue(demo: TestClient) -> None:
    by_venue = demo.get("/api/v1/ladder?asset=ALL&by=venue").json()["steps"]
    by_asset = demo.get("/api/v1/ladder?asset=ALL&by=asset").json()["steps"]
    assert {"BTC", "ETH", "other"} <= set(by_asset[0]["stacks"])
    for one, other in zip(by_venue, by_asset, strict=True):
        assert one["accounts"] == other["accounts"]
        assert one["notional"] == other["notional"]
        assert sum(map(Decimal, other["stacks"].values())) == pytest.approx(Decimal(one["notional"]), abs=1)
    fall = demo.get("/api/v1/ladder?asset=ETH&by=asset").json()["steps"][0]
    assert Decimal(fall["stacks"]["ETH"]) > Decimal(fall["notional"]) / 2


def test_speed_and_pause_change_the_clock_without_a_jump(demo: TestClient) -> None:
    before = demo.get("/api/v1/summary").json()
    time.sleep(0.7)
    assert demo.get("/api/v1/summary").json()["clock"] == before["clock"]
    refused = demo.post("/api/v1/control", json={"speed": "0"})
    assert refused.status_code == 400
    assert demo.post("/api/v1/control", json={"speed": "30"}).json()["speed"] == "30"


def test_a_file_is_answered_as_check_answers_it(file_client: TestClient, tmp_path: Path) -> None:
    book = load_book([tmp_path / "mine.toml"])
    assert book.as_of is not None
    setup = files_setup([tmp_path / "mine.toml"], [])
    expected = report_json(evaluate(book.accounts[0], setup.market, parameters_source({}, book.as_of), book.as_of))
    answer = file_client.get("/api/v1/accounts/trader-1").json()
    assert answer["account"] == json.loads(json.dumps(expected, default=str))
    assert answer["account"]["margin_balance"] == "8600"


def test_the_books_own_zone_thresholds_hold_everywhere(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(BOOK + b'[zones.derivatives]\nwarning = "0.01"\ncall = "0.5"\nrearm = "0.001"\n')
    client = opened(LiveProvider(files_setup([path], [])))
    answer = client.get("/api/v1/accounts/trader-1").json()
    assert (answer["gauge"]["warning"], answer["gauge"]["call"]) == ("0.01", "0.5")
    assert answer["account"]["zone"] == answer["gauge"]["zone"] == "warning"
    assert client.get("/api/v1/accounts").json()["rows"][0]["zone"] == "warning"
    body = {"account": "trader-1", "change": {"action": "deposit", "asset": "USDT", "amount": "40000"}}
    answer = client.post("/api/v1/whatif", json=body).json()
    assert (answer["before"]["zone"], answer["after"]["zone"]) == ("warning", "safe")
    client.__exit__(None, None, None)


def test_what_if_shows_both_sides_and_the_refusal_of_the_venue(file_client: TestClient) -> None:
    body = {"account": "trader-1", "change": {"action": "deposit", "asset": "USDT", "amount": "400"}}
    answer = file_client.post("/api/v1/whatif", json=body).json()
    assert answer["accepted"] is True
    assert (answer["before"]["margin_balance"], answer["after"]["margin_balance"]) == ("8600", "9000")
    body["change"] = {"action": "withdrawal", "asset": "USDT", "amount": "9000"}
    refused = file_client.post("/api/v1/whatif", json=body).json()
    assert refused["accepted"] is False
    assert refused["reason"]
    assert file_client.get("/api/v1/accounts/trader-1").json()["account"]["margin_balance"] == "8600"


@pytest.mark.parametrize(
    "change",
    [
        {"action": "dance", "asset": "USDT", "amount": "1"},
        {"action": "deposit", "asset": "USDT", "amount": "-1"},
        {"action": "deposit", "asset": "USDT", "amount": "NaN"},
        {"action": "deposit", "asset": "USDT", "amount": 5},
        {"action": "deposit", "asset": "", "amount": "5"},
        {"action": "deposit", "asset": "USDT", "amount": "5", "when": "now"},
        {"action": "buy", "asset": "NOPEUSDT", "amount": "5"},
    ],
)
def test_a_what_if_that_cannot_be_meant_is_refused(file_client: TestClient, change: dict[str, object]) -> None:
    answer = file_client.post("/api/v1/whatif", json={"account": "trader-1", "change": change})
    assert answer.status_code == 400
    assert set(answer.json()) == {"code", "place", "value", "expected"}


def test_the_explanation_ends_in_the_headroom(file_client: TestClient) -> None:
    account = file_client.get("/api/v1/accounts/trader-1").json()["account"]
    tree = file_client.get("/api/v1/accounts/trader-1/explain").json()["tree"]
    assert Decimal(tree["value"]) == Decimal(account["headroom"])
    assert tree["inputs"]


def test_ones_own_file_becomes_the_book_and_the_first_comes_back(demo: TestClient) -> None:
    generation = demo.get("/api/v1/summary").json()["book"]
    answer = demo.post("/api/v1/book?name=mine.toml", content=BOOK).json()
    assert answer["accounts"] == 1
    assert [problem["place"] for problem in answer["problems"]] == ["mine.toml: account[1].wallet.USDT"]
    summary = demo.get("/api/v1/summary").json()
    assert (summary["mode"], summary["accounts"], summary["can_restore"]) == ("file", 1, True)
    assert summary["book"] > generation
    assert summary["prices"]["stale"] == 0
    demo.delete("/api/v1/book")
    summary = demo.get("/api/v1/summary").json()
    assert (summary["mode"], summary["accounts"], summary["can_restore"]) == ("demo", 600, False)
    demo.post("/api/v1/control", json={"paused": True})


@pytest.mark.parametrize(
    ("name", "content"), [("a.toml", b"= ["), ("a.json", b"{"), ("a.csv", b"x,y\n1,2\n"), ("a.bin", b"x")]
)
def test_a_file_without_accounts_leaves_the_book_as_it_is(demo: TestClient, name: str, content: bytes) -> None:
    answer = demo.post(f"/api/v1/book?name={name}", content=content).json()
    assert answer["accounts"] == 0
    assert answer["shown"] is False
    assert answer["problems"]
    assert all(problem["place"].startswith(name) for problem in answer["problems"])
    assert demo.get("/api/v1/summary").json()["accounts"] == 600


def test_events_move_the_account_and_a_bad_line_does_not_stop_the_rest(file_client: TestClient) -> None:
    lines = [
        {"type": "deposit", "time": "2026-10-01T12:01:00Z", "account": "trader-1", "asset": "USDT", "amount": "100"},
        {"type": "deposit", "time": "2026-10-01T12:01:00Z", "account": "nobody", "asset": "USDT", "amount": "100"},
        {"type": "dance"},
        {
            "type": "price_frame",
            "time": "2026-10-01T12:02:00Z",
            "prices": {"binance": {"BTCUSDT": "30000", "ETHUSDT": "2600"}},
        },
    ]
    content = "\n".join(json.dumps(line) for line in lines).encode()
    answer = file_client.post("/api/v1/events", content=content).json()
    assert answer["accepted"] == 2
    assert len(answer["problems"]) == 2
    wait_for(lambda: file_client.get("/api/v1/summary").json()["counts"]["safe"] == 0)
    account = file_client.get("/api/v1/accounts/trader-1").json()["account"]
    assert account["wallet_balance"] == "10100"
    assert account["zone"] == "bankrupt"
    events = file_client.get("/api/v1/timeline").json()["events"]
    assert events[-1]["to"] == "bankrupt"


def test_the_same_line_twice_is_two_events_unless_its_source_numbers_it(file_client: TestClient) -> None:
    line = {"type": "deposit", "time": "2026-10-01T12:01:00Z", "account": "trader-1", "asset": "USDT", "amount": "100"}
    for numbered, duplicates, expected in (
        ({}, 0, "10100"),
        ({}, 0, "10200"),
        ({"source": "bank", "source_sequence": 7}, 0, "10300"),
        ({"source": "bank", "source_sequence": 7}, 1, "10300"),
    ):
        answer = file_client.post("/api/v1/events", content=json.dumps(line | numbered).encode()).json()
        assert (answer["accepted"], answer["duplicates"]) == (1 - duplicates, duplicates)
        account = file_client.get("/api/v1/accounts/trader-1").json()["account"]
        assert account["wallet_balance"] == expected
    assert file_client.get("/api/v1/summary").json()["mode"] == "live"


def test_an_account_that_a_stale_price_leaves_open_is_undecided(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    mark = '{ mark = "47500", time = "2026-10-01T12:00:00Z", max_age = "60" }'
    path.write_bytes(BOOK.replace(b'BTCUSDT = "60000"', f"BTCUSDT = {mark}".encode()))
    client = opened(LiveProvider(files_setup([path], [])))
    frame = {"type": "price_frame", "time": "2026-10-01T12:05:00Z", "prices": {"binance": {"ETHUSDT": "3100"}}}
    assert client.post("/api/v1/events", content=json.dumps(frame).encode()).json()["accepted"] == 1
    wait_for(lambda: client.get("/api/v1/summary").json()["counts"]["undecided"] == 1)
    summary = client.get("/api/v1/summary").json()
    assert summary["prices"]["stale"] == 1
    assert summary["prices"]["oldest"] == "binance:BTCUSDT:mark"
    assert client.get("/api/v1/accounts?zone=undecided").json()["rows"][0]["account"] == "trader-1"
    assert client.get("/api/v1/accounts/trader-1").json()["gauge"]["zone"] == "undecided"
    client.__exit__(None, None, None)


def test_what_was_accepted_is_still_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(BOOK)
    event = {"type": "deposit", "time": "2026-10-01T12:01:00Z", "account": "trader-1", "asset": "USDT", "amount": "100"}
    for expected in ("10100", "10100"):
        client = opened(LiveProvider(files_setup([path], []), SqliteLedger(tmp_path / "log.sqlite")))
        body = json.dumps(event | {"source": "bank", "source_sequence": 1}).encode()
        assert client.post("/api/v1/events", content=body).status_code == 200
        wait_for(
            lambda c=client, e=expected: c.get("/api/v1/accounts/trader-1").json()["account"]["wallet_balance"] == e
        )
        client.__exit__(None, None, None)


def test_before_the_book_is_ready_the_page_is_told_how_far_it_is() -> None:
    provider = LiveProvider(demo_setup(accounts=50))
    body = provider.summary().body
    assert body["loading"] == {"done": 0, "total": 50}
    with TestClient(create_app(provider), base_url="http://127.0.0.1") as client:
        answer = client.get("/api/v1/accounts")
        assert answer.status_code in (200, 503)
        wait_for(lambda: client.get("/api/v1/accounts").status_code == 200)

"""Cascades of the served book: the command's own answer, one at a time, bounded, and nothing of it in the book."""

import json
import multiprocessing
import socket
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.testclient import TestClient
from typer.testing import CliRunner

from marginbook.book.book import Book
from marginbook.cli import app as commands
from marginbook.connectors.books import load_book, market_of
from marginbook.engine.evaluate import parameters_source
from marginbook.service.app import create_app
from marginbook.service.cascade_desk import CascadeDesk
from marginbook.service.cascades import cascade_answer
from marginbook.service.live_provider import LiveProvider
from marginbook.service.provider import CascadeQuery
from marginbook.service.run import files_setup
from marginbook.service.setup import demo_setup

BOOK = Path(__file__).parent.parent.parent / "examples" / "cascade.toml"
SHOCK = (("ETH", Decimal("-0.05")),)
QUERY = CascadeQuery(shocks=SHOCK, impact=("linear:depth=8e5",), funds={"binance:USDT": Decimal(20000)})
BODY = {
    "shocks": [{"asset": "ETH", "move": "-0.05"}],
    "impact": ["linear:depth=8e5"],
    "funds": {"binance:USDT": "20000"},
}
FLAGS = ("--shock", "ETH=-5%", "--impact", "linear:depth=8e5", "--fund", "binance:USDT=20000", "--json")
STAMP = ("as_of", "sequence", "rules")


def book_of_example() -> Book:
    file = load_book([BOOK], [])
    assert file.as_of is not None
    return Book.from_accounts(file.accounts, market_of(file), parameters_source(file.overlays, file.as_of), file.as_of)


def nobody(*_: int) -> None:
    """Progress that nobody hears."""


def opened(provider: LiveProvider) -> TestClient:
    client = TestClient(create_app(provider), base_url="http://127.0.0.1")
    client.__enter__()
    until(lambda: provider.runner.view is not None)
    return client


def until(condition: Callable[[], Any], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(scope="module")
def served() -> Iterator[TestClient]:
    client = opened(LiveProvider(files_setup([BOOK], [])))
    yield client
    client.__exit__(None, None, None)


def command() -> Any:
    result = CliRunner().invoke(commands, ["cascade", str(BOOK), *FLAGS])
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_the_service_says_what_the_command_says_and_changes_nothing(served: TestClient) -> None:
    """While it runs a second one is told to wait, and anybody may see how far it is."""
    before = served.get("/api/v1/accounts").json()
    found: list[Any] = []
    running = threading.Thread(target=lambda: found.append(served.post("/api/v1/cascade", json=BODY)))
    running.start()
    until(lambda: served.get("/api/v1/cascade").json()["running"])
    second = served.post("/api/v1/cascade", json=BODY)
    assert (second.status_code, second.json()["code"]) == (409, "cascade_running")
    running.join()
    body = found[0].json()
    assert all(body.pop(name) is not None for name in STAMP)
    assert body == command()
    assert (len(body["rounds"]), body["bad_debt"]) == (4, "661006.2")  # as in docs/cascades.md
    assert served.get("/api/v1/accounts").json()["rows"] == before["rows"]
    assert not served.get("/api/v1/cascade").json()["running"]


def test_the_fast_book_has_the_same_rounds_and_zones_as_account_by_account() -> None:
    told: list[tuple[int, int, int]] = []
    exact = cascade_answer(book_of_example(), QUERY, [], nobody)
    fast = cascade_answer(book_of_example(), QUERY, [], lambda *at: told.append(at), small=0)
    assert fast.keys() == exact.keys()
    for key in exact.keys() - {"before", "shocked", "after"}:
        assert fast[key] == exact[key], key
    for key in ("before", "shocked", "after"):
        assert fast[key]["counts"] == exact[key]["counts"]
        assert fast[key]["bad_debt"] == exact[key]["bad_debt"]
    total = sum(Decimal(amount) for amount in fast["before"]["notional"].values())
    assert total == 20_400_000 + 8_300_000  # positions at 3,000, and loans by their debt
    assert told[-1][0] == len(exact["rounds"])
    assert all(0 < done <= of for _, done, of in told)


def test_rounds_name_those_of_whom_most_was_closed() -> None:
    rows = cascade_answer(book_of_example(), QUERY, [], nobody)["rounds"]
    first = rows[0]["largest"]
    assert [row["closed"] for row in first] == [rows[0]["closed"]["binance"]] == ["2850000"]
    for row in rows:
        named = [Decimal(one["closed"]) for one in row["largest"]]
        assert named == sorted(named, reverse=True)
        assert sum(named) == sum(Decimal(value) for value in row["closed"].values())


def test_no_more_rounds_than_asked_for_and_no_impact_no_second_round() -> None:
    one = cascade_answer(book_of_example(), CascadeQuery(shocks=SHOCK, impact=QUERY.impact, rounds=1), [], nobody)
    assert (len(one["rounds"]), one["stopped"]) == (1, "rounds")
    calm = cascade_answer(book_of_example(), CascadeQuery(shocks=SHOCK, impact=("none",)), [], nobody)
    assert (len(calm["rounds"]), calm["stopped"]) == (1, "settled")
    whole = CascadeQuery(shocks=SHOCK, impact=QUERY.impact, funds=QUERY.funds, waterfall=True)
    assert cascade_answer(book_of_example(), whole, [], nobody)["rounds"][0]["lost_to"] == {"counterparties": "0"}


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"shocks": []}, 422, "wrong_shape"),
        ({"shocks": [{"asset": "ETH", "move": -0.3}]}, 422, "wrong_shape"),
        ({"rounds": 0}, 422, "wrong_shape"),
        ({"rounds": "9"}, 422, "wrong_shape"),
        ({"execution": "1.5"}, 422, "wrong_shape"),
        ({"colour": "red"}, 422, "wrong_shape"),
        ({"impact": "none"}, 422, "wrong_shape"),
        ({"impact": ["cubic:depth=1"]}, 400, "bad_impact"),
        ({"impact": ["linear:depth=nan"]}, 400, "bad_impact"),
        ({"impact": ["ETH=1%:-5"]}, 400, "bad_impact"),
        ({"funds": {"binance": "1"}}, 400, "bad_fund"),
        ({"funds": {"binance:USDT": "-1"}}, 400, "bad_fund"),
        ({"shocks": [{"asset": "ETH", "move": "-1"}]}, 400, "bad_move"),
        ({"shocks": [{"asset": "NOPE", "move": "-0.3"}]}, 400, "unknown_market"),
    ],
)
def test_bad_input_is_refused_before_a_process_starts(
    served: TestClient, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], status: int, code: str
) -> None:
    monkeypatch.delattr("marginbook.service.cascade_desk.get_context")
    answer = served.post("/api/v1/cascade", json=BODY | change)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert set(answer.json()) == {"code", "place", "value", "expected"}


def test_nothing_to_cancel_is_no_error(served: TestClient) -> None:
    assert served.delete("/api/v1/cascade").json()["cancelled"] is False


@pytest.mark.long
def test_a_run_can_be_cancelled_runs_out_of_time_and_may_die() -> None:
    provider = LiveProvider(demo_setup(accounts=3000, seed=3))
    client = opened(provider)
    body = {"shocks": [{"asset": "ALL", "move": "-0.3"}], "impact": ["linear:depth=1e6"]}

    def ended(by: Callable[[], Any]) -> tuple[int, str]:
        found: list[Any] = []
        running = threading.Thread(target=lambda: found.append(client.post("/api/v1/cascade", json=body)))
        running.start()
        until(lambda: client.get("/api/v1/cascade").json()["stage"] == "rounds" or found)
        by()
        running.join()
        assert not client.get("/api/v1/cascade").json()["running"]
        return found[0].status_code, found[0].json()["code"]

    assert ended(lambda: client.delete("/api/v1/cascade")) == (409, "cascade_cancelled")
    assert ended(lambda: [child.kill() for child in multiprocessing.active_children()]) == (503, "cascade_failed")
    provider.cascades = CascadeDesk(seconds_most=0.5)
    answer = client.post("/api/v1/cascade", json=body)
    assert (answer.status_code, answer.json()["code"]) == (503, "too_long")
    assert not multiprocessing.active_children()
    client.__exit__(None, None, None)


@pytest.mark.long
def test_a_run_ends_when_its_caller_goes_away() -> None:
    provider = LiveProvider(demo_setup(accounts=20_000, seed=3))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(create_app(provider), host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: provider.runner.view is not None)
    body = json.dumps({"shocks": [{"asset": "ALL", "move": "-0.5"}], "impact": ["linear:depth=1e5"]})
    head = f"Host: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port)) as caller:
        caller.sendall(f"POST /api/v1/cascade HTTP/1.1\r\n{head}{body}".encode())
        until(lambda: provider.cascades.progress()["stage"] == "rounds")
    until(lambda: not provider.cascades.progress()["running"], 3.0)
    server.should_exit = True
    thread.join(timeout=20)


@pytest.mark.long
def test_the_demo_book_runs_by_the_fast_book_and_stays_as_it_is() -> None:
    provider = LiveProvider(demo_setup(accounts=1500, seed=5))
    client = opened(provider)
    client.post("/api/v1/control", json={"paused": True})
    assert provider.runner.core is not None
    before = provider.runner.core.book.zones().tolist()
    told = client.post("/api/v1/cascade", json={"shocks": [{"asset": "ETH", "move": "-0.3"}]}).json()
    shock = client.get("/api/v1/shock?asset=ETH&move=-0.3").json()
    assert told["shocked"]["counts"] == {zone: shock["after"]["counts"][zone] for zone in told["shocked"]["counts"]}
    hit = sum(told["rounds"][0]["accounts"].values())
    assert hit == shock["liquidatable"]["accounts"]
    assert told["after"]["counts"]["liquidation"] == 0 or told["refused"]
    assert len(told["rounds"][0]["largest"]) == 20
    assert provider.runner.core.book.zones().tolist() == before
    client.__exit__(None, None, None)

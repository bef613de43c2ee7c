"""The WebSocket: a snapshot, then numbered deltas without gaps that rebuild the same state."""

from typing import Any

from starlette.testclient import TestClient
from stub_provider import StubProvider

HOST = {"Host": "127.0.0.1"}


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396, as the page does it."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def test_snapshot_and_deltas_rebuild_the_summary(client: TestClient, provider: StubProvider) -> None:
    with client.websocket_connect("/api/v1/stream", headers=HOST) as socket:
        message = socket.receive_json()
        assert message["type"] == "snapshot"
        state, number, events = message["summary"], message["number"], message["events"]
        for _ in range(3):
            provider.tick("0.05")
            message = socket.receive_json()
            assert message["type"] == "delta"
            assert message["number"] == number + 1
            number = message["number"]
            state = merged(state, message["patch"])
            events += message["events"]
        assert state == client.get("/api/v1/summary").json()
        assert [event["number"] for event in events] == list(range(1, len(provider.events) + 1))
        assert {event["to"] for event in events} >= {"call", "liquidation"}


def test_a_delta_holds_only_what_changed(client: TestClient, provider: StubProvider) -> None:
    with client.websocket_connect("/api/v1/stream", headers=HOST) as socket:
        socket.receive_json()
        client.post("/api/v1/control", json={"paused": True})
        delta = socket.receive_json()
        assert set(delta["patch"]) == {"paused", "sequence", "as_of"}
        assert delta["patch"]["paused"] is True


def test_a_client_may_start_over(client: TestClient, provider: StubProvider) -> None:
    with client.websocket_connect("/api/v1/stream", headers=HOST) as socket:
        first = socket.receive_json()
        provider.tick("0.2")
        socket.receive_json()
        socket.send_json({"type": "resync"})
        again = socket.receive_json()
        assert again["type"] == "snapshot"
        assert again["number"] == first["number"] + 1
        assert len(again["events"]) == len(provider.events)


def test_rubbish_is_answered_and_does_not_end_the_line(client: TestClient, provider: StubProvider) -> None:
    with client.websocket_connect("/api/v1/stream", headers=HOST) as socket:
        socket.receive_json()
        for text in ("{", "[]", '{"type": "dance"}'):
            socket.send_text(text)
            assert socket.receive_json()["code"] == "unknown_message"
        provider.tick()
        assert socket.receive_json()["type"] == "delta"


def test_two_clients_see_the_same_numbers(client: TestClient, provider: StubProvider) -> None:
    with (
        client.websocket_connect("/api/v1/stream", headers=HOST) as one,
        client.websocket_connect("/api/v1/stream", headers=HOST) as two,
    ):
        one.receive_json()
        two.receive_json()
        provider.tick("0.3")
        assert one.receive_json() == two.receive_json()


def test_another_book_is_a_new_snapshot_for_everybody(client: TestClient, provider: StubProvider) -> None:
    with client.websocket_connect("/api/v1/stream", headers=HOST) as socket:
        number = socket.receive_json()["number"]
        client.post("/api/v1/book?name=mine.toml", content=b"x")
        message = socket.receive_json()
        assert message["type"] == "snapshot"
        assert message["number"] == number + 1
        assert message["summary"]["book"] == 2

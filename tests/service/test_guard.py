"""Who may talk to the service."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from stub_provider import StubProvider

from marginbook.service.app import create_app

TOKEN = "a-long-secret"


@pytest.fixture
def guarded() -> Iterator[TestClient]:
    app = create_app(StubProvider(), token=TOKEN)
    with TestClient(app, base_url="http://risk.example", follow_redirects=False) as client:
        yield client


def test_without_a_token_only_names_of_this_machine_are_served(client: TestClient) -> None:
    assert client.get("/api/v1/summary", headers={"Host": "localhost:8787"}).status_code == 200
    refused = client.get("/api/v1/summary", headers={"Host": "rebound.example"})
    assert refused.status_code == 403
    assert refused.json()["code"] == "foreign_host"


@pytest.mark.parametrize("path", ["/", "/static/main.js", "/api/v1/summary", "/metrics", "/openapi.json"])
def test_with_a_token_everything_asks_for_it(guarded: TestClient, path: str) -> None:
    assert guarded.get(path).status_code == 401
    assert guarded.get(path, headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert guarded.get(path, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert guarded.get(path, headers={"Cookie": f"marginbook_token={TOKEN}"}).status_code == 200


def test_health_needs_no_token_and_tells_nothing_else(guarded: TestClient) -> None:
    assert guarded.get("/health").json() == {"status": "ok"}


def test_the_page_turns_a_token_in_its_address_into_a_cookie(guarded: TestClient) -> None:
    answer = guarded.get(f"/?token={TOKEN}")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


def test_writing_from_another_origin_is_refused(client: TestClient) -> None:
    answer = client.post("/api/v1/control", json={"paused": True}, headers={"Origin": "https://elsewhere.example"})
    assert answer.status_code == 403
    own = client.post("/api/v1/control", json={"paused": True}, headers={"Origin": "http://127.0.0.1"})
    assert own.status_code == 200


def test_the_stream_asks_for_the_token_and_the_origin(guarded: TestClient, client: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect) as refused, guarded.websocket_connect("/api/v1/stream"):
        pass
    assert refused.value.code == 4401
    with guarded.websocket_connect(f"/api/v1/stream?token={TOKEN}") as socket:
        assert socket.receive_json()["type"] == "snapshot"
    headers = {"Origin": "https://elsewhere.example", "Host": "127.0.0.1"}
    with pytest.raises(WebSocketDisconnect) as refused, client.websocket_connect("/api/v1/stream", headers=headers):
        pass
    assert refused.value.code == 4403

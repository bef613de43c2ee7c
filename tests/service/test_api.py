"""The REST side: shapes, sorting, errors with four fields, bounds, headers."""

import pytest
from starlette.testclient import TestClient

from marginbook.domain.zones import Zone
from marginbook.service import models
from marginbook.service.guard import SECURITY_HEADERS

ERROR_FIELDS = {"code", "place", "value", "expected"}
READS = (
    "summary",
    "accounts",
    "accounts/binance-00001",
    "accounts/binance-00001/explain",
    "accounts/binance-00001/remedies",
    "shock?asset=ETH&move=-0.2",
    "ladder",
    "timeline",
    "prices",
    "parameters",
)


@pytest.mark.parametrize("path", READS)
def test_every_answer_names_its_time_its_sequence_and_its_rules(client: TestClient, path: str) -> None:
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == 200
    body = answer.json()
    assert body["as_of"].startswith("2025-10-10T")
    assert body["sequence"] == 0
    assert body["rules"] == ["aave/3.6", "binance/usdm"]


def test_money_is_text(client: TestClient) -> None:
    row = client.get("/api/v1/accounts").json()["rows"][0]
    assert all(isinstance(row[name], str) for name in ("exposure", "headroom", "danger", "margin_balance"))


def test_accounts_come_worst_first_and_page_on_the_server(client: TestClient) -> None:
    first = client.get("/api/v1/accounts?limit=10").json()
    second = client.get("/api/v1/accounts?limit=10&offset=10").json()
    dangers = [float(row["danger"]) for row in first["rows"] + second["rows"]]
    assert dangers == sorted(dangers, reverse=True)
    assert first["total"] == 200
    assert len({row["account"] for row in first["rows"] + second["rows"]}) == 20


def test_accounts_filter_by_search_zone_and_venue(client: TestClient) -> None:
    assert client.get("/api/v1/accounts?search=BINANCE-00199").json()["total"] == 1
    rows = client.get("/api/v1/accounts?zone=call&venue=aave").json()["rows"]
    assert rows
    assert {(row["zone"], row["venue"]) for row in rows} == {("call", "aave")}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "accounts?sort=colour", 422),
        ("GET", "accounts?order=sideways", 422),
        ("GET", "accounts?limit=0", 422),
        ("GET", "accounts?limit=501", 422),
        ("GET", "accounts?offset=-1", 422),
        ("GET", "accounts?zone=purple", 422),
        ("GET", "accounts/nobody", 404),
        ("GET", "accounts/nobody/explain", 404),
        ("GET", "accounts/nobody/remedies", 404),
        ("GET", "shock?asset=ETH&move=much", 422),
        ("GET", "shock?asset=ETH&move=1e5", 422),
        ("GET", "shock?asset=ETH&move=-2", 400),
        ("GET", "shock?asset=NOPE&move=-0.2", 400),
        ("GET", "ladder?asset=NOPE", 400),
        ("GET", "ladder?by=colour", 422),
        ("GET", "nothing", 404),
        ("PUT", "summary", 405),
    ],
)
def test_refusals_name_code_place_value_and_expectation(
    client: TestClient, method: str, path: str, status: int
) -> None:
    answer = client.request(method, f"/api/v1/{path}")
    assert answer.status_code == status
    assert set(answer.json()) == ERROR_FIELDS
    assert all(isinstance(value, str) for value in answer.json().values())


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("shock", b""),
        ("shock", b"{"),
        ("shock", b"[]"),
        ("shock", b'{"shocks": []}'),
        ("shock", b'{"shocks": [{"asset": "ETH", "move": -0.2}]}'),
        ("shock", b'{"shocks": [{"asset": "ETH", "move": "NaN"}]}'),
        ("shock", b'{"shocks": [{"asset": "ETH", "move": "-0.2"}], "onyl": true}'),
        ("shock", b"\xff\xfe"),
        ("whatif", b'{"account": "a"}'),
        ("whatif", b'{"account": "", "change": {"action": "deposit"}}'),
        ("control", b'{"speed": "-inf"}'),
        ("control", b'{"paused": "perhaps"}'),
    ],
)
def test_malformed_bodies_are_refused_in_the_same_shape(client: TestClient, path: str, body: bytes) -> None:
    answer = client.post(f"/api/v1/{path}", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert set(answer.json()) == ERROR_FIELDS


def test_a_shock_of_several_assets(client: TestClient) -> None:
    moves = [{"asset": "ETH", "move": "-0.2"}, {"asset": "BTC", "move": "-0.1"}]
    body = client.post("/api/v1/shock", json={"shocks": moves}).json()
    assert body["shocks"] == moves


def test_events_are_accepted_line_by_line(client: TestClient) -> None:
    answer = client.post("/api/v1/events", content=b'{"type": "deposit"}\nrubbish\n{"type": "fill"}\n').json()
    assert answer["accepted"] == 2
    assert [problem["place"] for problem in answer["problems"]] == ["line 2"]


def test_a_bad_file_shows_the_places_of_its_problems(client: TestClient) -> None:
    answer = client.post("/api/v1/book?name=mine.toml", content=b"bad").json()
    assert answer["problems"][0]["place"] == "mine.toml: line 1"
    refused = client.post("/api/v1/book?name=mine.exe", content=b"x")
    assert refused.status_code == 400
    assert refused.json()["code"] == "unknown_format"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_beyond_the_limit_is_refused(client: TestClient, chunked: bool) -> None:
    content = iter([b"x" * 6000, b"x" * 6000]) if chunked else b"x" * 10_001
    answer = client.post("/api/v1/book?name=a.toml", content=content)
    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"


@pytest.mark.parametrize("path", ["/", "/static/main.js", "/api/v1/summary", "/openapi.json", "/health", "/metrics"])
def test_every_response_carries_the_security_headers(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers[name] == value
    assert "access-control-allow-origin" not in answer.headers


def test_the_page_asks_nobody_else_for_anything(client: TestClient) -> None:
    for name in (
        "/",
        *(f"/static/{part}.js" for part in ("main", "notices", "dom", "api", "overview", "table", "account")),
    ):
        text = client.get(name).text
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in text


def test_metrics_count_accounts_by_zone_and_time_requests_by_route(client: TestClient) -> None:
    client.get("/api/v1/accounts/binance-00001")
    text = client.get("/metrics").text
    assert 'marginbook_accounts{zone="call"} 20.0' in text
    assert 'marginbook_request_seconds_count{route="/api/v1/accounts/{account}"} 1.0' in text
    assert "binance-00001" not in text


def test_health_tells_when_the_engine_has_stopped(client: TestClient, provider: object) -> None:
    assert client.get("/health").json() == {"status": "ok"}
    provider.running = False  # type: ignore[attr-defined]
    assert client.get("/health").status_code == 503


def test_zone_names_are_those_of_the_domain() -> None:
    assert tuple(zone.label for zone in Zone) == models.ZONE_NAMES

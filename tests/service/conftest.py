"""A service over the stub provider."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))
from stub_provider import StubProvider

from marginbook.service.app import create_app


@pytest.fixture
def provider() -> StubProvider:
    return StubProvider()


@pytest.fixture
def client(provider: StubProvider) -> Iterator[TestClient]:
    with TestClient(create_app(provider, body_limit=10_000), base_url="http://127.0.0.1") as client:
        yield client

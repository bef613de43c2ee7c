"""A real headless Chromium on a real server. Skipped where there is none, unless MARGINBOOK_REQUIRE names chromium."""

import os
import re
import shutil
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from marginbook.service.app import create_app
from marginbook.service.live_provider import LiveProvider
from marginbook.service.setup import demo_setup

REFUSED = re.compile(r"status of (400|404|409)")
"""The browser's own line about an answer that the page shows in words."""
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def chromium() -> str:
    found = os.environ.get("MARGINBOOK_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        if "chromium" in os.environ.get("MARGINBOOK_REQUIRE", ""):
            pytest.fail("MARGINBOOK_REQUIRE names chromium, and there is none: apt-get install chromium")
        pytest.skip("no Chromium here: apt-get install chromium, or set MARGINBOOK_CHROMIUM to its path")
    return found


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    path = chromium()
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as run:
        browser = run.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """A server over a small demo book at a fast pace."""
    chromium()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    app = create_app(LiveProvider(demo_setup(accounts=1500, seed=5, speed=Decimal(120))))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
                if answer.status == 200:
                    break
        except OSError:
            time.sleep(0.1)
    yield url
    server.should_exit = True
    thread.join(timeout=20)


@pytest.fixture
def open_page(browser: Any, address: str, tmp_path: Path) -> Iterator[Any]:
    """Opens the page in a fresh context; at the end, no script error, no console error, no foreign request."""
    contexts, errors, foreign = [], [], []

    def open_page(path: str = "/", width: int = 1280, height: int = 900, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda m: None if m.type != "error" or REFUSED.search(m.text) else errors.append(m.text))
        page.on("request", lambda r: None if r.url.startswith((address, "data:")) else foreign.append(r.url))
        page.goto(address + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not errors
    assert not foreign

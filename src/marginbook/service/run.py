"""`serve`: from files or the demo to a listening server."""

import os
import secrets
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

import uvicorn

from marginbook.connectors.books import load_book
from marginbook.demo.accounts import ACCOUNTS, SEED
from marginbook.demo.scenarios import DEFAULT
from marginbook.domain.errors import BadInput
from marginbook.service.app import create_app
from marginbook.service.guard import is_loopback
from marginbook.service.live_provider import LiveProvider
from marginbook.service.setup import Setup, demo_setup, file_setup

PORT = 8787
HOST = "127.0.0.1"
TOKEN_VARIABLE = "MARGINBOOK_TOKEN"  # name of the environment variable
TOKEN_LEAST = 16


def setup_of(
    book: Sequence[Path] = (),
    prices: Sequence[Path] = (),
    *,
    demo: bool = False,
    scenario: str = DEFAULT,
    accounts: int = ACCOUNTS,
    seed: int = SEED,
    speed: Decimal | None = None,
) -> Setup:
    """The book in files, or the demo where there are none."""
    if demo or not book:
        return demo_setup(accounts, seed, scenario, speed)
    return file_setup(load_book(book, prices), ", ".join(path.name for path in book), time.time_ns() // 1000)


def token_for(host: str, given: str | None) -> str | None:
    """The token that callers must bring: given, or from the environment, or made up where others can reach the port."""
    token = given or os.environ.get(TOKEN_VARIABLE)
    if token is not None and len(token) < TOKEN_LEAST:
        raise BadInput("weak_token", TOKEN_VARIABLE, f"{len(token)} characters", f"at least {TOKEN_LEAST}")
    if token is None and not is_loopback(host):
        return secrets.token_urlsafe(24)
    return token


def run_service(
    setup: Setup,
    *,
    host: str = HOST,
    port: int = PORT,
    token: str | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve `setup` until interrupted. `say` is told where the page is."""
    needed = token_for(host, token)
    provider = LiveProvider(setup)
    app = create_app(provider, needed)
    shown = f"[{host}]" if ":" in host else host
    say(f"http://{shown}:{port}/" + (f"?token={needed}" if needed else ""))
    config = uvicorn.Config(app, host=host, port=port, log_level="warning", ws_max_size=1 << 16, server_header=False)
    uvicorn.Server(config).run()

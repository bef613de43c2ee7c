"""`serve`: from files or the demo to a listening server."""

import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import uvicorn

from marginbook.connectors.books import load_book
from marginbook.connectors.histories import read_price_frames
from marginbook.connectors.scenario_books import load_scenario_book
from marginbook.demo.accounts import ACCOUNTS, SEED
from marginbook.demo.scenarios import DEFAULT
from marginbook.domain.errors import BadInput
from marginbook.domain.events import PriceFrame
from marginbook.ledger.sqlite import SqliteLedger
from marginbook.service.app import create_app
from marginbook.service.guard import is_loopback
from marginbook.service.live_provider import LiveProvider
from marginbook.service.setup import Setup, demo_setup, file_setup

PORT = 8787
HOST = "127.0.0.1"
TOKEN_VARIABLE = "MARGINBOOK_TOKEN"  # name of the environment variable
TOKEN_LEAST = 16
SQLITE = "sqlite:///"
REPLAY_SPEED = Decimal(60)
WEBSOCKET_MOST = 1 << 16  # [bytes] of a message
GRACE = 3  # [s] that requests have to end once the service is told to


def run_service(
    *,
    book_paths: Sequence[Path] = (),
    prices: Sequence[Path] = (),
    history: Path | None = None,
    demo: bool = False,
    database: str | None = None,
    host: str = HOST,
    port: int = PORT,
    speed: Decimal | None = None,
    scenario: str = DEFAULT,
    accounts: int = ACCOUNTS,
    seed: int = SEED,
    token: str | None = None,
    portfolios: Path | None = None,
    say: Callable[[str], object] = lambda line: sys.stderr.write(line + "\n"),
) -> None:
    """Serve the book in files, or the demo, until interrupted. `say` is told where the page is.

    `history` is a price file that is played over the book at `speed`; `portfolios` are accounts under scenario margin.

    `database` is `sqlite:///path`: events are on disk before they are acknowledged, and a restart goes on from there.
    Without one the event log lives in a temporary folder and ends with the service. Beyond loopback a token is needed:
    `token`, MARGINBOOK_TOKEN, or one that is made up and told.
    """
    if demo or not book_paths:
        setup = demo_setup(accounts, seed, scenario, speed)
    else:
        setup = files_setup(book_paths, prices, history, speed)
    if portfolios is not None:
        load_scenario_book(portfolios)  # what is wrong with it is told before the service starts
        setup = replace(setup, scenarios=lambda: load_scenario_book(portfolios, setup.at))
    for problem in setup.problems:
        say(str(problem))
    needed = token_for(host, token)
    with TemporaryDirectory(prefix="marginbook-") as folder:
        app = create_app(LiveProvider(setup, ledger_of(database or f"{SQLITE}{folder}/events.sqlite")), needed)
        shown = f"[{host}]" if ":" in host else host
        say(f"marginbook {setup.mode}: http://{shown}:{port}/" + (f"?token={needed}" if needed else ""))
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            log_level="warning",
            ws_max_size=WEBSOCKET_MOST,
            server_header=False,
            timeout_graceful_shutdown=GRACE,
        )
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # leave by way of the folder's clean-up
        uvicorn.Server(config).run()


def files_setup(
    book_paths: Sequence[Path], prices: Sequence[Path], history: Path | None = None, speed: Decimal | None = None
) -> Setup:
    """The book in files as a setup; a replay of `history` where one is given."""
    title = ", ".join(path.name for path in book_paths)
    book, now = load_book(book_paths, prices), time.time_ns() // 1000
    if history is None:
        return file_setup(book, title, now)
    return file_setup(book, f"{title} over {history.name}", now, lambda: _frames(history), speed or REPLAY_SPEED)


def _frames(history: Path) -> Iterator[PriceFrame]:
    return (frame for frame in read_price_frames(history) if isinstance(frame, PriceFrame))


def ledger_of(database: str) -> SqliteLedger:
    """The ledger at `sqlite:///path`."""
    if not database.startswith(SQLITE) or len(database) == len(SQLITE):
        raise BadInput("unknown_database", "database", database, "sqlite:///path")
    return SqliteLedger(database.removeprefix(SQLITE))


def token_for(host: str, given: str | None) -> str | None:
    """The token that callers must bring: given, or from the environment, or made up where others can reach the port."""
    token = given or os.environ.get(TOKEN_VARIABLE) or None
    if token is not None and len(token) < TOKEN_LEAST:
        raise BadInput("weak_token", TOKEN_VARIABLE, f"{len(token)} characters", f"at least {TOKEN_LEAST}")
    if token is None and not is_loopback(host):
        return secrets.token_urlsafe(24)
    return token

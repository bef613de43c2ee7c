"""page-under-load: how long a page turn of the dashboard takes while a million accounts take 1,000 ticks a second.

One process serves, exactly as `marginbook serve` does; another turns pages over HTTP on loopback: other offsets, sorts,
filters and searches, one after the other, as a person would, but without pausing to read. A third connection holds the
stream open, as an open page does.
"""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPConnection
from typing import Any

import uvicorn
from websockets.sync.client import connect

from marginbook.benchmarks.synthetic import (
    ASSETS,
    AT,
    CONTRACT_RULES,
    LENDING_RULES,
    MARKETS,
    STABLES,
    World,
    asset_name,
    bracket_rows,
    market_name,
    ticks,
    world,
)
from marginbook.domain.events import PriceFrame, Stamp
from marginbook.service.app import create_app
from marginbook.service.live_provider import LiveProvider
from marginbook.service.setup import Setup
from marginbook.units import MICROSECONDS

TICKS = 1000  # [per second]
SECONDS = 600  # of ticks at hand
TURNS = 300
WARM = 30
MOVE = 1.0  # [bp] of every tick, up or down
SETTLE = 20.0  # [s] in which the accounts that are built right at a border cross it
ACCEPT, AIM = 300.0, 100.0  # [ms]
QUERIES = (
    "offset=0",
    "offset=25",
    "offset=50",
    "sort=exposure",
    "sort=headroom&order=asc",
    "zone=call",
    "zone=warning&offset=50",
    "venue=aave",
    "search=b0000",
    "sort=exposure&offset=5000",
)
"""Page turns, in order."""


def run(accounts: int = 1_000_000, seed: int = 1) -> list[dict[str, Any]]:
    """p50, p95 and worst of a page turn, and the ticks that were really applied meanwhile."""
    provider = LiveProvider(_setup(world(accounts, seed), seed))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(create_app(provider), host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while provider.runner.view is None:
            if provider.runner.failure is not None:
                raise RuntimeError(str(provider.runner.failure))
            time.sleep(0.1)
        time.sleep(SETTLE)
        first, started = _played(provider), time.monotonic()
        command = [sys.executable, "-m", "marginbook.benchmarks.page", str(port), str(TURNS)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=900)
        steps, ticks_done = (b - a for a, b in zip(first, _played(provider), strict=True))
        seconds = time.monotonic() - started
    finally:
        server.should_exit = True
        thread.join(timeout=30)
    found = json.loads(done.stdout)
    rows = [_row("page-under-load", found["p95"], "ms p95", ACCEPT)]
    rows.append(_row("page-under-load p50", found["p50"], "ms p50", None))
    rows.append(_row("page-under-load worst", found["worst"], "ms worst", None))
    rows.append(_row("page-under-load ticks", ticks_done / seconds, "ticks/s taken in", None))
    rows.append(_row("page-under-load frames", steps / seconds, "frames/s of them folded, neighbours merged", None))
    return rows


def _row(name: str, value: float, unit: str, limit: float | None) -> dict[str, Any]:
    return {
        "name": name,
        "value": round(value, 2),
        "unit": unit,
        "baseline": None,
        "ratio": None,
        "limit": limit,
        "fraction_of_limit": None if limit is None else round(value / limit, 4),
    }


def _played(provider: LiveProvider) -> tuple[int, int]:
    """(frames folded, ticks in them)."""
    core = provider.runner.core
    steps = 0 if core is None else core.sequence
    return steps, steps + provider.runner.player.merged


def _setup(made: World, seed: int) -> Setup:
    names = {CONTRACT_RULES: "bench-contracts", LENDING_RULES: "bench-lending"}
    return Setup(
        mode="replay",
        title="bench",
        banner="Synthetic book under a steady stream of ticks",
        columns=lambda: [replace(part, parameters=names[part.rules]) for part in made.columns],
        total=sum(len(part.names) for part in made.columns),
        market=made.market,
        at=AT,
        overlays={names[CONTRACT_RULES]: _contracts(), names[LENDING_RULES]: _lending()},
        frames=lambda: _frames(made, seed),
    )


def _frames(made: World, seed: int) -> Iterator[PriceFrame]:
    step = MICROSECONDS // TICKS
    for number, (key, price) in enumerate(ticks(made.market, TICKS * SECONDS, seed, only=MOVE), 1):
        stamp = Stamp(source="ticks", source_sequence=number, time=AT + number * step)
        yield PriceFrame(stamp=stamp, prices={key: price})


def _contracts() -> dict[str, Any]:
    return {market_name(n): {"brackets": bracket_rows(n)} for n in range(MARKETS)}


def _lending() -> dict[str, Any]:
    return {
        asset_name(n): {
            "ltv": f"0.{50 + n}",
            "liquidation_threshold": f"0.{70 + n}",
            "liquidation_bonus": "0.05",
            "decimals": "6" if n < STABLES else "18",
        }
        for n in range(ASSETS)
    }


def _turn_pages(port: int, turns: int) -> dict[str, float]:
    """The reader's side: latencies [ms] of page turns on one kept connection, with an open stream beside it."""
    with connect(f"ws://127.0.0.1:{port}/api/v1/stream") as stream:
        threading.Thread(target=lambda: [None for _ in stream], daemon=True).start()
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        taken = []
        for turn in range(WARM + turns):
            begun = time.perf_counter()
            connection.request("GET", f"/api/v1/accounts?limit=25&{QUERIES[turn % len(QUERIES)]}")
            answer = connection.getresponse()
            body = answer.read()
            taken.append((time.perf_counter() - begun) * 1000)
            if answer.status != 200:
                raise RuntimeError(body.decode())
            time.sleep(0.02)
    kept = sorted(taken[WARM:])
    return {"p50": kept[len(kept) // 2], "p95": kept[int(len(kept) * 0.95)], "worst": kept[-1]}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_turn_pages(int(sys.argv[1]), int(sys.argv[2]))))

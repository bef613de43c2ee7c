"""A fresh process, imports included: the snapshot of a large book, and 100,000 events after it.

The events are transfers and fills that grow or reduce a position, with one price tick among a thousand of them. They
come a thousand to the second and are logged in batches of a thousand. The file cache is warm.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from marginbook.benchmarks import synthetic
from marginbook.benchmarks.measure import row
from marginbook.book.book import Book
from marginbook.book.bulk import NOT_ISOLATED, ContractColumns
from marginbook.domain.events import Event, Fill, PriceFrame, Stamp, Transfer
from marginbook.engine.book_store import BookStore
from marginbook.engine.live import Engine
from marginbook.engine.state import State, Table, TableKey
from marginbook.engine.tables import Tables
from marginbook.ledger.sqlite import SqliteLedger

EVENTS = 100_000
BATCH = 1_000
STEP = 1_000  # [µs] between events
TICKS = 1_000  # one event in so many is a price tick
ACCEPT = 2.0  # [s]
REPEATS = 5
PROGRAM = """
import sys, time
from marginbook.engine.live import Engine
from marginbook.ledger.sqlite import SqliteLedger
engine = Engine.open(ledger=SqliteLedger(sys.argv[1]))
sys.stdout.write(f"{engine.view().sequence} {time.process_time()}\\n")
sys.stdout.flush()
sys.stdin.read()
"""


def prepare(path: Path, accounts: int, seed: int) -> None:
    """A ledger with the snapshot of a synthetic book and the events after it."""
    world = synthetic.world(accounts, seed)
    used: dict[TableKey, Table] = {
        (rules, None, None): Table(at=synthetic.AT, changes=changes) for rules, changes in synthetic.overlays().items()
    }
    state = State(clock=synthetic.AT, market=world.market, tables=used)
    tables = Tables(state.overlays, used, state.clock)
    store = BookStore(Book.from_columns(world.columns, world.market, tables.of, synthetic.AT))
    with SqliteLedger(path) as ledger:
        engine = Engine(state, store, tables, ledger)
        engine.fold.opened(store.moves_from_safe())
        engine.snapshot()
        pending: list[Event] = []
        for event in events(world, seed):
            pending.append(event)
            if len(pending) == BATCH:
                ledger.append(pending)
                pending = []
        ledger.append(pending)


def events(world: synthetic.World, seed: int) -> Iterator[Event]:
    """What happens after the snapshot."""
    rng = np.random.default_rng(seed + 1)
    columns = world.columns[0]
    assert isinstance(columns, ContractColumns)
    assert columns.hedge is not None
    plain = (columns.isolated_wallet == NOT_ISOLATED) & ~columns.hedge[columns.account]
    chosen = rng.choice(np.flatnonzero(plain), EVENTS)
    kinds = rng.random(EVENTS) < 0.5
    sizes = rng.integers(1, 40, EVENTS)
    ticks = synthetic.ticks(world.market, EVENTS // TICKS + 1, seed)
    for number in range(EVENTS):
        row = chosen[number]
        stamp = Stamp(source="bench", source_sequence=number + 1, time=synthetic.AT + (number + 1) * STEP)
        if number % TICKS == TICKS - 1:
            key, price = next(ticks)
            yield PriceFrame(stamp=stamp, prices={key: price})
            continue
        account = columns.names[columns.account[row]].decode()
        if kinds[number]:
            amount = Decimal(int(sizes[number]) * 100 - 500).scaleb(-2)
            yield Transfer(stamp=stamp, account=account, kind="correction", asset="USDT", amount=amount)
            continue
        market = columns.markets[columns.market[row]]
        held = abs(int(columns.quantity[row]))
        yield Fill(
            stamp=stamp,
            account=account,
            market=market,
            side="buy" if rng.random() < 0.5 else "sell",
            quantity=Decimal(max(1, held * int(sizes[number]) // 400)).scaleb(-8),
            price=world.market.price("binance", market, "mark"),
            fee=Decimal(int(sizes[number])).scaleb(-4),
        )


def recover(path: Path) -> tuple[float, float]:
    """Seconds, and seconds of processor time, from the start of a process until it can take the next event.

    Compiled modules are kept beside the log, as an installation has them.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(path.parent / "compiled")
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None
        recovered, _, busy = process.stdout.readline().strip().partition(" ")
        seconds = time.perf_counter() - began
        process.communicate("")
    if recovered != str(EVENTS):
        raise RuntimeError(f"the process recovered {recovered or 'nothing'}, not {EVENTS} events")
    return seconds, float(busy)


def run(accounts: int, seed: int) -> list[dict[str, Any]]:
    """`bench recovery`. The first run, not counted, compiles modules and writes the time line."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "log.db"
        prepare(path, accounts, seed)
        recover(path)
        measured = [recover(path) for _ in range(REPEATS)]
    size = f"{accounts} accounts, {EVENTS} later events"
    wall, processor = (median(values) for values in zip(*measured, strict=True))
    return [
        row("recovery", wall, "s", size, limit="2 s", fraction_of_limit=wall / ACCEPT),
        row("recovery-processor", processor, "s", size),
    ]

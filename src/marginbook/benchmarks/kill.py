"""Kill -9 at random points of a real process that logs, acknowledges, folds and saves snapshots.

What must hold after every kill: each acknowledged event is on disk, once, in order; what the source then sends again is
recognised; the snapshot and the events after it fold to the state of all events from the start.
"""

import json
import os
import random
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

from marginbook.benchmarks.measure import row
from marginbook.domain.account import Account, Position
from marginbook.domain.events import Event, Fill, PriceFrame, Stamp, Transfer
from marginbook.domain.market import Market, Quote
from marginbook.engine.apply import fold, opening
from marginbook.engine.state import State
from marginbook.ledger.sqlite import SqliteLedger

SOURCE = "stream"
MARKETS = ("BTC", "ETH")
PRICES = {"BTC": 60_000, "ETH": 3_000}
OVERLAYS = {"perps": {"*": {"maintenance_rate": "0.05"}}}
ACCOUNTS = 3
KILLS = 300
_NUMBER = struct.Struct("<q")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the kills did."""

    kills: int
    acknowledged: int
    written: int
    lost: int  # acknowledged, but not on disk
    repeated: int  # on disk more than once, or out of order
    torn: int  # states that differ from the fold of all events


def start() -> State:
    """A few leveraged accounts."""
    quotes = {("generic", market, "mark"): Quote(Decimal(price), time=0) for market, price in PRICES.items()}
    accounts = [
        Account(
            id=f"a{number}",
            rules="generic/derivatives",
            wallet={"USD": Decimal(6_000 + 1_000 * number)},
            positions=(Position(market="BTC", side="long", quantity=Decimal(1), entry=Decimal(60_000)),),
            parameters="perps",
        )
        for number in range(ACCOUNTS)
    ]
    return opening(accounts, Market(quotes=quotes), at=0, overlays=OVERLAYS)[0]


def event(number: int, seed: int) -> Event:
    """Event `number` of the stream, the same whenever it is asked for."""
    chance = random.Random(f"{seed}:{number}")
    stamp = Stamp(source=SOURCE, source_sequence=number, time=number * 1_000)
    if chance.random() < 0.5:
        moved = {market: Decimal(price) * chance.randrange(900, 1_080) / 1_000 for market, price in PRICES.items()}
        return PriceFrame(stamp=stamp, prices={("generic", market, "mark"): price for market, price in moved.items()})
    account = f"a{chance.randrange(ACCOUNTS)}"
    if chance.random() < 0.5:
        amount = Decimal(chance.randrange(-500, 600))
        return Transfer(stamp=stamp, account=account, kind="correction", asset="USD", amount=amount)
    return Fill(
        stamp=stamp,
        account=account,
        market=chance.choice(MARKETS),
        side=chance.choice(("buy", "sell")),
        quantity=Decimal(chance.randrange(1, 20)) / 100,
        price=Decimal(chance.randrange(1_000, 70_000)),
    )


def restored(ledger: SqliteLedger) -> State:
    """The state that the ledger stands for: its snapshot, and the events after it."""
    snapshot = ledger.load_snapshot(State)
    state, after = (snapshot.state, snapshot.sequence) if snapshot else (start(), 0)
    return fold(state, (event for _, event in ledger.read(after)))[0]


def write_until_killed(path: Path, seed: int, acknowledge: int) -> NoReturn:
    """The process to be killed: sends what it may have sent before, too, as a source does after a reconnect."""
    ledger = SqliteLedger(path)
    state = restored(ledger)
    chance = random.Random(f"{seed}:{ledger.last_sequence()}:writer")
    while True:
        mark = ledger.marks().get(SOURCE, 0)
        numbers = range(max(1, mark - chance.randrange(3)), mark + 1 + chance.randrange(1, 12))
        appended = ledger.append([event(number, seed) for number in numbers])
        os.write(acknowledge, _NUMBER.pack(ledger.marks()[SOURCE]))
        state, outputs = fold(state, appended.admission.fresh)
        ledger.record(outputs)
        if chance.random() < 0.3:
            ledger.save_snapshot(appended.last, state, State)


def kill_often(kills: int, seed: int, folder: Path) -> Outcome:
    """Fork a writer, kill it at a random moment, look, and again. Call it in a process without threads."""
    chance = random.Random(seed)
    path = folder / "log.db"
    lost = repeated = torn = acknowledged = checked = 0
    state = start()
    for _ in range(kills):
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            try:
                write_until_killed(path, seed, writing)
            finally:
                os._exit(1)
        os.close(writing)
        acknowledged = max(acknowledged, next(_numbers(reading), 0))
        time.sleep(chance.random() ** 2 * 0.04)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        acknowledged = max([acknowledged, *_numbers(reading)])
        os.close(reading)
        with SqliteLedger(path) as ledger:
            found = [event.stamp.source_sequence for _, event in ledger.read(checked)]
            last = ledger.marks().get(SOURCE, 0)
            repeated += found != list(range(checked + 1, last + 1))
            lost += max(0, acknowledged - last)
            state = fold(state, (event(number, seed) for number in range(checked + 1, last + 1)))[0]
            torn += restored(ledger) != state
            checked = last
    return Outcome(kills, acknowledged, checked, lost, repeated, torn)


def kill_in_own_process(kills: int, seed: int, folder: Path) -> Outcome:
    """`kill_often` where no thread of ours can hold a lock while it forks."""
    command = [sys.executable, "-m", __name__, str(kills), str(seed), str(folder)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return Outcome(**json.loads(answer))


def run(accounts: int, seed: int) -> list[dict[str, Any]]:
    """`bench kill`: nothing acknowledged is lost, nothing is repeated, no state is torn."""
    with TemporaryDirectory() as folder:
        outcome = kill_in_own_process(KILLS, seed, Path(folder))
    measured = f"{outcome.kills} kills, {outcome.acknowledged} events acknowledged"
    return [
        row("kill-lost", outcome.lost, "events", measured),
        row("kill-repeated", outcome.repeated, "kills", measured),
        row("kill-torn", outcome.torn, "kills", measured),
    ]


def _numbers(pipe: int) -> Iterator[int]:
    """What was acknowledged, until the process has ended."""
    while len(data := os.read(pipe, _NUMBER.size)) == _NUMBER.size:
        yield _NUMBER.unpack(data)[0]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(kill_often(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))))

"""A restart gives back what was: snapshot, and the events after it."""

import pytest
from random_world import World
from small_book import OVERLAYS, D, Source, market, trader

from marginbook.domain.errors import BadInput
from marginbook.engine.apply import fold
from marginbook.engine.live import Engine
from marginbook.engine.state import Brakes, Policy
from marginbook.ledger.sqlite import SqliteLedger

SECOND = 1_000_000
POLICY = Policy(
    mode="authority", brakes=Brakes(accounts=D("0.1"), accounts_least=4), stale_band=D("0.04"), max_age=90 * SECOND
)


def opened(path, world=None):
    return Engine.open(ledger=SqliteLedger(path), policy=POLICY, **(world.opening() if world else {}))


@pytest.mark.parametrize("seed", [21, 22])
def test_a_restart_anywhere_gives_back_state_and_time_line(tmp_path, seed):
    world = World(seed)
    engine = opened(tmp_path / "log.db", world)
    start = engine.state()
    events = [world.event() for _ in range(120)]
    for number in range(0, 120, 10):
        engine.submit(events[number : number + 10])
        if number in (30, 80):
            engine.snapshot()
        if number in (20, 40, 90, 110):
            before = engine.state()
            engine.close()
            engine = opened(tmp_path / "log.db")
            assert engine.state() == before
    whole, outputs = fold(start, events)
    assert engine.state() == whole
    engine.close()
    with SqliteLedger(tmp_path / "log.db", writer=False) as ledger:
        rows = ledger.timeline(limit=100_000)
    said = [(output.sequence, type(output).__name__, output.account) for output in outputs]
    assert [(row["sequence"], row["type"], row["account"]) for row in rows if row["sequence"]] == said
    assert len(said) > 60


def test_a_process_that_ended_without_closing_loses_nothing(tmp_path):
    engine = Engine.open(
        ledger=SqliteLedger(tmp_path / "log.db"), accounts=[trader()], market=market(), overlays=OVERLAYS
    )
    source = Source()
    events = [source.prices(1, BTC="54000"), source.pay(2, "ann", "-1200", kind="fee"), source.prices(3, BTC="53000")]
    engine.submit(events[:2])
    engine.submit(events[2:])
    state = engine.state()
    engine.ledger._connection.close()
    engine.ledger._lock.close()
    again = Engine.open(ledger=SqliteLedger(tmp_path / "log.db"))
    assert again.state() == state
    receipt = again.submit(events)
    assert (receipt.duplicates, receipt.last) == (3, 3)
    assert again.state() == state
    again.close()


def test_the_accounts_of_a_ledger_win_over_those_of_a_file(tmp_path):
    options = {"market": market(), "overlays": OVERLAYS}
    Engine.open(ledger=SqliteLedger(tmp_path / "log.db"), accounts=[trader()], **options).close()
    with Engine.open(ledger=SqliteLedger(tmp_path / "log.db"), accounts=[trader("eve")], **options) as engine:
        assert list(engine.state().accounts) == ["ann"]


@pytest.mark.parametrize("file", ["exact.npy", "book.json", "legs.npy"])
def test_a_damaged_snapshot_is_passed_over_for_the_one_before_it(tmp_path, file):
    world = World(23)
    engine = opened(tmp_path / "log.db", world)
    for number in range(40):
        engine.submit([world.event()])
        if number == 30:
            engine.snapshot()
    state = engine.state()
    engine.close()
    newest = sorted((tmp_path / "log.db.snapshots").iterdir())[-1]
    damaged = newest / "book" / file
    data = bytearray(damaged.read_bytes())
    for place in range(len(data) // 4, len(data), 7):
        data[place] ^= 85
    damaged.write_bytes(bytes(data))
    engine = opened(tmp_path / "log.db")
    assert engine.state() == state
    engine.close()


def test_a_damaged_log_is_an_error_and_not_another_state(tmp_path):
    options = {"market": market(), "overlays": OVERLAYS, "accounts": [trader()]}
    with Engine.open(ledger=SqliteLedger(tmp_path / "log.db"), **options) as engine:
        engine.submit([Source().pay(1, "ann", "5")])
        engine.ledger._connection.execute("UPDATE batches SET events = zeroblob(40)")
    with SqliteLedger(tmp_path / "log.db") as ledger:
        with pytest.raises(BadInput) as error:
            Engine.open(ledger=ledger)
        assert error.value.problem.code == "ledger_corrupt"


def test_events_without_the_snapshot_they_follow_are_an_error(tmp_path):
    with SqliteLedger(tmp_path / "log.db") as ledger:
        ledger.append([Source().pay(1, "ann", "5")])
        with pytest.raises(BadInput) as error:
            Engine.open(ledger=ledger)
        assert error.value.problem.code == "no_snapshot"


def test_a_disk_that_fills_up_stops_nothing_but_the_events(tmp_path):
    engine = Engine.open(
        ledger=SqliteLedger(tmp_path / "log.db"), accounts=[trader()], market=market(), overlays=OVERLAYS
    )
    connection = engine.ledger._connection
    source = Source()
    engine.submit([source.pay(1, "ann", "1")])
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    before = engine.state()
    late = [source.pay(2, "ann", "1", to_pool=f"pool-{n}") for n in range(3000)]
    with pytest.raises(BadInput) as error:
        engine.submit(late)
    assert error.value.problem.code == "disk_full"
    assert engine.state() == before
    assert engine.alive()
    connection.execute("PRAGMA max_page_count = 1000000")
    assert engine.submit(late[:1]).first == 2
    engine.close()

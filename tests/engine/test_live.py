"""The live engine on the fast book says what the pure fold says, event by event."""

import threading
from dataclasses import replace

import pytest
from random_world import World
from small_book import OVERLAYS, D, Source, kinds, market, trader

from marginbook.domain.errors import BadInput
from marginbook.domain.events import OperatorAction, ZoneChange
from marginbook.domain.zones import LENDING_BORDERS, LOOP_BORDERS, Border, Zone
from marginbook.engine import book_store
from marginbook.engine.apply import apply, opening
from marginbook.engine.live import Engine
from marginbook.engine.outputs import Brake, LiquidationIntent, Rejected
from marginbook.engine.state import Brakes, Policy

SECOND = 1_000_000


def told(outputs):
    """Outputs but for the wording of a refusal: the book gives amounts back with other trailing zeros."""
    return [replace(output, value="", expected="") if isinstance(output, Rejected) else output for output in outputs]


@pytest.mark.parametrize(
    ("seed", "policy", "max_age"),
    [
        (1, Policy(), None),
        (2, Policy(mode="authority", brakes=Brakes(accounts=D("0.05"), accounts_least=2)), None),
        (3, Policy(mode="authority", stale_band=D("0.03")), 40 * SECOND),
        (4, Policy(brakes=Brakes(accounts=None, notional=D(100_000)), mode="authority"), None),
    ],
)
def test_the_engine_equals_the_fold_on_random_events(seed, policy, max_age):
    seen = compare(seed, policy, max_age, events=220)
    assert {"ZoneChange", "CallChange", "LiquidationIntent", "IntentEnded", "Rejected", "NotEvaluated"} <= seen
    assert (max_age is not None) == ("Undecided" in seen)
    assert (policy.mode == "authority" and max_age is None) == ("Brake" in seen)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 160))
def test_the_engine_equals_the_fold_on_many_seeds(seed):
    policies = (
        Policy(),
        Policy(mode="authority", brakes=Brakes(accounts=D("0.03"), accounts_least=2), jump_most=D("0.05")),
        Policy(mode="authority", stale_band=D("0.02")),
    )
    compare(seed, policies[seed % 3], 60 * SECOND if seed % 2 else None, events=200)


def compare(seed, policy, max_age, events):
    """Fold and engine side by side; the kinds of output that were seen."""
    world = World(seed, max_age=max_age)
    state, said = opening(**world.opening() | {"policy": policy})
    with Engine.open(policy=policy, **world.opening()) as engine:
        assert engine.state() == state
        seen = set(kinds(said))
        for number in range(events):
            event = world.event()
            state, expected = apply(state, event)
            receipt = engine.submit([event])
            assert told(receipt.outputs) == told(expected), (number, event)
            seen |= set(kinds(expected))
            if number % 20 == 0:
                assert engine.state() == state, (number, event)
        assert engine.state() == state
    return seen


def test_pools_near_a_border_are_found_by_the_kernel_too(monkeypatch):
    monkeypatch.setattr(book_store, "SMALL", 0)
    world = World(5, max_age=40 * SECOND)
    state, _ = opening(**world.opening())
    engine = Engine.open(**world.opening())
    undecided = 0
    for number in range(40):
        event = world.event()
        state, expected = apply(state, event)
        assert told(engine.submit([event]).outputs) == told(expected), (number, event)
        undecided = max(undecided, len(state.undecided))
    assert undecided > 3


def test_chosen_borders_hold_in_the_book_as_in_the_fold():
    wide = (Border(Zone.WARNING, 50, 100, 45, 100), Border(Zone.CALL, 60, 100, 55, 100))
    policy = Policy(borders={"derivatives": wide, "lending": LENDING_BORDERS[:1], "loop": LOOP_BORDERS})
    world = World(9)
    state, opened = opening(**world.opening() | {"policy": policy})
    engine = Engine.open(policy=policy, **world.opening())
    assert "call" not in {z.to_zone for z in opened if isinstance(z, ZoneChange) and z.pool == "main"}
    for number in range(40):
        event = world.event()
        state, expected = apply(state, event)
        assert told(engine.submit([event]).outputs) == told(expected), (number, event)


def perps(*accounts, policy=None, quotes=None):
    return Engine.open(accounts=accounts, market=quotes or market(), overlays=OVERLAYS, policy=policy)


def test_nothing_is_folded_that_could_not_be_logged(tmp_path):
    class Full:
        def append(self, events):
            raise BadInput("disk_full", "ledger", "", "room")

    engine = perps(trader())
    engine.ledger = Full()
    before = engine.state()
    with pytest.raises(BadInput):
        engine.submit([Source().prices(1, BTC="52000")])
    assert engine.state() == before
    engine.ledger = None
    assert kinds(engine.submit([Source().prices(1, BTC="52000")]).outputs)[0] == "ZoneChange"


def test_a_receipt_names_sequences_duplicates_and_gaps():
    engine = perps(trader())
    source = Source()
    first, second, third = (source.pay(n, "ann", "1") for n in (1, 2, 3))
    receipt = engine.submit([first, third, third])
    assert (receipt.first, receipt.last, receipt.duplicates) == (1, 2, 1)
    assert [(gap.expected, gap.got) for gap in receipt.gaps] == [(2, 3)]
    late = engine.submit([second])
    assert (late.first, late.last, late.duplicates) == (3, 2, 1)
    assert engine.state().accounts["ann"].wallet["USD"] == 10002


def test_two_orders_at_once_never_spend_the_same_margin():
    """4,000 free at 10x: one order of 0.5 BTC at 60,000 takes 3,000; of forty that race, one is accepted."""
    engine = perps(trader())
    answers = []
    barrier = threading.Barrier(8)

    def race(name):
        source = Source(name)
        barrier.wait()
        for number in range(5):
            order = source.order(1, "ann", "buy", "0.5", "60000", order_id=f"{name}-{number}")
            answers.append(engine.reserve(order).accepted)

    threads = [threading.Thread(target=race, args=(f"t{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(answers) == 1
    assert len(engine.state().accounts["ann"].orders) == 1


def test_a_refused_order_says_what_is_missing_and_a_cancel_is_always_taken():
    engine = perps(trader())
    source = Source()
    refused = engine.reserve(source.order(1, "ann", "buy", "1", "60000"))
    assert (refused.accepted, refused.margin.before, refused.margin.after) == (False, D(4000), D(-2000))
    assert engine.reserve(source.order(1, "ann", "buy", "0.6", "60000")).accepted
    engine.submit([source.prices(2, BTC="55000")])
    assert not engine.reserve(source.order(3, "ann", "buy", "0.61", "60000")).accepted
    assert engine.reserve(source.order(3, "ann", "buy", "0", "60000")).accepted
    assert engine.state().accounts["ann"].orders == ()


def test_an_order_that_makes_nothing_worse_is_taken_even_without_margin():
    engine = perps(trader())
    source = Source()
    engine.submit([source.prices(1, BTC="55000")])
    answer = engine.reserve(source.order(2, "ann", "sell", "0.5", "55000"))
    assert (answer.accepted, answer.margin.before, answer.margin.after) == (True, D(-500), D(-500))
    assert not engine.reserve(source.order(3, "ann", "buy", "0.1", "55000", order_id="o2")).accepted


def test_the_thread_commits_in_order_and_answers_each():
    engine = perps(trader())
    engine.start()
    source = Source()
    futures = [engine.offer([source.pay(n, "ann", "1")]) for n in range(300)]
    receipts = [future.result(timeout=20) for future in futures]
    engine.stop()
    assert [receipt.first for receipt in receipts] == list(range(1, 301))
    assert engine.view().events == 300
    assert engine.state().accounts["ann"].wallet["USD"] == 10300


def test_frames_that_gathered_are_passed_over_whole_and_counted():
    engine = perps(trader())
    source = Source()
    frames = [[source.prices(n, BTC=str(60000 + n))] for n in range(50)]
    between = [source.pay(50, "ann", "1")]
    wider = [[source.prices(51, BTC="61000", ETH="3001")], [source.prices(52, BTC="61001")]]
    futures = [engine.offer(batch) for batch in (*frames, between, *wider)]
    engine.start()
    receipts = [future.result(timeout=20) for future in futures]
    engine.stop()
    assert [receipt.coalesced for receipt in receipts] == [1] * 49 + [0, 0, 0, 0]
    assert engine.view().coalesced == 49
    assert not any(receipt.gaps for receipt in receipts)
    assert engine.fold.market.price("generic", "ETH", "mark") == 3001
    assert engine.fold.market.price("generic", "BTC", "mark") == 61001


def test_a_full_queue_says_so():
    engine = perps(trader())
    engine._queue.maxsize = 2
    source = Source()
    for n in range(2):
        engine.offer([source.pay(n, "ann", "1")])
    with pytest.raises(BadInput) as error:
        engine.offer([source.pay(3, "ann", "1")], timeout=0.01)
    assert error.value.problem.code == "queue_full"


def test_the_brake_holds_a_frame_that_would_liquidate_too_many():
    brakes = Brakes(accounts=D("0.05"), accounts_least=3)
    engine = perps(*(trader(f"a{n}") for n in range(10)), policy=Policy(mode="authority", brakes=brakes))
    source = Source()
    outputs = engine.submit([source.prices(1, BTC="52000")]).outputs
    assert [(b.state, b.accounts) for b in outputs if isinstance(b, Brake)] == [("held", 10)]
    assert not [o for o in outputs if isinstance(o, LiquidationIntent)]
    assert engine.publish().held == 10
    released = engine.submit([OperatorAction(stamp=source.stamp(2), kind="release", by="ada")]).outputs
    assert len([o for o in released if isinstance(o, LiquidationIntent)]) == 10


def test_a_few_liquidations_among_many_accounts_are_not_held():
    brakes = Brakes(accounts=D("0.3"), accounts_least=3)
    accounts = [trader(f"a{n}", wallet="10000" if n < 3 else "90000") for n in range(10)]
    engine = perps(*accounts, policy=Policy(mode="authority", brakes=brakes))
    outputs = engine.submit([Source().prices(1, BTC="52000")]).outputs
    assert len([o for o in outputs if isinstance(o, LiquidationIntent)]) == 3
    assert not [o for o in outputs if isinstance(o, Brake)]


def test_prices_that_come_back_release_the_brake():
    brakes = Brakes(accounts=D("0.05"), accounts_least=3)
    engine = perps(*(trader(f"a{n}") for n in range(10)), policy=Policy(mode="authority", brakes=brakes))
    source = Source()
    engine.submit([source.prices(1, BTC="52000")])
    outputs = engine.submit([source.prices(2, BTC="60000")]).outputs
    assert [(b.state, b.by) for b in outputs if isinstance(b, Brake)] == [("released", "price")]
    assert engine.publish().held == 0


def test_a_liquidation_goes_step_by_step():
    """Crossing → intent → fill → checked again → next step → closed."""
    engine = perps(trader(), policy=Policy(mode="authority"))
    source = Source()
    (intent,) = (o for o in engine.submit([source.prices(1, BTC="52000")]).outputs if isinstance(o, LiquidationIntent))
    assert (intent.step, intent.forecast) == (1, False)
    part = source.fill(2, "ann", "sell", "0.1", "51000", kind="liquidation")
    outputs = engine.submit([part]).outputs
    assert kinds(outputs) == ["IntentEnded", "LiquidationIntent"]
    assert (outputs[0].key, outputs[0].how, outputs[1].step) == (intent.key, "filled", 2)
    assert outputs[1].key != intent.key
    assert engine.submit([part]).outputs == ()
    rest = source.fill(3, "ann", "sell", "0.9", "52000", kind="liquidation")
    outputs = engine.submit([rest]).outputs
    assert kinds(outputs) == ["ZoneChange", "CallChange", "IntentEnded"]
    assert outputs[1].action == "closed"

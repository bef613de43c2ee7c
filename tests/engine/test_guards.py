"""What the engine does when a circuit breaker fires: nobody is liquidated on a paused price, nobody is forgotten."""

from dataclasses import replace
from random import Random

import pytest
from small_book import BTC, ETH, OVERLAYS, D, Source, market, of_type, start, trader

from marginbook.domain.market import Quote
from marginbook.domain.zones import Zone
from marginbook.engine.apply import apply, fold
from marginbook.engine.guards import Guard
from marginbook.engine.live import Engine
from marginbook.engine.outputs import LiquidationIntent, PriceGuarded, Undecided
from marginbook.engine.state import Policy
from marginbook.ledger.sqlite import SqliteLedger

INDEX = ("generic", "BTC", "index")
POOL = ("ann", "cross:USD")


def guarded(*guards, key=BTC):
    return Policy(mode="authority", jump_most=None, guards={key: guards})


def with_index(price="60000", kind="index"):
    quotes = {**market().quotes, ("generic", "BTC", kind): Quote(D(price), time=0)}
    return replace(market(), quotes=quotes)


def frame(source, at, prices):
    return replace(source.prices(at), prices={key: D(price) for key, price in prices.items()})


def test_a_price_beyond_its_bound_counts_as_the_bound_and_liquidates_nobody():
    """ann is liquidatable below 52,631.58; the last trade falls to 40,000 while the index stays at 60,000."""
    policy = guarded(Guard(kind="deviation", limit=D("0.2"), reference=INDEX))
    state, _ = start(trader(), policy=policy, quotes=with_index())
    source = Source()
    state, outputs = apply(state, frame(source, 1, {BTC: "40000"}))
    (told,) = of_type(outputs, PriceGuarded)
    assert (told.price, told.given, told.used, told.liquidations) == ("generic:BTC:mark", 40000, 48000, False)
    assert "beyond 0.2 of the reference 60000" in told.reason
    assert state.market.quotes[BTC].price == 48000
    assert state.zones[POOL] >= Zone.LIQUIDATION
    assert not of_type(outputs, LiquidationIntent)
    assert [o.prices for o in of_type(outputs, Undecided)] == [("generic:BTC:mark",)]
    state, outputs = apply(state, frame(source, 2, {ETH: "3000"}))
    assert not of_type(outputs, LiquidationIntent)
    assert state.undecided
    state, outputs = apply(state, frame(source, 3, {INDEX: "49000"}))
    (told,) = of_type(outputs, PriceGuarded)
    assert (told.used, told.liquidations, told.reason) == (40000, True, "")
    assert state.market.quotes[BTC].price == 40000
    assert len(of_type(outputs, LiquidationIntent)) == 1
    assert not state.undecided


def test_exactly_on_the_bound_is_inside():
    policy = guarded(Guard(kind="deviation", limit=D("0.2"), reference=INDEX))
    for price, liquidated in (("48000", 1), ("47999.99", 0)):
        state, _ = start(trader(), policy=policy, quotes=with_index())
        _, outputs = apply(state, frame(Source(), 1, {BTC: price}))
        assert len(of_type(outputs, LiquidationIntent)) == liquidated, price


def test_a_step_limit_slows_a_price_and_lets_liquidations_happen():
    """5 % a frame: 57,000, 54,150, 51,442.50; liquidated at the third and not before."""
    state, _ = start(trader(), policy=guarded(Guard(kind="step", limit=D("0.05"))))
    source, used, intents = Source(), [], []
    for at in range(1, 4):
        state, outputs = apply(state, frame(source, at, {BTC: "40000"}))
        used.append(state.market.quotes[BTC].price)
        intents.append(len(of_type(outputs, LiquidationIntent)))
    assert used == [57000, 54150, D("51442.5")]
    assert intents == [0, 0, 1]


def test_an_uncertain_price_liquidates_nobody_until_it_is_certain():
    kind = ("generic", "BTC", "confidence")
    policy = guarded(Guard(kind="confidence", limit=D("0.01"), reference=kind))
    state, _ = start(trader(), policy=policy, quotes=with_index("600", "confidence"))
    source = Source()
    state, outputs = apply(state, frame(source, 1, {BTC: "52000", kind: "520.01"}))
    assert not of_type(outputs, LiquidationIntent)
    state, outputs = apply(state, frame(source, 2, {kind: "520"}))
    assert len(of_type(outputs, LiquidationIntent)) == 1


def test_a_frozen_price_liquidates_nobody_and_shields_nobody_for_good():
    """The feed repeats 55,000 while money leaves the account; the first new price decides."""
    state, _ = start(trader(), policy=guarded(Guard(kind="frozen", limit=D(30))))
    source = Source()
    state, _ = fold(state, [frame(source, at, {BTC: "55000"}) for at in range(1, 33)])
    state, outputs = apply(state, source.pay(32, "ann", "-4000", kind="correction"))
    assert state.zones[POOL] >= Zone.LIQUIDATION
    assert not of_type(outputs, LiquidationIntent)
    assert state.undecided
    state, outputs = apply(state, frame(source, 33, {BTC: "54999"}))
    assert len(of_type(outputs, LiquidationIntent)) == 1


def test_a_lock_pauses_every_price_of_the_venue():
    """BTC's index is far from its benchmark: nobody is liquidated on ETH either."""
    policy = guarded(Guard(kind="lock", limit=D("0.1"), reference=INDEX))
    eth = trader(positions=(("ETH", "long", "20", "3000"),))
    state, _ = start(eth, policy=policy, quotes=with_index())
    source = Source()
    state, outputs = apply(state, frame(source, 1, {BTC: "40000", ETH: "2500"}))
    assert state.zones[POOL] >= Zone.LIQUIDATION
    assert not of_type(outputs, LiquidationIntent)
    state, outputs = apply(state, frame(source, 2, {BTC: "55000"}))
    assert len(of_type(outputs, LiquidationIntent)) == 1


def test_a_guard_on_another_price_does_not_unlock_the_venue():
    guards = {BTC: (Guard(kind="lock", limit=D("0.1"), reference=INDEX),), ETH: (Guard(kind="step", limit=D("0.5")),)}
    policy = replace(guarded(), guards=guards)
    state, _ = start(trader(positions=(("ETH", "long", "20", "3000"),)), policy=policy, quotes=with_index())
    state, outputs = apply(state, frame(Source(), 1, {BTC: "40000", ETH: "2500"}))
    assert state.zones[POOL] >= Zone.LIQUIDATION
    assert not of_type(outputs, LiquidationIntent)


def test_a_missing_or_stale_reference_pauses():
    policy = guarded(Guard(kind="deviation", limit=D("0.2"), reference=INDEX))
    state, _ = start(trader(), policy=policy)
    state, outputs = apply(state, frame(Source(), 1, {BTC: "52000"}))
    assert not of_type(outputs, LiquidationIntent)
    quotes = with_index()
    quotes = replace(quotes, quotes={**quotes.quotes, INDEX: Quote(D(60000), time=0, max_age=10_000_000)})
    state, _ = start(trader(), policy=policy, quotes=quotes)
    source = Source()
    state, outputs = apply(state, frame(source, 11, {ETH: "3000"}))
    state, outputs = apply(state, frame(source, 12, {BTC: "52000"}))
    assert not of_type(outputs, LiquidationIntent)
    assert "no reference" in of_type(outputs, PriceGuarded)[0].reason


@pytest.mark.parametrize("seed", range(4))
def test_the_live_engine_does_the_same(seed):
    random = Random(seed)
    policy = guarded(Guard(kind="deviation", limit=D("0.05"), reference=INDEX), Guard(kind="frozen", limit=D(1)))
    accounts = [trader(f"t{n}", wallet=str(4000 + 900 * n)) for n in range(12)]
    state, _ = start(*accounts, policy=policy, quotes=with_index())
    engine = Engine.open(accounts=accounts, market=with_index(), overlays=OVERLAYS, policy=policy)
    source, fired = Source(), 0
    price = index = 60000.0
    for at in range(1, 200):
        price *= random.choice((1.0, 1.0, random.uniform(0.97, 1.025)))
        index *= random.uniform(0.995, 1.004)
        prices = {BTC: f"{price:.2f}"} | ({INDEX: f"{index:.2f}"} if at % 3 == 0 else {})
        event = frame(source, at, prices)
        state, outputs = apply(state, event)
        assert engine.submit([event]).outputs == outputs, at
        fired += len(of_type(outputs, PriceGuarded))
    assert fired > 3
    assert state.market.quotes[BTC] == engine.fold.market.quotes[BTC]


@pytest.mark.parametrize("snapshot", [False, True])
def test_a_paused_price_is_still_paused_after_a_restart(tmp_path, snapshot):
    policy = guarded(Guard(kind="deviation", limit=D("0.2"), reference=INDEX))
    path, source = tmp_path / "log.db", Source()
    engine = Engine.open(
        ledger=SqliteLedger(path), accounts=[trader()], market=with_index(), overlays=OVERLAYS, policy=policy
    )
    engine.submit([frame(source, 1, {BTC: "40000"})])
    if snapshot:
        engine.snapshot()
    before = engine.state()
    engine.close()
    engine = Engine.open(ledger=SqliteLedger(path), policy=policy)
    assert engine.state() == before
    assert engine.state().guarded[BTC].given == 40000
    assert not of_type(engine.submit([frame(source, 2, {ETH: "2999"})]).outputs, LiquidationIntent)
    assert len(of_type(engine.submit([frame(source, 3, {INDEX: "49000"})]).outputs, LiquidationIntent)) == 1
    engine.close()

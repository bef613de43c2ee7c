"""The fold over simple streams: what is said, when, and why."""

from dataclasses import replace
from decimal import Decimal

import pytest
from small_book import BTC, D, Source, borrower, kinds, market, of_type, start, trader

from marginbook.domain.account import Position
from marginbook.domain.events import (
    AccountClosed,
    AccountSnapshot,
    IndexUpdate,
    OperatorAction,
    ParameterChange,
    PriceFrame,
    Setting,
    Stamp,
    ZoneChange,
)
from marginbook.domain.zones import Zone
from marginbook.engine.apply import apply, fold, in_order, opening
from marginbook.engine.outputs import (
    LatePrices,
    LiquidationIntent,
    NotEvaluated,
    Reconciled,
    Rejected,
    Revised,
)
from marginbook.margin_calls.calls import CallChange


def zone_path(outputs):
    return [(z.sequence, z.account, z.from_zone, z.to_zone, z.cause) for z in of_type(outputs, ZoneChange)]


def test_a_fall_warns_calls_and_liquidates_at_the_right_frame():
    """10,000 on a long of 1 BTC at 60,000, maintenance 5 %: liquidatable below (60,000 − 10,000) / 0.95 = 52,631.58."""
    state, outputs = start(trader())
    assert outputs == ()
    source = Source()
    frames = [source.prices(n, BTC=price) for n, price in enumerate(("54000", "53100", "52631.58", "52631.57"), 1)]
    state, outputs = fold(state, frames)
    assert zone_path(outputs) == [
        (2, "ann", "safe", "warning", "price"),
        (3, "ann", "warning", "call", "price"),
        (4, "ann", "call", "liquidation", "price"),
    ]
    assert [(c.action, c.issuer) for c in of_type(outputs, CallChange)] == [
        ("opened", "ours"),
        ("escalated", "ours"),
        ("escalated", "venue"),
    ]
    (intent,) = of_type(outputs, LiquidationIntent)
    assert (intent.sequence, intent.market, intent.forecast) == (4, "BTC", True)
    assert state.zones["ann", "cross:USD"] == Zone.LIQUIDATION


def test_a_deposit_cures_and_the_intent_is_withdrawn():
    state, _ = start(trader())
    source = Source()
    state, _ = fold(state, [source.prices(1, BTC="52000")])
    state, outputs = apply(state, source.pay(2, "ann", "9000"))
    assert kinds(outputs) == ["ZoneChange", "CallChange", "IntentEnded"]
    assert (outputs[1].action, outputs[1].cause, outputs[2].how) == ("cured", "deposit", "withdrawn")
    assert not state.calls
    assert not state.intents


def test_a_book_that_opens_in_trouble_says_so_at_once():
    _, outputs = start(trader(wallet="2000"), borrower(debt="23000"))
    assert zone_path(outputs) == [
        (0, "ann", "safe", "liquidation", "opening"),
        (0, "bob", "safe", "call", "opening"),
    ]
    assert len(of_type(outputs, LiquidationIntent)) == 1


def test_a_frame_is_applied_whole():
    """Long BTC against short ETH: both fall by half in one frame, and nobody sees half of it."""
    hedged = trader(wallet="8000", positions=(("BTC", "long", "1", "60000"), ("ETH", "short", "20", "3000")))
    state, outputs = start(hedged)
    whole = Source()
    _, outputs = fold(state, [whole.prices(1, BTC="30000", ETH="1500")])
    assert outputs == ()
    halves = Source()
    _, outputs = fold(state, [halves.prices(1, BTC="30000"), halves.prices(1, ETH="1500")])
    assert len(zone_path(outputs)) == 2


def test_late_prices_are_logged_and_ignored():
    state, _ = start(trader())
    source = Source()
    state, _ = fold(state, [source.prices(10, BTC="60000")])
    state, outputs = apply(state, source.prices(9, BTC="100", ETH="2900"))
    (late,) = of_type(outputs, LatePrices)
    assert late.markets == ("generic:BTC:mark",)
    assert state.market.price(*BTC) == 60000
    assert state.market.price("generic", "ETH", "mark") == 2900
    assert not zone_path(outputs)


def test_a_late_account_event_applies_now_and_marks_the_interval():
    state, _ = start(trader())
    source = Source()
    state, _ = fold(state, [source.prices(10, BTC="60000")])
    state, outputs = apply(state, source.pay(4, "ann", "500"))
    (revised,) = of_type(outputs, Revised)
    assert (revised.since, revised.time) == (4_000_000, 10_000_000)
    assert state.accounts["ann"].wallet["USD"] == 10500


def test_what_a_source_sends_again_changes_nothing():
    state, _ = start(trader())
    event = Source().pay(1, "ann", "500")
    once, _ = apply(state, event)
    twice, outputs = apply(once, event)
    assert outputs == ()
    assert twice == once


BAD = [
    (PriceFrame(stamp=Stamp(), prices={BTC: D("NaN")}), "bad_price"),
    (PriceFrame(stamp=Stamp(), prices={BTC: D("-1")}), "bad_price"),
    (PriceFrame(stamp=Stamp(), prices={BTC: D("Infinity")}), "bad_price"),
    (PriceFrame(stamp=Stamp(), prices={BTC: D("1e30")}), "bad_price"),
    (Source().pay(0, "nobody", "5"), "unknown_account"),
    (Source().pay(0, "ann", "NaN", kind="correction"), "bad_number"),
    (Source().pay(0, "ann", "1e31", kind="correction"), "bad_number"),
    (Source().fill(0, "ann", "buy", "1", "Infinity"), "bad_number"),
    (AccountSnapshot(stamp=Stamp(), account=trader("new", wallet="sNaN")), "bad_number"),
    (AccountClosed(stamp=Stamp(), account="nobody"), "unknown_account"),
    (AccountSnapshot(stamp=Stamp(), account=replace(trader("new"), rules="nowhere/1")), "unknown_rules"),
    (AccountSnapshot(stamp=Stamp(), account=replace(trader("new"), parameters="none")), "unknown_parameters"),
    (Source().fill(0, "ann", "buy", "-1", "5"), "bad_fill"),
    (ParameterChange(stamp=Stamp(), rules="nowhere/1", overlay={}), "unknown_rules"),
    (
        ParameterChange(
            stamp=Stamp(), rules="generic/derivatives", name="perps", overlay={"BTC": {"maintenance_rate": "x"}}
        ),
        None,
    ),
    (Setting(stamp=Stamp(), account="ann", kind="leverage", value="none"), "bad_leverage"),
    (OperatorAction(stamp=Stamp(), kind="release", by="ada"), "nothing_held"),
    (OperatorAction(stamp=Stamp(), kind="acknowledge", by="ada", account="ann"), "no_call"),
]


@pytest.mark.parametrize(("event", "code"), BAD)
def test_a_refused_event_says_why_and_changes_nothing(event, code):
    state, _ = start(trader(), borrower())
    after, outputs = apply(state, event)
    (rejected,) = outputs
    assert isinstance(rejected, Rejected)
    assert code is None or rejected.code == code
    assert replace(after, sequence=0, clock=0, marks={}) == state
    _, outputs = apply(after, Source("other").prices(1, BTC="52000"))
    assert zone_path(outputs)


def test_half_a_bad_frame_is_no_frame():
    state, _ = start(trader())
    frame = PriceFrame(stamp=Stamp(), prices={BTC: D("52000"), ("generic", "ETH", "mark"): D(0)})
    after, outputs = apply(state, frame)
    assert kinds(outputs) == ["Rejected"]
    assert after.market.price(*BTC) == 60000


def test_an_account_without_a_price_is_kept_aside_until_it_has_one():
    state, _ = start(trader())
    source = Source()
    position = Position(market="SOL", side="long", quantity=D(100), entry=D(200), leverage=D(10))
    risky = replace(trader("cat", wallet="1500"), positions=(position,))
    state, outputs = apply(state, AccountSnapshot(stamp=source.stamp(1), account=risky))
    (blind,) = of_type(outputs, NotEvaluated)
    assert (blind.account, blind.code) == ("cat", "missing_price")
    assert "cat" in state.blind
    frame = PriceFrame(stamp=source.stamp(2), prices={("generic", "SOL", "mark"): D(190)})
    state, outputs = apply(state, frame)
    assert kinds(outputs)[0] == "NotEvaluated"
    assert outputs[0].code == ""
    assert zone_path(outputs) == [(2, "cat", "safe", "liquidation", "price")]
    assert len(of_type(outputs, LiquidationIntent)) == 1
    assert not state.blind


def test_a_call_is_not_cured_by_not_being_seen():
    state, _ = start(trader())
    source = Source()
    state, _ = fold(state, [source.prices(1, BTC="52900")])
    state, outputs = apply(state, source.fill(2, "ann", "buy", "1", "200", market="SOL", leverage=D(10)))
    assert kinds(outputs) == ["NotEvaluated"]
    assert [call.zone for call in state.calls.values()] == [Zone.CALL]
    frame = PriceFrame(stamp=source.stamp(3), prices={("generic", "SOL", "mark"): D(5200)})
    state, outputs = apply(state, frame)
    assert zone_path(outputs) == [(3, "ann", "call", "safe", "price")]


def test_new_parameters_reach_every_holder_between_two_frames():
    state, _ = start(trader(), trader("eve", positions=(("ETH", "long", "10", "3000"),)))
    source = Source()
    change = ParameterChange(
        stamp=source.stamp(1), rules="generic/derivatives", name="perps", overlay={"BTC": {"maintenance_rate": "0.17"}}
    )
    state, outputs = apply(state, change)
    assert zone_path(outputs) == [(1, "ann", "safe", "liquidation", "parameters")]
    again = ParameterChange(
        stamp=source.stamp(2), rules="generic/derivatives", name="perps", overlay={"*": {"maintenance_rate": "0.01"}}
    )
    state, outputs = apply(state, again)
    assert zone_path(outputs) == []


def test_funding_reaches_every_holder_without_a_write_per_account():
    state, _ = start(trader())
    source = Source()
    for value in ("0", "1500", "7500"):
        update = IndexUpdate(stamp=source.stamp(1), venue="generic", asset="BTC", kind="funding", value=D(value))
        state, outputs = apply(state, update)
    assert zone_path(outputs) == [(3, "ann", "safe", "liquidation", "funding")]
    assert state.accounts["ann"].wallet == {"USD": D(10000)}


def test_a_closed_account_takes_its_call_with_it():
    state, _ = start(trader(wallet="2000"))
    state, outputs = apply(state, AccountClosed(stamp=Stamp(), account="ann"))
    assert [c.action for c in of_type(outputs, CallChange)] == ["closed"]
    assert [state.accounts, state.calls, state.intents, state.zones] == [{}, {}, {}, {}]


def test_a_call_is_acknowledged_once():
    state, _ = start(trader(wallet="3300"))
    action = OperatorAction(stamp=Stamp(), kind="acknowledge", by="ada", account="ann")
    state, outputs = apply(state, action)
    assert [(c.action, c.by) for c in outputs] == [("acknowledged", "ada")]
    _, outputs = apply(state, action)
    assert outputs == ()


def test_a_venues_own_figures_are_reconciled():
    state, _ = start(trader())
    printed = replace(trader(), reported={"margin_balance": D("10000.5")})
    _, outputs = apply(state, AccountSnapshot(stamp=Stamp(), account=printed))
    (reconciled,) = of_type(outputs, Reconciled)
    assert [(line.quantity, line.venue, line.ours) for line in reconciled.lines] == [
        ("margin_balance", D("10000.5"), D(10000))
    ]


def test_snapshot_and_tail_give_the_same_state_as_everything():
    source = Source()
    events = [
        source.prices(1, BTC="54000", WETH="2100"),
        source.pay(2, "ann", "500"),
        source.fill(3, "ann", "sell", "0.4", "54000", fee=D("3.25")),
        source.prices(4, BTC="48500"),
        source.lend(5, "bob", "repay", "USDC", "2000"),
        source.prices(6, BTC="61000", WETH="1500"),
        source.lend(7, "bob", "liquidation", "USDC", "1000", "WETH"),
    ]
    state, _ = start(trader(), borrower())
    whole, outputs = fold(state, events)
    assert len(outputs) > 10
    for cut in range(len(events)):
        half, first = fold(state, events[:cut])
        rest, second = fold(half, events[cut:])
        assert rest == whole
        assert first + second == outputs


def test_files_merge_by_time_and_rank():
    source, other = Source("a"), Source("b")
    prices = [source.prices(1, BTC="1"), source.prices(2, BTC="2")]
    accounts = [other.pay(1, "ann", "1"), other.pay(3, "ann", "1")]
    change = ParameterChange(stamp=Stamp(time=1_000_000), rules="generic/derivatives", overlay={})
    merged = list(in_order(prices, accounts, [change]))
    assert merged == [accounts[0], change, prices[0], prices[1], accounts[1]]


def test_time_alone_changes_nothing_here_and_an_empty_frame_is_time():
    state, _ = start(trader())
    after, outputs = apply(state, PriceFrame(stamp=Stamp(time=5_000_000), prices={}))
    assert outputs == ()
    assert after.clock == 5_000_000


def test_decimal_context_of_the_caller_does_not_matter():
    from decimal import localcontext

    state, _ = start(trader())
    events = [Source().prices(1, BTC="52631.578947368421052631")]
    expected = fold(state, events)
    with localcontext() as context:
        context.prec = 3
        assert fold(state, events) == expected


def test_an_opening_keeps_accounts_that_cannot_be_evaluated():
    state, outputs = opening([replace(trader(), parameters="none")], market(), at=0, overlays={})
    assert kinds(outputs) == ["NotEvaluated"]
    assert state.blind["ann"].account.wallet == {"USD": Decimal(10000)}

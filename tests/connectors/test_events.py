"""Events as JSON lines: every type round-trips, shorthands, precise errors."""

import dataclasses
import json
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marginbook.connectors.events import KINDS_BY_TYPE, event_from_json, event_to_json, events_of, read_events
from marginbook.connectors.sources import source_of_bytes
from marginbook.domain import events
from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput, Problem
from marginbook.domain.events import Event, Stamp
from marginbook.units import parse_time

AMOUNT = st.decimals(-(10**18), 10**18, allow_nan=False, allow_infinity=False, places=8)
POSITIVE = st.decimals("0.00000001", 10**18, places=8)
NAME = st.text("abcXYZ019:/-_. é", min_size=1, max_size=12).filter(lambda t: t == t.strip())
STAMP = st.builds(Stamp, source=NAME, source_sequence=st.integers(0, 2**63 - 1), time=st.integers(0, 4 * 10**15))
ACCOUNT = st.builds(
    Account,
    id=NAME,
    rules=st.just("binance/usdm"),
    wallet=st.dictionaries(NAME, AMOUNT, max_size=2),
    positions=st.builds(
        Position, market=NAME, side=st.sampled_from(["long", "short"]), quantity=POSITIVE, entry=POSITIVE
    ).map(lambda p: (p,)),
)
KIND = st.sampled_from(["mark", "oracle", "index"])
OVERLAY = st.dictionaries(NAME, st.dictionaries(NAME, st.one_of(NAME, st.booleans(), st.integers(0, 99)), max_size=2))


def either(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


SIDE = st.sampled_from(["buy", "sell"])
LEG = either(st.sampled_from(["long", "short"]))
EVENTS: dict[type, st.SearchStrategy[Event]] = {
    events.PriceFrame: st.builds(
        events.PriceFrame, stamp=STAMP, prices=st.dictionaries(st.tuples(NAME, NAME, KIND), POSITIVE, min_size=1)
    ),
    events.AccountSnapshot: st.builds(events.AccountSnapshot, stamp=STAMP, account=ACCOUNT),
    events.AccountClosed: st.builds(events.AccountClosed, stamp=STAMP, account=NAME),
    events.Transfer: st.builds(
        events.Transfer,
        stamp=STAMP,
        account=NAME,
        kind=st.sampled_from(["transfer", "fee", "correction", "settlement"]),
        asset=NAME,
        amount=AMOUNT.filter(bool),
        pool=either(NAME),
        to_pool=either(NAME),
    ),
    events.Fill: st.builds(
        events.Fill,
        stamp=STAMP,
        account=NAME,
        market=NAME,
        side=SIDE,
        quantity=POSITIVE,
        price=POSITIVE,
        fee=AMOUNT,
        kind=st.sampled_from(["trade", "liquidation", "adl"]),
        position_side=LEG,
        leverage=either(POSITIVE),
        mode=either(st.sampled_from(["cross", "isolated"])),
        order_id=either(NAME),
    ),
    events.OrderChange: st.builds(
        events.OrderChange,
        stamp=STAMP,
        account=NAME,
        order_id=NAME,
        market=NAME,
        side=SIDE,
        quantity=POSITIVE | st.just(Decimal(0)),
        price=POSITIVE,
        position_side=LEG,
        reduce_only=st.booleans(),
    ),
    events.LendingAction: st.builds(
        events.LendingAction,
        stamp=STAMP,
        account=NAME,
        kind=st.sampled_from(["supply", "withdraw", "borrow", "repay"]),
        asset=NAME,
        amount=POSITIVE | st.just(Decimal("Infinity")),
    ),
    events.Setting: st.builds(
        events.Setting,
        stamp=STAMP,
        account=NAME,
        kind=st.sampled_from(["leverage", "margin_mode", "emode"]),
        market=either(NAME),
        value=NAME,
    ),
    events.IndexUpdate: st.builds(
        events.IndexUpdate,
        stamp=STAMP,
        venue=NAME,
        asset=NAME,
        kind=st.sampled_from(["supply", "borrow", "funding"]),
        value=AMOUNT,
        rate=AMOUNT,
    ),
    events.StateUpdate: st.builds(
        events.StateUpdate, stamp=STAMP, venue=NAME, market=NAME, values=st.dictionaries(NAME, AMOUNT, max_size=2)
    ),
    events.ParameterChange: st.builds(
        events.ParameterChange, stamp=STAMP, rules=st.just("aave/3.6"), overlay=OVERLAY, name=either(NAME)
    ),
    events.OperatorAction: st.builds(
        events.OperatorAction,
        stamp=STAMP,
        kind=st.sampled_from(["acknowledge", "release"]),
        by=NAME,
        account=either(NAME),
        pool=either(NAME),
    ),
}


def test_every_event_type_is_here() -> None:
    assert set(EVENTS) == set(get_args(Event)) == {kind.build for kind in KINDS_BY_TYPE.values()}


def test_every_field_has_a_key_and_the_same_default() -> None:
    for kind in KINDS_BY_TYPE.values():
        fields = {field.name: field for field in dataclasses.fields(kind.build)}  # type: ignore[arg-type]
        assert set(fields) == {"stamp", *kind.keys}, kind.build
        defaults = {name: f.default for name, f in fields.items() if f.default is not dataclasses.MISSING}
        assert {name: kind.defaults.get(name, value) for name, value in defaults.items()} == defaults
        assert {name for name, key in kind.keys.items() if not key.required} == set(kind.defaults)


@pytest.mark.parametrize("cls", EVENTS, ids=lambda c: c.__name__)
def test_round_trip(cls: type) -> None:
    @settings(max_examples=40, deadline=None)
    @given(EVENTS[cls])
    def round_trips(event: Event) -> None:
        text = json.dumps(event_to_json(event))
        assert event_from_json(json.loads(text, parse_float=Decimal), "f:") == event

    round_trips()


AT = {"time": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            {"type": "deposit", "account": "a", "asset": "USDT", "amount": "10"},
            {"kind": "deposit", "amount": Decimal(10)},
        ),
        (
            {"type": "withdrawal", "account": "a", "asset": "USDT", "amount": 2.5},
            {"kind": "withdrawal", "amount": Decimal("-2.5")},
        ),
        ({"type": "repay", "account": "a", "asset": "USDC", "amount": "Infinity"}, {"amount": Decimal("Infinity")}),
        ({"type": "price_frame", "prices": {"binance:BTC/USDT:USDT": "1", "aave": {"WETH": 2}}}, {}),
        (
            {"type": "setting", "account": "a", "kind": "collateral_enabled", "market": "WETH", "value": False},
            {"value": "false"},
        ),
    ],
)
def test_shorthands(line: dict[str, Any], expected: dict[str, Any]) -> None:
    (event,) = events_of(source_of_bytes("dir/e.jsonl", json.dumps({**AT, **line}).encode()))
    assert not isinstance(event, Problem), event
    assert {name: getattr(event, name) for name in expected} == expected
    assert event.stamp == Stamp(source="e.jsonl", source_sequence=1, time=parse_time("2026-01-01"))


def test_flat_price_keys() -> None:
    line = {"type": "price_frame", **AT, "prices": {"binance:BTC/USDT:USDT": "1", "aave:WETH:oracle": 2}}
    event = event_from_json(line, "f:")
    assert isinstance(event, events.PriceFrame)
    assert event.prices == {("binance", "BTC/USDT:USDT", "mark"): 1, ("aave", "WETH", "oracle"): 2}


@pytest.mark.parametrize(
    ("line", "code", "place"),
    [
        ({"type": "depozit"}, "unknown_choice", "f: type"),
        ({"type": ["fill"]}, "unknown_choice", "f: type"),
        ({}, "missing_key", "f: type"),
        ([], "wrong_type", "f:"),
        ({"type": "account_closed", "account": "a"}, "missing_key", "f: time"),
        ({"type": "account_closed", **AT}, "missing_key", "f: account"),
        ({"type": "account_closed", **AT, "account": "a", "x": 1}, "unknown_key", "f: x"),
        ({"type": "deposit", **AT, "account": "a", "asset": "U", "amount": "-1"}, "negative", "f: amount"),
        ({"type": "deposit", **AT, "account": "a", "asset": "U", "amount": 0}, "not_positive", "f: amount"),
        (
            {"type": "transfer", "kind": "withdrawal", **AT, "account": "a", "asset": "U", "amount": 1},
            "inconsistent",
            "f: amount",
        ),
        (
            {"type": "repay", "kind": "borrow", **AT, "account": "a", "asset": "U", "amount": 1},
            "inconsistent",
            "f: kind",
        ),
        (
            {"type": "lending", "kind": "liquidation", **AT, "account": "a", "asset": "U", "amount": 1},
            "missing_key",
            "f: collateral_asset",
        ),
        ({"type": "price_frame", **AT, "prices": {"binance": {"X": "NaN"}}}, "not_finite", "f: prices.binance.X.mark"),
        ({"type": "price_frame", **AT, "prices": {}}, "wrong_type", "f: prices"),
        ({"type": "price_frame", **AT, "prices": {"X": "1"}}, "bad_text", "f: prices.X"),
        ({"type": "account_snapshot", **AT, "account": {"id": "a"}}, "missing_key", "f: account.rules"),
        ({"type": "parameter_change", **AT, "rules": "a/1", "overlay": 1}, "wrong_type", "f: overlay"),
    ],
)
def test_errors_name_the_place(line: Any, code: str, place: str) -> None:
    with pytest.raises(BadInput) as raised:
        event_from_json(line, "f:")
    assert (raised.value.problem.code, raised.value.problem.place) == (code, place)


def test_bad_lines_do_not_stop_the_file(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    good = '{"type": "account_closed", "time": "2026-01-01", "account": "a"}'
    path.write_text(f'{good}\n{{"type": \n\n{good[:-1]}, "account": "b"}}\n{good}\n')
    items = list(read_events(path))
    assert [type(item).__name__ for item in items] == ["AccountClosed", "Problem", "Problem", "AccountClosed"]
    assert [i.code for i in items if isinstance(i, Problem)] == ["malformed_json", "duplicate_key"]
    assert items[-1].stamp.source_sequence == 5  # type: ignore[union-attr]


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    (problem,) = read_events(tmp_path / "none.jsonl")
    assert isinstance(problem, Problem)
    assert problem.code == "missing_file"

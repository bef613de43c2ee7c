"""What is written is what is read back, digit for digit."""

import struct
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marginbook.domain.account import Account, Collateral, Debt, Fixed, Order, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import (
    AccountClosed,
    AccountSnapshot,
    Fill,
    IndexUpdate,
    LendingAction,
    OperatorAction,
    OrderChange,
    ParameterChange,
    PriceFrame,
    Setting,
    Stamp,
    StateUpdate,
    Transfer,
)
from marginbook.ledger.encoding import decode_batch, decode_event, encode_batch, encode_event, read_batch

NUMBERS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**9), max_value=10**9),
    st.sampled_from(
        [Decimal(text) for text in ("0", "-0", "0.00", "1E+5", "1E-38", "Infinity", "9" * 38, "-" + "9" * 20 + ".5")]
    ),
)
TEXTS = st.text(min_size=1, max_size=6)
STAMPS = st.builds(Stamp, source=TEXTS, source_sequence=st.integers(0, 2**62), time=st.integers(-(2**40), 2**60))
ACCOUNTS = st.builds(
    Account,
    id=TEXTS,
    rules=st.just("generic/derivatives"),
    wallet=st.dictionaries(TEXTS, NUMBERS, max_size=3),
    positions=st.tuples(
        st.builds(Position, market=TEXTS, side=st.sampled_from(["long", "short"]), quantity=NUMBERS, entry=NUMBERS)
    ),
    orders=st.tuples(st.builds(Order, market=TEXTS, side=st.just("buy"), quantity=NUMBERS, price=NUMBERS)),
    collateral=st.tuples(st.builds(Collateral, asset=TEXTS, scaled_raw=st.integers(0, 2**128))),
    debt=st.tuples(st.builds(Debt, asset=TEXTS, amount=NUMBERS)),
    fixed=st.none() | st.builds(Fixed, support=NUMBERS),
    emode=st.integers(0, 3),
)
EVENTS = st.one_of(
    st.builds(
        PriceFrame, stamp=STAMPS, prices=st.dictionaries(st.tuples(TEXTS, TEXTS, st.just("mark")), NUMBERS, max_size=4)
    ),
    st.builds(AccountSnapshot, stamp=STAMPS, account=ACCOUNTS),
    st.builds(AccountClosed, stamp=STAMPS, account=TEXTS),
    st.builds(
        Transfer, stamp=STAMPS, account=TEXTS, kind=st.just("fee"), asset=TEXTS, amount=NUMBERS, pool=st.none() | TEXTS
    ),
    st.builds(
        Fill,
        stamp=STAMPS,
        account=TEXTS,
        market=TEXTS,
        side=st.just("sell"),
        quantity=NUMBERS,
        price=NUMBERS,
        leverage=st.none() | NUMBERS,
        order_id=st.none() | TEXTS,
    ),
    st.builds(
        OrderChange,
        stamp=STAMPS,
        account=TEXTS,
        order_id=TEXTS,
        market=TEXTS,
        side=st.just("buy"),
        quantity=NUMBERS,
        price=NUMBERS,
        reduce_only=st.booleans(),
    ),
    st.builds(
        LendingAction,
        stamp=STAMPS,
        account=TEXTS,
        kind=st.just("repay"),
        asset=TEXTS,
        amount=NUMBERS,
        pool=st.none() | TEXTS,
    ),
    st.builds(Setting, stamp=STAMPS, account=TEXTS, kind=st.just("emode"), value=TEXTS),
    st.builds(IndexUpdate, stamp=STAMPS, venue=TEXTS, asset=TEXTS, kind=st.just("supply"), value=NUMBERS, rate=NUMBERS),
    st.builds(StateUpdate, stamp=STAMPS, venue=TEXTS, market=TEXTS, values=st.dictionaries(TEXTS, NUMBERS, max_size=2)),
    st.builds(
        ParameterChange,
        stamp=STAMPS,
        rules=TEXTS,
        overlay=st.dictionaries(
            TEXTS, st.recursive(NUMBERS | st.integers() | TEXTS, lambda x: st.lists(x, max_size=2)), max_size=2
        ),
    ),
    st.builds(OperatorAction, stamp=STAMPS, kind=st.just("acknowledge"), by=TEXTS, account=st.none() | TEXTS),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(EVENTS, max_size=12))
def test_batches_read_back_digit_for_digit(events):
    back = decode_batch(encode_batch(events))
    assert back == events
    assert repr(back) == repr(events)
    batch = read_batch(encode_batch(events))
    assert [batch.event(index) for index in range(len(events))] == events


def test_the_first_byte_is_the_version():
    blob = encode_event(AccountClosed(stamp=Stamp(), account="a"))
    assert blob[0] == 1
    with pytest.raises(BadInput) as error:
        decode_event(b"\x02" + blob[1:])
    assert error.value.problem.code == "unknown_encoding"


@pytest.mark.parametrize("cut", [1, 5, 9, -1, -7])
def test_a_cut_batch_is_an_error_not_a_guess(cut):
    blob = encode_event(Transfer(stamp=Stamp(), account="a", kind="deposit", asset="USDT", amount=Decimal("1.5")))
    with pytest.raises(BadInput):
        decode_batch(blob[:cut])


def test_a_record_with_an_unknown_field_is_an_error():
    strings, body = b"[]", b'[{"type":"OperatorAction","stamp":{},"kind":"release","by":"x","surprise":1}]'
    blob = struct.pack("<BI", 1, len(strings)) + strings + struct.pack("<IBI", 1, 0, len(body)) + body
    with pytest.raises(BadInput) as error:
        decode_batch(blob)
    assert error.value.problem.code == "bad_record"


def test_frequent_events_are_small():
    """A transfer takes well under 64 bytes in a batch of its kind."""
    events = [
        Transfer(
            stamp=Stamp(source="s", source_sequence=i, time=i),
            account="a",
            kind="deposit",
            asset="USDT",
            amount=Decimal(i),
        )
        for i in range(1000)
    ]
    assert len(encode_batch(events)) < 64 * 1000

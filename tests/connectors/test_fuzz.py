"""Nothing that is read raises anything but `BadInput`; a mutated valid input gives problems, never a crash."""

import json
import os
import subprocess
import sys
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marginbook.connectors.accounts import account_from_json, account_to_json
from marginbook.connectors.books import load_book_bytes
from marginbook.connectors.events import event_from_json, event_to_json, events_of
from marginbook.connectors.histories import price_frames_of
from marginbook.connectors.sources import source_of_bytes
from marginbook.domain.errors import BadInput, Problem

EXAMPLES_MOST = int(os.environ.get("MARGINBOOK_FUZZ", "120"))
EXAMPLES = Path(__file__).parents[2] / "examples"
SEEDS = {
    path.name: path.read_bytes() for path in sorted(EXAMPLES.iterdir()) if path.suffix in (".toml", ".csv", ".json")
}
HISTORY = b"time,venue,market,kind,price\n2026-01-01,binance,X,,1\n2026-01-02,aave,Y,oracle,2\n"
EVENTS = (
    b'{"type": "fill", "time": "2026-01-01", "account": "a", "market": "X", "side": "buy", "quantity": 1, "price": 2}\n'
    b'{"type": "deposit", "time": "2026-01-01", "account": "a", "asset": "USDT", "amount": "1"}\n'
)
TRICKY = st.sampled_from([b"\xff", b"nan", b"1e999", *(bytes([c]) for c in b"\x00\"'[]{},\n\r-=.#\\")])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**300),
    st.decimals(),
    st.text(max_size=8),
    st.sampled_from(["long", "mark", "binance", "Infinity", "1e999999999", "0", "-1", "2026-01-01", "\ud800"]),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
)


def read_everything(name: str, content: bytes) -> None:
    book = load_book_bytes([(name, content)])
    for problem in [*book.problems, *(rejected.problem for rejected in book.rejected)]:
        assert problem.code
        assert str(problem).isprintable(), problem
        assert len(str(problem)) < 2000
    for account in book.accounts:
        assert account_from_json(json.loads(json.dumps(account_to_json(account))), "again:") == account


@settings(max_examples=EXAMPLES_MOST, deadline=None)
@given(st.sampled_from(["b.toml", "b.json", "b.csv", "b.csv.gz", "b.parquet", "b"]), st.binary(max_size=200))
def test_random_bytes(name: str, content: bytes) -> None:
    read_everything(name, content)
    for item in price_frames_of(source_of_bytes("p.csv", content)):
        assert item
    for event in events_of(source_of_bytes("e.jsonl", content)):
        assert event


@st.composite
def mutated(draw: st.DrawFn, content: bytes) -> bytes:
    """Cut, replaced and doubled pieces of a valid file."""
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content)))
        end = min(len(content), at + draw(st.integers(0, 12)))
        piece = draw(st.one_of(TRICKY, st.binary(max_size=3), st.just(content[at:end] * 2)))
        content = content[:at] + piece + content[end:]
    return content


@pytest.mark.parametrize("name", SEEDS)
def test_mutated_books(name: str) -> None:
    @settings(max_examples=EXAMPLES_MOST, deadline=None)
    @given(mutated(SEEDS[name]))
    def never_crashes(content: bytes) -> None:
        read_everything(name, content)

    never_crashes()


@settings(max_examples=EXAMPLES_MOST, deadline=None)
@given(mutated(HISTORY), mutated(EVENTS))
def test_mutated_histories_and_events(history: bytes, events: bytes) -> None:
    for frame in price_frames_of(source_of_bytes("p.csv", history)):
        assert isinstance(frame, Problem) or frame.prices
    for event in events_of(source_of_bytes("e.jsonl", events)):
        assert isinstance(event, Problem) or event_from_json(event_to_json(event), "again") == event


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, item in inner for found in paths(item, (*path, key)))]


def with_value(document: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = document.copy()
    copy[path[0]] = with_value(copy[path[0]], path[1:], new)
    return copy


def parsed_seed(name: str) -> Any:
    text = SEEDS[name].decode()
    return tomllib.loads(text, parse_float=Decimal) if name.endswith(".toml") else json.loads(text, parse_float=Decimal)


@pytest.mark.parametrize("name", [name for name in SEEDS if not name.endswith(".csv")])
def test_any_value_in_any_place(name: str) -> None:
    document = parsed_seed(name)

    @settings(max_examples=EXAMPLES_MOST, deadline=None)
    @given(st.sampled_from(paths(document)), VALUES)
    def never_crashes(path: tuple[Any, ...], value: Any) -> None:
        text = json.dumps(with_value(document, path, value), default=str)
        read_everything("b.json", text.encode())

    never_crashes()


@settings(max_examples=EXAMPLES_MOST, deadline=None)
@given(st.sampled_from(["fill", "price_frame", "account_snapshot", "parameter_change", "deposit", "setting"]), VALUES)
def test_any_value_as_an_event(kind: str, value: Any) -> None:
    for document in (value, {"type": kind, "time": "2026-01-01", "account": value, "prices": value, "overlay": value}):
        try:
            event_from_json(document, "e")
        except BadInput as error:
            text = str(error.problem)
        else:
            text = ""
        assert text.isprintable()


@pytest.mark.long
def test_with_a_long_budget() -> None:
    environment = {**os.environ, "MARGINBOOK_FUZZ": "1000"}
    command = [sys.executable, "-m", "pytest", __file__, "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]

"""A book that is written and read again is the same book."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marginbook.connectors.books import BookFile, load_book, load_book_bytes
from marginbook.connectors.prices import DEFAULT_KINDS
from marginbook.connectors.writer import book_to_json, toml_text
from marginbook.domain.account import Account
from marginbook.venues.registry import all_rule_sets

EXAMPLES = Path(__file__).parents[2] / "examples"
FULL = b"""
[[account]]
id = "a"
rules = "aave/3.6"
parameters = "mine"
emode = 2
collateral = [ { asset = "WETH", scaled_raw = 5, index_raw = "1000000000000000000000000000", enabled = false } ]
[parameters.mine.WETH]
ltv = 0.5
flags = [true, 7]
[parameters.mine."*"]
ltv = "0.4"
[prices]
as_of = 2026-01-01
max_age = 0.5
rates = { USDT = "0.9998" }
aave = { WETH = { oracle = 3000, time = "2025-12-31T23:59:59.000001Z", sequence = 9, source = "feed" } }
[indices.aave.WETH]
borrow_raw = 7
borrow_rate_raw = 8
time = 2026-01-01
[state.aave.WETH]
cash_raw = 12
use = 0.5
"""


def again(book: BookFile, name: str) -> BookFile:
    document = book_to_json(book)
    text = json.dumps(document) if name.endswith(".json") else toml_text(document)
    return load_book_bytes([(name, text.encode())])


@pytest.mark.parametrize("name", ["b.json", "b.toml"])
@pytest.mark.parametrize(
    "book",
    [
        load_book_bytes([("f.toml", FULL)]),
        load_book([EXAMPLES / "two-accounts.toml"]),
        load_book([EXAMPLES / "ccxt.json"]),
    ],
    ids=["full", "two-accounts", "ccxt"],
)
def test_round_trip(book: BookFile, name: str) -> None:
    assert (book.problems, book.rejected) == ((), ())
    read = again(book, name)
    for field in ("accounts", "problems", "rejected", "overlays", "quotes", "indices", "state", "rates", "as_of"):
        assert getattr(read, field) == getattr(book, field), field


PRINTABLE = st.text(min_size=1, max_size=20).filter(lambda t: t.isprintable() and t == t.strip())


@settings(max_examples=100, deadline=None)
@given(PRINTABLE, PRINTABLE)
def test_any_name_survives_toml(id: str, currency: str) -> None:
    book = BookFile(accounts=(Account(id=id, rules="x/1", wallet={currency: Decimal(1)}),))
    assert again(book, "b.toml").accounts == book.accounts


def test_untyped_prices_are_of_the_kind_that_the_rules_use() -> None:
    for rules in all_rule_sets():
        assert rules.price_kind in DEFAULT_KINDS[rules.venue], rules.name

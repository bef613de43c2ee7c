"""Accounts of exchanges in a book, in columns or as objects: every crossing of the exact functions, and no other."""

from dataclasses import replace
from decimal import Decimal
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from marginbook.book.book import Book
from marginbook.domain.market import Market
from marginbook.testing.worlds import bitget, bybit, okx, world
from marginbook.venues.registry import rule_set

OVERLAYS: dict[str, dict[str, Any]] = {
    "bitget/usdt": dict(bitget.OVERLAY),
    "bybit/uta": {**bybit.OVERLAY, **bybit.CURRENCIES},
    "bybit/inverse": {name: bybit.OVERLAY[name] for name in ("BTCUSD", "ETHUSD")},
    "bybit/classic": dict(bybit.OVERLAY),
    "okx/single-currency": dict(okx.OVERLAY),
    "okx/multi-currency": {**okx.OVERLAY, **okx.CURRENCIES},
    "okx/spot-margin": {"*": {"maintenance_rate": "0.05"}},
}


@pytest.mark.parametrize("rules", OVERLAYS)
def test_a_random_walk_misses_no_crossing_and_invents_none(worlds: SimpleNamespace, rules: str) -> None:
    random = Random(rules)
    found = rule_set(rules)
    parameters = found.module.parameters(found.version, worlds.AT, OVERLAYS[rules])
    drawn = [world(rules, random) for _ in range(40)]
    accounts = [replace(setting.account, id=f"a{n}") for n, setting in enumerate(drawn)]
    quotes = {key: quote for setting in drawn for key, quote in setting.market.quotes.items()}
    follower = worlds.Follower(
        Book.from_accounts(accounts, Market(quotes=quotes), lambda account: parameters, worlds.AT),
        lambda account: parameters,
    )
    book = follower.book
    assert not book.problems
    for step in range(25):
        moved = random.sample(sorted(quotes), random.randint(1, len(quotes)))
        frame = {
            key: (book.market.quotes[key].price * Decimal(repr(1 + random.gauss(0, 0.02)))).quantize(Decimal("0.0001"))
            for key in moved
        }
        follower.step(book.prices(frame, book.at + step))
    assert follower.crossings > 10

"""Pools of several currencies: the kernel and its bands against the exact functions, while all prices move."""

from dataclasses import replace
from decimal import Decimal as D
from random import Random
from types import SimpleNamespace

import pytest

from marginbook.book.book import Book
from marginbook.book.layout import FLAG_JOINED
from marginbook.domain.account import Fixed
from marginbook.domain.risk import LiquidationPrice
from marginbook.testing.laws import settings
from marginbook.testing.vectors import Setting
from marginbook.venues.registry import rule_set

RULES = ("binance/multi-assets", "binance/portfolio", "bybit/uta", "okx/multi-currency")
STEPS = (D("1e-8"), D("1e-5"), D("0.001"), D("0.01"), D("0.06"))


def book_of(setting: Setting) -> Book:
    return Book.from_accounts([setting.account], setting.market, lambda _: setting.parameters, setting.at)


def joined_settings(rules: str, count: int, seed: int) -> list[Setting]:
    """Accounts whose cross pool the kernel decides in several currencies."""
    found = []
    for setting in settings(rules, 4 * count, seed):
        pools = rule_set(rules).module.lower(setting.account, setting.market, setting.parameters).pools
        if any(len(pool.currencies) > 1 for pool in pools):
            found.append(replace(setting, account=replace(setting.account, id="one")))
    return found[:count]


def frame(setting: Setting, book: Book, random: Random, edges: list[LiquidationPrice]) -> dict:
    """Some prices a little elsewhere; now and then one of them next to where it liquidated at the start."""
    quotes = {key: quote.price for key, quote in book.market.quotes.items()}
    chosen = random.sample(sorted(quotes), random.randint(1, len(quotes)))
    moved = {key: quotes[key] * (1 + random.choice(STEPS) * random.choice((-1, 1))) for key in chosen}
    if edges and random.random() < 0.3:
        edge = random.choice(edges)
        near = edge.price * (1 + random.choice(STEPS[:3]) * random.choice((-1, 0, 1)))
        moved |= {key: near for key in quotes if key[1] == edge.market}
    return {key: price for key, price in moved.items() if price > 0}


def crossings(worlds: SimpleNamespace, rules: str, accounts: int, frames: int, seed: int) -> int:
    """Crossings of a walk whose every frame the follower compares."""
    random, found = Random(seed), 0
    for setting in joined_settings(rules, accounts, seed):
        book, edges = book_of(setting), setting.call("liquidation_prices")
        follower = worlds.Follower(book, lambda _, s=setting: s.parameters)
        for _ in range(frames):
            follower.step(book.prices(frame(setting, book, random, edges), book.at))
            follower.same()
        found += follower.crossings
    return found


@pytest.mark.parametrize("rules", RULES)
def test_zones_follow_the_exact_functions(worlds: SimpleNamespace, rules: str) -> None:
    assert crossings(worlds, rules, 6, 30, 5) > 10


@pytest.mark.long
@pytest.mark.parametrize("rules", RULES)
def test_zones_follow_the_exact_functions_at_length(worlds: SimpleNamespace, rules: str) -> None:
    assert crossings(worlds, rules, 25, 120, 6) > 50


@pytest.mark.parametrize("rules", RULES)
def test_a_healthy_pool_is_not_asked_again(rules: str) -> None:
    for setting in joined_settings(rules, 6, 7):
        prices = [quote.price for quote in setting.market.quotes.values()]
        gross = sum(position.quantity for position in setting.account.positions) * max(prices) + 1
        healthy = replace(setting.account, fixed=Fixed(support=1000 * gross, demand=D(0)))
        book = book_of(replace(setting, account=healthy))
        assert book.store.live_pools[0]["flags"] & FLAG_JOINED
        for step in ("1.01", "0.99"):
            book.prices({key: quote.price * D(step) for key, quote in setting.market.quotes.items()}, book.at)
            assert 0 not in book.index.candidates[: book.index.counts[0]]


def corner(book: Book, pool: int, random: Random) -> dict:
    """Every quote of a pool at one end of its band, or where it is."""
    row, found = book.store.live_pools[pool], {}
    for leg in book.store.legs[row["start"] : row["start"] + row["count"]]:
        parts = book.factors.names[leg["factor"]]
        if leg["slot"] < 0 or len(parts) != 1 or parts[0][0][3] or parts[0][0][2] == "funding":
            continue
        (key, power), low, high = parts[0], float(leg["low"]), float(leg["high"])
        end = random.choice((low, high, None))
        if low < high and end is not None and end > 0:
            here = book.factors.table[leg["factor"], 0]
            factor = here + (end - here) * (1 - 1e-9)
            found[key[:3]] = D(factor) if power > 0 else D(1 / factor)
    return found


def corners(worlds: SimpleNamespace, rules: str, accounts: int) -> int:
    """Corners of bands at which nobody was asked and the exact functions see the same zone."""
    random, kept = Random(9), 0
    for setting in joined_settings(rules, accounts, 9):
        for _ in range(6):
            book = book_of(setting)
            follower = worlds.Follower(book, lambda _, s=setting: s.parameters)
            follower.step(book.prices(corner(book, 0, random), book.at))
            kept += 0 not in book.index.candidates[: book.index.counts[0]]
    return kept


@pytest.mark.parametrize("rules", RULES)
def test_no_corner_of_the_bands_has_another_zone(worlds: SimpleNamespace, rules: str) -> None:
    assert corners(worlds, rules, 6) > 10


@pytest.mark.long
@pytest.mark.parametrize("rules", RULES)
def test_no_corner_of_the_bands_has_another_zone_at_length(worlds: SimpleNamespace, rules: str) -> None:
    assert corners(worlds, rules, 30) > 50

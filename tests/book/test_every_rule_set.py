"""The book decides as the exact functions do, whatever the venue: frames, funding and system state included."""

from dataclasses import replace
from decimal import Decimal as D
from random import Random
from typing import Any

import pytest

from marginbook.book.book import Book
from marginbook.domain.account import Account
from marginbook.domain.zones import Zone
from marginbook.testing.laws import settings
from marginbook.testing.vectors import Setting
from marginbook.venues.registry import all_rule_sets, rule_set

RULES = [rules.name for rules in all_rule_sets()]
WORLDS, FRAMES = 6, 8
BOUNDARIES = (D("0.9"), D("0.97"), D("1.01"), D("1.1"))


def exact_zones(book: Book, setting: Setting, before: dict[str, Zone]) -> dict[str, Zone]:
    """Zones by the exact functions alone."""
    from marginbook.book.zoning import borders_of_family, next_zone

    rules, market = rule_set(setting.account.rules), book.market
    found = {}
    families = {p.pool: p.family for p in rules.module.lower(setting.account, market, setting.parameters).pools}
    for pool, risk in rules.module.risk(setting.account, market, setting.parameters, book.at).items():
        borders = borders_of_family("loop") if families[pool] == "loop" else rules.borders
        liquidatable = rules.module.is_liquidatable(setting.account, pool, market, setting.parameters, book.at)
        found[pool] = next_zone(before.get(pool, Zone.SAFE), risk, liquidatable, borders)
    return found


def frames(setting: Setting, random: Random) -> list[dict[Any, D]]:
    """Prices on the edge, one step either side of it, and elsewhere; kinds of a market move together."""
    quotes = {key: quote.price for key, quote in setting.market.quotes.items()}
    found = []
    for price in setting.call("liquidation_prices")[:2]:
        keys = [key for key in quotes if key[1] == price.market]
        found += [dict.fromkeys(keys, price.price + step) for step in (D(0), D("1e-8"), D("-1e-8")) if keys]
    while len(found) < FRAMES:
        name = random.choice(sorted(quotes))[1]
        factor = random.choice(BOUNDARIES)
        found.append({key: old * factor for key, old in quotes.items() if key[1] == name})
    return [{key: value for key, value in frame.items() if value > 0} for frame in found]


@pytest.mark.parametrize("rules", RULES)
def test_zones_are_those_of_the_exact_functions(rules: str) -> None:
    random = Random(rules)
    for setting in settings(rules, WORLDS, seed=2):
        account: Account = replace(setting.account, id="one")
        setting = replace(setting, account=account)
        book = Book.from_accounts([account], setting.market, lambda _, s=setting: s.parameters, setting.at)
        assert not book.problems, book.problems
        zones = exact_zones(book, setting, {})
        assert book.pool_zones("one") == zones
        for frame in frames(setting, random):
            told = {(c.pool, c.to_zone) for c in book.prices(frame, book.at)}
            after = exact_zones(book, setting, zones)
            assert book.pool_zones("one") == after, f"{rules} at {frame}"
            assert told == {(pool, zone) for pool, zone in after.items() if zone != zones[pool]}
            zones = after


@pytest.mark.parametrize("rules", RULES)
def test_system_state_reaches_every_holder(rules: str) -> None:
    for setting in settings(rules, 3, seed=3):
        if not setting.market.state:
            continue
        account = replace(setting.account, id="one")
        setting = replace(setting, account=account)
        book = Book.from_accounts([account], setting.market, lambda _, s=setting: s.parameters, setting.at)
        zones = book.pool_zones("one")
        for key, value in list(setting.market.state.items())[:6]:
            state = {**setting.market.state, key: value * 2}
            try:
                book.state_changed({key[0]}, state, book.at)
            except ValueError:
                continue
            after = exact_zones(book, setting, zones)
            assert book.pool_zones("one") == after, f"{rules} with {key} doubled"
            zones = after


@pytest.mark.parametrize("rules", RULES)
def test_the_clock_alone_moves_what_depends_on_it(rules: str) -> None:
    for setting in settings(rules, WORLDS, seed=4):
        account = replace(setting.account, id="one")
        setting = replace(setting, account=account)
        book = Book.from_accounts([account], setting.market, lambda _, s=setting: s.parameters, setting.at)
        zones = book.pool_zones("one")
        for days in (1, 30, 400):
            later = setting.at + days * 86_400_000_000
            told = {(c.pool, c.to_zone) for c in book.prices({}, later)}
            after = exact_zones(book, setting, zones)
            assert book.pool_zones("one") == after, f"{rules} after {days} days"
            assert told == {(pool, zone) for pool, zone in after.items() if zone != zones[pool]}
            zones = after

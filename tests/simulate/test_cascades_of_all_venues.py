"""Random accounts of every rule set in one book: the rounds end, the book and account by account agree, funds hold."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from marginbook.book.book import Book
from marginbook.domain.market import Market
from marginbook.simulate.exact_cascade import Terms, rounds
from marginbook.simulate.holders import BookHolders, PlainHolders
from marginbook.simulate.impact import linear
from marginbook.simulate.shocks import shocked
from marginbook.simulate.whole_waterfalls import with_waterfalls
from marginbook.testing.vectors import Setting
from marginbook.testing.worlds import world
from marginbook.venues.registry import all_rule_sets, rule_set

AT = 1_790_856_000_000_000
ROUNDS_MOST = 40


def one_per_venue(random: Random) -> Iterator[Setting]:
    """One account of each venue, all at one time, of a rule set drawn by chance."""
    names = [rules.name for rules in all_rule_sets()]
    random.shuffle(names)
    seen: set[str] = set()
    for name in names:
        rules = rule_set(name)
        if rules.venue not in seen:
            setting = world(name, random)
            seen.add(rules.venue)
            yield replace(setting, account=replace(setting.account, id=name), at=AT)


def merged(settings: list[Setting]) -> Market:
    """All their prices, indices and state."""
    market = Market(as_of=AT)
    for one in (setting.market for setting in settings):
        market = replace(
            market,
            quotes={**market.quotes, **one.quotes},
            indices={**market.indices, **one.indices},
            state={**market.state, **one.state},
        )
    return market


def judge(settings: list[Setting], random: Random, tally: Counter[str]) -> None:
    """Run the cascade in both ways, and by steps and by waterfalls."""
    market, _ = shocked(merged(settings), [f"all=-{random.choice([2, 6, 15])}%"])
    accounts = [setting.account for setting in settings]
    tables = {setting.account.id: setting.parameters for setting in settings}

    def parameters_of(account: Any) -> Any:
        return tables[account.id]

    terms = Terms(
        impact=linear(10 ** random.uniform(4, 8)),
        rounds_most=ROUNDS_MOST,
        funds={(setting.account.venue, "USDT"): Decimal(1000) for setting in settings},
    )
    for change in (replace, with_waterfalls):
        plain = PlainHolders(accounts, market, parameters_of, AT)
        done = rounds(plain, change(terms), AT)
        assert all(amount >= 0 for row in done for amount in row.funds.values())
        assert done[-1].steps or done[-1].refused if done else not plain.due()
        tally["rounds"] += len(done)
        tally["steps"] += sum(sum(row.steps.values()) for row in done)
        tally["venues"] += len({venue for row in done for venue in row.accounts})
        assert not plain.problems
        book = BookHolders(Book.from_accounts(accounts, market, parameters_of, AT))
        assert rounds(book, change(terms), AT) == done
        assert {a.id: a for a in book.accounts()} == {a.id: a for a in plain.accounts()}


@pytest.mark.parametrize("seed", [1])
def test_a_book_of_all_venues(seed: int) -> None:
    random, tally = Random(seed), Counter[str]()
    settings = list(one_per_venue(random))
    assert len(settings) > 12
    judge(settings, random, tally)
    assert tally["venues"] > 6


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 10))
def test_more_books_of_all_venues(seed: int) -> None:
    random = Random(seed)
    judge(list(one_per_venue(random)), random, Counter())

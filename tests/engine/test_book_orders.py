"""Orders on a whole book: every decision and zone is that of the exact functions."""

from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

import numpy as np
import pytest

from marginbook.book.book import Book
from marginbook.domain.account import Account, Position
from marginbook.domain.market import Market, Quote
from marginbook.engine import book_orders
from marginbook.engine.book_orders import ALLOWED, NOT_TRADED, REFUSED, counts, each_account
from marginbook.margin_calls.fast_what_if import OrderDesk
from marginbook.margin_calls.order_effects import Trial
from marginbook.testing.worlds import world

D = Decimal
AT = 1_790_856_000_000_000


def random_book(seed: int, count: int, rules: tuple[str, ...] = ("binance/usdm", "generic/derivatives")) -> Book:
    """Accounts of two venues and one lending protocol; hedged and isolated ones among them, half near a border."""
    random = Random(seed)
    accounts, quotes, indices, parameters = [], {}, {}, {}
    for n in range(count):
        setting = world("aave/3.6" if n % 10 == 0 else rules[n % len(rules)], random)
        account = replace(setting.account, id=f"a{n}", orders=(), parameters=f"p{n % 6}")
        if account.positions and random.random() < 0.3:
            held = random.choice(account.positions)
            side: Any = "short" if held.side == "long" else "long"
            other = replace(held, side=side, quantity=held.quantity + D("0.5"))
            account = replace(account, position_mode="hedge", positions=(*account.positions, other))
        parameters.setdefault((account.rules, account.parameters), setting.parameters)
        accounts.append(account)
        quotes |= setting.market.quotes
        indices |= setting.market.indices
    at = setting.at
    market = Market(quotes=quotes, indices=indices)
    return Book.from_accounts(accounts, market, lambda a: parameters[a.rules, a.parameters], at)


def check(book: Book, trials: list[Trial]) -> tuple[set[int], int]:
    """(answers, accounts asked one by one) after every decided account was compared with the exact functions."""
    desk, asked = OrderDesk(book), 0
    at = desk.at

    def counted(number: int, orders: Any) -> Any:
        nonlocal asked
        asked += 1
        return at(number, orders)

    desk.at = counted  # type: ignore[method-assign]
    columns = book_orders.book_orders(desk, trials)
    for i, name in enumerate(columns["account"]):
        if columns["answer"][i] > ALLOWED:
            continue
        effect = desk.exact(book.identities.find(name), trials)
        after = effect.after or effect.before
        expected = (effect.allowed_as_one, effect.before.zone, after.zone)
        found = (columns["answer"][i] == ALLOWED, columns["zone_before"][i], columns["zone_after"][i])
        assert found == expected, (book.account(name), trials, effect)
        for side, standing in (("before", effect.before), ("after", effect.after)):
            for figure in book_orders.FIGURES:
                value = columns[f"{figure}_{side}"][i]
                if standing is not None and not np.isnan(value):
                    told = [float(n) for p in standing.pools.values() if (n := getattr(p, figure)) is not None]
                    assert any(abs(value - number) <= 2e-8 + 1e-9 * abs(value) for number in told)
    return set(columns["answer"].tolist()), asked


@pytest.mark.parametrize("seed", range(3))
def test_decisions_and_zones_are_exact(seed: int) -> None:
    random = Random(seed)
    book = random_book(seed, 60)
    seen = set()
    for _ in range(6):
        trial = Trial(
            market=random.choice(("BTCUSDT", "ETHUSDT")),
            side=random.choice(("buy", "sell")),
            quantity=D(repr(round(10 ** random.uniform(-3, 2), 3))),
            price=random.choice((None, D("61234.5"))),
            leverage=random.choice((None, D(5), D(20))),
            position_side=random.choice((None, "long", "short")),
        )
        answers, asked = check(book, [trial])
        seen |= answers
        assert asked < len(book)
    assert {REFUSED, ALLOWED, NOT_TRADED} <= seen


def test_a_basket_is_taken_as_one() -> None:
    book = random_book(4, 60)
    trials = [
        Trial(market="BTCUSDT", side="sell", quantity=D("0.4"), leverage=D(10)),
        Trial(market="BTCUSDT", side="buy", quantity=D("0.3"), leverage=D(10)),
    ]
    answers, asked = check(book, trials)
    assert {REFUSED, ALLOWED} <= answers
    assert asked > 0


def trader(name: str, wallet: str, quantity: str = "0.5") -> Account:
    position = Position(market="BTCUSDT", side="long", quantity=D(quantity), entry=D(60_000), leverage=D(10))
    return Account(id=name, rules="binance/usdm", wallet={"USDT": D(wallet)}, positions=(position,))


def test_one_step_decides_at_the_border() -> None:
    """The sweep leaves what lies within its allowance to the exact functions."""
    setting = world("binance/usdm", Random(1))
    quotes = {("binance", "BTCUSDT", "mark"): Quote(D(60_000))}
    parameters = setting.parameters
    accounts = [trader("enough", "6000"), trader("lacks", "5999.99999999"), trader("none", "3000")]
    book = Book.from_accounts(accounts, Market(quotes=quotes), lambda account: parameters, AT)
    columns = book_orders.book_orders(OrderDesk(book), [Trial(market="BTCUSDT", side="buy", quantity=D("0.5"))])
    assert dict(zip(columns["account"], columns["answer"].tolist(), strict=True)) == {
        "enough": ALLOWED,
        "lacks": REFUSED,
        "none": REFUSED,
    }
    told = counts(columns)
    assert (told["accounts"], told["allowed"], told["refused"], told["zones_after"]) == (3, 1, 2, {"safe": 3})


ORDER = Trial(market="ETHUSDT", side="buy", quantity=D(1), leverage=D(10))


def test_nothing_left_over_is_enough_whatever_the_rounding() -> None:
    """Each account has to the last digit what the order asks; in float64 about half of them would seem to lack it."""
    mark, other, bought = D("60123.7"), D("2601.33"), D("0.37")
    accounts = []
    for n in range(1, 41):
        quantity = D(n) / 1000
        needed = quantity * mark / 10 + bought * other / 10 - quantity * (mark - 60_000)
        accounts.append(trader(f"a{n}", str(needed), str(quantity)))
    setting = world("binance/usdm", Random(1))
    quotes = {("binance", "BTCUSDT", "mark"): Quote(mark), ("binance", "ETHUSDT", "mark"): Quote(other)}
    book = Book.from_accounts(accounts, Market(quotes=quotes), lambda account: setting.parameters, AT)
    columns = book_orders.book_orders(OrderDesk(book), [replace(ORDER, quantity=bought)])
    assert columns["answer"].tolist() == [ALLOWED] * 40
    less = book_orders.book_orders(OrderDesk(book), [replace(ORDER, quantity=bought + D("0.00000001"))])
    assert less["answer"].tolist() == [REFUSED] * 40


def test_each_account_may_have_its_own_orders() -> None:
    setting = world("binance/usdm", Random(1))
    quotes = {("binance", "BTCUSDT", "mark"): Quote(D(60_000))}
    accounts = [trader("a", "6000"), trader("b", "6000")]
    book = Book.from_accounts(
        accounts, Market(quotes=quotes), lambda account: setting.parameters, 1_790_856_000_000_000
    )
    buy = Trial(market="BTCUSDT", side="buy", quantity=D("0.5"))
    found = each_account(OrderDesk(book), {"b": [buy, buy], "a": [buy]})
    assert (found["account"], found["answer"]) == (["b", "a"], [REFUSED, ALLOWED])
    assert str(found["why_not"][0]).startswith("cross:USDT would lack")
    with pytest.raises(KeyError):
        each_account(OrderDesk(book), {"c": [buy]})

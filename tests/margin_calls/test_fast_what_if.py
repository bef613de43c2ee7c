"""Orders on accounts of a book: the fast answer equals that of the exact functions in every number."""

from dataclasses import replace
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any

import pytest

from marginbook.book.book import Book
from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market, Quote
from marginbook.domain.risk import LiquidationPrice
from marginbook.margin_calls import fast_what_if
from marginbook.margin_calls.fast_what_if import OrderDesk
from marginbook.margin_calls.order_effects import OrderEffect, Trial, contributions, order_effect
from marginbook.margin_calls.what_if import largest_order
from marginbook.testing.contract_worlds import near_the_border
from marginbook.testing.vectors import Setting
from marginbook.testing.worlds import world
from marginbook.venues.registry import rule_set

D = Decimal
AT = 1_790_856_000_000_000
FAST = {"binance/usdm": 0.5, "generic/derivatives": 0.15, "bitget/usdt": 0.1}
"""Rule sets that have accounts in columns: the least share of baskets that takes the fast path."""


def parameters_of(setting: Setting, account: Account) -> Any:
    return setting.parameters


def order_on(random: Random, account: Account, markets: list[str]) -> Trial:
    """An order that opens, grows, shrinks, closes or turns a position, at the mark or beside it."""
    held = random.choice(account.positions) if account.positions and random.random() < 0.75 else None
    name = held.market if held else random.choice(markets)
    quantity = held.quantity if held else D(repr(round(10 ** random.uniform(-3, 3), 3)))
    share = random.choice((D(1), D(2), D("0.5"), D(repr(round(random.uniform(0.001, 3), 3)))))
    return Trial(
        market=name,
        side=random.choice(("buy", "sell")),
        quantity=max(D("0.001"), (quantity * share).quantize(D("0.001"))),
        price=None,
        leverage=random.choice((None, D(3), D(7), D(20), D("12.5"))),
        position_side=random.choice(("long", "short")) if account.position_mode == "hedge" else None,
    )


def hedged(setting: Setting, random: Random) -> Setting:
    """The same account in hedge mode, with the other leg of some of its positions, and again near its border."""
    legs = []
    for position in setting.account.positions:
        legs.append(position)
        if random.random() < 0.7:
            share = D(repr(round(random.choice((1, 0.999, 0.5, random.uniform(0.01, 3))), 3)))
            quantity = max(D("0.001"), (position.quantity * share).quantize(D("0.001")))
            entry = (position.entry * D(repr(1 + random.gauss(0, 0.01)))).quantize(D("0.0001"))
            side = "short" if position.side == "long" else "long"
            leverage = random.choice((None, position.leverage, D(7)))
            other = replace(position, side=side, quantity=quantity, entry=entry, leverage=leverage)
            legs.insert(random.randint(0, len(legs)), other)
    account = replace(setting.account, position_mode="hedge", positions=tuple(legs), orders=())
    return near_the_border(replace(setting, account=account), random)


def compared(book: Book, desk: OrderDesk, account: str, trial: Trial) -> tuple[Any, Any]:
    return baskets(book, desk, account, [trial])


def baskets(book: Book, desk: OrderDesk, account: str, trials: list[Trial]) -> tuple[Any, Any]:
    return desk.basket(account, trials), desk.exact(book.identities.find(account), trials)


@pytest.mark.parametrize(
    "rules", ["binance/usdm", "generic/derivatives", "bitget/usdt", "bybit/classic", "bybit/uta", "binance/coinm"]
)
def test_the_fast_answer_is_the_exact_one(rules: str, monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(rules)
    slow = prices = 0

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal slow
        slow += 1
        return order_effect(*args, **kwargs)

    monkeypatch.setattr(fast_what_if, "order_effect", counted)
    outcomes = set()
    asked = 0
    for _ in range(60 if rules in FAST else 6):
        setting = world(rules, random)
        if setting.account.position_mode == "one-way" and random.random() < 0.5:
            setting = hedged(setting, random)
        account = setting.account
        if random.random() < 0.8:
            account = replace(account, orders=())
        for position in account.positions:
            key = (account.venue, position.market, "funding")
            if key in setting.market.indices and random.random() < 0.5:
                changed = replace(position, funding_index_raw=random.randint(-(10**17), 10**17))
                kept = tuple(changed if p is position else p for p in account.positions)
                account = replace(account, positions=kept)
        book = Book.from_accounts([account], setting.market, partial(parameters_of, setting), setting.at)
        if book.problems:
            continue
        desk = OrderDesk(book)
        kind = rule_set(rules).price_kind
        markets = [name for venue, name, k in setting.market.quotes if (venue, k) == (account.venue, kind)]
        for size in (1, 1, 2, 3):
            trials = [order_on(random, account, markets) for _ in range(size)]
            for place, trial in enumerate(trials):
                price = setting.market.quotes[account.venue, trial.market, kind].price
                if random.random() < 0.5:
                    beside = (price * D(repr(1 + random.gauss(0, 0.05)))).quantize(D("0.0001"))
                    trials[place] = replace(trial, price=beside)
            before = slow
            fast, exact = baskets(book, desk, account.id, trials)
            asked += 1
            assert fast == exact, (account, trials)
            took = slow - before == 1
            outcomes |= {(size > 1, fast.allowed, fast.allowed_as_one)} if took else set()
            prices += took and account.position_mode == "hedge" and "both" in {p.side for p in shown_prices(fast)}
    share_fast = (2 * asked - slow) / asked
    assert share_fast >= FAST.get(rules, 0), f"only {share_fast} of the baskets took the fast path"
    if rules in FAST:
        assert {(False, True, True), (True, True, True), (False, False, False), (True, False, True)} <= outcomes
        assert prices


def shown_prices(found: OrderEffect) -> tuple[LiquidationPrice, ...]:
    return found.before.liquidation_prices + (found.after.liquidation_prices if found.after else ())


def trader(wallet: str, *positions: Position) -> Account:
    return Account(id="t", rules="binance/usdm", wallet={"USDT": D(wallet)}, positions=positions)


def long_of(quantity: str, entry: str = "60000", **terms: Any) -> Position:
    return Position(market="BTCUSDT", side="long", quantity=D(quantity), entry=D(entry), leverage=D(10), **terms)


def book_of(*accounts: Account, prices: dict[str, str] | None = None) -> Book:
    rules = rule_set("binance/usdm")
    parameters = rules.module.parameters("usdm", AT)
    quoted = prices or {"BTCUSDT": "60000", "ETHUSDT": "2600"}
    market = Market(quotes={("binance", name, "mark"): Quote(D(price)) for name, price in quoted.items()})
    return Book.from_accounts(accounts, market, lambda account: parameters, AT)


def test_hand_checked_order() -> None:
    """1 BTC at 60,000 by 10 asks 6,000 of 10,000; 0.4 % of a notional to 300,000: 10,000 + p − 60,000 = 0.004·p."""
    found = OrderDesk(book_of(trader("10000"))).what_if("t", "BTCUSDT", "buy", D(1), leverage=D(10))
    assert found.allowed
    assert found.after is not None
    pool = found.after.pools["cross:USDT"]
    assert (pool.margin_balance, pool.initial_margin, pool.free_margin) == (D(10_000), D(6_000), D(4_000))
    (price,) = found.after.liquidation_prices
    assert (price.price, price.when) == (D("50200.80321285"), "at_or_below")
    assert pool.maintenance_margin == D(240)
    assert pool.headroom == D(9_760)


def test_one_step_more_than_the_largest_is_refused() -> None:
    book = book_of(trader("10000", long_of("0.5")))
    desk = OrderDesk(book)
    most = desk.largest("t", "BTCUSDT", "buy")
    step = D("0.00000001")
    assert desk.what_if("t", "BTCUSDT", "buy", most).allowed
    refused = desk.what_if("t", "BTCUSDT", "buy", most + step)
    assert not refused.allowed
    assert refused.why_not is not None
    assert "would lack" in refused.why_not
    account = book.account("t")
    rules = rule_set("binance/usdm")
    assert most == largest_order(rules, account, book.market, book.parameters(account), AT, "BTCUSDT", "buy")


def test_prices_and_accounts_that_change_are_seen_at_the_next_call() -> None:
    book = book_of(trader("10000", long_of("0.5")))
    desk = OrderDesk(book)
    for price, wallet in (("61000", "10000"), ("58000", "9000")):
        book.prices({("binance", "BTCUSDT", "mark"): D(price)}, AT)
        book.upsert([trader(wallet, long_of("0.5"))], AT)
        trial = Trial(market="BTCUSDT", side="sell", quantity=D("0.7"))
        fast, exact = compared(book, desk, "t", trial)
        assert fast == exact
        assert fast.before.pools["cross:USDT"].margin_balance == D(wallet) + (D(price) - 60000) / 2


@pytest.mark.parametrize(
    "trial",
    [
        Trial(market="BTCUSDT", side="buy", quantity=D(0)),
        Trial(market="BTCUSDT", side="buy", quantity=D("0.123456789012")),
        Trial(market="BTCUSDT", side="buy", quantity=D(1), price=D("60000.12345678901234567")),
        Trial(market="BTCUSDT", side="buy", quantity=D(1), leverage=D("7.125")),
        Trial(market="NONEUSDT", side="buy", quantity=D(1), price=D(1)),
        Trial(market="SOLUSDT", side="buy", quantity=D(1), price=D(100)),
        Trial(market="BTCUSDC", side="buy", quantity=D(1), price=D(100)),
    ],
)
def test_what_is_not_covered_is_answered_by_the_exact_functions(trial: Trial) -> None:
    book = book_of(trader("10000", long_of("0.5")))
    fast, exact = compared(book, OrderDesk(book), "t", trial)
    assert fast == exact


def test_an_unknown_account_or_a_missing_price_is_told() -> None:
    desk = OrderDesk(book_of(trader("10000")))
    with pytest.raises(KeyError):
        desk.what_if("nobody", "BTCUSDT", "buy", D(1))
    with pytest.raises(BadInput, match="missing_price"):
        desk.what_if("t", "SOLUSDT", "buy", D(1))


def test_hedged_legs_are_tried_by_their_side() -> None:
    account = replace(trader("10000", long_of("0.5")), position_mode="hedge")
    desk = OrderDesk(book_of(account))
    found = desk.what_if("t", "BTCUSDT", "sell", D("0.2"), leverage=D(10), position_side="short")
    assert found.allowed
    assert found.after is not None
    assert found.after.pools["cross:USDT"].initial_margin == D(3000) + D(1200)


def test_a_basket_is_judged_order_by_order() -> None:
    book = book_of(trader("10000"))
    account = book.account("t")
    rules = rule_set("binance/usdm")
    here = (rules, account, book.market, book.parameters(account), AT)
    buy = Trial(market="BTCUSDT", side="buy", quantity=D(1), leverage=D(10))
    sell = replace(buy, market="ETHUSDT", side="sell", quantity=D(15))
    too_much = replace(sell, quantity=D(30))
    fits = order_effect(*here, [buy, sell])
    assert fits.allowed
    assert fits.after is not None
    assert fits.before.liquidation_prices == ()
    assert fits.after.pools["cross:USDT"].initial_margin == D(6000) + D(3900)
    refused = order_effect(*here, [buy, too_much])
    assert not refused.allowed
    assert str(refused.why_not).startswith("order 2: cross:USDT would lack")
    assert {price.market for price in refused.after.liquidation_prices} == {"BTCUSDT", "ETHUSDT"}  # type: ignore[union-attr]


def test_contributions_of_linear_positions_add_up() -> None:
    account = trader("10000", long_of("0.5"), replace(long_of("2", "2500"), market="ETHUSDT", side="short"))
    rules = rule_set("binance/usdm")
    book = book_of(account)
    here = (account, book.market, book.parameters(account), AT)
    parts = contributions(rules, *here)
    whole = rules.module.quantities(*here)["cross:USDT"]
    assert [part.market for part in parts] == ["BTCUSDT", "ETHUSDT"]
    assert sum(part.initial_margin for part in parts if part.initial_margin) == whole.initial_margin == D(3520)
    assert sum(part.maintenance_margin for part in parts if part.maintenance_margin) == whole.maintenance_margin

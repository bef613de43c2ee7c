"""Tables, shocks and the ladder say what the pools say."""

from decimal import Decimal
from types import SimpleNamespace

import pytest

from marginbook.book.book import Book
from marginbook.domain.zones import Zone


@pytest.fixture(scope="module")
def book(worlds: SimpleNamespace) -> Book:
    exchange, lending = worlds.Exchange(51), worlds.Lending(52)
    accounts = [exchange.account(f"x{n}") for n in range(60)] + [lending.account(f"y{n}") for n in range(60)]
    market = exchange.market()
    loans = lending.market()
    both = market.with_prices({key: quote.price for key, quote in loans.quotes.items()})
    market = type(both)(quotes=both.quotes, indices=loans.indices, as_of=worlds.AT)
    parameters = {"binance/usdm": exchange.parameters, "aave/3.6": lending.parameters}
    return Book.from_accounts(accounts, market, lambda account: parameters[account.rules], worlds.AT)


def test_counts_and_zones_agree_with_every_account(book: Book) -> None:
    expected: dict[tuple[str, Zone], int] = {}
    for name in book.ids():
        key = book.account(name).venue, book.zone(name)
        expected[key] = expected.get(key, 0) + 1
    assert {key: n for key, n in book.counts().items() if n} == expected
    assert book.zones().tolist() == [int(book.zone(name)) for name in book.ids()]


def test_pages_are_sorted_filtered_and_searched(book: Book) -> None:
    everyone = book.page(sort="equity", limit=1000)
    assert [row["equity"] for row in everyone] == sorted((row["equity"] for row in everyone), reverse=True)
    pages = [row for offset in range(0, 120, 25) for row in book.page(sort="equity", offset=offset, limit=25)]
    assert pages == everyone
    assert {row["account"] for row in book.page(venue="aave", limit=1000)} == {f"y{n}" for n in range(60)}
    assert [row["account"] for row in book.page(sort="account", descending=False, search="X1", limit=3)] == [
        "x1",
        "x10",
        "x11",
    ]
    for row in book.page(zone=Zone.LIQUIDATION, limit=1000):
        assert row["zone"] == "liquidation"
    assert book.page(search="nobody") == []


def test_a_shock_counts_what_the_shocked_prices_would_decide(book: Book) -> None:
    quotes = {key: 0.9 for key in book.market.quotes if key[0] == "binance"}
    summary = book.shocked(quotes)
    changes = {key: book.market.quotes[key].price * Decimal("0.9") for key in quotes}
    other = Book.from_accounts(
        [book.account(name) for name in book.ids()], book.market, lambda a: book.parameters(a), book.at
    )
    other.prices(changes, book.at)
    counts = {zone: sum(n for (_, z), n in other.counts().items() if z == zone) for zone in list(Zone)[:5]}
    assert dict(summary.counts) == counts
    assert summary.newly_liquidatable > 0
    assert summary.bad_debt > 0
    assert sum(summary.notional.values()) == pytest.approx(sum(other.notional().values()))
    same = book.shocked({})
    assert same.newly_liquidatable == 0


def test_the_ladder_is_a_shock_per_step(book: Book) -> None:
    down, still = book.ladder([-0.2, 0.0])
    assert down.move == -0.2
    assert set(down.notional) == {"binance", "aave"}
    assert still.accounts == sum(book.zone(name) >= Zone.LIQUIDATION for name in book.ids())
    assert down.accounts > still.accounts

"""Thresholds by the kernel against the exact liquidation prices, and the cascade from a book's columns."""

from random import Random

import numpy as np
import pytest
from cascade_book import AT, MARKET, PARAMETERS, loan, parameters_of, perp, random_accounts

from marginbook.book.book import Book
from marginbook.simulate.cascade import cascade
from marginbook.simulate.holders import BookHolders
from marginbook.simulate.impact import linear
from marginbook.simulate.shocks import shocked
from marginbook.simulate.thresholds import thresholds
from marginbook.venues.registry import rule_set


@pytest.mark.parametrize("side", ["long", "short"])
def test_thresholds_are_the_exact_liquidation_prices(side: str) -> None:
    accounts = random_accounts(Random(3), 300)
    book = Book.from_accounts(accounts, MARKET, parameters_of, AT)
    when = "at_or_below" if side == "long" else "at_or_above"
    compared = 0
    for asset, price in (("ETH", 3000.0), ("BTC", 60_000.0)):
        found = thresholds(book, asset, side)  # type: ignore[arg-type]
        assert found.opaque == 0
        names = [
            (book.account_at(int(book.store.pools[p]["account"])), book.pool_name(p)) for p in found.pools.tolist()
        ]
        for (account, pool), level in zip(names, found.levels.tolist(), strict=True):
            given = (account, MARKET, PARAMETERS[account.rules], AT)
            prices = rule_set(account.rules).module.liquidation_prices(*given)
            chosen = [q for q in prices if (q.pool, q.when, q.source) == (pool, when, "exact") and q.market != "USDC"]
            exact = [float(q.price) for q in chosen]
            if exact:
                assert min(level, 1.0) * price == pytest.approx(exact[0], rel=1e-9) or exact[0] > price
                compared += 1
    assert compared > (100 if side == "long" else 20)


def test_who_is_due_after_a_shock_is_who_lies_above_it() -> None:
    accounts = random_accounts(Random(5), 400)
    book = Book.from_accounts(accounts, MARKET, parameters_of, AT)
    found = thresholds(book, "ETH")
    for move in (-4, -9, -22):
        market, _ = shocked(MARKET, [f"ETH={move}%"])
        holders = BookHolders(Book.from_accounts(accounts, MARKET, parameters_of, AT))
        before = set(holders.due())
        holders.move({key: quote.price for key, quote in market.quotes.items()})
        reached = found.pools[found.levels >= 1 + move / 100].tolist()
        names = {(book.identities.name(int(book.store.pools[p]["account"])), book.pool_name(p)) for p in reached}
        assert names | before == set(holders.due())


def test_sizes_are_what_a_side_holds_of_the_asset() -> None:
    accounts = [perp("long", 2000), perp("short", 2000, 7, side="short"), loan("loan", 20_000, 9)]
    accounts.append(perp("btc", 900, 1, "BTCUSDT"))
    book = Book.from_accounts(accounts, MARKET, parameters_of, AT)

    def told(side: str) -> dict[str, float]:
        found = thresholds(book, "ETH", side)  # type: ignore[arg-type]
        names = [book.identities.name(int(book.store.pools[p]["account"])) for p in found.pools.tolist()]
        return dict(zip(names, found.sizes.tolist(), strict=True))

    assert told("long") == {"long": 30_000.0, "loan": 27_000.0}
    assert told("short") == {"short": 21_000.0}


def test_a_cascade_from_columns() -> None:
    book = Book.from_accounts(random_accounts(Random(8), 400), MARKET, parameters_of, AT)
    found = thresholds(book, "ETH")
    assert (found.sizes > 0).all()
    fall = cascade(found.levels, found.sizes, 0.95, linear(0.02 * float(found.sizes.sum())))
    at_shock = int(np.count_nonzero(found.levels >= 0.95))
    assert 0 < at_shock < fall.count <= len(found.levels)
    assert fall.price < 0.95

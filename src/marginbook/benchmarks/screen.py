"""exact-screen: the liquidation decision of every Aave borrower, equal to the exact functions, at kernel speed."""

import time
from typing import Any

import numpy as np

from marginbook.benchmarks.measure import row, seconds
from marginbook.benchmarks.synthetic import AT, lending_columns, world
from marginbook.book import kernel
from marginbook.book.book import Book
from marginbook.domain.zones import Zone
from marginbook.venues.registry import rule_set

CHECKED = 20_000


def run(accounts: int, seed: int) -> list[dict[str, Any]]:
    """Sweep and exact refinement against the exact function per account; the nearest and random ones compared."""
    made = world(1_000, seed)
    prices = np.array([int(q.price * 10**8) for key, q in made.market.quotes.items() if key[0] == "aave"], np.int64)
    part = lending_columns(accounts, np.random.default_rng(seed), prices)
    borders: dict[str, Any] = {"lending": (), "loop": ()}
    book = Book.from_columns([part], made.market, made.parameters_of, AT, borders)
    fallen = [key for key in made.market.quotes if key[0] == "aave" and key[1] < "A10"]
    book.prices({key: made.market.quotes[key].price * 9 / 10 for key in fallen}, AT)
    records = book.store.records
    zones = np.empty(len(records.pools), np.int8)

    def decide() -> int:
        kernel.sweep_zones_parallel(records, zones)
        open_ = np.flatnonzero(zones < 0)
        for p in open_.tolist():
            zones[p] = book.exact_zone(p, Zone(int(records.pools[p]["zone"])))
        return len(open_)

    refined = decide()
    taken = seconds(decide)
    rules = rule_set(part.rules)
    ratio = book.columns()["ratio"]
    nearest = np.argsort(np.abs(ratio - 1.0))[: min(CHECKED, accounts) // 2]
    others = np.random.default_rng(seed).choice(accounts, min(CHECKED, accounts) // 2, replace=False)
    wrong = 0
    spent = 0.0
    chosen = np.concatenate([nearest, others]).tolist()
    for n in chosen:
        account = book.account_at(n)
        parameters = book.parameters(account)
        begun = time.perf_counter()
        exact = rules.module.is_liquidatable(account, "main", book.market, parameters, AT)
        spent += time.perf_counter() - begun
        wrong += exact != (zones[n] >= Zone.LIQUIDATION)
    python = spent / len(chosen) * accounts
    return [
        row(
            "exact-screen",
            taken * 1e3,
            f"ms for {accounts} borrowers",
            f"exact function, {python:.3g} s",
            python / taken,
        ),
        row("exact-screen refined", refined / accounts, "share decided by the exact function"),
        row("exact-screen wrong", wrong, f"of {len(chosen)} compared, half of them the nearest to the border"),
    ]

"""cascade: the end of a cascade over a million liquidation prices, sort included, beside the loop of rounds.

`cascade thresholds` finds the liquidation prices of the seeded book for its most held market, by the kernel; `cascade
exact` runs a fall of all prices through the exact rules of a part of that book, round by round.

Prices lie log-normally below (longs) the shocked price and sizes are log-normal, cut at the 99.9th percentile. The
shock is where the loop begins; the depth is chosen so that about a tenth of the book falls. The baseline is frozen: it
asks all accounts again after every move. Limit: reading prices and sizes once at the memory bandwidth of the same run.
"""

import time
from typing import Any

import numpy as np

from marginbook.benchmarks.measure import read_bandwidth, row, seconds
from marginbook.benchmarks.synthetic import AT, market_name, world
from marginbook.book.book import Book
from marginbook.margin_calls.assets import underlying
from marginbook.simulate.cascade import cascade
from marginbook.simulate.exact_cascade import Terms, rounds
from marginbook.simulate.holders import BookHolders
from marginbook.simulate.impact import Impact, square_root
from marginbook.simulate.shocks import shocked
from marginbook.simulate.thresholds import thresholds
from marginbook.venues.registry import rule_set

PRICE = 100.0
EXACT_MOST = 20_000
"""Accounts of the book whose cascade is run by exact rules."""
SAMPLE = 500
SHOCK = "all=-2%"


def book(accounts: int, seed: int) -> tuple[Any, Any, Impact]:
    """(liquidation prices, sizes in whole units of value, impact)."""
    rng = np.random.default_rng(seed)
    distance = 0.12 * np.exp(rng.normal(0.0, 1.0, accounts))
    prices = PRICE * np.maximum(1.02 - distance, 0.0)
    sizes = np.floor(np.minimum(np.exp(rng.normal(8.0, 1.7, accounts)), 6e5))
    return prices, sizes, square_root(0.05, 0.35 * float(sizes.sum()), 1.0)


def loop(levels: Any, sizes: Any, price: float, impact: Impact) -> tuple[float, float, int, int]:
    """Frozen baseline: (price, sold, positions, rounds) of mark, liquidate, mark, looking at everybody each time."""
    now, count, made = price, -1, 0
    while True:
        gone = levels >= now
        if int(gone.sum()) == count:
            return now, float(sizes[gone].sum()), count, made
        count, made = int(gone.sum()), made + 1
        now = float(price * impact(sizes[gone].sum()))


def run(accounts: int, seed: int) -> list[dict[str, Any]]:
    """One cascade; the ends of both ways compared."""
    levels, sizes, impact = book(accounts, seed)
    found = cascade(levels, sizes, PRICE, impact)
    price, sold, count, rounds = loop(levels, sizes, PRICE, impact)
    agree = (found.price, found.sold, found.count) == (price, sold, count)
    taken = seconds(lambda: cascade(levels, sizes, PRICE, impact))
    slow = seconds(lambda: loop(levels, sizes, PRICE, impact), 3)
    read = (levels.nbytes + sizes.nbytes) / read_bandwidth()
    return [
        row(
            "cascade",
            taken * 1e3,
            f"ms for {accounts} accounts, {count} liquidated, {100 * (1 - price / PRICE):.1f} % further down",
            f"loop of {rounds} rounds, {slow * 1e3:.3g} ms",
            slow / taken,
            f"reading prices and sizes once, {read * 1e3:.3g} ms",
            read / taken,
        ),
        row("cascade wrong", 0 if agree else 1, "of 1 compared with the loop in price, value and accounts"),
        *_thresholds(accounts, seed),
        *_exact(min(accounts, EXACT_MOST), seed),
    ]


def _thresholds(accounts: int, seed: int) -> list[dict[str, Any]]:
    made = world(accounts, seed)
    book = Book.from_columns(made.columns, made.market, made.parameters_of, AT)
    asset = underlying(market_name(0))
    found = thresholds(book, asset)
    taken = seconds(lambda: thresholds(book, asset), 3)
    chosen = np.random.default_rng(seed).choice(found.pools, min(SAMPLE, len(found.pools)), replace=False)
    held = [book.account_at(int(book.store.pools[p]["account"])) for p in chosen.tolist()]
    begun = time.perf_counter()
    for account in held:
        rule_set(account.rules).module.liquidation_prices(account, book.market, book.parameters(account), AT)
    exact = (time.perf_counter() - begun) / len(held) * len(found.pools)
    size = f"ms for {len(found.pools)} thresholds among {accounts} accounts"
    return [row("cascade thresholds", taken * 1e3, size, f"exact functions, {exact:.3g} s", exact / taken)]


def _exact(accounts: int, seed: int) -> list[dict[str, Any]]:
    """One run; the baseline asks every account in every round, and takes the same steps."""
    made = world(accounts, seed)
    book = Book.from_columns(made.columns, made.market, made.parameters_of, AT)
    names = np.random.default_rng(seed).choice(book.ids(), SAMPLE)
    begun = time.perf_counter()
    for name in names:
        account = book.account(str(name))
        module, given = rule_set(account.rules).module, (book.market, book.parameters(account), AT)
        for pool in module.risk(account, *given):
            module.is_liquidatable(account, pool, *given)
    asked = (time.perf_counter() - begun) / SAMPLE * accounts
    hit, _ = shocked(made.market, [SHOCK])
    begun = time.perf_counter()
    holders = BookHolders(book)
    holders.move({key: quote.price for key, quote in hit.quotes.items()})
    done = rounds(holders, Terms(impact=square_root(0.05, 1e4 * accounts)), AT)
    taken = time.perf_counter() - begun
    steps = sum(sum(step.steps.values()) for step in done)
    slow = taken + asked * len(done)
    size = f"s for {accounts} accounts, {steps} liquidations in {len(done)} rounds by exact rules"
    return [
        row("cascade exact", taken, size, f"asking every account every round, {slow:.3g} s", slow / taken),
        row("cascade exact step", taken / max(1, steps) * 1e3, "ms a liquidation"),
    ]

"""what-if: one order on one account of the book through the Python API, beside the exact functions on the same orders;
and one order on every account.

Accounts are drawn evenly from the traders of the seeded book, hedged ones among them; two orders in three trade a
market that is held. Prices move between the orders, so that nothing is remembered but the terms of the markets.
"""

import time
from decimal import Decimal
from typing import Any

import numpy as np

from marginbook.benchmarks.measure import row, seconds
from marginbook.benchmarks.synthetic import AT, MARKETS, market_name, ticks, world
from marginbook.book.book import Book
from marginbook.book.columns import CONTRACTS
from marginbook.engine.book_orders import book_orders
from marginbook.margin_calls.fast_what_if import OrderDesk
from marginbook.margin_calls.order_effects import Trial

ORDERS = 2_000
COMPARED = 500


def run(accounts: int, seed: int) -> list[dict[str, Any]]:
    """Median and 99th percentile of orders; the exact functions take part of them, and every result is compared."""
    made = world(accounts, seed)
    book = Book.from_columns(made.columns, made.market, made.parameters_of, AT)
    desk = OrderDesk(book)
    rng = np.random.default_rng(seed)
    traders = np.flatnonzero(book.holders["kind"] == CONTRACTS)
    numbers = rng.choice(traders, ORDERS).tolist()
    orders = [_order(book, number, rng) for number in numbers]
    for number, trial in zip(numbers, orders, strict=True):  # once unmeasured: terms of markets are read when first met
        desk.what_if(book.identities.name(number), trial.market, trial.side, trial.quantity)
    moves = ticks(made.market, ORDERS, seed)
    fast: list[float] = []
    exact: list[float] = []
    hedged: list[float] = []
    spent: list[float] = []
    wrong = 0
    for n, (number, trial, (key, price)) in enumerate(zip(numbers, orders, moves, strict=True)):
        book.prices({key: price}, AT)
        name = book.identities.name(number)
        side = trial.position_side
        worked, begun = time.thread_time(), time.perf_counter()
        answer = desk.what_if(name, trial.market, trial.side, trial.quantity, position_side=side)
        (hedged if side else fast).append(time.perf_counter() - begun)
        spent.append(time.thread_time() - worked)
        if n < COMPARED:
            market = book.market  # once for both: its making is not what is compared
            begun = time.perf_counter()
            again = desk.exact(number, [trial])
            exact.append(time.perf_counter() - begun)
            wrong += again != answer or market is not book.market
    both = np.array(fast + hedged) * 1e6
    every = seconds(lambda: book_orders(desk, [Trial(market=market_name(0), side="buy", quantity=Decimal("0.01"))]), 3)
    slow = float(np.median(exact)) * 1e6
    size = f"µs, {len(both)} orders on {accounts} accounts"
    return [
        row(
            "what-if",
            float(np.median(both)),
            f"{size}, median",
            f"exact functions, {slow:.3g} µs",
            slow / float(np.median(both)),
        ),
        row("what-if p99", float(np.percentile(both, 99)), size),
        row("what-if p99 of processor time", float(np.percentile(spent, 99)) * 1e6, "µs, whatever else runs"),
        row("what-if hedged p99", float(np.percentile(hedged, 99)) * 1e6, f"µs, {len(hedged)} orders in hedge mode"),
        row("what-if on the whole book", every * 1e3, f"ms, one order on {accounts} accounts"),
        row("what-if wrong", wrong, f"of {COMPARED} compared with the exact functions in every number"),
    ]


def _order(book: Book, number: int, rng: np.random.Generator) -> Trial:
    """An order about as large as a position."""
    account = book.account_at(number)
    held = account.positions[int(rng.integers(len(account.positions)))]
    name = held.market if rng.random() < 2 / 3 else market_name(int(rng.integers(MARKETS)))
    price = book.market.price("binance", name, "mark")
    worth = (
        held.quantity * book.market.price("binance", held.market, "mark") * Decimal(repr(float(rng.uniform(0.1, 2))))
    )
    quantity = max(Decimal("1e-8"), (worth / price).quantize(Decimal("1e-8")))
    hedge = account.position_mode == "hedge"
    buys = rng.random() < 0.5
    return Trial(
        market=name,
        side="buy" if buys else "sell",
        quantity=quantity,
        position_side=("long" if buys else "short") if hedge else None,
    )

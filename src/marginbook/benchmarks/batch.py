"""batch-margin: every figure of every account by the parallel kernel, against a frozen loop over Decimals.

The book: contracts only, cross margin, about five positions per account, ten brackets per market. Limit: the time that
reading the kernel's input once takes at the memory bandwidth of the same run.
"""

import time
from dataclasses import replace
from decimal import Decimal
from statistics import median
from typing import Any

import numpy as np

from marginbook.benchmarks.measure import read_bandwidth, row, seconds
from marginbook.benchmarks.synthetic import AT, MARKETS, World, bracket_rows, market_name, world
from marginbook.book import kernel
from marginbook.book.book import Book
from marginbook.book.bulk import NOT_ISOLATED, ContractColumns
from marginbook.book.layout import OUTPUT

SAMPLE = 2_000


def cross_book(accounts: int, seed: int) -> tuple[World, ContractColumns, Book]:
    """The seeded contracts, all in cross pools."""
    made = world(accounts * 7 // 6 + 7, seed)
    part = next(columns for columns in made.columns if isinstance(columns, ContractColumns))
    kept = np.searchsorted(part.account, accounts)
    part = replace(
        part,
        names=part.names[:accounts],
        wallet=part.wallet[:accounts],
        hedge=None if part.hedge is None else part.hedge[:accounts],
        **{name: getattr(part, name)[:kept] for name in ("account", "market", "quantity", "entry", "leverage")},
        isolated_wallet=np.full(kept, NOT_ISOLATED),
    )
    return made, part, Book.from_columns([part], made.market, made.parameters_of, AT)


def decimal_loop(part: ContractColumns, made: World, sample: int) -> float:
    """Seconds per account of the frozen baseline: the same six figures in plain Decimal arithmetic."""
    tables = [[(Decimal(low), Decimal(rate)) for low, _, rate, _ in bracket_rows(n)] for n in range(MARKETS)]
    brackets = []
    for table in tables:
        rows: list[tuple[Decimal, Decimal, Decimal]] = []
        cum = before = Decimal(0)
        for low, rate in table:
            cum += low * (rate - before) if rows else Decimal(0)
            rows.append((low, rate, cum))
            before = rate
        brackets.append(rows)
    prices = [made.market.quotes["binance", market_name(n), "mark"].price for n in range(MARKETS)]
    ends = np.searchsorted(part.account, np.arange(sample + 1)).tolist()
    unit = Decimal("1e-8")
    accounts = [
        (
            int(part.wallet[a]) * unit,
            [
                (
                    int(part.market[i]),
                    int(part.quantity[i]) * unit,
                    int(part.entry[i]) * unit,
                    Decimal(int(part.leverage[i])) / 100,
                )
                for i in range(ends[a], ends[a + 1])
            ],
        )
        for a in range(sample)
    ]
    taken = []
    for _ in range(5):
        begun = time.perf_counter()
        for wallet, positions in accounts:
            profit = initial = maintenance = Decimal(0)
            for market, quantity, entry, leverage in positions:
                price = prices[market]
                notional = abs(quantity) * price
                profit += quantity * (price - entry)
                initial += notional / leverage
                for low, rate, cum in reversed(brackets[market]):
                    if notional >= low:
                        maintenance += notional * rate - cum
                        break
            equity = wallet + profit
            ratio = maintenance / equity if equity > 0 else None
            zone = 3 if ratio is None or ratio >= 1 else sum(ratio > t for t in (Decimal("0.8"), Decimal("0.9")))
            del initial, zone
        taken.append((time.perf_counter() - begun) / sample)
    return median(taken)


def run(accounts: int, seed: int) -> list[dict[str, Any]]:
    """Equity, unrealised profit, initial and maintenance margin, ratio and zone of every account."""
    made, part, book = cross_book(accounts, seed)
    records = book.store.records
    out = np.empty(len(records.pools), OUTPUT)
    parallel = seconds(lambda: kernel.sweep_outputs_parallel(records, out))
    serial = seconds(lambda: kernel.sweep_outputs_serial(records, out))
    best = min(parallel, serial)
    frozen = decimal_loop(part, made, min(SAMPLE, accounts)) * accounts
    read = (records.pools.nbytes + records.legs.nbytes + out.nbytes) / read_bandwidth()
    return [
        row(
            "batch-margin",
            best * 1e3,
            f"ms for {accounts} accounts, {len(part.account)} positions",
            f"Decimal loop, {frozen:.3g} s (a sample of {min(SAMPLE, accounts)}, scaled)",
            frozen / best,
            f"reading input and writing output once, {read * 1e3:.3g} ms",
            read / best,
        ),
        row("batch-margin positions", len(part.account) / best / 1e6, "million/s"),
        row("batch-margin one thread", serial * 1e3, "ms"),
    ]

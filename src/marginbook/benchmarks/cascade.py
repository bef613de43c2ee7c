"""cascade: the end of a cascade over a million liquidation prices, sort included, beside the loop of rounds.

Prices lie log-normally below (longs) the shocked price and sizes are log-normal, cut at the 99.9th percentile. The
shock is where the loop begins; the depth is chosen so that about a tenth of the book falls. The baseline is frozen: it
asks all accounts again after every move. Limit: reading prices and sizes once at the memory bandwidth of the same run.
"""

from typing import Any

import numpy as np

from marginbook.benchmarks.measure import read_bandwidth, row, seconds
from marginbook.simulate.cascade import cascade
from marginbook.simulate.impact import Impact, square_root

PRICE = 100.0


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
    ]

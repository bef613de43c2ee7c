"""span-arrays: scan risk of a million option positions under 16 scenarios, from risk arrays made once per contract.

20,000 contracts, five positions per account. Baseline: a compiled loop with the same formula that
values every position in every scenario. Our time includes making the arrays, gathering and reducing them.
"""

from typing import Any

import numpy as np
from numba import njit, prange

from marginbook.benchmarks.measure import read_bandwidth, row, seconds
from marginbook.risk_models.option_arrays import CALL, PUT, Contracts, Shocks, risk_arrays
from marginbook.risk_models.option_kernel import INLINE, black
from marginbook.risk_models.scenarios import Positions, worst_losses
from marginbook.risk_models.span_array import SCENARIOS

PER_ACCOUNT, PER_CONTRACT = 5, 50
EXTREME, COVER = 2.0, 0.35


def contracts(count: int, random: np.random.Generator) -> tuple[Contracts, Shocks]:
    """Options around the money and their 16 scans: 8 % of the price, a quarter of the volatility."""
    forward = 100.0 * np.exp(random.standard_normal(count) * 0.5)
    made = Contracts.of(
        random.choice([CALL, PUT], count),
        forward,
        forward * np.exp(random.standard_normal(count) * 0.2),
        random.uniform(0.02, 2.0, count),
        random.uniform(0.15, 0.9, count),
        0.98,
        100.0,
    )
    thirds = np.array([s.thirds * (EXTREME if s.is_extreme else 1.0) for s in SCENARIOS]) / 3.0
    sides = np.array([float(s.volatility) for s in SCENARIOS])
    cover = np.array([COVER if s.is_extreme else 1.0 for s in SCENARIOS])
    price, swing = 0.08 * forward[:, None] * thirds, 0.25 * made.volatility[:, None] * sides
    return made, Shocks(price, swing, cover, years=1 / 365)


@njit(parallel=True, **INLINE)
def value_each(made: Any, moves: Any, book: Any, totals: Any, out: Any) -> None:
    """The baseline: every position is valued now and in every scenario, on all cores."""
    kind, forward, strike, years, volatility, discount, multiplier = made
    price, swing, cover, ahead = moves
    starts, contract, quantity = book
    for account in prange(out.size):
        total = totals[account]
        for s in range(cover.size):
            total[s] = 0.0
        for i in range(starts[account], starts[account + 1]):
            c = contract[i]
            now = black(kind[c], forward[c], strike[c], years[c], volatility[c], discount[c])
            for s in range(cover.size):
                moved = volatility[c] + swing[c, s]
                then = black(kind[c], forward[c] + price[c, s], strike[c], years[c] - ahead, moved, discount[c])
                total[s] += quantity[i] * multiplier[c] * cover[s] * (then - now)
        least = total[0]
        for s in range(1, cover.size):
            least = min(least, total[s])
        out[account] = -least


def run(accounts: int, seed: int) -> list[dict[str, Any]]:
    """As many positions as `accounts`."""
    random = np.random.default_rng(seed)
    count = max(1, accounts // PER_ACCOUNT)
    made, shocks = contracts(max(1, accounts // PER_CONTRACT), random)
    account = np.repeat(np.arange(count), PER_ACCOUNT)
    contract = random.integers(0, made.kind.size, account.size)
    book = Positions.of(count, account, contract, random.integers(1, 20, account.size) * random.choice([-1.0, 1.0]))
    ours = seconds(lambda: worst_losses(book, risk_arrays(made, shocks)))
    arrays = risk_arrays(made, shocks)
    gather = seconds(lambda: worst_losses(book, arrays))
    columns = (made.kind, made.forward, made.strike, made.years, made.volatility, made.discount, made.multiplier)
    moves = shocks.price, shocks.volatility, shocks.cover, shocks.years
    valued = np.empty(count)
    totals = np.empty((count, len(SCENARIOS)))
    held = book.starts, book.contract, book.quantity
    theirs = seconds(lambda: value_each(columns, moves, held, totals, valued), repeats=3)
    apart = float(np.abs(worst_losses(book, arrays)[0] - valued).max())
    read = (book.contract.nbytes + book.quantity.nbytes + 16 * 8 * book.contract.size) / read_bandwidth()
    return [
        row(
            "span-arrays",
            ours * 1e3,
            f"ms for {book.contract.size} positions of {made.kind.size} contracts × {len(SCENARIOS)} scenarios",
            f"every position valued in every scenario, {theirs * 1e3:.3g} ms",
            theirs / ours,
            f"reading positions and gathered arrays once, {read * 1e3:.3g} ms",
            read / ours,
        ),
        row("span-arrays from ready arrays", gather * 1e3, "ms"),
        row("span-arrays difference", apart, "largest, scan risks of about 10,000"),
    ]

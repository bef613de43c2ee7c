"""scenario-var: VaR 99 % and ES 97.5 % of accounts × 50 factors (30 % of them held) × 2,500 scenarios, in one pass.

Baseline: NumPy in blocks of 1,000 accounts, a float64 matrix product and two partitions. Limit: the time of the dense
matrix product at the peak that NumPy's GEMM reaches in the same run. We skip the factors that an account does not hold,
so a second row gives the share of that peak by the arithmetic that is really done.
"""

from decimal import Decimal
from typing import Any

import numpy as np

from marginbook.benchmarks.measure import row, seconds
from marginbook.risk_models.reducers import quantile, tail_mean
from marginbook.risk_models.scenarios import Floats, Positions, requirements

FACTORS, SCENARIOS, HELD = 50, 2500, 0.3
LOSSES, KTH, INSIDE = 63, 25, 62.5
BLOCK = 1000


def numpy_way(dense: Floats, arrays: Floats) -> Floats:
    """The same two figures by NumPy."""
    out = np.empty((len(dense), 2))
    for begin in range(0, len(dense), BLOCK):
        profits = dense[begin : begin + BLOCK] @ arrays
        tail = np.partition(profits, LOSSES - 1, axis=1)[:, :LOSSES]
        tail = np.partition(tail, (KTH - 1, LOSSES - 1), axis=1)
        whole = int(INSIDE)
        mean = (tail[:, :whole].sum(1) + (INSIDE - whole) * tail[:, whole]) / INSIDE
        out[begin : begin + BLOCK] = -np.column_stack([tail[:, KTH - 1], mean])
    return out


def gemm_peak(size: int = 2000) -> float:
    """Flops per second of NumPy's float64 matrix product on all cores."""
    square = np.random.default_rng(1).standard_normal((size, size))
    return 2.0 * size**3 / seconds(lambda: square @ square)


def run(accounts: int, seed: int) -> list[dict[str, Any]]:
    """A tenth of `accounts` accounts, so that the default of a million gives 100,000."""
    count = max(1, accounts // 10)
    random = np.random.default_rng(seed)
    dense = random.standard_normal((count, FACTORS)) * (random.random((count, FACTORS)) < HELD)
    arrays = random.standard_normal((FACTORS, SCENARIOS)) * 0.02
    account, factor = np.nonzero(dense)
    book = Positions.of(count, account, factor, dense[account, factor])
    reducers = [
        quantile(SCENARIOS, Decimal("0.99"), "ceiling"),
        tail_mean(SCENARIOS, Decimal("0.975"), "acerbi_tasche"),
    ]
    ours = seconds(lambda: requirements(book, arrays, reducers))
    serial = seconds(lambda: requirements(book, arrays, reducers, threads=1), repeats=3)
    theirs = seconds(lambda: numpy_way(dense, arrays), repeats=3)
    peak = gemm_peak()
    apart = float(np.abs(requirements(book, arrays, reducers) - numpy_way(dense, arrays)).max())
    limit = 2.0 * count * FACTORS * SCENARIOS / peak
    done = 2.0 * account.size * SCENARIOS / peak
    return [
        row(
            "scenario-var",
            ours,
            f"s for {count} accounts × {FACTORS} factors × {SCENARIOS} scenarios",
            f"NumPy, {theirs:.3g} s",
            theirs / ours,
            f"dense GEMM at its peak, {peak / 1e9:.3g} GFLOP/s",
            limit / ours,
        ),
        row(
            "scenario-var arithmetic done",
            ours,
            "s",
            limit=f"{account.size} holdings at that peak",
            fraction_of_limit=done / ours,
        ),
        row("scenario-var one thread", serial, "s"),
        row("scenario-var difference from NumPy", apart, "largest, losses of about 0.2"),
    ]

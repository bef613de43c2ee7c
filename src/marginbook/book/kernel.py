"""The one float64 evaluation of a pool, inlined wherever a pool is decided, and the full sweeps.

`pool_sums` has a fixed order of operations and no fused or reassociated arithmetic, so sweep, tick and refinement give
identical bits for identical inputs. Serial and parallel twins carry different names: the on-disk cache of compiled code
does not tell them apart otherwise.
"""

from typing import Any

import numpy as np
from numba import njit, prange

from marginbook.book.layout import BASIS_POINT, FLAG_AVERAGE, FLAG_DEAD, FLAG_OPAQUE

GUARD = 1e-12
"""Of gross: more than the rounding of any evaluation of up to 9,000 legs ((n + 4)·2^-53)."""

UNDECIDED = -1


@njit(forceinline=True, nogil=True)
def leg_bracket(brackets: Any, table: int, count: int, notional: float) -> int:
    """Index of the bracket that contains `notional`."""
    index = table
    last = table + count - 1
    while index < last and brackets[index + 1].floor <= notional:
        index += 1
    return index


@njit(forceinline=True, nogil=True)
def pool_sums(pool: Any, legs: Any, classes: Any, brackets: Any, factors: Any) -> tuple[float, ...]:
    """The seven sums of `layout`, then gross, extra allowance (jumps, token units) and notional."""
    k = classes[pool.klass]
    cash = pool.cash
    assets = k.assets * cash
    liabilities = k.liabilities * cash
    margin_balance = k.margin_balance * cash
    support_initial = k.support_initial * cash
    demand_initial = k.demand_initial * cash
    support = k.support * cash
    demand = k.demand * cash
    gross = k.gross * abs(cash)
    extra = 0.0
    notional = 0.0
    for i in range(pool.start, pool.start + pool.count):
        leg = legs[i]
        k = classes[leg.klass]
        f = factors[leg.factor, 0]
        v = leg.amount * (f + factors[leg.factor, 1])
        worth = abs(leg.amount) * f
        x = worth * k.size
        notional += worth * k.notional
        net = k.side * x
        assets += k.assets * v
        liabilities += k.liabilities * v
        margin_balance += k.margin_balance * v
        support_initial += k.support_initial * v
        demand_initial += k.demand_initial * v + k.initial_rate * max(abs(net + k.bids), abs(net - k.asks))
        support += k.support * v
        owed = k.demand * v
        if k.brackets > 0:
            b = leg_bracket(brackets, k.table, k.brackets, x)
            owed += brackets[b].rate * x - brackets[b].cum
            if brackets[b].jump > 0.0 and x - brackets[b].floor <= GUARD * x:
                extra += brackets[b].jump
            if b + 1 < k.table + k.brackets and brackets[b + 1].jump > 0.0 and brackets[b + 1].floor - x <= GUARD * x:
                extra += brackets[b + 1].jump
        demand += owed
        gross += k.gross * (abs(v) + x)
        extra += k.blur * f
    return assets, liabilities, margin_balance, support_initial, demand_initial, support, demand, gross, extra, notional


@njit(forceinline=True, nogil=True)
def decide(pool: Any, sums: Any, allowance: float, chains: Any) -> int:
    """The zone after the pool's present one, or `UNDECIDED` where a border lies within the allowance."""
    chain = chains[pool.borders]
    support = sums[5]
    demand = sums[6]
    low = support
    high = support
    if pool.flags & FLAG_AVERAGE:
        counted = sums[2] + sums[1]
        if counted > 0.0:
            points = support / (counted * BASIS_POINT)
            error = 2.1 * allowance / (counted * BASIS_POINT) + 1e-9
            low = counted * BASIS_POINT * np.floor(points - error)
            high = counted * BASIS_POINT * np.floor(points + error)
    if demand - high > 2.0 * allowance:
        equity = sums[0] - sums[1]
        if demand <= allowance or abs(equity) <= 2.0 * allowance:
            return UNDECIDED
        return 4 if equity < 0.0 else 3
    if not low - demand > 2.0 * allowance:
        return UNDECIDED
    o = 6 if pool.zone >= 2 else 4
    room = chain[o] * support - chain[o + 1] * demand
    if abs(room) <= (chain[o] + chain[o + 1]) * allowance:
        return UNDECIDED
    if room < 0.0:
        return 2
    o = 2 if pool.zone >= 1 else 0
    room = chain[o] * support - chain[o + 1] * demand
    if abs(room) <= (chain[o] + chain[o + 1]) * allowance:
        return UNDECIDED
    return 1 if room < 0.0 else 0


@njit(forceinline=True, nogil=True)
def allowance_of(pool: Any, sums: Any) -> float:
    """Bound of |kernel − exact| for each sum of the pool."""
    bound: float = pool.absolute + (pool.relative + GUARD) * sums[7] + sums[8]
    return bound


@njit(forceinline=True, nogil=True)
def pool_zone(pool: Any, legs: Any, classes: Any, brackets: Any, factors: Any, chain: Any) -> int:
    """Zone of a pool after its present one, or `UNDECIDED`."""
    if pool.flags & FLAG_OPAQUE:
        return UNDECIDED
    sums = pool_sums(pool, legs, classes, brackets, factors)
    return decide(pool, sums, allowance_of(pool, sums), chain)


@njit(forceinline=True, nogil=True)
def _outputs_of(pool: Any, legs: Any, classes: Any, brackets: Any, factors: Any, chain: Any, out: Any) -> None:
    sums = pool_sums(pool, legs, classes, brackets, factors)
    equity = sums[0] - sums[1]
    zone = UNDECIDED if pool.flags & FLAG_OPAQUE else decide(pool, sums, allowance_of(pool, sums), chain)
    out.equity = equity
    out.unrealized = equity - pool.wallet
    out.margin_balance = sums[2]
    out.initial_margin = sums[2] - (sums[3] - sums[4])
    out.maintenance_margin = sums[2] - (sums[5] - sums[6])
    out.ratio = sums[6] / sums[5] if sums[5] > 0.0 else (np.inf if sums[6] > 0.0 else 0.0)
    out.notional = sums[9]
    out.zone = zone


@njit(cache=True, nogil=True, error_model="numpy")
def sweep_outputs_serial(
    pools: Any, legs: Any, classes: Any, brackets: Any, factors: Any, chain: Any, out: Any
) -> None:
    """All outputs of every pool."""
    for p in range(len(pools)):
        _outputs_of(pools[p], legs, classes, brackets, factors, chain, out[p])


@njit(cache=True, nogil=True, error_model="numpy", parallel=True)
def sweep_outputs_parallel(
    pools: Any, legs: Any, classes: Any, brackets: Any, factors: Any, chain: Any, out: Any
) -> None:
    """Twin of `sweep_outputs_serial` on all cores."""
    for p in prange(len(pools)):
        _outputs_of(pools[p], legs, classes, brackets, factors, chain, out[p])


@njit(cache=True, nogil=True, error_model="numpy")
def sweep_zones_serial(
    pools: Any, legs: Any, classes: Any, brackets: Any, factors: Any, chain: Any, zones: Any
) -> None:
    """Zone of every pool, −1 where undecided."""
    for p in range(len(pools)):
        pool = pools[p]
        zones[p] = pool.zone if pool.flags & FLAG_DEAD else pool_zone(pool, legs, classes, brackets, factors, chain)


@njit(cache=True, nogil=True, error_model="numpy", parallel=True)
def sweep_zones_parallel(
    pools: Any, legs: Any, classes: Any, brackets: Any, factors: Any, chain: Any, zones: Any
) -> None:
    """Twin of `sweep_zones_serial` on all cores."""
    for p in prange(len(pools)):
        pool = pools[p]
        zones[p] = pool.zone if pool.flags & FLAG_DEAD else pool_zone(pool, legs, classes, brackets, factors, chain)

"""The one float64 evaluation of a pool, inlined wherever a pool is decided, and the full sweeps.

`pool_sums` has a fixed order of operations and no fused or reassociated arithmetic, so sweep, tick and refinement give
identical bits for identical inputs. Serial and parallel twins carry different names: the on-disk cache of compiled code
does not tell them apart otherwise.
"""

from typing import Any

import numpy as np
from numba import njit, prange

from marginbook.book.compiled import INLINE, KERNEL, leg_bracket
from marginbook.book.joined import joined_sums
from marginbook.book.layout import BASIS_POINT, FLAG_AVERAGE, FLAG_DEAD, FLAG_JOINED, FLAG_OPAQUE, FLAG_PLAIN

GUARD = 1e-12
"""Of gross: more than the rounding of any evaluation of up to 9,000 legs ((n + 4)·2^-53)."""

UNDECIDED = -1


@njit(**INLINE)
def pool_sums(pool: Any, r: Any) -> tuple[float, ...]:
    """(equity, margin_balance, support_initial, demand_initial, support, demand, gross, extra, notional).

    `extra` is allowance for jumps and for token units. A plain pool skips what would be multiplied by 1 or 0, and adds
    once what would be added alike to four sums: the bits are the same.
    """
    k = r.classes[np.int64(pool.klass)]
    cash = pool.cash
    gross = k.gross * abs(cash)
    demand_initial = k.demand_initial * cash
    demand = k.demand * cash
    notional = 0.0
    first = np.int64(pool.start)
    end = first + np.int64(pool.count)
    if pool.flags & FLAG_PLAIN:
        balance = cash
        for i in range(first, end):
            leg = r.legs[i]
            k = r.classes[np.int64(leg.klass)]
            f = r.factors[np.int64(leg.factor), 0]
            v = leg.amount * (f + r.factors[np.int64(leg.factor), 1])
            x = abs(leg.amount) * f
            b = leg_bracket(r.brackets, k, leg.bracket, x)
            balance += v
            demand_initial += k.initial_rate * x
            notional += x
            demand += r.brackets[b].rate * x - r.brackets[b].cum
            gross += k.gross * (abs(v) + x)
        return balance, balance, balance, demand_initial, balance, demand, gross, 0.0, notional
    if pool.flags & FLAG_JOINED:
        joined: tuple[float, ...] = joined_sums(pool, r)
        return joined
    equity = k.equity * cash
    margin_balance = k.margin_balance * cash
    support_initial = k.support_initial * cash
    support = k.support * cash
    extra = 0.0
    for i in range(first, end):
        leg = r.legs[i]
        k = r.classes[np.int64(leg.klass)]
        f = r.factors[np.int64(leg.factor), 0]
        v = leg.amount * (f + r.factors[np.int64(leg.factor), 1])
        worth = abs(leg.amount) * f
        x = worth * k.size
        net = k.side * x
        equity += k.equity * v
        margin_balance += k.margin_balance * v
        support_initial += k.support_initial * v
        demand_initial += k.demand_initial * v + k.initial_rate * max(abs(net + k.bids), abs(net - k.asks))
        support += k.support * v
        notional += worth * k.notional
        owed = k.demand * v
        if k.brackets > 0:
            b = leg_bracket(r.brackets, k, leg.bracket, x)
            owed += r.brackets[b].rate * x - r.brackets[b].cum
        demand += owed
        gross += k.gross * (abs(v) + x)
        extra += k.blur * f + k.jump
    return equity, margin_balance, support_initial, demand_initial, support, demand, gross, extra, notional


@njit(**INLINE)
def counted_collateral(pool: Any, r: Any) -> float:
    """Value of the collateral that counts [currency]."""
    total = 0.0
    first = np.int64(pool.start)
    for i in range(first, first + np.int64(pool.count)):
        leg = r.legs[i]
        total += r.classes[np.int64(leg.klass)].counted * leg.amount * r.factors[np.int64(leg.factor), 0]
    return total


@njit(**INLINE)
def decide(pool: Any, sums: Any, counted: float, allowance: float, r: Any) -> int:
    """The zone after the pool's present one, or `UNDECIDED` where a border lies within the allowance."""
    chain = r.chain[pool.borders]
    support = sums[4]
    demand = sums[5]
    low = support
    high = support
    if counted > 0.0:
        points = support / (counted * BASIS_POINT)
        error = 2.1 * allowance / (counted * BASIS_POINT) + 1e-9
        low = counted * BASIS_POINT * np.floor(points - error)
        high = counted * BASIS_POINT * np.floor(points + error)
    if demand - high > 2.0 * allowance:
        if demand <= allowance or abs(sums[0]) <= 2.0 * allowance:
            return UNDECIDED
        return 4 if sums[0] < 0.0 else 3
    if not low - demand > 2.0 * allowance:
        return 0 if allowance == 0.0 and support == 0.0 and demand == 0.0 else UNDECIDED
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


@njit(**INLINE)
def allowance_of(pool: Any, sums: Any) -> float:
    """Bound of |kernel − exact| for each sum of the pool."""
    bound: float = pool.absolute + (pool.relative + GUARD) * sums[6] + sums[7]
    return bound


@njit(**INLINE)
def counted_in(pool: Any, r: Any) -> float:
    """Collateral whose average threshold is cut; 0 where the rule has no such cut."""
    return counted_collateral(pool, r) if pool.flags & FLAG_AVERAGE else 0.0


@njit(**INLINE)
def pool_zone(pool: Any, r: Any) -> Any:
    """Zone of a pool after its present one, or `UNDECIDED`."""
    if pool.flags & FLAG_OPAQUE:
        return UNDECIDED
    sums = pool_sums(pool, r)
    return decide(pool, sums, counted_in(pool, r), allowance_of(pool, sums), r)


@njit(**INLINE)
def _outputs_of(pool: Any, r: Any, out: Any) -> None:
    sums = pool_sums(pool, r)
    zone = UNDECIDED
    if not pool.flags & FLAG_OPAQUE:
        zone = decide(pool, sums, counted_in(pool, r), allowance_of(pool, sums), r)
    out.equity = sums[0]
    out.unrealized = sums[0] - pool.wallet
    out.margin_balance = sums[1]
    out.initial_margin = sums[1] - (sums[2] - sums[3])
    out.maintenance_margin = sums[1] - (sums[4] - sums[5])
    out.ratio = sums[5] / sums[4] if sums[4] > 0.0 else (np.inf if sums[5] > 0.0 else 0.0)
    out.notional = sums[8]
    out.zone = zone


@njit(**KERNEL)
def sweep_outputs_serial(r: Any, out: Any) -> None:
    """All outputs of every pool."""
    for p in range(len(r.pools)):
        _outputs_of(r.pools[p], r, out[p])


@njit(parallel=True, **KERNEL)
def sweep_outputs_parallel(r: Any, out: Any) -> None:
    """Twin of `sweep_outputs_serial` on all cores."""
    for p in prange(len(r.pools)):
        _outputs_of(r.pools[p], r, out[p])


@njit(**KERNEL)
def sweep_zones_serial(r: Any, zones: Any) -> None:
    """Zone of every pool, −1 where undecided."""
    for p in range(len(r.pools)):
        pool = r.pools[p]
        zones[p] = pool.zone if pool.flags & FLAG_DEAD else pool_zone(pool, r)


@njit(parallel=True, **KERNEL)
def sweep_zones_parallel(r: Any, zones: Any) -> None:
    """Twin of `sweep_zones_serial` on all cores."""
    for p in prange(len(r.pools)):
        pool = r.pools[p]
        zones[p] = pool.zone if pool.flags & FLAG_DEAD else pool_zone(pool, r)

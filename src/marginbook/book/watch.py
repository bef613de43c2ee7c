"""The live index: certified bands of factors, found again through block extremes.

A pool stays in its zone while a few sums `H = e·equity + s·support + d·demand` stay positive (`layout.border_rows`). H
is separable in factors, so with slack H(r) − allowance at the factors r of certification and a share of it for every
group of legs (one pool, one factor), a group may move until its share is lost at the steepest slope of H over the band:

    width = share · slack / max(0, steepest loss of H per unit of factor, growth of the allowance included)

While every factor lies strictly inside its bands, H > allowance and the zone cannot change; so a change implies that
some band of a factor that moved was left, and scanning the bands of moved factors misses nothing. Every candidate is
decided by the same `pool_sums` as a full sweep, or exactly, so nothing is invented; then it is certified anew.

Where very many pools must be certified anew (a large frame, new parameters), all are decided at once and their
certificates follow in slices; until then every frame decides the pending ones too.

Cumulative funding shifts a factor's value but not its notional. A shift by δ is charged as a move of 4·|δ| against
the band (`inset`). That charge is safe while the group gains, moving the other way, at a quarter of its value slope or
more; otherwise half of the share is kept for either way.
"""

from typing import Any

import numpy as np
from numba import njit, prange
from numba.np.numpy_support import carray

from marginbook.book.addresses import pointer
from marginbook.book.compiled import INLINE, KERNEL, group_slopes
from marginbook.book.joined import joined_band
from marginbook.book.kernel import (
    GUARD,
    UNDECIDED,
    allowance_of,
    counted_collateral,
    counted_in,
    decide,
    pool_sums,
    pool_zone,
)
from marginbook.book.layout import (
    BASIS_POINT,
    BLOCKS,
    BRACKET,
    CLASS,
    FLAG_AVERAGE,
    FLAG_DEAD,
    FLAG_JOINED,
    FLAG_OPAQUE,
    LEG,
    POOL,
    REACH,
    SLOTS,
    STAY,
    Links,
    Records,
    Slots,
)

INWARD = 2.0**-23
"""More than the rounding of a float32: stored edges lie inside the certified ones."""

FUNDING_CHARGE = 4.0
REACHABLE = 1e38
_SUPER = SLOTS * BLOCKS


@njit(**INLINE)
def _write_edges(slot: int, factor: int, low: Any, high: Any, w: Any) -> None:
    """Store a band and tighten the extremes above it."""
    w.edges[slot, 0] = low
    w.edges[slot, 1] = high
    b = slot // SLOTS
    w.blocks[b, 0] = max(w.blocks[b, 0], low)
    w.blocks[b, 1] = min(w.blocks[b, 1], high)
    s = slot // _SUPER
    w.supers[s, 0] = max(w.supers[s, 0], low)
    w.supers[s, 1] = min(w.supers[s, 1], high)
    w.tops[factor, 0] = max(w.tops[factor, 0], low)
    w.tops[factor, 1] = min(w.tops[factor, 1], high)


@njit(**INLINE)
def _band(
    i: int, end: int, pool: Any, share: float, slack_0: float, slack_1: float, slack_2: float, r: Any
) -> tuple[float, float]:
    """Certified edges of the group of legs [i, end), which share one factor."""
    factor = np.int64(r.legs[i].factor)
    f = r.factors[factor, 0]
    slopes = group_slopes(i, end, f, -REACHABLE, REACHABLE, r)
    equity, support, demand, spread, units, up_least, up_most, down_least, down_most, low_cap, high_cap = slopes
    up = np.inf
    down = np.inf
    relative = pool.relative + GUARD
    for c in range(STAY):
        slack = slack_0 if c == 0 else slack_1 if c == 1 else slack_2
        if slack == np.inf:
            continue
        e = r.stay[pool.borders, pool.zone, c, 0]
        s = r.stay[pool.borders, pool.zone, c, 1]
        d = r.stay[pool.borders, pool.zone, c, 2]
        value = e * equity + s * support + d * demand
        rising = d * (up_most if d < 0.0 else up_least)
        falling = d * (down_least if d < 0.0 else down_most)
        blur = (abs(e) + abs(s) + abs(d)) * (relative * spread + units)
        if pool.flags & FLAG_AVERAGE and s == 1.0:
            blur += BASIS_POINT * spread
        loss_up = blur - (value + rising)
        loss_down = blur + (value + falling)
        if value > 0.0:
            loss_down = max(loss_down, value)
            if FUNDING_CHARGE * (value + rising) < value:
                loss_down = max(loss_down, 2.0 * value)
                loss_up = max(loss_up, -2.0 * rising)
        elif value < 0.0:
            loss_up = max(loss_up, -value)
            if FUNDING_CHARGE * (value + falling) > value:
                loss_up = max(loss_up, -2.0 * value)
                loss_down = max(loss_down, 2.0 * falling)
        budget = share * slack
        if loss_up * up > budget:
            up = budget / loss_up
        if loss_down * down > budget:
            down = budget / loss_down
    high = min(f + up, high_cap) + r.factors[factor, 2]
    low = max(f - down, low_cap) - r.factors[factor, 2]
    return low + abs(low) * INWARD, high - abs(high) * INWARD


@njit(**INLINE)
def _slack(c: int, pool: Any, sums: Any, allowance: float, r: Any) -> Any:
    """How far condition `c` of the pool's zone is from failing, beyond any doubt; infinite where there is none."""
    e = r.stay[pool.borders, pool.zone, c, 0]
    s = r.stay[pool.borders, pool.zone, c, 1]
    d = r.stay[pool.borders, pool.zone, c, 2]
    weight = abs(e) + abs(s) + abs(d)
    if weight == 0.0:
        return np.inf
    slack = e * sums[0] + s * sums[4] + d * sums[5] - weight * allowance
    if pool.flags & FLAG_AVERAGE and s == 1.0:
        slack -= BASIS_POINT * counted_collateral(pool, r)
    return slack


@njit(**INLINE)
def _group(i: int, end: int, r: Any) -> tuple[int, float]:
    """(end, weight) of the group of legs that leg `i` leads."""
    j = i + 1
    weight = r.legs[i].weight
    while j < end and r.legs[j].slot < 0:
        weight += r.legs[j].weight
        j += 1
    return j, weight


@njit(**INLINE)
def _write_band(i: int, low: Any, high: Any, tighten: bool, r: Any, w: Any) -> None:
    """Give the group that leg `i` leads its band."""
    low32 = np.float32(low)
    high32 = np.float32(high)
    r.legs[i].low = low32
    r.legs[i].high = high32
    slot = r.legs[i].slot
    if tighten:
        _write_edges(slot, np.int64(r.legs[i].factor), low32, high32, w)
    else:
        w.edges[slot, 0] = low32
        w.edges[slot, 1] = high32


@njit(**KERNEL)
def _certify_joined(
    p: int, slack_0: float, slack_1: float, slack_2: float, scale: float, closed: bool, tighten: bool, r: Any, w: Any
) -> None:
    """As `certify`, for a pool of several currencies: its groups lie within the currencies' runs."""
    pool = r.pools[p]
    relative = pool.relative + GUARD
    i: Any = np.int64(pool.start)
    end = i + np.int64(pool.count)
    head = i
    while i < end:
        if i > head + np.int64(r.legs[head].bracket):
            head = i
        j, weight = _group(i, end, r)
        low = np.inf
        high = -np.inf
        if not closed:
            low, high = joined_band(i, j, head, pool, relative, weight * scale, slack_0, slack_1, slack_2, r)
            low, high = low + abs(low) * INWARD, high - abs(high) * INWARD
        _write_band(i, low, high, tighten, r, w)
        i = j


@njit(**INLINE)
def certify(p: int, sums: Any, allowance: float, closed: bool, tighten: bool, r: Any, w: Any) -> None:
    """Give every group of the pool its band at the present factors, or none if a condition has no slack."""
    pool = r.pools[p]
    slack_0 = _slack(0, pool, sums, allowance, r)
    slack_1 = _slack(1, pool, sums, allowance, r)
    slack_2 = _slack(2, pool, sums, allowance, r)
    closed = closed or not min(slack_0, slack_1, slack_2) > 0.0
    start: Any = np.int64(pool.start)
    end = start + np.int64(pool.count)
    weights = 0.0
    for i in range(start, end):
        weights += r.legs[i].weight
    scale = (1.0 - 1e-9) / weights if weights > 0.0 else 0.0
    if pool.flags & FLAG_JOINED:
        _certify_joined(p, slack_0, slack_1, slack_2, scale, closed, tighten, r, w)
        return
    i = start
    while i < end:
        j, weight = _group(i, end, r)
        low = np.inf
        high = -np.inf
        if not closed:
            low, high = _band(i, j, pool, weight * scale, slack_0, slack_1, slack_2, r)
        _write_band(i, low, high, tighten, r, w)
        i = j


@njit(**INLINE)
def _settle(p: int, tighten: bool, r: Any, w: Any) -> int:
    """Decide a pool and certify it in its zone; returns the zone, or `UNDECIDED` with all its bands closed."""
    pool = r.pools[p]
    sums = pool_sums(pool, r)
    allowance = allowance_of(pool, sums)
    zone = UNDECIDED
    if not pool.flags & FLAG_OPAQUE:
        zone = decide(pool, sums, counted_in(pool, r), allowance, r)
    if zone >= 0:
        r.pools[p].zone = zone
    certify(p, sums, allowance, zone < 0, tighten, r, w)
    return zone


@njit(**KERNEL)
def confirm(chosen: Any, zones: Any, r: Any, w: Any) -> None:
    """Set the exactly decided `zones` of the `chosen` pools and certify what slack there is."""
    for n in range(len(chosen)):
        p = chosen[n]
        r.pools[p].zone = zones[n]
        pool = r.pools[p]
        sums = pool_sums(pool, r)
        certify(p, sums, allowance_of(pool, sums), pool.flags & FLAG_OPAQUE != 0, True, r, w)


@njit(**KERNEL)
def settle(chosen: Any, result: Any, r: Any, w: Any) -> None:
    """Decide and certify the `chosen` pools, whose legs have changed; `result` receives zones or −1."""
    for n in range(len(chosen)):
        result[n] = _settle(chosen[n], True, r, w)


@njit(**INLINE)
def _collect(factor: int, found: int, stamp: int, r: Any, w: Any, stamps: Any, candidates: Any) -> int:
    """Append the pools whose band of `factor` was left; −1 if there are more than `candidates` holds."""
    f_low = r.factors[factor, 0] - r.factors[factor, 2]
    f_high = r.factors[factor, 0] + r.factors[factor, 2]
    if f_low > w.tops[factor, 0] and f_high < w.tops[factor, 1]:
        return found
    top_low = np.float32(-np.inf)
    top_high = np.float32(np.inf)
    for s in range(w.ranges[factor, 0] // _SUPER, (w.ranges[factor, 1] + _SUPER - 1) // _SUPER):
        if not (f_low > w.supers[s, 0] and f_high < w.supers[s, 1]):
            super_low = np.float32(-np.inf)
            super_high = np.float32(np.inf)
            for b in range(s * BLOCKS, (s + 1) * BLOCKS):
                if not (f_low > w.blocks[b, 0] and f_high < w.blocks[b, 1]):
                    block_low = np.float32(-np.inf)
                    block_high = np.float32(np.inf)
                    for slot in range(b * SLOTS, (b + 1) * SLOTS):
                        low = w.edges[slot, 0]
                        high = w.edges[slot, 1]
                        if f_low > low and f_high < high:
                            block_low = max(block_low, low)
                            block_high = min(block_high, high)
                        else:
                            p = w.owners[slot]
                            if stamps[p] != stamp:
                                stamps[p] = stamp
                                if found >= len(candidates):
                                    return -1
                                candidates[found] = p
                                found += 1
                    w.blocks[b, 0] = block_low
                    w.blocks[b, 1] = block_high
                super_low = max(super_low, w.blocks[b, 0])
                super_high = min(super_high, w.blocks[b, 1])
            w.supers[s, 0] = super_low
            w.supers[s, 1] = super_high
        top_low = max(top_low, w.supers[s, 0])
        top_high = min(top_high, w.supers[s, 1])
    w.tops[factor, 0] = top_low
    w.tops[factor, 1] = top_high
    return found


@njit(**INLINE)
def _apply_values(changed: Any, fresh: Any, count: int, moved: Any, known: int, links: Any, factors: Any) -> int:
    """Write `fresh` values, recompute the factors they feed and append those to `moved[known:]`; returns the count.

    A factor may be the same number for another price: what lies on the border then asks the exact functions again.
    """
    for n in range(count):
        links.values[changed[n]] = fresh[n]
    found = known
    for n in range(count):
        v = changed[n]
        for q in range(links.fan_start[v], links.fan_start[v + 1]):
            factor = links.fan_factor[q]
            f = 1.0
            for part in range(links.part_start[factor], links.part_start[factor + 1]):
                if links.part_power[part] > 0:
                    f *= links.values[links.part_value[part]]
                else:
                    f /= links.values[links.part_value[part]]
            factors[factor, 0] = f
            moved[found] = factor
            found += 1
    return found


@njit(**(KERNEL | {"_nrt": True}))  # `carray` asks for it
def move(table: Any, count: int, known: int) -> int:
    """`decide_moved` on the arrays of an address table, in the order in which `Index` lists them."""
    changed = carray(pointer(table[0, 0]), (table[0, 1],), np.int32)
    fresh = carray(pointer(table[1, 0]), (table[1, 1],), np.float64)
    moved = carray(pointer(table[2, 0]), (table[2, 1],), np.int32)
    counts = carray(pointer(table[3, 0]), (table[3, 1],), np.int64)
    candidates = carray(pointer(table[4, 0]), (table[4, 1],), np.int32)
    crossings = carray(pointer(table[5, 0]), (table[5, 1], 3), np.int32)
    stamps = carray(pointer(table[6, 0]), (table[6, 1],), np.int32)
    links = Links(
        carray(pointer(table[7, 0]), (table[7, 1],), np.float64),
        carray(pointer(table[8, 0]), (table[8, 1],), np.int32),
        carray(pointer(table[9, 0]), (table[9, 1],), np.int32),
        carray(pointer(table[10, 0]), (table[10, 1],), np.int32),
        carray(pointer(table[11, 0]), (table[11, 1],), np.int32),
        carray(pointer(table[12, 0]), (table[12, 1],), np.int8),
    )
    r = Records(
        carray(pointer(table[13, 0]), (table[13, 1],), POOL),
        carray(pointer(table[14, 0]), (table[14, 1],), LEG),
        carray(pointer(table[15, 0]), (table[15, 1],), CLASS),
        carray(pointer(table[16, 0]), (table[16, 1],), BRACKET),
        carray(pointer(table[17, 0]), (table[17, 1],), REACH),
        carray(pointer(table[18, 0]), (table[18, 1], 4), np.float64),
        carray(pointer(table[19, 0]), (table[19, 1], 8), np.float64),
        carray(pointer(table[20, 0]), (table[20, 1], 5, 3, 3), np.float64),
    )
    w = Slots(
        carray(pointer(table[21, 0]), (table[21, 1], 2), np.float32),
        carray(pointer(table[22, 0]), (table[22, 1],), np.int32),
        carray(pointer(table[23, 0]), (table[23, 1], 2), np.float32),
        carray(pointer(table[24, 0]), (table[24, 1], 2), np.float32),
        carray(pointer(table[25, 0]), (table[25, 1], 2), np.float32),
        carray(pointer(table[26, 0]), (table[26, 1], 3), np.int32),
    )
    args = (changed, fresh, count, moved, known, counts, candidates, crossings, stamps, links, r, w)
    return int(decide_moved(*args))


@njit(**INLINE)
def decide_moved(
    changed: Any,
    fresh: Any,
    count: int,
    moved: Any,
    known: int,
    counts: Any,
    candidates: Any,
    crossings: Any,
    stamps: Any,
    links: Any,
    r: Any,
    w: Any,
) -> int:
    """Apply `count` changed values and decide the pools whose bands the moved factors have left.

    `counts` receives (candidates, crossings, undecided) and counts the calls; `crossings` holds (pool, zone before,
    zone) from the front and undecided pools from the back. Returns −1, with values applied and nothing decided, if a
    sweep is cheaper; otherwise the number of crossings and undecided pools.
    """
    count = _apply_values(changed, fresh, count, moved, known, links, r.factors)
    counts[3] += 1
    stamp = counts[3]
    found = 0
    for n in range(count):
        found = _collect(moved[n], found, stamp, r, w, stamps, candidates)
        if found < 0:
            return -1
    crossed = 0
    undecided = 0
    for n in range(found):
        p = candidates[n]
        before = r.pools[p].zone
        zone = _settle(p, True, r, w)
        if zone < 0:
            undecided += 1
            crossings[len(crossings) - undecided, 0] = p
        elif zone != before:
            crossings[crossed, 0] = p
            crossings[crossed, 1] = before
            crossings[crossed, 2] = zone
            crossed += 1
    counts[0] = found
    counts[1] = crossed
    counts[2] = undecided
    return crossed + undecided


@njit(parallel=True, **KERNEL)
def certify_all_parallel(before: Any, after: Any, r: Any, w: Any) -> None:
    """Decide and certify every pool; extremes must follow."""
    for p in prange(len(r.pools)):
        before[p] = r.pools[p].zone
        after[p] = r.pools[p].zone
        if not r.pools[p].flags & FLAG_DEAD:
            after[p] = _settle(p, False, r, w)


@njit(parallel=True, **KERNEL)
def decide_all_parallel(before: Any, after: Any, left: Any, r: Any) -> None:
    """Decide every pool; `left` tells which have left a band and await a certificate."""
    for p in prange(len(r.pools)):
        pool = r.pools[p]
        before[p] = pool.zone
        after[p] = pool.zone
        left[p] = False
        if not pool.flags & FLAG_DEAD:
            zone = pool_zone(pool, r)
            after[p] = zone
            left[p] = zone != pool.zone or _outside(pool, r)
            if zone >= 0:
                r.pools[p].zone = zone


@njit(**INLINE)
def _outside(pool: Any, r: Any) -> Any:
    """Whether a factor of the pool lies outside its band."""
    outside = False
    start = np.int64(pool.start)
    for i in range(start, start + np.int64(pool.count)):
        leg = r.legs[i]
        if leg.slot >= 0:
            f = r.factors[np.int64(leg.factor), 0]
            inset = r.factors[np.int64(leg.factor), 2]
            if not (f - inset > leg.low and f + inset < leg.high):
                outside = True
    return outside


@njit(parallel=True, **KERNEL)
def decide_some_parallel(chosen: Any, before: Any, after: Any, r: Any) -> None:
    """Decide the `chosen` pools, which await certificates."""
    for n in prange(len(chosen)):
        p = chosen[n]
        before[n] = r.pools[p].zone
        after[n] = before[n]
        if not r.pools[p].flags & FLAG_DEAD:
            zone = pool_zone(r.pools[p], r)
            after[n] = zone
            if zone >= 0:
                r.pools[p].zone = zone


@njit(parallel=True, **KERNEL)
def decide_touched_parallel(touched: Any, before: Any, after: Any, waiting: Any, r: Any) -> None:
    """Decide the pools that hold a `touched` class, and mark them as `waiting` for a certificate."""
    for p in prange(len(r.pools)):
        pool = r.pools[p]
        before[p] = pool.zone
        after[p] = pool.zone
        found = False
        start = np.int64(pool.start)
        for i in range(start, start + np.int64(pool.count)):
            found = found or touched[np.int64(r.legs[i].klass)]
        if found and not pool.flags & FLAG_DEAD:
            waiting[p] = True
            zone = pool_zone(pool, r)
            after[p] = zone
            if zone >= 0:
                r.pools[p].zone = zone


@njit(parallel=True, **KERNEL)
def rebuild_extremes_parallel(w: Any) -> None:
    """Exact extremes of every block and superblock."""
    for s in prange(len(w.supers)):
        super_low = np.float32(-np.inf)
        super_high = np.float32(np.inf)
        for b in range(s * BLOCKS, (s + 1) * BLOCKS):
            low = np.float32(-np.inf)
            high = np.float32(np.inf)
            for slot in range(b * SLOTS, (b + 1) * SLOTS):
                low = max(low, w.edges[slot, 0])
                high = min(high, w.edges[slot, 1])
            w.blocks[b, 0] = low
            w.blocks[b, 1] = high
            super_low = max(super_low, low)
            super_high = min(super_high, high)
        w.supers[s, 0] = super_low
        w.supers[s, 1] = super_high


@njit(**KERNEL)
def rebuild_tops(w: Any) -> None:
    """Exact extremes of every factor."""
    for factor in range(len(w.ranges)):
        low = np.float32(-np.inf)
        high = np.float32(np.inf)
        for s in range(w.ranges[factor, 0] // _SUPER, (w.ranges[factor, 1] + _SUPER - 1) // _SUPER):
            low = max(low, w.supers[s, 0])
            high = min(high, w.supers[s, 1])
        w.tops[factor, 0] = low
        w.tops[factor, 1] = high


@njit(**KERNEL)
def assign_slots(pools: Any, legs: Any, ranges: Any, owners: Any, count_only: bool) -> None:
    """One slot per group of legs, in pool order; ranges[:, 2] counts the slots in use.

    With `count_only` the groups are counted and leaders marked; the caller then lays out ranges[:, 0] and [:, 1].
    """
    ranges[:, 2] = 0
    for p in range(len(pools)):
        pool = pools[p]
        if pool.flags & FLAG_DEAD:
            continue
        factor = np.int64(-1)
        start = np.int64(pool.start)
        head = start if pool.flags & FLAG_JOINED else np.int64(-1)
        for i in range(start, start + np.int64(pool.count)):
            if np.int64(legs[i].factor) == factor and i != head:
                legs[i].slot = -1
                continue
            factor = np.int64(legs[i].factor)
            if i == head:
                head += 1 + np.int64(legs[i].bracket)
                factor = np.int64(-1)
            own = np.int64(legs[i].factor)
            slot = ranges[own, 0] + ranges[own, 2]
            ranges[own, 2] += 1
            if not count_only:
                legs[i].slot = slot
                owners[slot] = p

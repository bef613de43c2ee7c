"""The live index: certified bands of factors, found again through block extremes.

A pool stays in its zone while a few sums `H = e·equity + s·support + d·demand` stay positive (`layout.border_rows`). H
is separable in factors, so with slack H(r) − allowance at the factors r of certification and a share of it for every
group of legs (one pool, one factor), a group may move until its share is lost at the steepest slope of H over the band:

    width = share · slack / max(0, steepest loss of H per unit of factor, growth of the allowance included)

While every factor lies strictly inside its bands, H > allowance and the zone cannot change; so a change implies that
some band of a factor that moved was left, and scanning the bands of moved factors misses nothing. Every candidate is
decided by the same `pool_sums` as a full sweep, or exactly, so nothing is invented; then it is certified anew.

Cumulative funding shifts a factor's value but not its notional. A shift by δ is charged as a move of 4·|δ| against
the band (`inset`). That charge is safe while the group gains, moving the other way, at a quarter of its value slope or
more; otherwise half of the share is kept for either way.
"""

from typing import Any

import numpy as np
from numba import njit, prange

from marginbook.book.kernel import GUARD, UNDECIDED, allowance_of, decide, leg_bracket, pool_sums
from marginbook.book.layout import BASIS_POINT, BLOCKS, FLAG_AVERAGE, FLAG_DEAD, FLAG_OPAQUE, SLOTS, STAY

INWARD = 2.0**-23
"""More than the rounding of a float32: stored edges lie inside the certified ones."""

FUNDING_CHARGE = 4.0
_LARGE = np.float32(3e38)
_SUPER = SLOTS * BLOCKS


@njit(forceinline=True, nogil=True)
def _write_edges(slot: int, factor: int, low: Any, high: Any, edges: Any, blocks: Any, supers: Any, tops: Any) -> None:
    """Store a band and tighten the extremes above it."""
    edges[slot, 0] = low
    edges[slot, 1] = high
    b = slot // SLOTS
    blocks[b, 0] = max(blocks[b, 0], low)
    blocks[b, 1] = min(blocks[b, 1], high)
    s = slot // _SUPER
    supers[s, 0] = max(supers[s, 0], low)
    supers[s, 1] = min(supers[s, 1], high)
    tops[factor, 0] = max(tops[factor, 0], low)
    tops[factor, 1] = min(tops[factor, 1], high)


@njit(forceinline=True, nogil=True)
def _band(
    i: int,
    end: int,
    pool: Any,
    share: float,
    slacks: Any,
    conditions: Any,
    legs: Any,
    classes: Any,
    brackets: Any,
    factors: Any,
) -> tuple[float, float]:
    """Certified edges of the group of legs [i, end), which share one factor."""
    factor = legs[i].factor
    f = factors[factor, 0]
    up = np.inf
    down = np.inf
    relative = pool.relative + GUARD
    for c in range(STAY):
        e = conditions[c, 0]
        s = conditions[c, 1]
        d = conditions[c, 2]
        if slacks[c] == np.inf:
            continue
        value = 0.0
        least = 0.0
        most = 0.0
        blur = 0.0
        units = 0.0
        for j in range(i, end):
            leg = legs[j]
            k = classes[leg.klass]
            value += leg.amount * (e * (k.assets - k.liabilities) + s * k.support + d * k.demand)
            size = abs(leg.amount) * k.size
            blur += k.gross * (abs(leg.amount) + size)
            units += k.blur
            if k.brackets > 0:
                row = brackets[leg_bracket(brackets, k.table, k.brackets, abs(leg.amount) * f * k.size)]
                if d < 0.0:
                    least += d * size * row.up_most
                    most += d * size * row.down_least
                else:
                    least += d * size * row.up_least
                    most += d * size * row.down_most
        cut = BASIS_POINT * blur if pool.flags & FLAG_AVERAGE and s == 1.0 else 0.0
        blur = (abs(e) + abs(s) + abs(d)) * (relative * blur + units) + cut
        budget = share * slacks[c]
        loss_up = blur - (value + least)
        loss_down = blur + (value + most)
        if value > 0.0:
            loss_down = max(loss_down, value)
            if FUNDING_CHARGE * (value + least) < value:
                loss_down = max(loss_down, 2.0 * value)
                loss_up = max(loss_up, -2.0 * least)
        elif value < 0.0:
            loss_up = max(loss_up, -value)
            if FUNDING_CHARGE * (value + most) > value:
                loss_up = max(loss_up, -2.0 * value)
                loss_down = max(loss_down, 2.0 * most)
        if loss_up * up > budget:
            up = budget / loss_up
        if loss_down * down > budget:
            down = budget / loss_down
    high = f + up
    low = f - down
    for j in range(i, end):
        leg = legs[j]
        k = classes[leg.klass]
        if k.brackets > 1:
            size = abs(leg.amount) * k.size
            row = brackets[leg_bracket(brackets, k.table, k.brackets, size * f)]
            if high * size > row.up_cap:
                high = row.up_cap / size
            if low * size < row.down_cap:
                low = row.down_cap / size
    inset = factors[factor, 2]
    high = min(high, 1e38) + inset
    low = max(low, -1e38) - inset
    return low + abs(low) * INWARD, high - abs(high) * INWARD


@njit(forceinline=True, nogil=True)
def certify(
    p: int,
    sums: Any,
    allowance: float,
    closed: bool,
    tighten: bool,
    pools: Any,
    legs: Any,
    classes: Any,
    brackets: Any,
    factors: Any,
    stay: Any,
    edges: Any,
    blocks: Any,
    supers: Any,
    tops: Any,
    slacks: Any,
) -> None:
    """Give every group of the pool its band at the present factors, or none if a condition has no slack."""
    pool = pools[p]
    conditions = stay[pool.borders, pool.zone]
    equity = sums[0] - sums[1]
    for c in range(STAY):
        weight = abs(conditions[c, 0]) + abs(conditions[c, 1]) + abs(conditions[c, 2])
        if weight == 0.0:
            slacks[c] = np.inf
            continue
        value = conditions[c, 0] * equity + conditions[c, 1] * sums[5] + conditions[c, 2] * sums[6]
        slacks[c] = value - weight * allowance
        if pool.flags & FLAG_AVERAGE and conditions[c, 1] == 1.0:
            slacks[c] -= BASIS_POINT * max(0.0, sums[2] + sums[1])
        if not slacks[c] > 0.0:
            closed = True
    start = pool.start
    end = start + pool.count
    weights = 0.0
    for i in range(start, end):
        weights += legs[i].weight
    shares = (1.0 - 1e-9) / weights if weights > 0.0 else 0.0
    i = start
    while i < end:
        j = i + 1
        weight = legs[i].weight
        while j < end and legs[j].slot < 0:
            weight += legs[j].weight
            j += 1
        low = np.inf
        high = -np.inf
        if not closed:
            low, high = _band(i, j, pool, weight * shares, slacks, conditions, legs, classes, brackets, factors)
        low32 = np.float32(low)
        high32 = np.float32(high)
        legs[i].low = low32
        legs[i].high = high32
        slot = legs[i].slot
        if tighten:
            _write_edges(slot, legs[i].factor, low32, high32, edges, blocks, supers, tops)
        else:
            edges[slot, 0] = low32
            edges[slot, 1] = high32
        i = j


@njit(forceinline=True, nogil=True)
def _settle(
    p: int,
    tighten: bool,
    pools: Any,
    legs: Any,
    classes: Any,
    brackets: Any,
    factors: Any,
    chain: Any,
    stay: Any,
    edges: Any,
    blocks: Any,
    supers: Any,
    tops: Any,
    slacks: Any,
) -> int:
    """Decide a pool and certify it in its zone; returns the zone, or `UNDECIDED` with all its bands closed."""
    pool = pools[p]
    sums = pool_sums(pool, legs, classes, brackets, factors)
    allowance = allowance_of(pool, sums)
    zone = UNDECIDED
    if not pool.flags & FLAG_OPAQUE:
        zone = decide(pool, sums, allowance, chain)
    if zone >= 0:
        pools[p].zone = zone
    certify(
        p,
        sums,
        allowance,
        zone < 0,
        tighten,
        pools,
        legs,
        classes,
        brackets,
        factors,
        stay,
        edges,
        blocks,
        supers,
        tops,
        slacks,
    )
    return zone


@njit(cache=True, nogil=True, error_model="numpy")
def confirm(
    chosen: Any,
    zones: Any,
    pools: Any,
    legs: Any,
    classes: Any,
    brackets: Any,
    factors: Any,
    stay: Any,
    edges: Any,
    blocks: Any,
    supers: Any,
    tops: Any,
) -> None:
    """Set the exactly decided `zones` of the `chosen` pools and certify what slack there is."""
    slacks = np.empty(STAY)
    for n in range(len(chosen)):
        p = chosen[n]
        pools[p].zone = zones[n]
        pool = pools[p]
        sums = pool_sums(pool, legs, classes, brackets, factors)
        allowance = allowance_of(pool, sums)
        certify(
            p,
            sums,
            allowance,
            pool.flags & FLAG_OPAQUE != 0,
            True,
            pools,
            legs,
            classes,
            brackets,
            factors,
            stay,
            edges,
            blocks,
            supers,
            tops,
            slacks,
        )


@njit(cache=True, nogil=True, error_model="numpy")
def settle(
    chosen: Any,
    result: Any,
    pools: Any,
    legs: Any,
    classes: Any,
    brackets: Any,
    factors: Any,
    chain: Any,
    stay: Any,
    edges: Any,
    blocks: Any,
    supers: Any,
    tops: Any,
) -> None:
    """Decide and certify the `chosen` pools, whose legs have changed; `result` receives zones or −1."""
    slacks = np.empty(STAY)
    for n in range(len(chosen)):
        result[n] = _settle(
            chosen[n], True, pools, legs, classes, brackets, factors, chain, stay, edges, blocks, supers, tops, slacks
        )


@njit(forceinline=True, nogil=True)
def _collect(
    factor: int,
    found: int,
    stamp: int,
    factors: Any,
    edges: Any,
    owners: Any,
    blocks: Any,
    supers: Any,
    tops: Any,
    ranges: Any,
    stamps: Any,
    candidates: Any,
) -> int:
    """Append the pools whose band of `factor` was left; −1 if there are more than `candidates` holds."""
    low = np.float32(0.0)
    high = np.float32(0.0)
    f_low = factors[factor, 0] - factors[factor, 2]
    f_high = factors[factor, 0] + factors[factor, 2]
    if f_low > tops[factor, 0] and f_high < tops[factor, 1]:
        return found
    top_low = np.float32(-np.inf)
    top_high = np.float32(np.inf)
    for s in range(ranges[factor, 0] // _SUPER, (ranges[factor, 1] + _SUPER - 1) // _SUPER):
        if not (f_low > supers[s, 0] and f_high < supers[s, 1]):
            super_low = np.float32(-np.inf)
            super_high = np.float32(np.inf)
            for b in range(s * BLOCKS, (s + 1) * BLOCKS):
                if not (f_low > blocks[b, 0] and f_high < blocks[b, 1]):
                    block_low = np.float32(-np.inf)
                    block_high = np.float32(np.inf)
                    for slot in range(b * SLOTS, (b + 1) * SLOTS):
                        low = edges[slot, 0]
                        high = edges[slot, 1]
                        if f_low > low and f_high < high:
                            block_low = max(block_low, low)
                            block_high = min(block_high, high)
                        else:
                            p = owners[slot]
                            if stamps[p] != stamp:
                                stamps[p] = stamp
                                if found >= len(candidates):
                                    return -1
                                candidates[found] = p
                                found += 1
                    blocks[b, 0] = block_low
                    blocks[b, 1] = block_high
                super_low = max(super_low, blocks[b, 0])
                super_high = min(super_high, blocks[b, 1])
            supers[s, 0] = super_low
            supers[s, 1] = super_high
        top_low = max(top_low, supers[s, 0])
        top_high = min(top_high, supers[s, 1])
    tops[factor, 0] = top_low
    tops[factor, 1] = top_high
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def apply_values(
    changed: Any,
    fresh: Any,
    moved: Any,
    known: int,
    values: Any,
    fan_start: Any,
    fan_factor: Any,
    part_start: Any,
    part_value: Any,
    part_power: Any,
    factors: Any,
) -> int:
    """Write `fresh` values, recompute the factors they feed and append those to `moved[known:]`; returns the count."""
    count = known
    for n in range(len(changed)):
        values[changed[n]] = fresh[n]
    for n in range(len(changed)):
        v = changed[n]
        for q in range(fan_start[v], fan_start[v + 1]):
            factor = fan_factor[q]
            f = 1.0
            for part in range(part_start[factor], part_start[factor + 1]):
                if part_power[part] > 0:
                    f *= values[part_value[part]]
                else:
                    f /= values[part_value[part]]
            if f != factors[factor, 0]:
                factors[factor, 0] = f
                moved[count] = factor
                count += 1
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def move(
    moved: Any,
    count: int,
    stamp: int,
    counts: Any,
    candidates: Any,
    crossings: Any,
    pools: Any,
    legs: Any,
    classes: Any,
    brackets: Any,
    factors: Any,
    chain: Any,
    stay: Any,
    edges: Any,
    owners: Any,
    blocks: Any,
    supers: Any,
    tops: Any,
    ranges: Any,
    stamps: Any,
) -> int:
    """Decide the pools whose bands the moved factors have left.

    `counts` receives (candidates, crossings, undecided); `crossings` holds (pool, zone before, zone) from the front and
    undecided pools from the back. Returns −1, with nothing decided, if a sweep is cheaper.
    """
    found = 0
    for n in range(count):
        found = _collect(
            moved[n], found, stamp, factors, edges, owners, blocks, supers, tops, ranges, stamps, candidates
        )
        if found < 0:
            return -1
    slacks = np.empty(STAY)
    crossed = 0
    undecided = 0
    for n in range(found):
        p = candidates[n]
        before = pools[p].zone
        zone = _settle(
            p, True, pools, legs, classes, brackets, factors, chain, stay, edges, blocks, supers, tops, slacks
        )
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
    return found


@njit(cache=True, nogil=True, error_model="numpy", parallel=True)
def sweep_certify_parallel(
    everything: bool,
    before: Any,
    after: Any,
    pools: Any,
    legs: Any,
    classes: Any,
    brackets: Any,
    factors: Any,
    chain: Any,
    stay: Any,
    edges: Any,
    blocks: Any,
    supers: Any,
    tops: Any,
) -> None:
    """Decide every pool; certify those that left a band or changed zone, or `everything`. Extremes must follow."""
    for p in prange(len(pools)):
        pool = pools[p]
        before[p] = pool.zone
        after[p] = pool.zone
        if pool.flags & FLAG_DEAD:
            continue
        inside = not everything
        if inside:
            for i in range(pool.start, pool.start + pool.count):
                leg = legs[i]
                if leg.slot >= 0:
                    f = factors[leg.factor, 0]
                    inset = factors[leg.factor, 2]
                    inside = inside and f - inset > leg.low and f + inset < leg.high
        if not inside:
            slacks = np.empty(STAY)
            after[p] = _settle(
                p, False, pools, legs, classes, brackets, factors, chain, stay, edges, blocks, supers, tops, slacks
            )


@njit(cache=True, nogil=True, error_model="numpy", parallel=True)
def rebuild_extremes_parallel(edges: Any, blocks: Any, supers: Any) -> None:
    """Exact extremes of every block and superblock."""
    for s in prange(len(supers)):
        super_low = np.float32(-np.inf)
        super_high = np.float32(np.inf)
        for b in range(s * BLOCKS, (s + 1) * BLOCKS):
            low = np.float32(-np.inf)
            high = np.float32(np.inf)
            for slot in range(b * SLOTS, (b + 1) * SLOTS):
                low = max(low, edges[slot, 0])
                high = min(high, edges[slot, 1])
            blocks[b, 0] = low
            blocks[b, 1] = high
            super_low = max(super_low, low)
            super_high = min(super_high, high)
        supers[s, 0] = super_low
        supers[s, 1] = super_high


@njit(cache=True, nogil=True, error_model="numpy")
def rebuild_tops(supers: Any, tops: Any, ranges: Any) -> None:
    """Exact extremes of every factor."""
    for factor in range(len(ranges)):
        low = np.float32(-np.inf)
        high = np.float32(np.inf)
        for s in range(ranges[factor, 0] // _SUPER, (ranges[factor, 1] + _SUPER - 1) // _SUPER):
            low = max(low, supers[s, 0])
            high = min(high, supers[s, 1])
        tops[factor, 0] = low
        tops[factor, 1] = high


@njit(cache=True, nogil=True, error_model="numpy")
def assign_slots(pools: Any, legs: Any, ranges: Any, owners: Any, count_only: bool) -> None:
    """One slot per group of legs, in pool order; ranges[:, 2] counts the slots in use.

    With `count_only` the groups are counted and leaders marked; the caller then lays out ranges[:, 0] and [:, 1].
    """
    ranges[:, 2] = 0
    for p in range(len(pools)):
        pool = pools[p]
        if pool.flags & FLAG_DEAD:
            continue
        factor = -1
        for i in range(pool.start, pool.start + pool.count):
            if legs[i].factor == factor:
                legs[i].slot = -1
                continue
            factor = legs[i].factor
            slot = ranges[factor, 0] + ranges[factor, 2]
            ranges[factor, 2] += 1
            if not count_only:
                legs[i].slot = slot
                owners[slot] = p

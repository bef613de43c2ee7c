"""From figures of pools to figures of accounts, in one pass each."""

from typing import Any

from numba import njit

from marginbook.book.compiled import KERNEL
from marginbook.book.layout import FLAG_DEAD


@njit(**KERNEL)
def sum_by_account(pools: Any, out: Any, sums: Any, zones: Any) -> None:
    """Add pools' money to sums[account, (equity, unrealized, …)], and take the worst ratio and zone."""
    for p in range(len(pools)):
        if pools[p].flags & FLAG_DEAD:
            continue
        a = pools[p].account
        o = out[p]
        sums[a, 0] += o.equity
        sums[a, 1] += o.unrealized
        sums[a, 2] += o.margin_balance
        sums[a, 3] += o.initial_margin
        sums[a, 4] += o.maintenance_margin
        sums[a, 5] += o.notional
        sums[a, 6] = max(sums[a, 6], o.ratio)
        zones[a] = max(zones[a], pools[p].zone)


@njit(**KERNEL)
def worst_zones(pools: Any, zones: Any) -> None:
    """Worst zone of every account."""
    for p in range(len(pools)):
        if not pools[p].flags & FLAG_DEAD:
            a = pools[p].account
            zones[a] = max(zones[a], pools[p].zone)


@njit(**KERNEL)
def shocked_sums(pools: Any, out: Any, liquidation: int, zones: Any, notional: Any, totals: Any) -> None:
    """Zones of accounts, notional by zone, and totals (bad debt, pools newly liquidatable) at shocked figures.

    A pool that the kernel leaves open keeps its zone.
    """
    for p in range(len(pools)):
        if pools[p].flags & FLAG_DEAD:
            continue
        before = pools[p].zone
        zone = out[p].zone if out[p].zone >= 0 else before
        a = pools[p].account
        zones[a] = max(zones[a], zone)
        notional[zone] += out[p].notional
        if zone >= liquidation:
            if out[p].equity < 0.0:
                totals[0] -= out[p].equity
            if before < liquidation:
                totals[1] += 1.0


@njit(**KERNEL)
def liquidatable_by_venue(pools: Any, out: Any, liquidation: int, venues: Any, seen: Any, notional: Any) -> int:
    """Add the notional of liquidatable pools to their venues; returns how many accounts hold one."""
    accounts = 0
    for p in range(len(pools)):
        if pools[p].flags & FLAG_DEAD:
            continue
        zone = out[p].zone if out[p].zone >= 0 else pools[p].zone
        if zone >= liquidation:
            a = pools[p].account
            notional[venues[a]] += out[p].notional
            if not seen[a]:
                seen[a] = True
                accounts += 1
    return accounts

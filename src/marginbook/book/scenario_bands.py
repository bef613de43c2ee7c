"""Compiled loops of the live scenario accounts: slopes over a hull of prices, zones, certified bands.

For a border α·support − β·demand, with support S = cash + Σ q·V and demand D = max(floor, reducer of losses) + add-on,
let f_s = α·S − β·(add-on + loss_s), and f_0 the same with the floor for the loss. Every value V is convex in its
underlying, so over a hull [low, high] its slope lies between the slopes at the ends; the sums of positions are interval
sums with the signs of the quantities, hedges included. With G_us the largest |slope| of f_s in the price P_u,

    |change of f_s| ≤ Σ_u |change of P_u|·G_us ≤ r·Σ_u P_u·G_us       while |change of P_u| ≤ r·P_u

The border's sign cannot change while r stays below

    worst loss, S·α ≥ D·β      min_s f_s / Σ_u P_u·G_us          every scenario must stay good
    worst loss, S·α < D·β      max_s −f_s / Σ_u P_u·G_us         one that is bad is enough
    any other reducer          |f| / max_s Σ_u P_u·G_us          it is monotone and moves with a common shift
"""

from math import erfc, log, sqrt
from typing import Any

import numpy as np
from numba import njit

INLINE: dict[str, Any] = {"nogil": True, "_nrt": False, "error_model": "numpy"}
KERNEL: dict[str, Any] = {"cache": True, "nogil": True, "_nrt": False, "error_model": "numpy"}
HALF_ROOT = sqrt(0.5)
GUARD = 1e-10
"""Of gross exposure: far more than the rounding of values, arrays and sums."""
SHRINK = 1.0 - 1e-9
"""Of a band: more than the rounding of slopes and edges."""
FUNCTIONS = 2
"""Borders that can end a zone."""


@njit(**INLINE)
def _slope(
    kind: int, forward: float, strike: float, years: float, volatility: float, discount: float, right: bool
) -> float:
    """dV/dF of one contract, the right or left one where it jumps."""
    if kind == 0:
        return 1.0
    width = volatility * sqrt(max(0.0, years))
    if width > 0.0 and forward > 0.0:
        share = 0.5 * erfc(-(log(forward / strike) / width + 0.5 * width) * HALF_ROOT)
    else:
        share = 1.0 if forward > strike or (right and forward == strike) else 0.0
    return discount * (share if kind == 1 else share - 1.0)


@njit(**KERNEL)
def slopes(columns: Any, ratio: Any, scan: Any, first: int, last: int, low: float, high: float, out: Any) -> None:
    """Bounds of dV/dP and of the scenarios' slopes while the price lies in [low, high], for contracts [first, last).

    `out` = (value [contract, 2], scenario [contract, scenario, 2]); a scenario's is multiplier·cover·dV(F′)/dP.
    """
    kind, strike, years, volatility, discount, multiplier = columns
    relative, absolute, swing, cover, ahead = scan
    value, shifted = out
    for i in range(first, last):
        for end in range(2):
            forward = (high if end else low) * ratio[i]
            unit = multiplier[i] * ratio[i]
            now = _slope(kind[i], forward, strike[i], years[i], volatility[i], discount[i], end == 1)
            value[i, end] = unit * now
            for s in range(cover.size):
                moved = max(0.0, volatility[i] + swing[i, s])
                then = forward * (1.0 + relative[i, s]) + absolute[i, s]
                found = _slope(kind[i], then, strike[i], years[i] - ahead, moved, discount[i], end == 1)
                shifted[i, s, end] = unit * cover[s] * (1.0 + relative[i, s]) * found


@njit(**INLINE)
def _zone(previous: int, support: float, demand: float, borders: Any, at_equality: bool) -> int:
    """`zoning.next_zone` in float64; rows of `borders`: zone, entry factors, rearm factors."""
    if demand > 0.0 and (support <= demand if at_equality else support < demand):
        return 4 if support < 0.0 else 3
    worst = 0
    for k in range(len(borders)):
        zone = int(borders[k, 0])
        entered = support * borders[k, 1] < demand * borders[k, 2]
        held = previous >= zone and support * borders[k, 3] < demand * borders[k, 4]
        if entered or held:
            worst = max(worst, zone)
    return worst


@njit(**KERNEL)
def decide(support: Any, demand: Any, borders: Any, at_equality: bool, zones: Any) -> None:
    """Zones of accounts after the ones in `zones`, in place."""
    for a in range(zones.size):
        zones[a] = _zone(zones[a], support[a], demand[a], borders, at_equality)


@njit(**INLINE)
def _functions(zone: int, borders: Any, out: Any) -> int:
    """(α, β) of the borders that end a zone, the ones beyond them being implied; how many there are."""
    n = 0
    if zone == 4:
        out[0, 0], out[0, 1], out[1, 0], out[1, 1] = 1.0, 0.0, 0.0, 1.0
        return 2
    if zone == 3:
        out[0, 0], out[0, 1], out[1, 0], out[1, 1] = 1.0, 1.0, 1.0, 0.0
        return 2
    following = -1
    for k in range(len(borders)):
        at = int(borders[k, 0])
        if at == zone:
            out[n, 0], out[n, 1] = borders[k, 3], borders[k, 4]
            n += 1
        elif at > zone and following < 0:
            following = k
    if following >= 0:
        out[n, 0], out[n, 1] = borders[following, 1], borders[following, 2]
    else:
        out[n, 0], out[n, 1] = 1.0, 1.0
    return n + 1


@njit(**INLINE)
def _reach(f: Any, reduced: float, guard: float, total: Any, worst: bool) -> float:
    """How far all prices may move, as a share, before the sign of a border can change."""
    last = total.size - 1
    if not worst:
        steepest = 0.0
        for s in range(last + 1):
            steepest = max(steepest, total[s])
        room = abs(reduced) - guard
        return room / steepest if room > 0.0 else 0.0
    if reduced >= 0.0:
        least = np.inf
        for s in range(last + 1):
            room = f[s] - guard
            least = min(least, room / total[s] if room > 0.0 else 0.0)
        return least
    most = 0.0
    for s in range(last + 1):
        room = -f[s] - guard
        if room > 0.0:
            most = max(most, room / total[s])
    return most


@njit(**KERNEL)
def certify(book: Any, runs: Any, state: Any, model: Any, hulls: Any, work: Any, out: Any) -> None:
    """Bands of every run (account, underlying) of the accounts given.

    book    starts, contract, quantity: positions in order of contracts, those of one underlying side by side
    runs    starts [account], underlying [run]
    state   support, demand without add-on and floor (reduced), demand, add-on, floor, zones
    model   arrays, cover, gross per contract, underlying of a contract, prices, borders, whether the loss is the worst
    hulls   value [hull, contract, 2], scenario [hull, contract, scenario, 2], ends [hull, underlying, 2]
    work    f [scenario + 1], total [function, scenario + 1], interval [function, scenario + 1, 2], reach [hull]
    out     low, high [run]
    """
    starts, contract, quantity = book
    first_run, underlying = runs
    support, demand, add_on, floor, cash, zones = state
    arrays, cover, gross, of, prices, borders, worst = model
    value, shifted, ends = hulls
    f, total, interval, pairs = work
    low, high = out
    scenarios = cover.size
    for a in range(zones.size):
        begin, end = starts[a], starts[a + 1]
        size = abs(cash[a]) + add_on[a] + floor[a]
        for i in range(begin, end):
            size += abs(quantity[i]) * gross[contract[i]]
        count = _functions(zones[a], borders, pairs)
        best, chosen = -1.0, 0
        for h in range(len(value)):
            width = np.inf
            for n in range(count):
                for s in range(scenarios + 1):
                    total[n, s] = 0.0
            i = begin
            while i < end:
                u = of[contract[i]]
                for n in range(count):
                    for s in range(scenarios + 1):
                        interval[n, s, 0] = interval[n, s, 1] = 0.0
                while i < end and of[contract[i]] == u:
                    c, q = contract[i], quantity[i]
                    for n in range(count):
                        alpha, beta = pairs[n, 0], pairs[n, 1]
                        for s in range(scenarios + 1):
                            k = q * (alpha - beta * cover[s]) if s < scenarios else q * alpha
                            x, y = k * value[h, c, 0], k * value[h, c, 1]
                            least, most = min(x, y), max(x, y)
                            if s < scenarios:
                                x, y = q * beta * shifted[h, c, s, 0], q * beta * shifted[h, c, s, 1]
                                least += min(x, y)
                                most += max(x, y)
                            interval[n, s, 0] += least
                            interval[n, s, 1] += most
                    i += 1
                for n in range(count):
                    for s in range(scenarios + 1):
                        steepest = max(abs(interval[n, s, 0]), abs(interval[n, s, 1]))
                        total[n, s] += prices[u] * steepest
                width = min(width, 1.0 - ends[h, u, 0] / prices[u], ends[h, u, 1] / prices[u] - 1.0)
            reach = np.inf
            for n in range(count):
                alpha, beta = pairs[n, 0], pairs[n, 1]
                f[scenarios] = alpha * support[a] - beta * (add_on[a] + floor[a])
                for s in range(scenarios):
                    profit = 0.0
                    if worst:
                        for i in range(begin, end):
                            profit += quantity[i] * arrays[contract[i], s]
                    f[s] = alpha * support[a] - beta * (add_on[a] - profit)
                guard = (alpha + beta) * GUARD * size
                reduced = alpha * support[a] - beta * demand[a]
                reach = min(reach, _reach(f, reduced, guard, total[n], worst))
            if demand[a] <= 0.0 and support[a] < 0.0:
                reach = 0.0
            if min(reach, width) > best:
                best, chosen = min(reach, width), h
                for run in range(first_run[a], first_run[a + 1]):
                    u = underlying[run]
                    room = prices[u] * min(reach * SHRINK, 1.0)
                    low[run] = max(prices[u] - room, ends[chosen, u, 0])
                    high[run] = min(prices[u] + room, ends[chosen, u, 1])

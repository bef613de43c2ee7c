"""Pools of several currencies in float64: their sums, and how far one factor may move while the others move too.

Per currency, x and d are sums of legs and p is its price (`domain.legs.CurrencyLegs`):

    support += T(x, p) = min over lines of rate·x·p + plus·p + plus_pool
    demand += p·(demand_rate·d + borrow_rate·max(0, −x))

T is concave in x with slopes between the least and the greatest rate, and in p between 0 and the greatest rate · x. So
bounds of every slope on a box around the present factors bound the loss of any condition on the way from here to there,
whatever moves first. Each band ends where the box ends, or where a table's slope is no longer known.
"""

from typing import Any

import numpy as np
from numba import njit

from marginbook.book.compiled import INLINE, KERNEL, group_slopes, leg_bracket
from marginbook.book.layout import FACTOR_SIGMA, STAY

HALF_WIDTH = 0.125
"""Of the box, as a share of each factor."""


@njit(**INLINE)
def _counted(x: float, p: float, c: Any, r: Any) -> float:
    """What x of a currency counts: the least of its lines."""
    first = np.int64(c.table)
    least = np.inf
    for n in range(first, first + np.int64(c.brackets)):
        line = r.brackets[n]
        least = min(least, line.rate * x * p + line.floor * p + line.cum)
    return least


@njit(**KERNEL)
def joined_sums(pool: Any, r: Any) -> tuple[float, ...]:
    """As `kernel.pool_sums`, of a pool that joins currencies."""
    k = r.classes[np.int64(pool.klass)]
    cash = pool.cash
    equity = k.equity * cash
    balance = k.support * cash
    demand_initial = k.demand_initial * cash
    demand = k.demand * cash
    gross = k.gross * abs(cash)
    extra = 0.0
    notional = 0.0
    i: Any = np.int64(pool.start)
    end = i + np.int64(pool.count)
    while i < end:
        head = r.legs[i]
        c = r.classes[np.int64(head.klass)]
        p = r.factors[np.int64(head.factor), 0]
        x = owed = asked = spread = blur = size = 0.0
        last = i + 1 + np.int64(head.bracket)
        for j in range(i + 1, last):
            leg = r.legs[j]
            k = r.classes[np.int64(leg.klass)]
            f = r.factors[np.int64(leg.factor), 0]
            v = leg.amount * f
            worth = abs(v)
            n = worth * k.size
            net = k.side * n
            x += k.support * v
            asked += k.demand_initial * v + k.initial_rate * max(abs(net + k.bids), abs(net - k.asks))
            owed += k.demand * v
            if k.brackets > 0:
                b = leg_bracket(r.brackets, k, leg.bracket, n)
                owed += r.brackets[b].rate * n - r.brackets[b].cum
            size += worth * k.notional
            spread += k.gross * (worth + n)
            blur += k.jump
        counted = _counted(x, p, c, r)
        short = max(0.0, -x)
        balance += counted
        equity += p * x if c.equity != 0.0 else counted
        demand += p * (c.demand * owed + c.borrow_rate * short)
        demand_initial += p * (c.initial_rate * asked + c.initial_of_demand * owed + c.borrow_initial_rate * short)
        gross += c.gross * p * spread
        extra += p * (head.amount + c.gross * blur)
        notional += p * size
        i = last
    return equity, balance, balance, demand_initial, balance, demand, gross, extra, notional


@njit(**INLINE)
def _run(i: int, c: Any, r: Any) -> tuple[float, float, float, float, float, float, float]:
    """(x low, x high, d high, least rate, greatest rate, gross, jumps) of the run led by leg `i`, over the box."""
    x = reach = owed = spread = blur = 0.0
    for j in range(i + 1, i + 1 + np.int64(r.legs[i].bracket)):
        leg = r.legs[j]
        k = r.classes[np.int64(leg.klass)]
        factor = np.int64(leg.factor)
        v = leg.amount * r.factors[factor, 0]
        wide = abs(v) * (HALF_WIDTH if r.factors[factor, FACTOR_SIGMA] != 0.0 else 0.0)
        x += k.support * v
        reach += abs(k.support) * wide
        owed += k.demand * v + abs(k.demand) * wide
        if k.brackets > 0:
            n = (abs(v) + wide) * k.size
            b = leg_bracket(r.brackets, k, leg.bracket, n)
            owed += r.brackets[b].rate * n - r.brackets[b].cum
        spread += k.gross * (abs(v) + wide) * (1.0 + k.size)
        blur += k.jump
    first = np.int64(c.table)
    least = np.inf
    most = 0.0
    for n in range(first, first + np.int64(c.brackets)):
        least = min(least, r.brackets[n].rate)
        most = max(most, r.brackets[n].rate)
    return x - reach, x + reach, max(0.0, owed), least, most, spread, blur


@njit(**KERNEL)
def joined_band(
    i: int,
    end: int,
    head: int,
    pool: Any,
    relative: float,
    share: float,
    slack_0: float,
    slack_1: float,
    slack_2: float,
    r: Any,
) -> tuple[float, float]:
    """Certified edges of the legs [i, end) of the run that leg `head` leads, which share one factor."""
    c = r.classes[np.int64(r.legs[head].klass)]
    factor = np.int64(r.legs[i].factor)
    f = r.factors[factor, 0]
    p = r.factors[np.int64(r.legs[head].factor), 0]
    x_low, x_high, d_high, rate_least, rate_most, spread, blur = _run(head, c, r)
    high_cap = f * (1.0 + HALF_WIDTH)
    low_cap = f * (1.0 - HALF_WIDTH)
    whole = c.equity != 0.0
    if i == head:
        counted_low, counted_high = min(0.0, rate_most * x_low), max(0.0, rate_most * x_high)
        equity_low = x_low if whole else counted_low
        equity_high = x_high if whole else counted_high
        up_low = down_low = 0.0
        up_high = down_high = c.demand * d_high + c.borrow_rate * max(0.0, -x_low)
        units = relative * c.gross * spread + r.legs[head].amount + c.gross * blur
    else:
        p_low, p_high = p * (1.0 - HALF_WIDTH), p * (1.0 + HALF_WIDTH)
        slopes = group_slopes(i, end, f, low_cap, high_cap, r)
        _, support, linear, grown, _, up_least, up_most, down_least, down_most, low_cap, high_cap = slopes
        flat, steep = rate_least * p_low * support, rate_most * p_high * support
        counted_low, counted_high = min(flat, steep), max(flat, steep)
        equity_low = min(p_low * support, p_high * support) if whole else counted_low
        equity_high = max(p_low * support, p_high * support) if whole else counted_high
        borrowed = c.borrow_rate * p_high * support
        more, less = max(0.0, -borrowed), min(0.0, -borrowed)
        up_low = c.demand * min(p_low * (linear + up_least), p_high * (linear + up_least)) + less
        up_high = c.demand * max(p_low * (linear + up_most), p_high * (linear + up_most)) + more
        down_low = c.demand * min(p_low * (linear + down_least), p_high * (linear + down_least)) + less
        down_high = c.demand * max(p_low * (linear + down_most), p_high * (linear + down_most)) + more
        units = relative * c.gross * p_high * grown
    up = np.inf
    down = np.inf
    for n in range(STAY):
        slack = slack_0 if n == 0 else slack_1 if n == 1 else slack_2
        if slack == np.inf:
            continue
        e = r.stay[pool.borders, pool.zone, n, 0]
        s = r.stay[pool.borders, pool.zone, n, 1]
        d = r.stay[pool.borders, pool.zone, n, 2]
        worth_low = min(e * equity_low, e * equity_high) + min(s * counted_low, s * counted_high)
        worth_high = max(e * equity_low, e * equity_high) + max(s * counted_low, s * counted_high)
        doubt = (abs(e) + abs(s) + abs(d)) * units
        loss_up = doubt - (worth_low + min(d * up_low, d * up_high))
        loss_down = doubt + (worth_high + max(d * down_low, d * down_high))
        budget = share * slack
        if loss_up * up > budget:
            up = budget / loss_up
        if loss_down * down > budget:
            down = budget / loss_down
    high = min(f + up, high_cap)
    low = max(f - down, low_cap)
    return low, high

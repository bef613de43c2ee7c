"""Pools along price paths: when each is first liquidated, and what that leaves unpaid.

A pool is liquidated at the first step at which support < demand, all of it at once and at the prices of that step; it
then leaves the book. Of its notional (positions; the debt of a loan) the share `cost` (bonus, slippage, fees) is lost:

    bad debt = max(0, cost·notional − equity)

Sums are those of `book.kernel`, in float64: what lies within the kernel's allowance of the border is decided by the
floats and counted as doubtful. A pool is looked at step by step only on paths where the least that its slack could be
between the extremes of its factors is not positive: slack is a sum of concave functions of one factor each, least at
an end. The extremes over all given paths rule out most pools at once. Pools come in the order of the book and add to
their path's sums in that order, whoever computes.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from marginbook.book.compiled import leg_bracket
from marginbook.book.kernel import allowance_of, counted_in, pool_sums
from marginbook.book.layout import BASIS_POINT, Array

COMPILED: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}
ACCOUNTS, NOTIONAL, BAD_DEBT, DOUBTFUL = 0, 1, 2, 3
COLUMNS = 4
"""Sums of a path: accounts liquidated, their pools' notional, bad debt, decisions within the allowance."""
BELOW_ALL = 1e-9
"""Of gross: far more than rounding can take from a bound."""


class View(NamedTuple):
    """What a pool is summed from, at one set of factors."""

    legs: Array
    classes: Array
    brackets: Array
    factors: Array  # [factor, (value, offset)]


class Parts(NamedTuple):
    """What factors are made of: part i of factor f is values[part_value[i]] to the power ±1."""

    values: Array
    asset: Array  # [value] column of the paths, −1 where it does not move
    start: Array
    value: Array
    power: Array
    offset: Array  # [factor] funding so far


class Pools(NamedTuple):
    """Pools that may fall, in the order of the book."""

    records: Array
    numbers: Array  # those alive, solvent and not opaque at the start
    concave: Array  # [pool] its slack has no jumps
    rate: Array  # [pool] into the reporting currency, at the start
    moves: Array  # [pool] column of the paths that the rate moves with, −1 where it is constant


@njit(**COMPILED)
def factor_table(parts: Any, multiples: Any, table: Any) -> None:
    """Factors where each moving value is multiplied by `multiples[asset]`."""
    for f in range(len(parts.start) - 1):
        product = 1.0
        for i in range(parts.start[f], parts.start[f + 1]):
            v = parts.value[i]
            worth = parts.values[v]
            if parts.asset[v] >= 0:
                worth *= multiples[parts.asset[v]]
            product = product * worth if parts.power[i] > 0 else product / worth
        table[f, 0] = product
        table[f, 1] = parts.offset[f]


@njit(forceinline=True)
def _slack(pool: Any, sums: Any, r: Any) -> float:
    """support − demand, the collateral's average threshold cut to basis points where the rule does that."""
    counted = counted_in(pool, r)
    support = sums[4]
    if counted > 0.0:
        support = counted * BASIS_POINT * np.floor(support / (counted * BASIS_POINT) + 1e-9)
    slack: float = support - sums[5]
    return slack


@njit(forceinline=True)
def _leg_slack(leg: Any, k: Any, f: float, g: float, brackets: Any) -> float:
    v = leg.amount * (f + g)
    slack = (k.support - k.demand) * v
    if k.brackets > 0:
        x = abs(leg.amount) * f * k.size
        b = leg_bracket(brackets, k, leg.bracket, x)
        slack -= brackets[b].rate * x - brackets[b].cum
    value: float = slack - BASIS_POINT * abs(k.counted * v)  # what cutting a threshold may take
    return value


@njit(forceinline=True)
def _may_fall(pool: Any, legs: Any, classes: Any, brackets: Any, low: Any, high: Any) -> bool:
    """Whether some factors between `low` and `high` might make the pool's slack negative."""
    k = classes[np.int64(pool.klass)]
    least = (k.support - k.demand) * pool.cash
    gross = abs(pool.cash) + pool.absolute
    first = np.int64(pool.start)
    for i in range(first, first + np.int64(pool.count)):
        leg = legs[i]
        k = classes[np.int64(leg.klass)]
        f = np.int64(leg.factor)
        least += min(
            _leg_slack(leg, k, low[f, 0], low[f, 1], brackets), _leg_slack(leg, k, high[f, 0], high[f, 1], brackets)
        )
        gross += (k.gross + 1.0) * abs(leg.amount) * (high[f, 0] + abs(high[f, 1])) + k.jump
    doubt: bool = not least > (BELOW_ALL + pool.relative) * gross
    return doubt


@njit(forceinline=True)
def _extremes(tables: Any, low: Any, high: Any) -> None:
    """Least and greatest of each factor over `tables` [table, factor, (value, offset)]."""
    low[:] = tables[0]
    high[:] = tables[0]
    for s in range(1, len(tables)):
        for f in range(tables.shape[1]):
            low[f, 0] = min(low[f, 0], tables[s, f, 0])
            high[f, 0] = max(high[f, 0], tables[s, f, 0])


@njit(**COMPILED)
def run_paths(
    pools: Any, parts: Any, legs: Any, classes: Any, brackets: Any, paths: Any, cost: float, rows: Any, hits: Any,
    seen: Any, steps: Any,
) -> None:  # fmt: skip
    """Add what falls on each of `paths` [path, step, asset] to `rows` [path, COLUMNS] and `hits` [account].

    `seen` [path, account] starts as 0 and marks accounts with a pool that fell; `steps` [path, pool] receives the step,
    unless it has no rows.
    """
    factors = len(parts.start) - 1
    table = np.empty((paths.shape[0], paths.shape[1], factors, 2))
    low, high = np.empty((paths.shape[0], factors, 2)), np.empty((paths.shape[0], factors, 2))
    for n in range(paths.shape[0]):
        for s in range(paths.shape[1]):
            factor_table(parts, paths[n, s], table[n, s])
        _extremes(table[n], low[n], high[n])
    least, most = np.empty((factors, 2)), np.empty((factors, 2))
    _extremes(low, least, most)
    _extremes(high, np.empty((factors, 2)), most)
    chosen = np.empty(len(pools.numbers), np.int64)
    count = 0
    for i in range(len(pools.numbers)):
        p = pools.numbers[i]
        if not pools.concave[p] or _may_fall(pools.records[p], legs, classes, brackets, least, most):
            chosen[count] = p
            count += 1
    for n in range(paths.shape[0]):
        for i in range(count):
            p = chosen[i]
            pool = pools.records[p]
            if pools.concave[p] and not _may_fall(pool, legs, classes, brackets, low[n], high[n]):
                continue
            for s in range(paths.shape[1]):
                view = View(legs, classes, brackets, table[n, s])
                sums = pool_sums(pool, view)
                slack = _slack(pool, sums, view)
                if abs(slack) <= 2.0 * allowance_of(pool, sums) and sums[5] > 0.0:
                    rows[n, DOUBTFUL] += 1.0
                if sums[5] > 0.0 and slack < 0.0:
                    rate = pools.rate[p]
                    if pools.moves[p] >= 0:
                        rate *= paths[n, s, pools.moves[p]]
                    rows[n, NOTIONAL] += rate * sums[8]
                    rows[n, BAD_DEBT] += rate * max(0.0, cost * sums[8] - sums[0])
                    if len(steps):
                        steps[n, p] = s
                    if seen[n, pool.account] == 0:
                        seen[n, pool.account] = 1
                        rows[n, ACCOUNTS] += 1.0
                        hits[pool.account] += 1
                    break


@njit(**COMPILED)
def liquidatable(pools: Any, chosen: Any, view: Any, out: Any) -> None:
    """Of the chosen pools: out[i] = (liquidatable, notional, equity) at the factors of `view`."""
    for i in range(len(chosen)):
        p = chosen[i]
        pool = pools.records[p]
        sums = pool_sums(pool, view)
        slack = _slack(pool, sums, view)
        out[i, 0] = 1.0 if sums[5] > 0.0 and slack < 0.0 else 0.0
        out[i, 1] = sums[8]
        out[i, 2] = sums[0]

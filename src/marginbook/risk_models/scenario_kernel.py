"""Compiled loops of the scenario engine: one account at a time, no array of accounts × scenarios.

Every profit is the chain `fma(q_n, r_n, … fma(q_1, r_1, 0))` in the stored order of an account's positions, with the
fused multiply-add written out: no reassociation, nothing left to the compiler. The bits of an account therefore depend
on its own positions only, whatever the number of threads, the accounts beside it and the width of the vectors. Order
statistics are exact: a threshold only narrows down the candidates, which are then sorted.

Serial and parallel twins carry different names: the on-disk cache of compiled code does not tell them apart otherwise.
"""

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import float32, float64, njit, prange
from numba.extending import intrinsic

INLINE: dict[str, Any] = {"nogil": True, "_nrt": False, "error_model": "numpy"}
KERNEL: dict[str, Any] = {"cache": True, "nogil": True, "_nrt": False, "error_model": "numpy"}
"""Without reference counts: the caller holds every array, and kernels allocate none."""

TILE = 512
"""Scenarios added up at a time: their sums stay in the first cache."""
SAMPLE = 64
"""Scenarios looked at for the first threshold."""
FEW = 512
"""Up to so many candidates are sorted by counting; beyond, everything is sorted."""
ROUNDS = 64
"""Thresholds tried before everything is sorted, which only ties make necessary."""


def _multiply_add(number: Any, kind: Any) -> Any:
    """a·b + c with one rounding, as an intrinsic over one kind of float."""

    def typed(typing: Any, a: Any, b: Any, c: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            function = builder.module.declare_intrinsic("llvm.fma", [kind], ir.FunctionType(kind, [kind] * 3))
            return builder.call(function, arguments)

        return number(number, number, number), build

    return intrinsic(typed)


fused: Any = _multiply_add(float64, ir.DoubleType())
fused_single: Any = _multiply_add(float32, ir.FloatType())


@njit(**INLINE)
def add_up(starts: Any, contract: Any, quantity: Any, arrays: Any, account: int, out: Any) -> None:
    """Profit of one account in every scenario [currency]."""
    last = starts[account + 1]
    scenarios = arrays.shape[1]
    for begin in range(0, scenarios, TILE):
        end = min(begin + TILE, scenarios)
        total = out[begin:end]
        for s in range(end - begin):
            total[s] = 0.0
        i = starts[account]
        while i + 4 <= last:
            q0, q1, q2, q3 = quantity[i], quantity[i + 1], quantity[i + 2], quantity[i + 3]
            r0 = arrays[contract[i], begin:end]
            r1 = arrays[contract[i + 1], begin:end]
            r2 = arrays[contract[i + 2], begin:end]
            r3 = arrays[contract[i + 3], begin:end]
            for s in range(end - begin):
                total[s] = fused(q3, r3[s], fused(q2, r2[s], fused(q1, r1[s], fused(q0, r0[s], total[s]))))
            i += 4
        while i < last:
            q0 = quantity[i]
            r0 = arrays[contract[i], begin:end]
            for s in range(end - begin):
                total[s] = fused(q0, r0[s], total[s])
            i += 1


@njit(**INLINE)
def sort_few(values: Any, n: int, ranks: Any, sorted_: Any) -> None:
    """`values[:n]` ascending into `sorted_`, by counting for each how many are smaller: n² compares, but vectorised."""
    for i in range(n):
        ranks[i] = 0
    for i in range(n):
        x = values[i]
        rank = np.int32(0)
        for j in range(i):
            smaller = np.int32(values[j] > x)
            ranks[j] += smaller
            rank += np.int32(1) - smaller
        ranks[i] = rank
    for i in range(n):
        sorted_[ranks[i]] = values[i]


@njit(**INLINE)
def sort_many(values: Any, n: int) -> None:
    """Ascending, in place, by heap sort."""
    for start in range(n // 2 - 1, -1, -1):
        _sift(values, start, n)
    for end in range(n - 1, 0, -1):
        values[0], values[end] = values[end], values[0]
        _sift(values, 0, end)


@njit(**INLINE)
def _sift(values: Any, root: int, end: int) -> None:
    x = values[root]
    child = 2 * root + 1
    while child < end:
        if child + 1 < end and values[child + 1] > values[child]:
            child += 1
        if values[child] <= x:
            break
        values[root] = values[child]
        root = child
        child = 2 * root + 1
    values[root] = x


@njit(**INLINE)
def _at_most(values: Any, threshold: float) -> int:
    found = 0
    for s in range(values.size):
        found += values[s] <= threshold
    return found


@njit(**INLINE)
def _keep(values: Any, threshold: float, kept: Any) -> None:
    n = np.uint64(0)
    for s in range(values.size):
        x = values[s]
        kept[n] = x
        n += np.uint64(x <= threshold)


@njit(**INLINE)
def smallest(values: Any, need: int, most: int, tail: Any, spare: Any, ranks: Any) -> None:
    """The `need` smallest of `values`, ascending, at the start of `tail`; all three buffers have room for all values.

    A threshold below which `need` to `most` values lie is found by counting, starting from a sample; those are sorted.
    """
    n = values.size
    if n > 4 * SAMPLE and most <= FEW:
        for i in range(SAMPLE):
            spare[i] = values[i * (n // SAMPLE)]
        sort_few(spare, SAMPLE, ranks, tail)
        threshold = tail[min(SAMPLE - 1, (need + most) * SAMPLE // (2 * n))]
        low, high = 2.0 * tail[0] - tail[SAMPLE - 1], tail[SAMPLE - 1]
        for _ in range(ROUNDS):
            found = _at_most(values, threshold)
            if need <= found <= most:
                _keep(values, threshold, spare)
                sort_few(spare, found, ranks, tail)
                return
            if found < need:
                low = threshold
            else:
                high = threshold
            if not low < high:
                break
            threshold = low + 0.5 * (high - low)
    for s in range(n):
        tail[s] = values[s]
    sort_many(tail, n)


@njit(**KERNEL)
def profits_of(book: Any, account: int, out: Any) -> None:
    """Profit of one account in every scenario."""
    starts, contract, quantity, arrays = book
    add_up(starts, contract, quantity, arrays, account, out)


@njit(**INLINE)
def _add_up_few(starts: Any, contract: Any, quantity: Any, arrays: Any, account: int, out: Any) -> None:
    """The same sums as `add_up`, without its preparations, for a few scenarios."""
    scenarios = out.size
    for s in range(scenarios):
        out[s] = 0.0
    for i in range(starts[account], starts[account + 1]):
        held = quantity[i]
        row = arrays[contract[i]]
        for s in range(scenarios):
            out[s] = fused(held, row[s], out[s])


@njit(**INLINE)
def _worst_slice(w: int, of: int, book: Any, profit: Any, out: Any, active: Any) -> None:
    starts, contract, quantity, arrays = book
    accounts = starts.size - 1
    for account in range(accounts * w // of, accounts * (w + 1) // of):
        if profit.size <= SAMPLE:
            _add_up_few(starts, contract, quantity, arrays, account, profit)
        else:
            add_up(starts, contract, quantity, arrays, account, profit)
        at = 0
        least = profit[0]
        for s in range(1, profit.size):
            if profit[s] < least:
                at, least = s, profit[s]
        out[account] = 0.0 - least
        active[account] = at


@njit(**KERNEL)
def worst_serial(book: Any, buffers: Any, out: Any, active: Any) -> None:
    """Largest loss of each account, and the first scenario that has it."""
    for w in range(len(buffers)):
        _worst_slice(w, len(buffers), book, buffers[w, 0], out, active)


@njit(parallel=True, **KERNEL)
def worst_parallel(book: Any, buffers: Any, out: Any, active: Any) -> None:
    """Twin of `worst_serial` on all cores."""
    for w in prange(len(buffers)):
        _worst_slice(w, len(buffers), book, buffers[w, 0], out, active)


@njit(**INLINE)
def _sift_order(values: Any, order: Any, root: int, end: int) -> None:
    moved = order[root]
    child = 2 * root + 1
    while child < end:
        if child + 1 < end and values[order[child + 1]] < values[order[child]]:
            child += 1
        if values[order[child]] >= values[moved]:
            break
        order[root] = order[child]
        root = child
        child = 2 * root + 1
    order[root] = moved


@njit(**INLINE)
def _probable(profit: Any, order: Any, probability: Any, tail: float) -> Any:
    """(the loss at which the probability of the worse ones and itself reaches `tail`, mean of that tail)."""
    n = profit.size
    for s in range(n):
        order[s] = s
    for root in range(n // 2 - 1, -1, -1):
        _sift_order(profit, order, root, n)
    reached = total = loss = 0.0
    while n > 0 and reached < tail:
        s = order[0]
        loss = 0.0 - profit[s]
        total = fused(min(probability[s], tail - reached), loss, total)
        reached += probability[s]
        n -= 1
        order[0] = order[n]
        _sift_order(profit, order, 0, n)
    return loss, total / min(tail, reached)


@njit(**INLINE)
def _probable_slice(w: int, of: int, book: Any, given: Any, profit: Any, order: Any, out: Any) -> None:
    starts, contract, quantity, arrays = book
    probability, tail = given
    accounts = starts.size - 1
    for account in range(accounts * w // of, accounts * (w + 1) // of):
        add_up(starts, contract, quantity, arrays, account, profit)
        out[account, 0], out[account, 1] = _probable(profit, order, probability, tail)


@njit(**KERNEL)
def probable_serial(book: Any, given: Any, buffers: Any, orders: Any, out: Any) -> None:
    """Quantile and tail mean of each account where scenarios have `given` = (probabilities, tail)."""
    for w in range(len(buffers)):
        _probable_slice(w, len(buffers), book, given, buffers[w, 0], orders[w], out)


@njit(parallel=True, **KERNEL)
def probable_parallel(book: Any, given: Any, buffers: Any, orders: Any, out: Any) -> None:
    """Twin of `probable_serial` on all cores."""
    for w in prange(len(buffers)):
        _probable_slice(w, len(buffers), book, given, buffers[w, 0], orders[w], out)

"""Which scenarios hold an account's largest losses: found in float32, with a bound, so that float64 has few to price.

Half the bytes and twice the width of float64. The figures that count are not float32's: it only names candidates, and
their profits are the same float64 chains as everywhere (`scenario_kernel.add_up`), so results keep every bit.

    scale_c ≥ max_s |r_c,s|, a power of two      unit ≥ Σ |q|·scale, a power of two
    x_s = Σ float32(q·scale/unit) · float32(r_s/scale), fused, so that Σ of the terms' sizes is at most 1
    |x_s − profit_s/unit| ≤ e = 1.01·(n + 3)·2⁻²⁴·Σ|q|·scale/unit + 3·(n + 1)·2⁻¹²⁶

A term is rounded three times (quantity, array, product with the sum), each sum once, by 2⁻²⁴ of it; the second part
covers what is too small for float32, and 1.01 the float64 chain's own error. Let `need` scenarios have x ≤ t. Their
profits are at most t + e, so the `need` smallest profits are, and so their x is at most t + 2e: nothing else is priced.
"""

import math
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import float32, intp, njit, prange, uint64
from numba.extending import intrinsic

from marginbook.risk_models.scenario_kernel import INLINE, KERNEL, TILE, add_up, fused, fused_single, smallest, sort_few

SINGLE = 2.0**-24
TINY = 2.0**-126
LEAST, MOST = 2.0**-900, 2.0**900
"""Of Σ|q|·scale: beyond, scaling itself could round."""
SPREAD = 32
"""Scenarios looked at for the first threshold."""
WIDTH = 32
"""Values compared at a time."""
ROUNDS = 12
"""Thresholds tried before float64 does it all, which only ties make necessary."""


@njit(**INLINE)
def _add_up_single(first: int, last: int, contract: Any, held: Any, arrays: Any, out: Any) -> None:
    scenarios = arrays.shape[1]
    for begin in range(0, scenarios, TILE):
        end = min(begin + TILE, scenarios)
        total = out[begin:end]
        for s in range(end - begin):
            total[s] = np.float32(0.0)
        i = first
        while i + 4 <= last:
            q0, q1, q2, q3 = held[i - first], held[i - first + 1], held[i - first + 2], held[i - first + 3]
            r0 = arrays[contract[i], begin:end]
            r1 = arrays[contract[i + 1], begin:end]
            r2 = arrays[contract[i + 2], begin:end]
            r3 = arrays[contract[i + 3], begin:end]
            for s in range(end - begin):
                total[s] = fused_single(
                    q3, r3[s], fused_single(q2, r2[s], fused_single(q1, r1[s], fused_single(q0, r0[s], total[s])))
                )
            i += 4
        while i < last:
            q0 = held[i - first]
            r0 = arrays[contract[i], begin:end]
            for s in range(end - begin):
                total[s] = fused_single(q0, r0[s], total[s])
            i += 1


def _below(typing: Any, values: Any, start: Any, threshold: Any) -> Any:
    """Bit k says whether values[start + k] ≤ threshold, for the `WIDTH` values from `start` on."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        wide = ir.VectorType(ir.FloatType(), WIDTH)
        place = builder.gep(array.data, [arguments[1]])
        loaded = builder.load(builder.bitcast(place, wide.as_pointer()), align=4)
        one = ir.VectorType(ir.FloatType(), 1)
        first = builder.insert_element(ir.Constant(one, ir.Undefined), arguments[2], ir.Constant(ir.IntType(32), 0))
        spread = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
        limits = builder.shuffle_vector(first, ir.Constant(one, ir.Undefined), spread)
        bits = builder.bitcast(builder.fcmp_ordered("<=", loaded, limits), ir.IntType(WIDTH))
        return builder.zext(bits, ir.IntType(64))

    return uint64(values, intp, float32), build


def _bit(name: str) -> Any:
    def typed(typing: Any, bits: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            long = ir.IntType(64)
            if name == "llvm.ctpop":
                return builder.call(
                    builder.module.declare_intrinsic(name, [long], ir.FunctionType(long, [long])), arguments
                )
            kind = ir.FunctionType(long, [long, ir.IntType(1)])
            function = builder.module.declare_intrinsic(name, [long], kind)
            return builder.call(function, [arguments[0], ir.Constant(ir.IntType(1), 1)])

        return uint64(uint64), build

    return typed


below: Any = intrinsic(_below)
set_bits: Any = intrinsic(_bit("llvm.ctpop"))
first_bit: Any = intrinsic(_bit("llvm.cttz"))


@njit(**INLINE)
def _count(values: Any, n: int, threshold: Any) -> Any:
    """How many of the first `n` values are at or below the threshold."""
    found = np.uint64(0)
    whole = n - n % WIDTH
    for s in range(0, whole, WIDTH):
        found += set_bits(below(values, s, threshold))
    for s in range(whole, n):
        found += np.uint64(values[s] <= threshold)
    return np.int64(found)


@njit(**INLINE)
def _keep(values: Any, n: int, limit: Any, places: Any) -> Any:
    """Which of the first `n` values are at or below the limit, into `places`; returns how many."""
    found = 0
    whole = n - n % WIDTH
    for s in range(0, whole, WIDTH):
        bits = below(values, s, limit)
        while bits:
            places[found] = s + np.int64(first_bit(bits))
            found += 1
            bits &= bits - np.uint64(1)
    for s in range(whole, n):
        if values[s] <= limit:
            places[found] = s
            found += 1
    return found


@njit(**INLINE)
def _threshold(values: Any, n: int, least: int, most: int, guess: float, slope: float) -> Any:
    """(a threshold with `least` to `most` of the first `n` values at or below it, how many: 0 where none was found).

    From a guess, by steps of `slope` in the logarithm of the count, and by secants once both sides are known.
    """
    wanted = np.log(0.5 * (least + most))
    low, low_log = -np.inf, 0.0
    high, high_log = np.inf, 0.0
    for _ in range(ROUNDS):
        threshold = np.float32(guess)
        found = _count(values, n, threshold)
        if least <= found <= most:
            return threshold, found
        logarithm = np.log(found + 0.5)
        if found < least:
            low, low_log = guess, logarithm
        else:
            high, high_log = guess, logarithm
        if low > -np.inf and high < np.inf:
            share = (wanted - low_log) / (high_log - low_log)
            guess = low + (high - low) * min(max(share, 0.05), 0.95)
        else:
            guess += slope * (wanted - logarithm)
    return np.float32(guess), 0


@njit(**INLINE)
def _guess(values: Any, share: float) -> Any:
    """(what a normal distribution would have below it with this share, its change per unit of log share)."""
    mean = square = 0.0
    step = max(1, values.size // SPREAD)
    seen = 0
    for s in range(0, values.size, step):
        x = np.float64(values[s])
        mean += x
        square += x * x
        seen += 1
    mean /= seen
    deviation = np.sqrt(max(square / seen - mean * mean, 1e-30))
    depth = np.sqrt(-2.0 * np.log(min(share, 0.98)))
    depth -= np.log(2.5 * depth + 1.0) / (depth + 1.0)
    return mean - deviation * depth, deviation / (1.5 + depth)


@njit(**INLINE)
def _screened(book: Any, singles: Any, account: int, need: int, most: int, room: Any, double: Any) -> bool:
    """The `need` smallest profits of an account, ascending, at the start of `double[0]`; False where ties or scales
    leave it to the caller.

    `room` is (float32 scenarios, float32, int32 and int32 candidates, float32 positions), `double` two rows of float64.
    """
    starts, contract, quantity, arrays = book
    rough, scale = singles
    single, near, places, ranks, held = room
    first, last = starts[account], starts[account + 1]
    gross = 0.0
    for i in range(first, last):
        gross += abs(quantity[i]) * scale[contract[i]]
    if not LEAST < gross < MOST:
        return False
    unit = math.ldexp(1.0, math.frexp(gross)[1])
    for i in range(first, last):
        held[i - first] = np.float32(quantity[i] * scale[contract[i]] / unit)
    _add_up_single(first, last, contract, held, rough, single)
    n = last - first
    error = 1.01 * (n + 3) * SINGLE * (gross / unit) + 3 * (n + 1) * TINY
    guess, slope = _guess(single, need / single.size)
    threshold, found = _threshold(single, single.size, need, most, guess + 0.3 * slope, slope)
    if found == 0:
        return False
    found = _keep(single, single.size, _raised(threshold, 2.0 * error), places)
    if found > 2 * most:
        return False
    for k in range(found):
        near[k] = single[places[k]]
    chosen, tail = double[1], double[0]
    tighter, few = _threshold(near, found, need, need + need // 16 + 2, np.float64(threshold), slope)
    if few:
        few = _keep(near, found, _raised(tighter, 2.0 * error), ranks)
        for k in range(few):
            places[k] = places[ranks[k]]
        found = few
    for k in range(found):
        chosen[k] = 0.0
    for i in range(first, last):
        q, row = quantity[i], arrays[contract[i]]
        for k in range(found):
            chosen[k] = fused(q, row[places[k]], chosen[k])
    sort_few(chosen, found, ranks, tail)
    return True


@njit(**INLINE)
def _raised(threshold: Any, by: float) -> Any:
    """threshold + by, in float32, rounded up."""
    limit = np.float64(threshold) + by
    return np.float32(limit + 2.0 * SINGLE * abs(limit) + TINY)


@njit(**INLINE)
def _ordered(out: Any, account: int, tail: Any, weights: Any) -> None:
    for r in range(weights.shape[0]):
        total = 0.0
        for k in range(weights.shape[1]):
            total = fused(weights[r, k], -tail[k], total)
        out[account, r] = total


@njit(**INLINE)
def _ordered_slice(w: int, of: int, book: Any, singles: Any, weights: Any, most: int, rooms: Any, out: Any) -> None:
    starts, contract, quantity, arrays = book
    accounts, need = starts.size - 1, weights.shape[1]
    profit, tail, spare = rooms[0][w, 0], rooms[0][w, 1], rooms[0][w, 2]
    ranks, single, near, places, held = rooms[1][w], rooms[2][w, 0], rooms[2][w, 1], rooms[3][w], rooms[4][w]
    for account in range(accounts * w // of, accounts * (w + 1) // of):
        if not _screened(book, singles, account, need, most, (single, near, places, ranks, held), (tail, spare)):
            total = profit[: arrays.shape[1]]
            add_up(starts, contract, quantity, arrays, account, total)
            smallest(total, need, most, tail, spare, ranks)
        _ordered(out, account, tail, weights)


@njit(**KERNEL)
def ordered_serial(book: Any, singles: Any, weights: Any, most: int, rooms: Any, out: Any) -> None:
    """out[account, reducer] = Σ_k weights[reducer, k] · (k-th largest loss of the account)."""
    for w in range(len(rooms[1])):
        _ordered_slice(w, len(rooms[1]), book, singles, weights, most, rooms, out)


@njit(parallel=True, **KERNEL)
def ordered_parallel(book: Any, singles: Any, weights: Any, most: int, rooms: Any, out: Any) -> None:
    """Twin of `ordered_serial` on all cores."""
    for w in prange(len(rooms[1])):
        _ordered_slice(w, len(rooms[1]), book, singles, weights, most, rooms, out)

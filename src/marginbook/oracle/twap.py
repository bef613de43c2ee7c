"""Averages over time that pools keep on chain: Uniswap v2 (arithmetic) and v3 (geometric, in ticks).

    v2   accumulated += ⌊reserve_out·2^112 / reserve_in⌋·seconds (mod 2^256);  mean = ⌊difference / seconds⌋ (UQ112.112)
    v3   tick accumulated += tick·seconds (int56);  mean tick = ⌊difference / seconds⌋, price 1.0001^tick
         per_liquidity += ⌊seconds·2^128 / max(liquidity, 1)⌋
         harmonic mean of liquidity = ⌊seconds·(2^160 − 1) / (difference·2^32)⌋

A v3 pool keeps `cardinality` observations, 1 when it is created and at most 65,535: a window that begins before the
oldest is refused, as the pool refuses it (`OLD`). v4 pools keep none. Times are seconds; uint32 clocks may wrap.

Source: Uniswap v2-core UniswapV2Pair.sol, v3-core Oracle.sol, v3-periphery OracleLibrary.sol (read 2026-11),
run beside this in an EVM (tests/evm/test_oracles.py).
"""

from dataclasses import dataclass
from decimal import Decimal

from marginbook.domain.errors import BadInput
from marginbook.exact import CONTEXT, div_floor, mul_div_floor, remainder_floor

Q112, Q128 = 1 << 112, 1 << 128
UINT_32, UINT_256 = 1 << 32, 1 << 256
INT_24, INT_56, UINT_160 = 1 << 24, 1 << 56, 1 << 160
CARDINALITY_MOST = 65_535


def spot_q112(reserve_in: int, reserve_out: int) -> int:
    """reserve_out / reserve_in in UQ112.112, rounded down."""
    if reserve_in <= 0 or reserve_out <= 0:
        raise BadInput("bad_reserves", "reserves", f"{reserve_in}, {reserve_out}", "positive reserves")
    return mul_div_floor(reserve_out, Q112, reserve_in)


def accumulated_q112(before: int, spot: int, seconds: int) -> int:
    """The v2 accumulator `seconds` later.

    >>> accumulated_q112(UINT_256 - 5, 3, 2)
    1
    """
    return remainder_floor(before + spot * seconds, UINT_256)


def mean_q112(start: int, end: int, start_time: int, end_time: int) -> int:
    """The mean between two readings of a v2 accumulator, in UQ112.112, rounded down.

    >>> decoded_q112(mean_q112(0, accumulated_q112(0, spot_q112(5, 10), 60), 4294967290, 54))
    Decimal('2')
    """
    return div_floor(remainder_floor(end - start, UINT_256), _elapsed(start_time, end_time))


def decoded_q112(price: int) -> Decimal:
    """A UQ112.112 number as the decimal that it is, exactly to 128 digits."""
    return CONTEXT.divide(Decimal(price), Decimal(Q112))


def mean_tick(start: int, end: int, seconds: int) -> int:
    """The mean tick between two v3 accumulators, toward minus infinity, cut to int24 as the library cuts it.

    >>> mean_tick(7, 12, 3), mean_tick(-7, -12, 3)
    (1, -2)
    """
    if seconds <= 0:
        raise BadInput("bad_window", "seconds", seconds, "a window of at least a second")
    return _signed(div_floor(_signed(end - start, INT_56), seconds), INT_24)


def harmonic_liquidity(start_x128: int, end_x128: int, seconds: int) -> int:
    """The harmonic mean of liquidity between two readings of seconds per liquidity.

    >>> harmonic_liquidity(0, 10 * Q128 // 500, 10)
    500
    """
    difference = remainder_floor(end_x128 - start_x128, UINT_160)
    if seconds <= 0 or not difference:
        raise BadInput("bad_window", "seconds", seconds, "a window of at least a second")
    return div_floor(seconds * (UINT_160 - 1), difference << 32)


@dataclass(frozen=True, slots=True)
class Observation:
    """What a v3 pool stores once a block in which its tick moved."""

    time: int  # [s], uint32
    tick_accumulated: int = 0
    seconds_per_liquidity_x128: int = 0


@dataclass(frozen=True, slots=True)
class Pool:
    """A v3 pool's memory: observations, oldest first, and how many it keeps."""

    observations: tuple[Observation, ...]
    tick: int
    liquidity: int
    cardinality: int = 1


def created(time: int, tick: int, liquidity: int, cardinality: int = 1) -> Pool:
    """A pool at its first observation; BadInput beyond 65,535."""
    if not 1 <= cardinality <= CARDINALITY_MOST:
        raise BadInput("bad_cardinality", "cardinality", cardinality, f"1 to {CARDINALITY_MOST}")
    return Pool((Observation(time),), tick, liquidity, cardinality)


def moved(pool: Pool, time: int, tick: int, liquidity: int | None = None) -> Pool:
    """The pool after its tick (and liquidity) changed at `time`: one observation a block, the oldest dropped."""
    kept = pool.observations
    if kept[-1].time != time:
        kept = (*kept, _carried(kept[-1], pool, time))[-pool.cardinality :]
    return Pool(kept, tick, pool.liquidity if liquidity is None else liquidity, pool.cardinality)


def oldest_seconds_ago(pool: Pool, now: int) -> int:
    """The longest window that the pool can answer at `now`."""
    return _wrapped(pool.observations[0].time, now)


def observed(pool: Pool, now: int, seconds_ago: int) -> Observation:
    """The accumulators `seconds_ago` before `now`; BadInput `window_too_long` before the oldest observation.

    >>> pool = moved(moved(created(0, 5, 1, 3), 10, 7), 20, 9)
    >>> observed(pool, 30, 15).tick_accumulated, observed(pool, 30, 0).tick_accumulated
    (85, 210)
    """
    most = oldest_seconds_ago(pool, now)
    if not 0 <= seconds_ago <= most:
        raise BadInput("window_too_long", "seconds_ago", seconds_ago, f"at most {most}, the oldest observation")
    behind = [_wrapped(found.time, now) for found in pool.observations]
    at = max(i for i, age in enumerate(behind) if age >= seconds_ago)
    before, target = pool.observations[at], remainder_floor(now - seconds_ago, UINT_32)
    if at == len(behind) - 1:
        return before if behind[at] == seconds_ago else _carried(before, pool, target)
    after, span, into = pool.observations[at + 1], behind[at] - behind[at + 1], behind[at] - seconds_ago
    ticks = _signed(after.tick_accumulated - before.tick_accumulated, INT_56)
    liquid = remainder_floor(after.seconds_per_liquidity_x128 - before.seconds_per_liquidity_x128, UINT_160)
    return Observation(
        target,
        before.tick_accumulated + div_floor(ticks, span) * into,
        before.seconds_per_liquidity_x128 + mul_div_floor(liquid, into, span),
    )


@dataclass(frozen=True, slots=True)
class Consulted:
    """A v3 average: the mean tick and the harmonic mean of liquidity."""

    tick: int
    liquidity: int


def consulted(pool: Pool, now: int, window: int) -> Consulted:
    """The averages over the last `window` seconds, as OracleLibrary.consult gives them.

    >>> consulted(moved(created(0, -10, 500, 2), 10, -11), 20, 20)
    Consulted(tick=-11, liquidity=500)
    """
    start, end = observed(pool, now, window), observed(pool, now, 0)
    return Consulted(
        mean_tick(start.tick_accumulated, end.tick_accumulated, window),
        harmonic_liquidity(start.seconds_per_liquidity_x128, end.seconds_per_liquidity_x128, window),
    )


def _carried(last: Observation, pool: Pool, time: int) -> Observation:
    seconds = _wrapped(last.time, time)
    return Observation(
        time,
        _signed(last.tick_accumulated + pool.tick * seconds, INT_56),
        remainder_floor(
            last.seconds_per_liquidity_x128 + mul_div_floor(seconds, Q128, max(pool.liquidity, 1)), UINT_160
        ),
    )


def _signed(value: int, modulus: int) -> int:
    half = modulus >> 1
    return remainder_floor(value + half, modulus) - half


def _wrapped(start: int, end: int) -> int:
    return remainder_floor(end - start, UINT_32)


def _elapsed(start: int, end: int) -> int:
    seconds = _wrapped(start, end)
    if not seconds:
        raise BadInput("bad_window", "seconds", 0, "a window of at least a second")
    return seconds

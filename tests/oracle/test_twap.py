"""Averages over time: cases of the contracts' own tests, edges of the memory, and a brute-force mean."""

from decimal import Decimal as D

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marginbook.domain.errors import BadInput
from marginbook.oracle.manipulation import arithmetic_spot_factor, attack, capital, spot_factor
from marginbook.oracle.ticks import TICK_MOST, price, quote, sqrt_price_x96, tick_at
from marginbook.oracle.twap import (
    Q112,
    UINT_256,
    Observation,
    Pool,
    accumulated_q112,
    consulted,
    created,
    decoded_q112,
    harmonic_liquidity,
    mean_q112,
    mean_tick,
    moved,
    observed,
    oldest_seconds_ago,
    spot_q112,
)


@pytest.mark.parametrize(
    ("start", "end", "seconds", "expected"),
    [
        (12, 12, 3, 0),
        (7, 12, 3, 1),
        (-7, -12, 3, -2),
        (-10, -12, 4, -1),
        (-100, 36028797018963967, 4, 24),
        (100, -36028797018963967, 4, -25),
    ],
)
def test_mean_ticks_of_the_librarys_own_tests(start: int, end: int, seconds: int, expected: int) -> None:
    """OracleLibrary.spec.ts of Uniswap/v3-periphery: rounding toward minus infinity, accumulators that overflow."""
    assert mean_tick(start, end, seconds) == expected


@pytest.mark.parametrize(
    ("tick", "of_token0", "expected"),
    [
        (-TICK_MOST, True, 1),
        (-TICK_MOST, False, 115783384738768196242144082653949453838306988932806144552194799290216044976282),
        (TICK_MOST, True, 115783384785599357996676985412062652720342362943929506828539444553934033845703),
        (TICK_MOST, False, 1),
    ],
)
def test_quotes_of_the_librarys_own_tests(tick: int, of_token0: bool, expected: int) -> None:
    assert quote(tick, 2**128 - 1, of_token0) == expected


def test_prices_at_ticks_as_the_contracts_state_them() -> None:
    """TickMath.sol: the least and the greatest price; and its first factor."""
    assert sqrt_price_x96(-TICK_MOST) == 4295128739
    assert sqrt_price_x96(TICK_MOST) == 1461446703485210103287273052203988822378723970342
    assert sqrt_price_x96(-1) == (0xFFFCB933BD6FAD37AA2D162D1A594001 >> 32) + 1
    for tick in (-TICK_MOST - 1, TICK_MOST + 1):
        with pytest.raises(BadInput):
            sqrt_price_x96(tick)


@given(st.integers(-TICK_MOST, TICK_MOST - 1))
def test_a_tick_comes_back_from_its_price_and_not_one_unit_below(tick: int) -> None:
    root = sqrt_price_x96(tick)
    assert tick_at(root) == tick
    if tick > -TICK_MOST:
        assert tick_at(root - 1) == tick - 1
    exact = price(tick, 60)
    assert abs(D(root) ** 2 / D(2) ** 192 / exact - 1) < D("1e-9")


def test_a_geometric_price_to_its_last_digit() -> None:
    assert price(2, 9) == D("1.00020001")
    assert price(2, 5) == D("1.0002")
    assert price(-TICK_MOST) * price(TICK_MOST) == pytest.approx(D(1), abs=D("1e-25"))


def test_v2_mean_over_wrapping_clocks_and_accumulators() -> None:
    first, second = spot_q112(3, 10), spot_q112(1, 7)
    assert first == 10 * Q112 // 3
    start = UINT_256 - 1
    end = accumulated_q112(accumulated_q112(start, first, 40), second, 20)
    assert end < start, "the accumulator has wrapped"
    mean = mean_q112(start, end, 2**32 - 10, 50)
    assert mean == (first * 40 + second * 20) // 60
    assert decoded_q112(mean) == pytest.approx(D(10) / 3 * 40 / 60 + D(7) * 20 / 60, abs=D("1e-25"))
    with pytest.raises(BadInput):
        mean_q112(0, 1, 5, 5)


def test_a_new_pool_remembers_nothing_but_its_last_trade() -> None:
    """One observation is what a pool starts with: an hour's average is then not there, whatever is asked."""
    pool = moved(created(0, 10, 1), 5000, 20)
    assert oldest_seconds_ago(pool, 5060) == 60
    assert consulted(pool, 5060, 60).tick == 20
    with pytest.raises(BadInput, match="window_too_long"):
        consulted(pool, 5060, 61)
    with pytest.raises(BadInput, match="window_too_long"):
        consulted(pool, 5060, 3600)
    with pytest.raises(BadInput, match="cardinality"):
        created(0, 0, 1, 65_536)


def test_several_moves_in_a_block_leave_one_observation_of_the_tick_before() -> None:
    pool = moved(moved(moved(created(0, 100, 7, 10), 12, 900), 12, 300), 24, 50)
    assert [found.tick_accumulated for found in pool.observations] == [0, 1200, 1200 + 300 * 12]


def test_the_clock_of_32_bits_wraps() -> None:
    pool = moved(created(2**32 - 10, 5, 1, 2), 10, 8)
    assert pool.observations[-1].tick_accumulated == 100
    assert observed(pool, 15, 25).tick_accumulated == 0
    assert consulted(pool, 15, 25).tick == (5 * 20 + 8 * 5) // 25


def test_liquidity_is_averaged_harmonically() -> None:
    pool = moved(created(0, 0, 100, 2), 10, 1, liquidity=400)
    found = consulted(pool, 20, 20)
    assert found.liquidity == 160  # 20 / (10/100 + 10/400)
    assert harmonic_liquidity(*(observed(pool, 20, ago).seconds_per_liquidity_x128 for ago in (10, 0)), 10) == 400


def test_a_pool_without_liquidity_counts_as_one_unit() -> None:
    pool = moved(created(0, 0, 0, 2), 10, 1)
    assert pool.observations[-1].seconds_per_liquidity_x128 == 10 * 2**128


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(-TICK_MOST, TICK_MOST)), min_size=1, max_size=20),
    st.integers(1, 12),
    st.integers(0, 40),
    st.integers(0, 10**6),
)
def test_the_mean_is_that_of_every_second(
    moves: list[tuple[int, int]], cardinality: int, since: int, window: int
) -> None:
    pool, time, by_second = created(0, 0, 5, cardinality), 0, []
    for seconds, tick in moves:
        by_second += [pool.tick] * seconds
        time += seconds
        pool = moved(pool, time, tick)
    by_second += [pool.tick] * (since + 1)
    now = time + since + 1
    window = 1 + window % oldest_seconds_ago(pool, now)
    assert consulted(pool, now, window).tick == sum(by_second[-window:]) // window
    assert len(pool.observations) <= cardinality


def test_the_memory_is_a_value() -> None:
    pool = Pool((Observation(0),), 1, 1)
    assert moved(pool, 5, 2) is not pool
    assert pool.tick == 1


@pytest.mark.parametrize(("blocks", "expected"), [(1, "7.5e11"), (10, "15.4")])
def test_half_an_hour_moved_by_a_fifth(blocks: int, expected: str) -> None:
    found = spot_factor(D("1.2"), 150, blocks)
    assert abs(found / D(expected) - 1) < D("0.005")


def test_the_factor_does_move_the_mean_of_a_pool() -> None:
    """150 blocks of 12 s, the last ten at the factor: the pool's own average has moved by a fifth, to its tick."""
    factor = spot_factor(D("1.2"), 150, 10)
    top = tick_at(int((factor * 2**192).sqrt()))
    pool = moved(created(0, 0, 10**18, 5), 140 * 12, top)
    mean = consulted(pool, 150 * 12, 150 * 12).tick
    assert price(mean, 8) <= D("1.2") < price(mean + 2, 8)


def test_capital_is_that_of_the_invariant() -> None:
    """x·y = k by hand: 1,000 quote against 10 base, moved to four times the price, then back."""
    y, x, k = D(1000), D(10), D(4)
    put_in, got = y * (k.sqrt() - 1), x * (1 - 1 / k.sqrt())
    assert capital(y, k) == put_in
    assert (y + put_in) / (x - got) == k * y / x
    found = attack(y, D(2), 2, 1)
    assert found.lost_to_arbitrage == pytest.approx(put_in - got * y / x, abs=D("1e-20"))
    assert arithmetic_spot_factor(D(2), 2, 1) == 3
    for wrong in ((D(0), 1, 1), (D(2), 1, 2), (D("NaN"), 1, 1)):
        with pytest.raises(BadInput):
            spot_factor(*wrong)
    with pytest.raises(BadInput):
        arithmetic_spot_factor(D("0.5"), 10, 1)

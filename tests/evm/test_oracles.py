"""Averages on chain against Uniswap's own code: prices at ticks, a v3 pool's memory, a v2 pair's accumulator."""

from random import Random
from typing import Any

import pytest
from oracle_bench.packages import memory as load
from oracle_bench.packages import pair as load_pair
from tools.chain import Chain, calldata

from marginbook.domain.errors import BadInput
from marginbook.oracle import twap
from marginbook.oracle.ticks import TICK_MOST, quote, sqrt_price_x96, tick_at
from marginbook.oracle.twap import (
    accumulated_q112,
    consulted,
    created,
    mean_q112,
    moved,
    observed,
    oldest_seconds_ago,
    spot_q112,
)

pytestmark = pytest.mark.evm

START = 4_294_960_000
"""Close to the end of a clock of 32 bits, so that it wraps in most walks."""


@pytest.fixture(scope="module")
def memory(need: Any) -> Any:
    """The compiled contract."""
    return need(load)


def signed(word: int) -> int:
    """A 256-bit word as a signed number."""
    return word - (1 << 256) if word >> 255 else word


def test_prices_at_ticks_and_back_and_quotes(memory: Any) -> None:
    chain, random = Chain(START), Random(1)
    contract = chain.deploy(memory)
    ticks = [-TICK_MOST, -1, 0, 1, TICK_MOST - 1, *(1 << n for n in range(20) if 1 << n < TICK_MOST)]
    ticks += [random.randint(-TICK_MOST, TICK_MOST - 1) for _ in range(10_000)]
    for tick in ticks:
        (root,) = chain.words(contract, calldata("root(int24)", tick))
        assert sqrt_price_x96(tick) == root, tick
        for price in (root, root + random.randint(0, root >> 15)):
            assert tick_at(price) == signed(chain.words(contract, calldata("tickAt(uint160)", price))[0]), price
        amount, of_token0 = random.getrandbits(random.randint(1, 128)), random.random() < 0.5
        (bought,) = chain.words(contract, calldata("quote(int24,uint128,bool)", tick, amount, of_token0))
        assert quote(tick, amount, of_token0) == bought, (tick, amount, of_token0)


def walk(memory: Any, seed: int, steps: int = 300) -> tuple[int, int]:
    """A pool's memory through moves, pauses and readings; how many were answered, and how many refused."""
    random, time = Random(seed), START + seed * 500
    chain = Chain(time)
    contract = chain.deploy(memory)
    cardinality, tick, liquidity = random.choice((1, 2, 3, 8, 40)), random.randint(-TICK_MOST, TICK_MOST), 10**18
    chain.call(contract, "create(int24,uint128,uint16)", tick, liquidity, cardinality)
    pool = created(time % 2**32, tick, liquidity, cardinality)
    answered = refused = 0
    for _ in range(steps):
        time += random.choice((0, 1, 12, 12, 300))
        chain.set_time(time)
        now = time % 2**32
        if random.random() < 0.6:
            tick = random.randint(-TICK_MOST, TICK_MOST)
            liquidity = random.choice((0, 1, random.getrandbits(60), random.getrandbits(120)))
            chain.call(contract, "move(int24,uint128)", tick, liquidity)
            pool = moved(pool, now, tick, liquidity)
        most = oldest_seconds_ago(pool, now)
        for ago in {0, most, most + 1, random.randint(0, most)}:
            try:
                mine = observed(pool, now, ago)
            except BadInput:
                refused += 1
                with pytest.raises(RuntimeError):
                    chain.words(contract, calldata("observe(uint32[])", [ago]))
                continue
            (ticks,), (liquid,) = chain.view(contract, "observe(uint32[])", ["int56[]", "uint160[]"], [ago])
            assert (mine.tick_accumulated, mine.seconds_per_liquidity_x128) == (ticks, liquid), (seed, time, ago)
            if ago:
                answered += 1
                mean, harmonic = chain.view(contract, "consult(uint32)", ["int24", "uint128"], ago)
                found = consulted(pool, now, ago)
                assert (found.tick, found.liquidity) == (mean, harmonic), (seed, time, ago)
    return answered, refused


@pytest.mark.parametrize("seed", range(16))
def test_a_pools_memory_step_by_step(seed: int, memory: Any) -> None:
    answered, refused = walk(memory, seed)
    assert answered >= 150
    assert refused >= 100


@pytest.mark.parametrize("name", ["_carried", "mean_tick", "harmonic_liquidity"])
def test_planted_mistakes_are_found(name: str, memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    right = getattr(twap, name)

    def wrong(*arguments: Any) -> Any:
        found = right(*arguments)
        if name != "_carried":
            return found + 1
        return twap.Observation(found.time, found.tick_accumulated + 1, found.seconds_per_liquidity_x128)

    monkeypatch.setattr(twap, name, wrong)
    with pytest.raises(AssertionError):
        walk(memory, 3)


def test_a_v2_pairs_accumulator(need: Any) -> None:
    artifacts = need(load_pair)
    random, time = Random(2), START
    chain = Chain(time)
    tokens = [chain.deploy(artifacts["ERC20"], ["uint256"], [1 << 200]) for _ in range(2)]
    pair = chain.deploy(artifacts["UniswapV2Pair"])
    chain.call(pair, "initialize(address,address)", *tokens)
    reserves, model, began = [0, 0], [0, 0], time
    for _ in range(300):
        for side, token in enumerate(tokens):
            added = random.getrandbits(random.randint(1, 100)) + 1
            if reserves[side] + added < 1 << 112:
                chain.call(token, "transfer(address,uint256)", pair, added)
                reserves[side] += added
        chain.call(pair, "sync()")
        seconds = random.choice((1, 12, 600))
        time += seconds
        chain.set_time(time)
        chain.call(pair, "sync()")
        model[0] = accumulated_q112(model[0], spot_q112(reserves[0], reserves[1]), seconds)
        model[1] = accumulated_q112(model[1], spot_q112(reserves[1], reserves[0]), seconds)
        theirs = [chain.words(pair, calldata(f"price{side}CumulativeLast()"))[0] for side in (0, 1)]
        assert model == theirs
    assert time > 1 << 32 > began, "the clock has wrapped"
    assert mean_q112(0, theirs[0], began, time) == theirs[0] // (time - began)

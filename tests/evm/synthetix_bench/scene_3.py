"""The perps markets that the walks start from: other terms for every seed."""

from dataclasses import replace
from decimal import Decimal

from marginbook.exact import WAD
from marginbook.venues.synthetix.interest import Curve
from marginbook.venues.synthetix.parameters import CollateralTerms, Guards, MarketTerms, Parameters
from synthetix_bench.pool_3 import MarketState, Pool

USERS = ("ann", "bob", "cid", "dot")
START = 1_750_000_000
MARKETS = {"ETH": 100, "BTC": 200, "ODD": 300}
SYNTHS = {"sETH": 1, "sBTC": 2, "sODD": 3}
IDS = {**MARKETS, **SYNTHS}
PRICES = {
    "ETH": 2_345 * WAD + 678_901_234_567_890_123,
    "BTC": 61_234 * WAD + 567_890_000_000_000_001,
    "ODD": 123_456_789_012_345_679,
    "sETH": 2_340 * WAD + 123_456_789_012_345_678,
    "sBTC": 61_200 * WAD + 1,
    "sODD": 987_654_321_098_765_433,
}
WEI = Decimal("1E-18")
ETH = MarketTerms(
    initial_margin_ratio=WAD,
    minimum_initial_margin_ratio=2 * WAD // 100,
    maintenance_margin_scalar=WAD // 2,
    minimum_position_margin=50 * WAD + 7,
    flag_reward_ratio=3 * WAD // 10_000,
    skew_scale=1_000_000 * WAD // 997,
    max_funding_velocity=9 * WAD,
    maker_fee=2 * WAD // 10_000,
    taker_fee=5 * WAD // 10_000,
    locked_oi_ratio=WAD // 2 + 1,
    accumulation_multiplier=3 * WAD // 2,
    window_seconds=30,
    max_liquidation_pd=5 * WAD // 1_000,
    tick=WEI,
)
BTC = replace(
    ETH,
    initial_margin_ratio=333_333_333_333_333_333,
    skew_scale=1_237 * WAD + 11,
    maintenance_margin_scalar=2 * WAD // 3,
    minimum_position_margin=0,
    maker_fee=0,
    taker_fee=7 * WAD // 10_000 + 3,
    locked_oi_ratio=WAD // 5,
    accumulation_multiplier=WAD,
    window_seconds=3_600,
    tick=Decimal("0.00000001"),
)
ODD = replace(
    ETH,
    initial_margin_ratio=2 * WAD,
    minimum_initial_margin_ratio=123_456_789_012_345_678,
    skew_scale=30_000_000 * WAD // 7,
    flag_reward_ratio=17 * WAD // 10_000 + 1,
    max_funding_velocity=36 * WAD,
    accumulation_multiplier=0,
    max_liquidation_pd=0,
)
ASSETS = {
    "sETH": CollateralTerms(WAD // 10, WAD // 100, 5 * WAD, 30_000 * WAD // 7),
    "sBTC": CollateralTerms(WAD // 5, 3 * WAD // 1_000, WAD, 200 * WAD // 3),
    "sODD": CollateralTerms(WAD // 5, WAD // 1_000, WAD, 0),
}
GUARDS = Guards(
    min_keeper_reward=2 * WAD,
    min_keeper_profit_ratio=3 * WAD // 10,
    max_keeper_reward=100 * WAD,
    max_keeper_scaling_ratio=WAD // 500,
    collateral_reward_ratio=WAD // 500,
    max_positions=2,
    max_collaterals=3,
)


def scene(seed: int) -> Pool:
    """The empty market of a seed."""
    odd, third = seed % 2, seed % 3
    guards = (
        GUARDS,
        replace(GUARDS, min_keeper_reward=0, min_keeper_profit_ratio=0, collateral_reward_ratio=0, max_positions=3),
        replace(GUARDS, min_keeper_reward=30 * WAD + 1, max_keeper_reward=40 * WAD, max_collaterals=2),
    )[third]
    no_scale = replace(ODD, skew_scale=0, window_seconds=0)
    terms = {"ETH": ETH, "BTC": BTC, "ODD": no_scale if seed % 4 == 0 else ODD}
    curves = (Curve(WAD // 5_000, WAD // 2, WAD // 100), Curve(WAD // 777, 0, WAD // 33), Curve(0, 0, 0))
    return Pool(
        parameters=Parameters(markets=terms, assets=ASSETS, guards=guards, source="the bench"),
        curve=curves[(seed + 1) % 3],
        time=START,
        prices=PRICES,
        markets=dict.fromkeys(MARKETS, MarketState()),
        capacity=20_000_000 * WAD,
        costs=(WAD // 3, WAD // 2 + 1, WAD // 7, WAD // 4 - 1) if third else (0, 0, 0, 0),
        settlement_reward=odd * WAD // 2,
    )

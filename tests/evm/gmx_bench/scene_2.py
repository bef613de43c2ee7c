"""The markets that the walks of v2 start from: production terms, and terms under which every rule counts."""

from dataclasses import dataclass, replace
from typing import Any

from marginbook.units import parse_time
from marginbook.venues.gmx.parameters import Terms, parameters
from marginbook.venues.gmx.power import FLOAT

START = 1_780_000_000
MARKET = "X/USD"
TRADERS = ("ann", "bob", "cid", "dot")
DISCOUNTED = "bob"
UI = "ui"
PERCENT = FLOAT // 100
MILLION = 10**24
"""A factor of one millionth."""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """A market at its start."""

    terms: Terms
    prices: dict[str, int]  # [10^-30 USD per unit]
    pool: tuple[int, int]  # [token units]
    impact_pool: int  # [index token units]
    least_impact_pool: int = 0
    distribution: int = 0  # [10^-30 index token units per second] out of the impact pool
    virtual: int | None = None  # [10^-30 USD, or index token units] of other markets
    discount: int = 0
    ui_factor: int = 0


def usd_price(usd: int, decimals: int) -> int:
    """A price in USD · 10^-4 as the contracts hold it."""
    return usd * 10 ** (26 - decimals)


ETH, USDC, BTC, DOGE = usd_price(30_000_000, 18), usd_price(10_000, 6), usd_price(900_000_000, 8), usd_price(1_234, 8)
HARD = Terms(
    index_token="BTC",
    long_token="WETH",
    short_token="USDC",
    index_decimals=8,
    min_collateral_factor=PERCENT,
    min_collateral_factor_for_liquidation=PERCENT // 2,
    min_collateral_factor_for_open_interest_multiplier=3 * 10**20,
    min_collateral_usd=7 * FLOAT + 13,
    min_position_size_usd=10 * FLOAT,
    position_fee_factor_positive=400 * MILLION + 1,
    position_fee_factor_negative=600 * MILLION + 7,
    liquidation_fee_factor=2_000 * MILLION + 3,
    fee_receiver_factor=37 * PERCENT,
    positive_impact_factor=4 * 10**22,
    negative_impact_factor=8 * 10**22,
    positive_impact_exponent=17 * FLOAT // 10,
    negative_impact_exponent=19 * FLOAT // 10,
    positive_max_impact_factor=PERCENT // 2,
    negative_max_impact_factor=PERCENT,
    max_impact_factor_for_liquidations=PERCENT,
    max_pnl_factor=60 * PERCENT,
    open_interest_in_tokens=True,
    optimal_usage_factor=20 * PERCENT,
    base_borrowing_factor=2 * 10**22,
    above_optimal_borrowing_factor=9 * 10**22,
    skip_borrowing_for_smaller_side=True,
    funding_exponent=FLOAT,
    funding_increase_factor=3 * 10**17,
    funding_decrease_factor=7 * 10**16,
    stable_funding_threshold=20 * PERCENT,
    decrease_funding_threshold=12 * PERCENT,
    min_funding_factor=3 * 10**20,
    max_funding_factor=2 * 10**22,
)
ETHER = replace(HARD, index_token="WETH", index_decimals=18, open_interest_in_tokens=False, min_collateral_usd=0)
FALLING: Any = {"stable_funding_threshold": 70 * PERCENT, "decrease_funding_threshold": 50 * PERCENT}
ONE = replace(ETHER, short_token="WETH", short_decimals=18, **FALLING)
PLAIN = replace(
    ETHER,
    optimal_usage_factor=0,
    borrowing_factor=3 * 10**22,
    borrowing_exponent=FLOAT + PERCENT,
    skip_borrowing_for_smaller_side=False,
    funding_increase_factor=0,
    funding_factor=2 * 10**22,
    funding_exponent=FLOAT - 5 * PERCENT,
    negative_impact_exponent=2 * FLOAT,
)
DOG = replace(HARD, index_token="DOGE", max_pnl_factor=3 * PERCENT, **FALLING)
FACTOR = 8 * 10**23
STEEP = replace(
    ETHER,
    negative_impact_factor=FACTOR,
    positive_impact_factor=FACTOR,
    positive_impact_exponent=19 * FLOAT // 10,
    max_pnl_factor=5 * PERCENT,
    skip_borrowing_for_smaller_side=False,
)
TWO = {"WETH": ETH, "USDC": USDC}
POOL = (2_500 * 10**18, 6_000_000 * 10**6)
BOTH = replace(ONE, open_interest_in_tokens=True, max_pnl_factor=6 * PERCENT)


def scene(seed: int) -> Setup:
    """The market of a seed."""
    production = parameters("2", parse_time("2026-10-01")).terms_of("ETH/USD")
    production = replace(production, max_pnl_factor=10 * PERCENT, base_borrowing_factor=10**22)
    first = Setup(terms=production, prices=TWO, pool=POOL, impact_pool=50 * 10**18, virtual=2_000_000 * FLOAT)
    ether = {"WETH": ETH}
    found = (
        first,
        Setup(terms=HARD, prices={**TWO, "BTC": BTC}, pool=POOL, impact_pool=10**8, discount=5 * PERCENT),
        Setup(terms=ONE, prices=ether, pool=(4_001 * 10**18,) * 2, impact_pool=10**18),
        replace(first, terms=PLAIN, virtual=-500_000 * FLOAT, discount=10 * PERCENT, ui_factor=100 * MILLION),
        Setup(terms=DOG, prices={**TWO, "DOGE": DOGE}, pool=POOL, impact_pool=10**11, virtual=-(10**15)),
        Setup(terms=STEEP, prices=TWO, pool=POOL, impact_pool=10**17, distribution=10**46, ui_factor=MILLION),
        Setup(terms=BOTH, prices=ether, pool=(3_001 * 10**18,) * 2, impact_pool=10**17, virtual=10**20),
        replace(
            first, terms=replace(ETHER, **FALLING), virtual=None, discount=3 * PERCENT + 1, least_impact_pool=10**9
        ),
    )
    return found[(seed - 1) % len(found)]

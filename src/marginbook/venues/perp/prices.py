"""The mark price and the growth of the premium of Perpetual Protocol v2, from a pool's ticks and index prices.

    price of a root    ⌊⌊root² / 2^96⌋ · 1e18 / 2^96⌋, root = √price · 2^96
    mean root          root at tick trunc(Σ tick · seconds / window); the root now where the window is below 10 s
    mark price         median(mean 15 s, mean 30 min, index + mean 15 min − index mean 15 min)
    premium growth     + clamp(⌊mean root² / 2^96⌋ − ⌊index mean · 2^96 / 1e18⌋, ± ⌊index mean X96 · 10 %⌋) · seconds

Prices are integers of 10^-18, growth [quote per base · seconds · 2^96]. The growth's means run over 15 minutes, or
from the market's first trade where that is later (a window of 0: both prices now). Source: perpetual-protocol/
perp-curie-contract `AccountBalance._getMarkPrice`, `Exchange._getFundingGrowthGlobalAndTwaps`, commit d520bd8e2c42
(2024-09-11); run beside this in an EVM (tests/evm/test_perp.py).
"""

from marginbook.exact import div_trunc, mul_div_floor
from marginbook.oracle.ticks import sqrt_price_x96
from marginbook.oracle.twap import Pool, observed
from marginbook.venues.perp.model import RATIO, UNIT

Q96 = 2**96
MARKET_NOW = 15
MARKET_WINDOW = 1_800
PREMIUM_WINDOW = 900
SHORTEST_WINDOW = 10
"""Below so many seconds a window is none."""
MAX_FUNDING_RATE = 100_000
"""[10^-6] of the index price that the premium counts at most."""


def price_x96(root: int) -> int:
    """⌊root² / 2^96⌋.

    >>> price_x96(3 * Q96) == 9 * Q96
    True
    """
    return mul_div_floor(root, root, Q96)


def price_of_root(root: int) -> int:
    """Price [10^-18] of √price · 2^96.

    >>> price_of_root(40 * Q96) == 1600 * UNIT
    True
    """
    return mul_div_floor(price_x96(root), UNIT, Q96)


def mean_root(pool: Pool, root: int, now: int, window: int) -> int:
    """√price · 2^96 at the pool's mean tick of the last `window` seconds; BadInput beyond its oldest observation."""
    if window < SHORTEST_WINDOW:
        return root
    ticks = observed(pool, now, 0).tick_accumulated - observed(pool, now, window).tick_accumulated
    return sqrt_price_x96(div_trunc(ticks, window))


def mark_price(pool: Pool, root: int, now: int, index: int, index_mean: int) -> int:
    """The reference price of an open market; `index_mean` over the premium's window."""
    market, long, premium = (
        price_of_root(mean_root(pool, root, now, window)) for window in (MARKET_NOW, MARKET_WINDOW, PREMIUM_WINDOW)
    )
    return sorted((market, long, index + premium - index_mean))[1]


def premium_growth(root: int, index_mean: int, seconds: int, max_rate: int = MAX_FUNDING_RATE) -> int:
    """What the premium's growth gains in `seconds`; `root` and `index_mean` are those of `premium_window`.

    >>> premium_growth(40 * Q96, 1500 * UNIT, 10) == 10 * 100 * Q96  # 1600 against 1500
    True
    >>> premium_growth(40 * Q96, 1000 * UNIT, 10) == 10 * 100 * Q96  # at most a tenth of 1000
    True
    """
    known = mul_div_floor(index_mean, Q96, UNIT)
    most = mul_div_floor(known, max_rate, RATIO)
    return min(max(price_x96(root) - known, -most), most) * seconds


def premium_window(first_trade: int | None, now: int) -> int:
    """Seconds over which the growth's means run.

    >>> premium_window(None, 100), premium_window(90, 100), premium_window(90, 9000)
    (0, 10, 900)
    """
    return 0 if first_trade is None else min(PREMIUM_WINDOW, now - first_trade)

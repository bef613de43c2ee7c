"""Interest per block: utilisation, the kinked rate, and one simple accrual over the blocks that passed.

Source: compound-finance/compound-protocol a3214f6 (JumpRateModelV2, CToken); every step truncates.
"""

from dataclasses import replace

from marginbook.exact import WAD, mul_div_floor
from marginbook.venues.compound.v2.state import Market, MarketConfig, Pool, RateModel, require

RATE_MAX = 5 * 10**12
"""Highest borrow rate per block that accrues, 0.0005 %."""


def utilisation(cash: int, borrows: int, reserves: int) -> int:
    """Share of the supply that is lent out [mantissa].

    >>> utilisation(25, 75, 0)
    750000000000000000
    """
    if borrows == 0:
        return 0
    require(cash + borrows > reserves, "MATH")
    return mul_div_floor(borrows, WAD, cash + borrows - reserves)


def borrow_rate(rates: RateModel, cash: int, borrows: int, reserves: int) -> int:
    """Borrow rate per block [mantissa].

    >>> borrow_rate(RateModel(base=10**9, multiplier=2 * 10**10, jump=5 * 10**11, kink=8 * 10**17), 10, 90, 0)
    67000000000
    """
    used = utilisation(cash, borrows, reserves)
    if used <= rates.kink:
        return mul_div_floor(used, rates.multiplier, WAD) + rates.base
    normal = mul_div_floor(rates.kink, rates.multiplier, WAD) + rates.base
    return mul_div_floor(used - rates.kink, rates.jump, WAD) + normal


def supply_rate(config: MarketConfig, market: Market) -> int:
    """Supply rate per block [mantissa]; 0 where totals or rates are unknown."""
    if market.cash is None or config.rates is None:
        return 0
    lent = borrow_rate(config.rates, market.cash, market.borrows, market.reserves)
    to_pool = mul_div_floor(lent, WAD - config.reserve_factor, WAD)
    return mul_div_floor(utilisation(market.cash, market.borrows, market.reserves), to_pool, WAD)


def accrued(config: MarketConfig, market: Market, block: int) -> Market:
    """The market as of `block`; unchanged where totals or rates are unknown, or nothing has passed."""
    if market.cash is None or config.rates is None or market.block == block:
        return market
    rate = borrow_rate(config.rates, market.cash, market.borrows, market.reserves)
    require(rate <= RATE_MAX, "borrow rate is absurdly high")
    factor = rate * (block - market.block)
    interest = mul_div_floor(factor, market.borrows, WAD)
    return replace(
        market,
        borrows=market.borrows + interest,
        reserves=mul_div_floor(config.reserve_factor, interest, WAD) + market.reserves,
        index=mul_div_floor(factor, market.index, WAD) + market.index,
        block=block,
    )


def touch(pool: Pool, asset: str) -> Pool:
    """The pool with one market accrued: the others keep what they stored."""
    market = accrued(pool.configs[asset], pool.markets[asset], pool.block)
    return pool if market is pool.markets[asset] else pool.with_market(asset, market)


def all_touched(pool: Pool) -> Pool:
    """The pool with every market accrued: what the account would look like if somebody poked them all."""
    for asset in pool.markets:
        pool = touch(pool, asset)
    return pool

"""Liquidation of one debt against one market's cTokens.

seizeTokens = ((incentive · price of debt) / (price of collateral · exchange rate)) · repaid, truncated at each step
protocol    = seizeTokens · 2.8 %, whose underlying becomes reserves; the liquidator gets the rest (Venus: all)
"""

from dataclasses import dataclass, replace

from marginbook.exact import WAD, div_floor, mul_div_floor
from marginbook.venues.compound.v2.actions import repaid as after_payment
from marginbook.venues.compound.v2.interest import touch
from marginbook.venues.compound.v2.liquidity import liquidity
from marginbook.venues.compound.v2.state import ALL, Pool, exchange_rate, owed, require

LIQUIDATOR = "liquidator"


@dataclass(frozen=True, slots=True)
class Liquidation:
    """What one call did."""

    repaid: int  # [debt units]
    seized: int  # [cTokens] taken from the borrower
    protocol: int  # [cTokens] of these, burnt for reserves
    liquidator_value: int  # [collateral units] of the liquidator's cTokens, rounded down
    protocol_value: int  # [collateral units] added to reserves


def incentive_of(pool: Pool, collateral: str) -> int:
    """Liquidation incentive [mantissa]: the collateral's own, or the pool's."""
    return pool.configs[collateral].incentive or pool.incentive


def protocol_tokens(pool: Pool, seized: int) -> int:
    """The protocol's part of seized cTokens, rounded down."""
    return mul_div_floor(seized, pool.version.seize_share, WAD)


def seize_ratio(pool: Pool, debt: str, collateral: str) -> int:
    """cTokens seized per unit repaid [mantissa]."""
    require(pool.prices[debt] != 0 and pool.prices[collateral] != 0, "PRICE_ERROR")
    rate = exchange_rate(pool.configs[collateral], pool.markets[collateral])
    numerator = mul_div_floor(incentive_of(pool, collateral), pool.prices[debt], WAD)
    denominator = mul_div_floor(pool.prices[collateral], rate, WAD)
    require(denominator != 0, "MATH")
    return mul_div_floor(numerator, WAD, denominator)


def close_limit(pool: Pool, name: str, debt: str) -> int:
    """Most that one call may repay by the close factor; a deprecated market's debt may be repaid whole."""
    balance = owed(pool, name, debt)
    return balance if pool.configs[debt].deprecated else mul_div_floor(pool.close_factor, balance, WAD)


def largest_call(pool: Pool, name: str, collateral: str, debt: str) -> int:
    """Most that one call may repay now: close factor, and cTokens that are there to seize."""
    pool = touch(touch(pool, debt), collateral)
    ratio = seize_ratio(pool, debt, collateral)
    most = close_limit(pool, name, debt)
    if ratio == 0:
        return most
    return min(most, div_floor((pool.user(name).position(collateral).tokens + 1) * WAD - 1, ratio))


def liquidate(pool: Pool, name: str, collateral: str, debt: str, amount: int) -> tuple[Pool, Liquidation]:
    """Repay `amount` of `debt` for the borrower and seize cTokens of `collateral`."""
    pool = touch(touch(pool, debt), collateral)
    balance = owed(pool, name, debt)
    if pool.configs[debt].deprecated:
        require(balance >= amount, "Can not repay more than the total borrow")
    else:
        require(liquidity(pool, name, threshold=True).shortfall > 0, "INSUFFICIENT_SHORTFALL")
        require(amount <= mul_div_floor(pool.close_factor, balance, WAD), "TOO_MUCH_REPAY")
    require(amount != 0, "LiquidateCloseAmountIsZero")
    require(amount != ALL, "LiquidateCloseAmountIsUintMax")
    pool = after_payment(pool, name, debt, amount)
    seized = mul_div_floor(seize_ratio(pool, debt, collateral), amount, WAD)
    held = pool.user(name).position(collateral)
    require(held.tokens >= seized, "LIQUIDATE_SEIZE_TOO_MUCH")
    if pool.version.seizes_entered_only:
        require(collateral in pool.user(name).entered, "token seizure failed")
    market = pool.markets[collateral]
    rate = exchange_rate(pool.configs[collateral], market)
    protocol = protocol_tokens(pool, seized)
    kept = mul_div_floor(rate, protocol, WAD)
    pool = pool.with_market(
        collateral, replace(market, reserves=market.reserves + kept, supply=market.supply - protocol)
    )
    pool = pool.with_position(name, collateral, replace(held, tokens=held.tokens - seized))
    winner = pool.user(LIQUIDATOR).position(collateral)
    pool = pool.with_position(LIQUIDATOR, collateral, replace(winner, tokens=winner.tokens + seized - protocol))
    return pool, Liquidation(amount, seized, protocol, mul_div_floor(rate, seized - protocol, WAD), kept)

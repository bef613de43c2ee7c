"""Perps v3: margins of a position, value of collateral, rewards of keepers. Integers of 10^-18 throughout.

    impact                |size| / skew scale
    initial ratio         impact · initial_margin_ratio + minimum_initial_margin_ratio
    maintenance ratio     initial ratio · maintenance_margin_scalar
    initial margin        |size| · price · initial ratio + minimum_position_margin      (maintenance likewise)
    discount              clamp(amount / spot skew scale · scalar, lower, upper)
    collateral            amount · price · (1 − discount)

Source: `PerpsMarketConfiguration.sol`, `GlobalPerpsMarketConfiguration.sol`, `PerpsCollateralConfiguration.sol` and
`AsyncOrder.sol` of Synthetixio/synthetix-v3 (MIT), commit 23585f73 of 2025-06-12. Every product is cut toward zero.
"""

from dataclasses import dataclass

from marginbook.exact import WAD, div_ceil, div_floor
from marginbook.venues.synthetix.parameters import CollateralTerms, Guards, MarketTerms
from marginbook.venues.synthetix.wad import div, mul


@dataclass(frozen=True, slots=True)
class Required:
    """Margins that one position asks for [wad]."""

    initial_ratio: int
    maintenance_ratio: int
    initial: int
    maintenance: int


def required_margins(terms: MarketTerms, size: int, price: int) -> Required:
    """Ratios and margins; all 0 without a position. The minimum margin is added to both and not scaled.

    Short 1 BTC at 30,000, skew scale 100, ratios 2 and 1 %, scalar 0.5: 1/100 · 2 + 0.01 = 3 % of 30,000.

    >>> terms = MarketTerms(skew_scale=100 * WAD, initial_margin_ratio=2 * WAD,
    ...     minimum_initial_margin_ratio=WAD // 100, maintenance_margin_scalar=WAD // 2)
    >>> found = required_margins(terms, -WAD, 30_000 * WAD)
    >>> found.initial == 900 * WAD, found.maintenance == 450 * WAD
    (True, True)
    """
    if not size:
        return Required(0, 0, 0, 0)
    impact = div(abs(size), terms.skew_scale) if terms.skew_scale else 0
    initial_ratio = mul(impact, terms.initial_margin_ratio) + terms.minimum_initial_margin_ratio
    maintenance_ratio = mul(initial_ratio, terms.maintenance_margin_scalar)
    notional = mul(abs(size), price)
    return Required(
        initial_ratio,
        maintenance_ratio,
        mul(notional, initial_ratio) + terms.minimum_position_margin,
        mul(notional, maintenance_ratio) + terms.minimum_position_margin,
    )


def fill_price(skew: int, skew_scale: int, size_change: int, price: int) -> int:
    """Mean of the prices with premium before and after the trade; below 0 the contracts refuse it.

    Buying 1 at 1,000 with skew 0 of a scale of 100,000 fills at 1,000.005.

    >>> fill_price(0, 100_000 * WAD, WAD, 1000 * WAD)
    1000005000000000000000
    """
    if not skew_scale:
        return price
    before = price + mul(price, div(skew, skew_scale))
    after = price + mul(price, div(skew + size_change, skew_scale))
    return div_floor(before + after, 2)


def order_fee(terms: MarketTerms, skew: int, size_change: int, filled_at: int) -> int:
    """Maker fee for what reduces the skew, taker fee for what increases it.

    >>> terms = MarketTerms(maker_fee=WAD // 10_000, taker_fee=WAD // 1_000)
    >>> order_fee(terms, 5 * WAD, -8 * WAD, 100 * WAD) == 5 * WAD // 100 + 3 * WAD // 10
    True
    """
    notional = mul(size_change, filled_at)
    if _same_side(skew + size_change, skew):
        return abs(mul(notional, terms.taker_fee if _same_side(notional, skew) else terms.maker_fee))
    taker = mul(mul(abs(skew + size_change), filled_at), terms.taker_fee)
    return taker + mul(mul(abs(skew), filled_at), terms.maker_fee)


def _same_side(a: int, b: int) -> bool:
    return not a or not b or (a > 0) == (b > 0)


def collateral_value(terms: CollateralTerms, amount: int, price: int, discounted: bool) -> int:
    """Value of a synth [wad]: discounted for the available margin, in full for rewards and a plain withdrawal.

    100 sWETH at 2,000, spot skew scale 350,000, scalar 1: 100/350,000 is below the least discount of 1 %.

    >>> terms = CollateralTerms(WAD // 10, WAD // 100, WAD, 350_000 * WAD)
    >>> collateral_value(terms, 100 * WAD, 2000 * WAD, True) == 198_000 * WAD
    True
    """
    discount = 0
    if discounted and terms.spot_skew_scale:
        impact = mul(div(amount, terms.spot_skew_scale), terms.discount_scalar)
        discount = min(max(impact, terms.lower_limit_discount), terms.upper_limit_discount)
    return mul(mul(amount, price), WAD - discount)


def keeper_reward(guards: Guards, reward: int, cost: int, collateral: int) -> int:
    """What a keeper is paid for `reward` and `cost`: at least cost + profit, at most a share of the collateral.

        min(max(cost + minimum, cost · (1 + profit ratio), reward + cost), most),
        most = maximum, or min(collateral · scaling ratio, maximum) where there is collateral

    Reward 5, costs 3,333 + 5,555 wei, minimum 8, maximum 10, half a percent of 10,000 at most: 8 and the costs.

    >>> guards = Guards(8 * WAD, WAD // 200, 10 * WAD, WAD // 200)
    >>> keeper_reward(guards, 5 * WAD, 8888, 10_000 * WAD)
    8000000000000008888
    """
    least = max(cost + guards.min_keeper_reward, mul(cost, WAD + guards.min_keeper_profit_ratio))
    most = guards.max_keeper_reward
    if collateral:
        most = min(mul(collateral, guards.max_keeper_scaling_ratio), most)
    return min(max(least, reward + cost), most)


def max_liquidation_in_window(terms: MarketTerms) -> int:
    """Most that may be liquidated in a window [wad units]; 0 is no limit.

    Fees 0.7 % + 0.3 %, skew scale 1,000, multiplier 1, 10 s: 100.

    >>> terms = MarketTerms(maker_fee=7 * WAD // 1000, taker_fee=3 * WAD // 1000, skew_scale=1000 * WAD,
    ...     accumulation_multiplier=WAD, window_seconds=10)
    >>> max_liquidation_in_window(terms) == 100 * WAD
    True
    """
    per_second = mul(mul(terms.maker_fee + terms.taker_fee, terms.skew_scale), terms.accumulation_multiplier)
    return per_second * terms.window_seconds


def liquidation_windows(terms: MarketTerms, size: int) -> int:
    """Windows that liquidating `size` takes, rounded up; 0 without a limit."""
    most = max_liquidation_in_window(terms)
    return div_ceil(abs(size), most) if most else 0


@dataclass(frozen=True, slots=True)
class Window:
    """What is known of a market's liquidations when one more is asked for."""

    liquidated: int  # [wad] within the window that ends now
    in_this_second: bool  # the latest liquidation carries this second's time
    skew: int  # [wad]


def liquidatable_amount(terms: MarketTerms, requested: int, window: Window) -> int:
    """Part of `requested` [wad] that may be liquidated now.

    Capacity = what the window allows − what it has seen. Without any left, one more window is allowed where
    |skew| / skew scale is below `max_liquidation_pd` and nothing was liquidated in the same second.

    >>> terms = MarketTerms(maker_fee=WAD // 100, skew_scale=1000 * WAD, accumulation_multiplier=WAD, window_seconds=10)
    >>> liquidatable_amount(terms, 150 * WAD, Window(60 * WAD, False, 0)) == 40 * WAD
    True
    """
    most = max_liquidation_in_window(terms)
    if not most:
        return requested
    capacity = max(0, most - window.liquidated)
    if capacity:
        return min(capacity, requested)
    premium = div(abs(window.skew), terms.skew_scale)
    calm = terms.max_liquidation_pd and not window.in_this_second and premium < terms.max_liquidation_pd
    return min(most, requested) if calm else 0

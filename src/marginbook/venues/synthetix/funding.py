"""Funding of a market, as both versions accrue it: a rate that moves with the skew, a value that sums it up.

    proportional skew   clamp(skew / skew scale, −1, 1)
    velocity            proportional skew · max_funding_velocity                  [per day²]
    rate                last rate + velocity · days                               [per day]
    unrecorded          −(last rate + rate) / 2 · days · price                    [quote per unit]
    value               recorded + unrecorded;  a position receives size · (value − value at its last change)

Source: `PerpsMarket.sol` (v3), `PerpsV2MarketBase.sol` (v2): the same formulas. Recorded value: the growth index
(synthetix, market, "funding"), which longs pay, so it is the venue's value with the sign turned; else the state
`funding_value`; else 0. Nothing is unrecorded unless the state has `funding_time` [s], with `funding_rate`, `skew`.
"""

from marginbook.domain.market import Market
from marginbook.exact import WAD, div_floor
from marginbook.units import MICROSECONDS
from marginbook.venues.synthetix.wad import DAY_SECONDS, VENUE, div, mul, state_seconds, state_wad


def velocity(skew: int, skew_scale: int, max_velocity: int) -> int:
    """Change of the funding rate per day [wad].

    >>> velocity(-25 * WAD, 100 * WAD, 9 * WAD) == -9 * WAD // 4, velocity(5, 0, WAD)
    (True, 0)
    """
    if not skew_scale:
        return 0
    return mul(min(max(-WAD, div(skew, skew_scale)), WAD), max_velocity)


def rate_after(rate: int, velocity_now: int, seconds: int) -> int:
    """Funding rate per day [wad] `seconds` after it was `rate`.

    >>> rate_after(WAD // 100, -WAD // 50, 43_200)
    0
    """
    return rate + mul(velocity_now, div(seconds, DAY_SECONDS))


def unrecorded(rate: int, velocity_now: int, seconds: int, price: int) -> int:
    """Funding value [wad] since the last record.

    A rate of 0.01 a day without skew for a day at 2,000: −(0.01 + 0.01) / 2 · 1 · 2000 = −20 per unit.

    >>> unrecorded(WAD // 100, 0, 86_400, 2000 * WAD) == -20 * WAD
    True
    """
    days = div(seconds, DAY_SECONDS)
    average = div(-(rate + rate_after(rate, velocity_now, seconds)), 2 * WAD)
    return mul(mul(average, days), price)


def moves_with_time(market: Market, name: str) -> bool:
    """Whether the state tells since when funding is unrecorded."""
    return state_seconds(market, name, "funding_time") is not None


def funding_value(market: Market, name: str, skew_scale: int, max_velocity: int, price: int, at: int) -> int:
    """Accrued funding per unit of `name` at `at` [µs UTC], as wad; positive is what longs have received."""
    index = market.indices.get((VENUE, name, "funding"))
    recorded = -index.value_raw if index is not None else state_wad(market, name, "funding_value", 0)
    since = state_seconds(market, name, "funding_time")
    if since is None:
        return recorded
    seconds = max(0, div_floor(at, MICROSECONDS) - since)
    speed = velocity(state_wad(market, name, "skew", 0), skew_scale, max_velocity)
    return recorded + unrecorded(state_wad(market, name, "funding_rate", 0), speed, seconds, price)

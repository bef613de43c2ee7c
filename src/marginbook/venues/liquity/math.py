"""Fixed-point arithmetic of Liquity: collateral ratios, the borrowing fee and its decay. WAD = 10^18.

Source: formulas of liquity/dev 87345cc (`LiquityMath`, `TroveManager`), April 2021, confirmed on recorded numbers of
those contracts (`tests/vectors/liquity`).
"""

from marginbook.exact import WAD, div_floor, mul_div_floor, rpow_half_up

INFINITE_RATIO = 2**256 - 1
"""Ratio of a trove without debt."""
MOST_MINUTES = 525_600_000
MINUTE = 60


def ratio(collateral: int, debt: int, price: int) -> int:
    """Collateral ratio [wad]: ⌊collateral·price / debt⌋.

    >>> ratio(10 * WAD, 10_000 * WAD, 1_100 * WAD) == 11 * 10**17
    True
    """
    return mul_div_floor(collateral, price, debt) if debt else INFINITE_RATIO


def decayed(base_rate: int, seconds: int, minute_factor: int) -> int:
    """The base rate [wad] after `seconds`: ⌊base·factor^minutes⌋, whole minutes, each product rounded half up.

    Half is left after twelve hours:

    >>> decayed(WAD // 20, 12 * 3600, 999037758833783000)
    24999999999993004
    """
    minutes = min(div_floor(seconds, MINUTE), MOST_MINUTES)
    return mul_div_floor(base_rate, rpow_half_up(minute_factor, minutes, WAD), WAD)


def borrowing_fee(amount: int, base_rate: int, floor: int, cap: int) -> int:
    """Fee [LUSD wad] of a draw: ⌊amount·min(floor + base rate, cap)⌋.

    >>> borrowing_fee(1_000 * WAD, 0, WAD // 200, WAD // 20) == 5 * WAD
    True
    """
    return mul_div_floor(min(floor + base_rate, cap), amount, WAD)

"""Perps v3: interest of the whole system, per dollar of locked open interest.

    utilisation         min(Σ size · price · locked_oi_ratio / delegated collateral, 1); 1 where nothing is delegated
    rate                low · min(utilisation, breakpoint) · 100 + high · max(0, utilisation − breakpoint) · 100
    accrued             recorded + rate · seconds / year

The venue computes a new rate whenever a position changes, a debt is paid or somebody asks for it. Source:
`InterestRate.sol`, `GlobalPerpsMarket.sol` at 23585f73 (2025-06-12). State of `system`: `interest_accrued`,
`interest_rate` [per year], `interest_time` [s]; without a time nothing accrues.
"""

from dataclasses import dataclass

from marginbook.domain.market import Market
from marginbook.exact import WAD, div_floor
from marginbook.units import MICROSECONDS
from marginbook.venues.synthetix.parameters import SYSTEM
from marginbook.venues.synthetix.wad import div, mul, state_seconds, state_wad

YEAR_SECONDS = 31_557_600
"""Seconds of an average year, in which interest rates are quoted."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Interest per percentage point of utilisation [wad]; without gradients and breakpoint there is none."""

    low: int
    breakpoint: int
    high: int

    @property
    def charges(self) -> bool:
        """Whether any interest is due at all."""
        return bool(self.low or self.breakpoint or self.high)

    def rate(self, used: int) -> int:
        """Rate per year [wad] at a utilisation [wad].

        A gradient of 0.0003 up to 40 %, 0.05 beyond: at 50 % · 100 a year 0.012 + 0.5.

        >>> Curve(WAD * 3 // 10_000, WAD * 2 // 5, WAD // 20).rate(WAD // 2) == WAD * 512 // 1_000
        True
        """
        if used < self.breakpoint:
            return mul(self.low, used) * 100
        return mul(self.high, used - self.breakpoint) * 100 + mul(self.low, self.breakpoint) * 100


def utilisation(locked: int, delegated: int) -> int:
    """Share of the delegated collateral that open positions lock [wad], at most 1.

    >>> utilisation(30 * WAD, 40 * WAD) * 4 == 3 * WAD, utilisation(50, 40) == WAD, utilisation(0, -1) == WAD
    (True, True, True)
    """
    return min(div(locked, delegated), WAD) if delegated > 0 else WAD


def accrued(recorded: int, rate: int, seconds: int) -> int:
    """Interest per dollar [wad] `seconds` after the record.

    >>> accrued(5, WAD // 10, YEAR_SECONDS) == 5 + WAD // 10
    True
    """
    return recorded + mul(rate, div(seconds, YEAR_SECONDS))


def interest_per_dollar(market: Market, at: int) -> int:
    """Interest accrued per dollar of locked interest at `at` [µs UTC]."""
    recorded = state_wad(market, SYSTEM, "interest_accrued", 0)
    since = state_seconds(market, SYSTEM, "interest_time")
    if since is None:
        return recorded
    seconds = max(0, div_floor(at, MICROSECONDS) - since)
    return accrued(recorded, state_wad(market, SYSTEM, "interest_rate", 0), seconds)

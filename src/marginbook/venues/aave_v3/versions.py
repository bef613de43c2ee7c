"""What differs between the versions of Aave, as data: rounding functions, formulas and switches.

Every version is written as its difference to the one before. Only versions whose every number was compared with the
contracts are listed (`docs/venues/aave.md`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from marginbook.exact import BASIS_POINTS, WAD, div_floor, mul_div_ceil, mul_div_floor
from marginbook.venues.aave_v3.math import (
    binomial_interest_2,
    binomial_interest_3_0,
    percent_div_ceil,
    percent_div_half_up,
    percent_mul_ceil,
    percent_mul_floor,
    percent_mul_half_up,
    ray_div_ceil,
    ray_div_floor,
    ray_div_half_up,
    ray_mul_ceil,
    ray_mul_floor,
    ray_mul_half_up,
    taylor_interest_3_4,
)

Operation = Callable[[int, int], int]


def debt_accrued_as_difference(scaled: int, before: int, after: int) -> int:
    """Interest of a reserve [token units], to 3.4: difference of two half-up products."""
    return ray_mul_half_up(scaled, after) - ray_mul_half_up(scaled, before)


def debt_accrued_floor(scaled: int, before: int, after: int) -> int:
    """Interest of a reserve [token units], from 3.5: scaled debt times the growth of the index, rounded down."""
    return ray_mul_floor(scaled, after - before)


def overall_rate_weighted(debt: int, rate: int) -> int:
    """The 3.0 average of variable and stable rates; with no stable debt it may still move the last digit."""
    weight = debt * 10**9
    return ray_div_half_up(ray_mul_half_up(weight, rate), weight)


def overall_rate_plain(debt: int, rate: int) -> int:
    """Stable debt is gone: the borrow rate itself."""
    return rate


def seizable_bonus_first(value: int, divisor: int, bonus: int) -> int:
    """Collateral [token units] worth the repayment and its bonus, 2: the bonus enters before the division.

    >>> [f(10_000, 3, 10_500) for f in (seizable_bonus_first, seizable_half_up, seizable_floor)]
    [3500, 3500, 3499]
    """
    return div_floor(percent_mul_half_up(value, bonus), divisor)


def seizable_half_up(value: int, divisor: int, bonus: int) -> int:
    """The same, 3.0 to 3.6: divided down first, the bonus half-up."""
    return percent_mul_half_up(div_floor(value, divisor), bonus)


def seizable_floor(value: int, divisor: int, bonus: int) -> int:
    """The same, 3.7: both down."""
    return percent_mul_floor(div_floor(value, divisor), bonus)


def no_fee(taken: int, bonus: int, share: int) -> int:
    """2: the liquidator keeps the whole bonus."""
    return 0


def fee_half_up(taken: int, bonus: int, share: int) -> int:
    """The protocol's `share` [bp] of the bonus part of `taken`, 3.0 to 3.6.

    >>> fee_half_up(10_501, 10_500, 1_000), fee_up(10_501, 10_500, 1_000)
    (50, 51)
    """
    return percent_mul_half_up(taken - percent_div_half_up(taken, bonus), share)


def fee_up(taken: int, bonus: int, share: int) -> int:
    """The same, 3.7: what is not bonus is rounded down, the share up."""
    return percent_mul_ceil(taken - mul_div_floor(taken, BASIS_POINTS, bonus), share)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """Rounding functions and switches of one version; `replace` one to see what depends on it."""

    name: str
    venue: str = "aave"  # prices, indices and state are filed under it
    base: str = "USD"  # currency of prices and values
    base_decimals: int = 8
    compounded_interest: Operation  # (rate [ray/year], seconds) -> [ray]
    supply_mint: Operation  # (amount, index) -> scaled
    supply_burn: Operation  # (amount, index) -> scaled; also transfers
    supply_balance: Operation  # (scaled, index) -> amount
    debt_mint: Operation
    debt_burn: Operation
    debt_balance: Operation
    collateral_value: Callable[[int, int, int], int]  # (amount, price, unit) -> base currency
    debt_value: Callable[[int, int, int], int]
    debt_accrued: Callable[[int, int, int], int]
    overall_rate: Operation
    borrow_limit: Operation  # (collateral value, average LTV) -> base currency
    collateral_needed: Operation  # (debt value, average LTV) -> base currency, when borrowing
    seizable: Callable[[int, int, int], int]  # (value, divisor, bonus) -> collateral units
    debt_needed: Operation  # (value of seized collateral in debt units, bonus) -> debt units
    protocol_fee: Callable[[int, int, int], int]  # (collateral taken, bonus, share) -> collateral units
    full_close_health: int  # [wad] at or below it everything may be repaid; -1 = never
    truncated_threshold: bool  # health factor from the average threshold, truncated to whole basis points (to 3.4)
    scaled_checks: bool  # amounts are validated after scaling; flags follow scaled balances (3.5)
    scaled_flags: bool  # borrowing flags follow scaled debts, isolation is checked after the mint (3.4)
    liquid_emode: bool  # category bitmaps instead of one category per asset with a price source (3.2)
    emode_ltv: bool  # the category alone decides the LTV of its members, collateral without threshold counts (3.6)
    isolation: bool  # debt ceilings and siloed borrowing (3.0 to 3.6)
    tracked_cash: bool  # liquidity is bookkeeping, not the token balance; a loan is at most the total supply (3.1)
    pair_accrues_twice: bool  # one asset on both sides accrues the treasury's share twice (3.5, 3.6)
    position_close_factor: bool  # close factor on the whole position, dust rule, deficit (3.3)
    self_liquidation: bool  # allowed (to 3.3)
    consumed_shares: bool  # whether collateral is left is judged by the shares that leave (3.7)
    checks_before_accrual: bool = False  # rules read balances before the reserve is accrued (2)
    income_moves_debt: bool = False  # the borrow index is stored only while suppliers earn (2)
    treasury_minted: bool = False  # the treasury's share is minted at once instead of kept aside (2)


AAVE_3_0 = Version(
    name="3.0",
    compounded_interest=binomial_interest_3_0,
    supply_mint=ray_div_half_up,
    supply_burn=ray_div_half_up,
    supply_balance=ray_mul_half_up,
    debt_mint=ray_div_half_up,
    debt_burn=ray_div_half_up,
    debt_balance=ray_mul_half_up,
    collateral_value=mul_div_floor,
    debt_value=mul_div_floor,
    debt_accrued=debt_accrued_as_difference,
    overall_rate=overall_rate_weighted,
    borrow_limit=percent_mul_half_up,
    collateral_needed=percent_div_half_up,
    seizable=seizable_half_up,
    debt_needed=percent_div_half_up,
    protocol_fee=fee_half_up,
    full_close_health=div_floor(95 * WAD, 100),
    truncated_threshold=True,
    scaled_checks=False,
    scaled_flags=False,
    liquid_emode=False,
    emode_ltv=False,
    isolation=True,
    tracked_cash=False,
    pair_accrues_twice=False,
    position_close_factor=False,
    self_liquidation=True,
    consumed_shares=False,
)

AAVE_2 = replace(
    AAVE_3_0,
    name="2",
    venue="aave-v2",
    base="ETH",
    base_decimals=18,
    compounded_interest=binomial_interest_2,
    seizable=seizable_bonus_first,
    protocol_fee=no_fee,
    full_close_health=-1,
    isolation=False,
    checks_before_accrual=True,
    income_moves_debt=True,
    treasury_minted=True,
)

AAVE_3_1 = replace(AAVE_3_0, name="3.1", tracked_cash=True)

AAVE_3_2 = replace(AAVE_3_1, name="3.2", overall_rate=overall_rate_plain, liquid_emode=True)

AAVE_3_3 = replace(AAVE_3_2, name="3.3", position_close_factor=True)

AAVE_3_4 = replace(
    AAVE_3_3, name="3.4", compounded_interest=taylor_interest_3_4, scaled_flags=True, self_liquidation=False
)

AAVE_3_5 = replace(
    AAVE_3_4,
    name="3.5",
    supply_mint=ray_div_floor,
    supply_burn=ray_div_ceil,
    supply_balance=ray_mul_floor,
    debt_mint=ray_div_ceil,
    debt_burn=ray_div_floor,
    debt_balance=ray_mul_ceil,
    debt_value=mul_div_ceil,
    debt_accrued=debt_accrued_floor,
    borrow_limit=percent_mul_floor,
    collateral_needed=percent_div_ceil,
    debt_needed=percent_div_ceil,
    truncated_threshold=False,
    scaled_checks=True,
    pair_accrues_twice=True,
)

AAVE_3_6 = replace(AAVE_3_5, name="3.6", emode_ltv=True)

AAVE_3_7 = replace(
    AAVE_3_6,
    name="3.7",
    seizable=seizable_floor,
    protocol_fee=fee_up,
    isolation=False,
    pair_accrues_twice=False,
    consumed_shares=True,
)

VERSIONS = {
    version.name: version
    for version in (AAVE_2, AAVE_3_0, AAVE_3_1, AAVE_3_2, AAVE_3_3, AAVE_3_4, AAVE_3_5, AAVE_3_6, AAVE_3_7)
}

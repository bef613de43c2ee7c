"""What differs between the versions of Aave v3, as data: rounding functions, formulas and switches.

Only versions whose every number was compared with the contracts are listed (`docs/venues/aave.md`).
"""

from collections.abc import Callable
from dataclasses import dataclass

from marginbook.exact import mul_div_ceil, mul_div_floor
from marginbook.venues.aave_v3.math import (
    binomial_interest_3_0,
    percent_div_ceil,
    percent_div_half_up,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """Rounding functions and switches of one version; `replace` one to see what depends on it."""

    name: str
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
    debt_needed: Operation  # (value of seized collateral in debt units, bonus) -> debt units
    truncated_threshold: bool  # health factor from the average threshold, truncated to whole basis points
    scaled_checks: bool  # amounts are validated after scaling; flags follow scaled balances (3.5)
    liquid_emode: bool  # category bitmaps and zero-LTV bitmap instead of one category per asset with a price source
    tracked_cash: bool  # liquidity is bookkeeping, not the token balance
    pair_accrues_twice: bool  # liquidating one asset against itself accrues the treasury's share twice (seen in 3.6)
    position_close_factor: bool  # close factor on the whole position, dust rule, deficit, no self-liquidation (3.3)


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
    debt_needed=percent_div_half_up,
    truncated_threshold=True,
    scaled_checks=False,
    liquid_emode=False,
    tracked_cash=False,
    pair_accrues_twice=False,
    position_close_factor=False,
)

AAVE_3_6 = Version(
    name="3.6",
    compounded_interest=taylor_interest_3_4,
    supply_mint=ray_div_floor,
    supply_burn=ray_div_ceil,
    supply_balance=ray_mul_floor,
    debt_mint=ray_div_ceil,
    debt_burn=ray_div_floor,
    debt_balance=ray_mul_ceil,
    collateral_value=mul_div_floor,
    debt_value=mul_div_ceil,
    debt_accrued=debt_accrued_floor,
    overall_rate=overall_rate_plain,
    borrow_limit=percent_mul_floor,
    collateral_needed=percent_div_ceil,
    debt_needed=percent_div_ceil,
    truncated_threshold=False,
    scaled_checks=True,
    liquid_emode=True,
    tracked_cash=True,
    pair_accrues_twice=True,
    position_close_factor=True,
)

VERSIONS = {version.name: version for version in (AAVE_3_0, AAVE_3_6)}

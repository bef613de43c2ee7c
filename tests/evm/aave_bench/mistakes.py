"""Mistakes of one rounding each, planted in a version to see that walks and vectors find them."""

from typing import Any

from marginbook.exact import RAY, mul_div_ceil, mul_div_floor
from marginbook.venues.aave_v3.math import (
    percent_div_half_up,
    percent_mul_floor,
    percent_mul_half_up,
    ray_div_ceil,
    ray_div_floor,
    ray_div_half_up,
    ray_mul_ceil,
    ray_mul_floor,
    ray_mul_half_up,
)
from marginbook.venues.aave_v3.versions import (
    AAVE_3_0,
    AAVE_3_6,
    Version,
    debt_accrued_as_difference,
    debt_accrued_floor,
    overall_rate_plain,
)

YEAR = 31_536_000


def _without_the_cubic_term(rate: int, seconds: int) -> int:
    power = ray_mul_half_up(rate, rate) // (YEAR * YEAR)
    return RAY + rate * seconds // YEAR + seconds * (seconds - 1) * power // 2 if seconds else RAY


def _taylor_with_floors(rate: int, seconds: int) -> int:
    x = rate * seconds // YEAR
    return RAY + x + ray_mul_floor(x, x // 2 + ray_mul_floor(x, x // 6))


MISTAKES: dict[str, tuple[Version, dict[str, Any]]] = {
    "3.0 supply mint down": (AAVE_3_0, {"supply_mint": ray_div_floor}),
    "3.0 supply burn up": (AAVE_3_0, {"supply_burn": ray_div_ceil}),
    "3.0 supply balance down": (AAVE_3_0, {"supply_balance": ray_mul_floor}),
    "3.0 debt mint up": (AAVE_3_0, {"debt_mint": ray_div_ceil}),
    "3.0 debt burn down": (AAVE_3_0, {"debt_burn": ray_div_floor}),
    "3.0 debt balance up": (AAVE_3_0, {"debt_balance": ray_mul_ceil}),
    "3.0 debt value up": (AAVE_3_0, {"debt_value": mul_div_ceil}),
    "3.0 collateral value up": (AAVE_3_0, {"collateral_value": mul_div_ceil}),
    "3.0 borrow limit down": (AAVE_3_0, {"borrow_limit": percent_mul_floor}),
    "3.0 treasury accrued down": (AAVE_3_0, {"debt_accrued": debt_accrued_floor}),
    "3.0 overall rate not weighted": (AAVE_3_0, {"overall_rate": overall_rate_plain}),
    "3.0 no cubic term": (AAVE_3_0, {"compounded_interest": _without_the_cubic_term}),
    "3.0 threshold not truncated": (AAVE_3_0, {"truncated_threshold": False}),
    "3.6 supply mint half-up": (AAVE_3_6, {"supply_mint": ray_div_half_up}),
    "3.6 supply burn half-up": (AAVE_3_6, {"supply_burn": ray_div_half_up}),
    "3.6 supply balance half-up": (AAVE_3_6, {"supply_balance": ray_mul_half_up}),
    "3.6 debt mint half-up": (AAVE_3_6, {"debt_mint": ray_div_half_up}),
    "3.6 debt burn half-up": (AAVE_3_6, {"debt_burn": ray_div_half_up}),
    "3.6 debt balance half-up": (AAVE_3_6, {"debt_balance": ray_mul_half_up}),
    "3.6 debt value down": (AAVE_3_6, {"debt_value": mul_div_floor}),
    "3.6 borrow limit half-up": (AAVE_3_6, {"borrow_limit": percent_mul_half_up}),
    "3.6 debt needed half-up": (AAVE_3_6, {"debt_needed": percent_div_half_up}),
    "3.6 treasury accrued as difference": (AAVE_3_6, {"debt_accrued": debt_accrued_as_difference}),
    "3.6 Taylor terms down": (AAVE_3_6, {"compounded_interest": _taylor_with_floors}),
    "3.6 threshold truncated": (AAVE_3_6, {"truncated_threshold": True}),
    "3.6 no second accrual": (AAVE_3_6, {"pair_accrues_twice": False}),
    "3.6 close factor of one reserve": (AAVE_3_6, {"position_close_factor": False}),
}

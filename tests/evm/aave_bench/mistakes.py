"""Mistakes of one rounding each, planted in a version to see that walks and vectors find them."""

from typing import Any

from marginbook.exact import RAY, mul_div_ceil, mul_div_floor
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
)
from marginbook.venues.aave_v3.versions import (
    AAVE_2,
    AAVE_3_0,
    AAVE_3_3,
    AAVE_3_4,
    AAVE_3_5,
    AAVE_3_6,
    AAVE_3_7,
    Version,
    debt_accrued_as_difference,
    debt_accrued_floor,
    fee_half_up,
    overall_rate_plain,
    seizable_half_up,
)

YEAR = 31_536_000


def _without_the_cubic_term(rate: int, seconds: int) -> int:
    power = ray_mul_half_up(rate, rate) // (YEAR * YEAR)
    return RAY + rate * seconds // YEAR + seconds * (seconds - 1) * power // 2 if seconds else RAY


def _taylor_with_floors(rate: int, seconds: int) -> int:
    x = rate * seconds // YEAR
    return RAY + x + ray_mul_floor(x, x // 2 + ray_mul_floor(x, x // 6))


def _second_term_only(rate: int, seconds: int) -> int:
    r = rate // YEAR
    return RAY + r * seconds + seconds * (seconds - 1) * ray_mul_half_up(r, r) // 2 if seconds else RAY


MISTAKES: dict[str, tuple[Version, dict[str, Any]]] = {
    "2 interest of 3.0": (AAVE_2, {"compounded_interest": binomial_interest_3_0}),
    "2 no cubic term": (AAVE_2, {"compounded_interest": _second_term_only}),
    "2 bonus after the division": (AAVE_2, {"seizable": seizable_half_up}),
    "2 everything may be closed at 0.95": (AAVE_2, {"full_close_health": AAVE_3_0.full_close_health}),
    "2 debt moves without income": (AAVE_2, {"income_moves_debt": False}),
    "2 treasury kept aside": (AAVE_2, {"treasury_minted": False}),
    "2 checks after accrual": (AAVE_2, {"checks_before_accrual": False}),
    "2 supply mint down": (AAVE_2, {"supply_mint": ray_div_floor}),
    "2 supply burn up": (AAVE_2, {"supply_burn": ray_div_ceil}),
    "2 supply balance down": (AAVE_2, {"supply_balance": ray_mul_floor}),
    "2 debt mint up": (AAVE_2, {"debt_mint": ray_div_ceil}),
    "2 debt burn down": (AAVE_2, {"debt_burn": ray_div_floor}),
    "2 debt balance up": (AAVE_2, {"debt_balance": ray_mul_ceil}),
    "2 debt value up": (AAVE_2, {"debt_value": mul_div_ceil}),
    "2 debt needed up": (AAVE_2, {"debt_needed": percent_div_ceil}),
    "2 borrow limit down": (AAVE_2, {"borrow_limit": percent_mul_floor}),
    "2 overall rate not weighted": (AAVE_2, {"overall_rate": overall_rate_plain}),
    "2 threshold not truncated": (AAVE_2, {"truncated_threshold": False}),
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
    "3.3 close factor of one reserve": (AAVE_3_3, {"position_close_factor": False}),
    "3.4 interest of 3.3": (AAVE_3_4, {"compounded_interest": binomial_interest_3_0}),
    "3.5 category decides the LTV": (AAVE_3_5, {"emode_ltv": True}),
    "3.5 no second accrual": (AAVE_3_5, {"pair_accrues_twice": False}),
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
    "3.7 seized half-up": (AAVE_3_7, {"seizable": seizable_half_up}),
    "3.7 fee half-up": (AAVE_3_7, {"protocol_fee": fee_half_up}),
    "3.7 collateral left by amounts": (AAVE_3_7, {"consumed_shares": False}),
    "3.7 second accrual": (AAVE_3_7, {"pair_accrues_twice": True}),
}

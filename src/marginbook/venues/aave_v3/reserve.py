"""Indices, interest, rates and the treasury of one reserve."""

from dataclasses import replace

from marginbook.exact import BASIS_POINTS, RAY
from marginbook.venues.aave_v3.math import (
    linear_interest_floor,
    percent_mul_half_up,
    ray_div_half_up,
    ray_mul_half_up,
)
from marginbook.venues.aave_v3.state import RateStrategy, Reserve, ReserveConfig, require
from marginbook.venues.aave_v3.versions import Version


def fits(value: int, bits: int) -> int:
    """`value`, if the contract's storage slot holds it."""
    require(value >> bits == 0, "SafeCastOverflow")
    return value


def accrued_supply_index(index: int, rate: int, seconds: int) -> int:
    """Supply index [ray] `seconds` after it was stored: ⌊(1 + rate·n/year)·index⌉.

    >>> accrued_supply_index(RAY, RAY, 15_768_000)
    1500000000000000000000000000
    """
    return ray_mul_half_up(linear_interest_floor(rate, seconds), index) if seconds else index


def accrued_borrow_index(version: Version, index: int, rate: int, seconds: int) -> int:
    """Borrow index [ray] `seconds` after it was stored, by the version's own compounding."""
    return ray_mul_half_up(version.compounded_interest(rate, seconds), index) if seconds else index


def normalized_income(reserve: Reserve, time: int) -> int:
    """Supply index [ray] accrued to `time`: what balances are shown with, whatever was stored."""
    return accrued_supply_index(reserve.liquidity_index, reserve.liquidity_rate, time - reserve.updated_at)


def normalized_debt(version: Version, reserve: Reserve, time: int) -> int:
    """Borrow index [ray] accrued to `time`."""
    return accrued_borrow_index(version, reserve.borrow_index, reserve.borrow_rate, time - reserve.updated_at)


def accrue(version: Version, config: ReserveConfig, reserve: Reserve, time: int) -> Reserve:
    """Store the indices of `time` and give the treasury its share of the interest.

    The supply index moves only while suppliers earn, the borrow index only while somebody owes (2: and suppliers earn,
    so that debts shown with interest lose it again where the reserve factor is 100 %). Treasury: reserve factor of the
    interest, half-up, then scaled by the new supply index; 2 mints it at once.
    """
    if reserve.updated_at == time:
        return reserve
    supply_index, borrow_index = reserve.liquidity_index, reserve.borrow_index
    if reserve.liquidity_rate:
        supply_index = fits(normalized_income(reserve, time), 128)
    if reserve.scaled_debt and (reserve.liquidity_rate or not version.income_moves_debt):
        borrow_index = fits(normalized_debt(version, reserve, time), 128)
    interest = version.debt_accrued(reserve.scaled_debt, reserve.borrow_index, borrow_index)
    share = version.supply_mint(percent_mul_half_up(interest, config.reserve_factor), supply_index)
    return replace(
        reserve,
        liquidity_index=supply_index,
        borrow_index=borrow_index,
        updated_at=time,
        accrued_to_treasury=fits(reserve.accrued_to_treasury + share, 128),
        scaled_supply=reserve.scaled_supply + (share if version.treasury_minted else 0),
    )


def rates(
    version: Version, strategy: RateStrategy, reserve_factor: int, debt: int, cash: int, deficit: int
) -> tuple[int, int]:
    """(liquidity rate, borrow rate) [ray per year] of a reserve that lends `debt` and holds `cash` [token units].

    Usage U = debt / (cash + debt). Below the optimum: base + slope1·U / optimal; above: base + slope1 +
    slope2·(U − optimal) / (1 − optimal). Suppliers earn the borrow rate × debt / (cash + debt + deficit) × (1 − reserve
    factor). All products and quotients half-up.
    """
    if debt == 0:
        return 0, strategy.base
    require(cash >= 0, "InsufficientLiquidity")
    usage = ray_div_half_up(debt, cash + debt)
    supply_usage = ray_div_half_up(debt, cash + debt + deficit)
    if usage > strategy.optimal:
        excess = ray_div_half_up(usage - strategy.optimal, RAY - strategy.optimal)
        borrow_rate = strategy.base + strategy.slope_1 + ray_mul_half_up(strategy.slope_2, excess)
    else:
        borrow_rate = strategy.base + ray_div_half_up(ray_mul_half_up(strategy.slope_1, usage), strategy.optimal)
    earned = ray_mul_half_up(version.overall_rate(debt, borrow_rate), supply_usage)
    return percent_mul_half_up(earned, BASIS_POINTS - reserve_factor), borrow_rate


def with_rates(version: Version, config: ReserveConfig, reserve: Reserve, cash: int | None) -> Reserve:
    """The reserve holding `cash`, with the rates that follow from it. `reserve` must be accrued to now."""
    if cash is None:
        return reserve
    if config.rates is None:
        require(cash >= 0, "InsufficientLiquidity")
        return replace(reserve, cash=cash)
    debt = version.debt_balance(reserve.scaled_debt, reserve.borrow_index)
    liquidity_rate, borrow_rate = rates(version, config.rates, config.reserve_factor, debt, cash, reserve.deficit)
    require(cash >= 0, "InsufficientLiquidity")
    return replace(reserve, cash=cash, liquidity_rate=fits(liquidity_rate, 128), borrow_rate=fits(borrow_rate, 128))

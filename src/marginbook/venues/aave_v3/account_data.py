"""What a user has, owes and may borrow, in base currency, exactly as `getUserAccountData` prints it.

Base currency: 10⁻⁸ USD; in version 2 10⁻¹⁸ ETH.
"""

from dataclasses import dataclass

from marginbook.exact import BASIS_POINTS, div_floor
from marginbook.venues.aave_v3.math import percent_mul_half_up, wad_div_half_up
from marginbook.venues.aave_v3.reserve import normalized_debt, normalized_income
from marginbook.venues.aave_v3.state import NO_DEBT, EMode, Pool, ReserveConfig, User
from marginbook.venues.aave_v3.versions import Version


@dataclass(frozen=True, slots=True)
class AccountData:
    """The six printed numbers, and the sums behind them."""

    collateral: int  # [base currency]
    debt: int  # [base currency]
    available_borrows: int  # [base currency]
    average_threshold: int  # [bp], truncated
    average_ltv: int  # [bp], truncated
    health_factor: int  # [wad]; NO_DEBT without debt
    threshold_sum: int  # Σ collateral·threshold [base currency · bp]
    ltv_sum: int  # Σ collateral·LTV [base currency · bp]
    has_zero_ltv: bool  # some collateral has LTV 0


NO_ACCOUNT = AccountData(0, 0, 0, 0, 0, NO_DEBT, 0, 0, False)


def user_ltv(version: Version, asset: str, config: ReserveConfig, emode: EMode | None) -> int:
    """LTV [bp] of `asset` for a user in `emode`.

    From 3.6: the category's for its collaterals, 0 for its zero-LTV ones, and in an isolated category (3.7) 0 for all
    others. Before: the category's, if the asset's own is not 0.
    """
    if emode is None:
        return config.ltv
    if asset not in emode.collateral:
        return 0 if version.emode_ltv and emode.isolated else config.ltv
    if version.emode_ltv:
        return 0 if asset in emode.zero_ltv else emode.ltv
    return emode.ltv if config.ltv else 0


def user_threshold(asset: str, config: ReserveConfig, emode: EMode | None) -> int:
    """Liquidation threshold [bp] of `asset` for a user in `emode`."""
    return emode.liquidation_threshold if emode and asset in emode.collateral else config.liquidation_threshold


def user_bonus(asset: str, config: ReserveConfig, emode: EMode | None) -> int:
    """Liquidation bonus [bp, above 10⁴] when `asset` of a user in `emode` is seized."""
    return emode.liquidation_bonus if emode and asset in emode.collateral else config.liquidation_bonus


def counts_as_collateral(version: Version, config: ReserveConfig) -> bool:
    """Whether a flagged supply enters the sums: to 3.5 only with a threshold of its own, from 3.6 always."""
    return version.emode_ltv or config.liquidation_threshold != 0


def supplied(pool: Pool, name: str, asset: str) -> int:
    """Supply balance [token units] accrued to the pool's time."""
    reserve = pool.reserves[asset]
    return pool.version.supply_balance(
        pool.user(name).position(asset).scaled_supply, normalized_income(reserve, pool.time)
    )


def owed(pool: Pool, name: str, asset: str) -> int:
    """Debt [token units] accrued to the pool's time."""
    reserve = pool.reserves[asset]
    return pool.version.debt_balance(
        pool.user(name).position(asset).scaled_debt, normalized_debt(pool.version, reserve, pool.time)
    )


def health_factor(version: Version, collateral: int, threshold_sum: int, debt: int) -> int:
    """Health factor [wad]: Σ collateral·threshold / debt.

    3.0 multiplies the collateral by the average threshold truncated to whole basis points, half-up, and divides
    half-up; 3.5 divides the sum half-up and cuts the basis points off.

    >>> from marginbook.venues.aave_v3.versions import AAVE_3_0, AAVE_3_6
    >>> threshold_sum = 1_000_000_00 * 8_300 + 777 * 7_800
    >>> [health_factor(v, 1_000_007_77, threshold_sum, 83_000_000) for v in (AAVE_3_0, AAVE_3_6)]
    [999887289156626506, 1000007301927710843]
    """
    if debt == 0:
        return NO_DEBT
    if version.truncated_threshold:
        average = div_floor(threshold_sum, collateral) if collateral else 0
        return wad_div_half_up(percent_mul_half_up(collateral, average), debt)
    return div_floor(wad_div_half_up(threshold_sum, debt), BASIS_POINTS)


def summarise(
    version: Version, collateral: int, debt: int, threshold_sum: int, ltv_sum: int, has_zero_ltv: bool
) -> AccountData:
    """Averages, health factor and available borrows from the four sums."""
    average_ltv = div_floor(ltv_sum, collateral) if collateral else 0
    return AccountData(
        collateral,
        debt,
        max(version.borrow_limit(collateral, average_ltv) - debt, 0),
        div_floor(threshold_sum, collateral) if collateral else 0,
        average_ltv,
        health_factor(version, collateral, threshold_sum, debt),
        threshold_sum,
        ltv_sum,
        has_zero_ltv,
    )


def account_data(pool: Pool, name: str) -> AccountData:
    """The account at the pool's time and prices."""
    user: User = pool.user(name)
    version, emode = pool.version, pool.emode_of(user)
    collateral = debt = threshold_sum = ltv_sum = 0
    has_zero_ltv = False
    for asset, position in user.positions.items():
        if not (position.collateral or position.borrowing):
            continue
        config = pool.configs[asset]
        price = pool.price(asset, emode)
        if position.collateral and counts_as_collateral(version, config):
            value = version.collateral_value(supplied(pool, name, asset), price, config.unit)
            ltv = user_ltv(version, asset, config, emode)
            collateral += value
            threshold_sum += value * user_threshold(asset, config, emode)
            ltv_sum += value * ltv
            has_zero_ltv = has_zero_ltv or ltv == 0
        if position.borrowing:
            debt += version.debt_value(owed(pool, name, asset), price, config.unit)
    return summarise(version, collateral, debt, threshold_sum, ltv_sum, has_zero_ltv)

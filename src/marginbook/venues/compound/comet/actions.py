"""Supply and withdraw base or collateral: each returns the next pool or raises `Revert`, in the contract's order."""

from dataclasses import replace

from marginbook.venues.compound.comet.collateral import is_borrow_collateralized
from marginbook.venues.compound.comet.interest import accrue, accrued_indices
from marginbook.venues.compound.comet.state import (
    ALL,
    Pool,
    balance_of,
    present_value,
    principal_value,
    require,
)


def with_balance(pool: Pool, name: str, balance: int, adding: bool) -> Pool:
    """An accrued pool in which the user's signed base balance is `balance`.

    The totals follow the principal only in the direction of the action: where rounding moves it the other way, as an
    action of 0 can, they stay.
    """
    user = pool.user(name)
    old, new = user.principal, principal_value(balance, pool.supply_index, pool.borrow_index)
    if pool.cash is not None and (new >= old if adding else new <= old):
        pool = replace(
            pool,
            supply_total=pool.supply_total + max(new, 0) - max(old, 0),
            borrow_total=pool.borrow_total + max(-new, 0) - max(-old, 0),
        )
        require(pool.supply_total >= 0 and pool.borrow_total >= 0, "MATH")
    return pool.with_user(name, replace(user, principal=new))


def accrued_balance(pool: Pool, name: str) -> int:
    """Signed base balance as the views `balanceOf` and `borrowBalanceOf` show it: with pending interest."""
    return present_value(pool.user(name).principal, *accrued_indices(pool))


def supply(pool: Pool, name: str, asset: str, amount: int) -> Pool:
    """Supply collateral, or base: base repays the debt first. `ALL` of the base repays just the debt."""
    if asset != pool.config.base:
        return _supply_collateral(pool, name, asset, amount)
    if amount == ALL:
        amount = max(-accrued_balance(pool, name), 0)
    pool = accrue(pool)
    pool = with_balance(pool, name, balance_of(pool, name) + amount, adding=True)
    return pool if pool.cash is None else replace(pool, cash=pool.cash + amount)


def _supply_collateral(pool: Pool, name: str, asset: str, amount: int) -> Pool:
    require(asset in pool.config.assets, "BadAsset")
    require(amount < 2**128, "InvalidUInt128")
    user = pool.user(name)
    if pool.cash is not None:
        total = pool.collateral_totals.get(asset, 0) + amount
        require(total <= pool.config.assets[asset].supply_cap, "SupplyCapExceeded")
        held = pool.collateral_cash.get(asset, 0) + amount
        pool = replace(
            pool,
            collateral_totals={**pool.collateral_totals, asset: total},
            collateral_cash={**pool.collateral_cash, asset: held},
        )
    collateral = {**user.collateral, asset: user.collateral.get(asset, 0) + amount}
    return pool.with_user(name, replace(user, collateral=collateral))


def withdraw(pool: Pool, name: str, asset: str, amount: int) -> Pool:
    """Withdraw collateral, or base: beyond the supply it is borrowed. `ALL` of the base is just the supply."""
    if asset != pool.config.base:
        return _withdraw_collateral(pool, name, asset, amount)
    if amount == ALL:
        amount = max(accrued_balance(pool, name), 0)
    pool = accrue(pool)
    balance = balance_of(pool, name) - amount
    pool = with_balance(pool, name, balance, adding=False)
    if balance < 0:
        require(-balance >= pool.config.borrow_min, "BorrowTooSmall")
        require(is_borrow_collateralized(pool, name), "NotCollateralized")
    if pool.cash is None:
        return pool
    require(pool.cash >= amount, "InsufficientLiquidity")
    return replace(pool, cash=pool.cash - amount)


def _withdraw_collateral(pool: Pool, name: str, asset: str, amount: int) -> Pool:
    require(amount < 2**128, "InvalidUInt128")
    user = pool.user(name)
    held = user.collateral.get(asset, 0)
    require(amount <= held, "MATH")
    require(asset in pool.config.assets, "BadAsset")
    pool = pool.with_user(name, replace(user, collateral={**user.collateral, asset: held - amount}))
    require(is_borrow_collateralized(pool, name), "NotCollateralized")
    if pool.cash is None:
        return pool
    return replace(
        pool,
        collateral_totals={**pool.collateral_totals, asset: pool.collateral_totals.get(asset, 0) - amount},
        collateral_cash={**pool.collateral_cash, asset: pool.collateral_cash.get(asset, 0) - amount},
    )

"""Supply, withdraw, borrow, repay and collateral toggle of version 2.

Balances are read before the reserve is accrued, which matters where the reserve factor is 100 %: suppliers earn nothing
there, the borrow index is not stored, and a debt that is shown with interest is smaller again once somebody touches the
reserve. Variable debt only.
"""

from dataclasses import replace

from marginbook.exact import WAD, div_floor
from marginbook.venues.aave_v3.account_data import account_data, counts_as_collateral, health_factor, owed, supplied
from marginbook.venues.aave_v3.actions import move_cash, touch
from marginbook.venues.aave_v3.state import ALL, Pool, require


def decrease_allowed(pool: Pool, name: str, asset: str, amount: int) -> bool:
    """Whether `amount` of a collateral may leave: health of at least 1 afterwards.

    The average threshold afterwards comes from the truncated one before:
    ⌊(C·⌊T / C⌋ − value·threshold) / (C − value)⌋. Where the product is smaller than what leaves, the contract reverts.
    """
    user, config = pool.user(name), pool.configs[asset]
    if not user.borrows or not user.position(asset).collateral or not counts_as_collateral(pool.version, config):
        return True
    data = account_data(pool, name)
    if data.debt == 0:
        return True
    leaving = pool.version.collateral_value(amount, pool.prices[asset], config.unit)
    left = data.collateral - leaving
    require(left >= 0, "SubtractionOverflow")
    if left == 0:
        return False
    product = data.collateral * data.average_threshold - leaving * config.liquidation_threshold
    require(product >= 0, "SubtractionOverflow")
    average = div_floor(product, left)
    return health_factor(pool.version, left, left * average, data.debt) >= WAD


def supply(pool: Pool, name: str, asset: str, amount: int) -> Pool:
    """Supply `amount`; the first supply of an asset becomes collateral, whatever its threshold."""
    config = pool.configs[asset]
    require(amount != 0, "InvalidAmount")
    require(config.active, "ReserveInactive")
    require(not config.frozen, "ReserveFrozen")
    pool = touch(pool, asset)
    position = pool.user(name).position(asset)
    scaled = pool.version.supply_mint(amount, pool.reserves[asset].liquidity_index)
    pool = move_cash(pool, asset, amount, scaled_supply=pool.reserves[asset].scaled_supply + scaled)
    require(scaled != 0, "InvalidMintAmount")
    enabled = position.collateral or position.scaled_supply == 0
    after = replace(position, scaled_supply=position.scaled_supply + scaled, collateral=enabled)
    return pool.with_position(name, asset, after)


def withdraw(pool: Pool, name: str, asset: str, amount: int) -> Pool:
    """Withdraw `amount`, or `ALL`."""
    config, balance = pool.configs[asset], supplied(pool, name, asset)
    amount = balance if amount == ALL else amount
    require(amount != 0, "InvalidAmount")
    require(amount <= balance, "NotEnoughAvailableUserBalance")
    require(config.active, "ReserveInactive")
    require(decrease_allowed(pool, name, asset, amount), "TransferNotAllowed")
    pool = touch(pool, asset)
    position = pool.user(name).position(asset)
    scaled = pool.version.supply_burn(amount, pool.reserves[asset].liquidity_index)
    pool = move_cash(pool, asset, -amount, scaled_supply=pool.reserves[asset].scaled_supply - scaled)
    require(scaled != 0, "InvalidBurnAmount")
    enabled = position.collateral and amount != balance
    after = replace(position, scaled_supply=position.scaled_supply - scaled, collateral=enabled)
    return pool.with_position(name, asset, after)


def borrow(pool: Pool, name: str, asset: str, amount: int) -> Pool:
    """Borrow `amount` at the variable rate."""
    version, config = pool.version, pool.configs[asset]
    require(config.active, "ReserveInactive")
    require(not config.frozen, "ReserveFrozen")
    require(amount != 0, "InvalidAmount")
    require(config.borrowing_enabled, "BorrowingNotEnabled")
    data = account_data(pool, name)
    require(data.collateral != 0, "CollateralBalanceIsZero")
    require(data.health_factor > WAD, "HealthFactorLowerThanLiquidationThreshold")
    require(data.average_ltv != 0, "DivisionByZero")
    new_debt = version.debt_value(amount, pool.prices[asset], config.unit)
    needed = version.collateral_needed(data.debt + new_debt, data.average_ltv)
    require(needed <= data.collateral, "CollateralCannotCoverNewBorrow")
    pool = touch(pool, asset)
    reserve, position = pool.reserves[asset], pool.user(name).position(asset)
    scaled = version.debt_mint(amount, reserve.borrow_index)
    require(scaled != 0, "InvalidMintAmount")
    pool = move_cash(pool, asset, -amount, scaled_debt=reserve.scaled_debt + scaled)
    after = replace(position, scaled_debt=position.scaled_debt + scaled, borrowing=True)
    return pool.with_position(name, asset, after)


def repay(pool: Pool, name: str, asset: str, amount: int) -> Pool:
    """Repay `amount`, at most the debt."""
    debt = owed(pool, name, asset)
    require(pool.configs[asset].active, "ReserveInactive")
    require(amount != 0, "InvalidAmount")
    require(debt != 0, "NoDebtOfSelectedType")
    paid = min(amount, debt)
    pool = touch(pool, asset)
    reserve, position = pool.reserves[asset], pool.user(name).position(asset)
    scaled = pool.version.debt_burn(paid, reserve.borrow_index)
    require(scaled != 0, "InvalidBurnAmount")
    require(scaled <= position.scaled_debt, "BurnExceedsBalance")
    pool = move_cash(pool, asset, paid, scaled_debt=reserve.scaled_debt - scaled)
    borrowing = position.borrowing and paid != debt
    after = replace(position, scaled_debt=position.scaled_debt - scaled, borrowing=borrowing)
    return pool.with_position(name, asset, after)


def set_collateral(pool: Pool, name: str, asset: str, enabled: bool) -> Pool:
    """Let a supply count as collateral, or not."""
    balance = supplied(pool, name, asset)
    require(balance != 0, "UnderlyingBalanceZero")
    require(enabled or decrease_allowed(pool, name, asset, balance), "DepositAlreadyInUse")
    position = pool.user(name).position(asset)
    return pool.with_position(name, asset, replace(position, collateral=enabled))

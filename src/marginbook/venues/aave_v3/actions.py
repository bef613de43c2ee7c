"""Supply, withdraw, borrow, repay, collateral toggle, e-mode: each returns the next pool or raises `Revert`.

Versions 3.0 to 3.7; those of 2 are in `actions_2`, and `steps` chooses. The order of the checks is the contracts' own,
so that the reason is predicted too.
"""

from dataclasses import replace

from marginbook.exact import WAD, div_floor
from marginbook.venues.aave_v3.account_data import AccountData, account_data, user_ltv
from marginbook.venues.aave_v3.reserve import accrue, with_rates
from marginbook.venues.aave_v3.state import ALL, Pool, ReserveConfig, User, require


def touch(pool: Pool, asset: str) -> Pool:
    """The pool with `asset` accrued to its time."""
    reserve = pool.reserves[asset]
    if reserve.updated_at == pool.time:
        return pool
    return pool.with_reserve(asset, accrue(pool.version, pool.configs[asset], reserve, pool.time))


def move_cash(pool: Pool, asset: str, change: int, **totals: int) -> Pool:
    """Change a reserve's totals, its cash, and the rates that follow."""
    reserve = replace(pool.reserves[asset], **totals) if totals else pool.reserves[asset]
    cash = None if reserve.cash is None else reserve.cash + change
    return pool.with_reserve(asset, with_rates(pool.version, pool.configs[asset], reserve, cash))


def require_usable(config: ReserveConfig) -> None:
    """Active and not paused."""
    require(config.active, "ReserveInactive")
    require(not config.paused, "ReservePaused")


def isolated_collateral(pool: Pool, user: User) -> str | None:
    """The user's only collateral, if it has a debt ceiling: the user is in isolation mode (to 3.6)."""
    if not pool.version.isolation:
        return None
    flagged = [asset for asset, position in user.positions.items() if position.collateral]
    return flagged[0] if len(flagged) == 1 and pool.configs[flagged[0]].debt_ceiling else None


def may_enable(pool: Pool, user: User, asset: str) -> bool:
    """Whether a supply of `asset` may become collateral."""
    config = pool.configs[asset]
    emode = pool.emode_of(user) if pool.version.emode_ltv else None
    if user_ltv(pool.version, asset, config, emode) == 0:
        return False
    if not pool.version.isolation or not any(position.collateral for position in user.positions.values()):
        return True
    return isolated_collateral(pool, user) is None and config.debt_ceiling == 0


def require_healthy(data: AccountData) -> None:
    """Health factor of at least 1."""
    require(data.health_factor >= WAD, "HealthFactorLowerThanLiquidationThreshold")


def require_healthy_after_leaving(pool: Pool, name: str, asset: str) -> None:
    """After `asset` left the collateral: healthy, and zero-LTV collateral leaves first."""
    data = account_data(pool, name)
    require_healthy(data)
    emode = pool.emode_of(pool.user(name)) if pool.version.emode_ltv else None
    own_ltv = user_ltv(pool.version, asset, pool.configs[asset], emode)
    require(not data.has_zero_ltv or own_ltv == 0, "LtvValidationFailed")


def require_supply_cap(pool: Pool, asset: str, amount: int, scaled: int) -> None:
    """Supply including unminted treasury shares stays below the cap."""
    config, reserve = pool.configs[asset], pool.reserves[asset]
    if not config.supply_cap:
        return
    shares = reserve.scaled_supply + reserve.accrued_to_treasury
    if pool.version.scaled_checks:
        total = pool.version.supply_balance(shares + scaled, reserve.liquidity_index)
    else:
        total = pool.version.supply_balance(shares, reserve.liquidity_index) + amount
    require(total <= config.supply_cap * config.unit, "SupplyCapExceeded")


def supply(pool: Pool, name: str, asset: str, amount: int) -> Pool:
    """Supply `amount`; the first supply of an asset becomes collateral if it may."""
    pool = touch(pool, asset)
    version, config, reserve = pool.version, pool.configs[asset], pool.reserves[asset]
    scaled = version.supply_mint(amount, reserve.liquidity_index)
    require((scaled if version.scaled_checks else amount) != 0, "InvalidAmount")
    require_usable(config)
    require(not config.frozen, "ReserveFrozen")
    require_supply_cap(pool, asset, amount, scaled)
    require(scaled != 0, "InvalidMintAmount")
    pool = move_cash(pool, asset, amount, scaled_supply=reserve.scaled_supply + scaled)
    user = pool.user(name)
    position = user.position(asset)
    enabled = position.collateral
    ceiling = version.isolation and config.debt_ceiling
    if position.scaled_supply == 0 and not ceiling and may_enable(pool, user, asset):
        enabled = True
    return pool.with_position(
        name, asset, replace(position, scaled_supply=position.scaled_supply + scaled, collateral=enabled)
    )


def withdraw(pool: Pool, name: str, asset: str, amount: int) -> Pool:
    """Withdraw `amount`, or `ALL`."""
    pool = touch(pool, asset)
    version, config, reserve = pool.version, pool.configs[asset], pool.reserves[asset]
    position = pool.user(name).position(asset)
    balance = version.supply_balance(position.scaled_supply, reserve.liquidity_index)
    if version.scaled_checks:
        scaled = position.scaled_supply if amount == ALL else version.supply_burn(amount, reserve.liquidity_index)
        amount = balance if amount == ALL else amount
        require(scaled != 0, "InvalidAmount")
        require(scaled <= position.scaled_supply, "NotEnoughAvailableUserBalance")
        emptied = scaled == position.scaled_supply
    else:
        amount = balance if amount == ALL else amount
        scaled = version.supply_burn(amount, reserve.liquidity_index)
        require(amount != 0, "InvalidAmount")
        require(amount <= balance, "NotEnoughAvailableUserBalance")
        emptied = amount == balance
    require_usable(config)
    pool = move_cash(pool, asset, -amount, scaled_supply=reserve.scaled_supply - scaled)
    require(scaled != 0, "InvalidBurnAmount")
    left = replace(
        position,
        scaled_supply=position.scaled_supply - scaled,
        collateral=position.collateral and not emptied,
    )
    pool = pool.with_position(name, asset, left)
    if position.collateral and pool.user(name).borrows:
        require_healthy_after_leaving(pool, name, asset)
    return pool


def require_borrowable(pool: Pool, user: User, asset: str, scaled: int, amount: int) -> None:
    """The asset may be borrowed by this user: flags, e-mode, total supply (3.1), cap."""
    version, config, reserve = pool.version, pool.configs[asset], pool.reserves[asset]
    require((scaled if version.scaled_checks else amount) != 0, "InvalidAmount")
    require_usable(config)
    require(not config.frozen, "ReserveFrozen")
    emode = pool.emode_of(user)
    if version.emode_ltv and emode:
        require(asset in emode.borrowable, "NotBorrowableInEMode")
    else:
        require(config.borrowing_enabled, "BorrowingNotEnabled")
    new_debt = version.debt_balance(scaled, reserve.borrow_index) if version.scaled_checks else amount
    if version.tracked_cash and reserve.cash is not None:
        require(version.supply_balance(reserve.scaled_supply, reserve.liquidity_index) >= new_debt, "InvalidAmount")
    if version.scaled_checks:
        total = version.debt_balance(reserve.scaled_debt + scaled, reserve.borrow_index)
    else:
        total = version.debt_balance(reserve.scaled_debt, reserve.borrow_index) + amount
    require(not config.borrow_cap or total <= config.borrow_cap * config.unit, "BorrowCapExceeded")
    if version.scaled_checks and emode:
        require(asset in emode.borrowable, "NotBorrowableInEMode")


def add_isolation_debt(pool: Pool, user: User, asset: str, amount: int) -> Pool:
    """Count a loan against the debt ceiling of the user's isolated collateral [10⁻² USD, one token = one USD]."""
    collateral = isolated_collateral(pool, user)
    if collateral is None:
        return pool
    require(pool.configs[asset].borrowable_in_isolation, "AssetNotBorrowableInIsolation")
    reserve = pool.reserves[collateral]
    total = reserve.isolation_debt + div_floor(amount, 10 ** (pool.configs[asset].decimals - 2))
    require(total <= pool.configs[collateral].debt_ceiling, "DebtCeilingExceeded")
    return pool.with_reserve(collateral, replace(reserve, isolation_debt=total))


def reduce_isolation_debt(pool: Pool, collateral: str | None, asset: str, amount: int) -> Pool:
    """Take a repayment off the debt ceiling of an isolated collateral; interest is not counted, so not below 0."""
    if collateral is None:
        return pool
    reserve = pool.reserves[collateral]
    repaid = div_floor(amount, 10 ** (pool.configs[asset].decimals - 2))
    return pool.with_reserve(collateral, replace(reserve, isolation_debt=max(reserve.isolation_debt - repaid, 0)))


def require_not_siloed(pool: Pool, user: User, asset: str) -> None:
    """A siloed asset is borrowed alone (to 3.6)."""
    if not pool.version.isolation:
        return
    borrowed = [other for other, position in user.positions.items() if position.borrowing]
    if not borrowed:
        return
    if len(borrowed) == 1 and pool.configs[borrowed[0]].siloed:
        require(borrowed[0] == asset, "SiloedBorrowingViolation")
    else:
        require(not pool.configs[asset].siloed, "SiloedBorrowingViolation")


def borrow(pool: Pool, name: str, asset: str, amount: int) -> Pool:
    """Borrow `amount`. To 3.4 the limit is checked before with the price of the new debt; from 3.5 on what is left."""
    pool = touch(pool, asset)
    version, reserve = pool.version, pool.reserves[asset]
    user = pool.user(name)
    position = user.position(asset)
    scaled = version.debt_mint(amount, reserve.borrow_index)
    require_borrowable(pool, user, asset, scaled, amount)
    if version.scaled_checks:
        require_not_siloed(pool, user, asset)
    else:
        if not version.scaled_flags:
            pool = add_isolation_debt(pool, user, asset, amount)
        require_covered_before(pool, name, asset, amount)
        require_not_siloed(pool, user, asset)
        require(scaled != 0, "InvalidMintAmount")
    after = replace(position, scaled_debt=position.scaled_debt + scaled, borrowing=True)
    pool = pool.with_position(name, asset, after)
    if version.scaled_flags:
        pool = add_isolation_debt(pool, user, asset, amount)
    pool = move_cash(pool, asset, -amount, scaled_debt=reserve.scaled_debt + scaled)
    if version.scaled_checks:
        require_covered_after(pool, name)
    return pool


def require_covered_before(pool: Pool, name: str, asset: str, amount: int) -> None:
    """To 3.4: e-mode, LTV, health strictly above 1, and collateral for old and new debt at the average LTV."""
    emode, config = pool.emode_of(pool.user(name)), pool.configs[asset]
    reason = "NotBorrowableInEMode" if pool.version.liquid_emode else "InconsistentEModeCategory"
    require(emode is None or asset in emode.borrowable, reason)
    data = account_data(pool, name)
    require(data.collateral != 0, "CollateralBalanceIsZero")
    require(data.average_ltv != 0, "LtvValidationFailed")
    require(data.health_factor > WAD, "HealthFactorLowerThanLiquidationThreshold")
    new_debt = pool.version.debt_value(amount, pool.price(asset, emode), config.unit)
    needed = pool.version.collateral_needed(data.debt + new_debt, data.average_ltv)
    require(needed <= data.collateral, "CollateralCannotCoverNewBorrow")


def require_covered_after(pool: Pool, name: str) -> None:
    """From 3.5: LTV, health of at least 1, and collateral for the whole debt at the average LTV."""
    data = account_data(pool, name)
    require(data.average_ltv != 0, "LtvValidationFailed")
    require_healthy(data)
    needed = pool.version.collateral_needed(data.debt, data.average_ltv)
    require(data.collateral >= needed, "CollateralCannotCoverNewBorrow")


def repay(pool: Pool, name: str, asset: str, amount: int) -> Pool:
    """Repay `amount`, at most the debt."""
    pool = touch(pool, asset)
    version, config, reserve = pool.version, pool.configs[asset], pool.reserves[asset]
    position = pool.user(name).position(asset)
    debt = version.debt_balance(position.scaled_debt, reserve.borrow_index)
    require(amount != 0, "InvalidAmount")
    require_usable(config)
    require(debt != 0, "NoDebtOfSelectedType")
    paid = min(amount, debt)
    scaled = version.debt_burn(paid, reserve.borrow_index)
    require(scaled != 0, "InvalidBurnAmount")
    cleared = scaled == position.scaled_debt if version.scaled_flags else paid == debt
    pool = move_cash(pool, asset, paid, scaled_debt=reserve.scaled_debt - scaled)
    after = replace(position, scaled_debt=position.scaled_debt - scaled, borrowing=position.borrowing and not cleared)
    pool = pool.with_position(name, asset, after)
    return reduce_isolation_debt(pool, isolated_collateral(pool, pool.user(name)), asset, paid)


def set_collateral(pool: Pool, name: str, asset: str, enabled: bool) -> Pool:
    """Let a supply count as collateral, or not."""
    config, user = pool.configs[asset], pool.user(name)
    position = user.position(asset)
    # to 3.3 the check is of the accrued balance, which is 0 exactly when the scaled one is
    if not pool.version.scaled_flags:
        require(position.scaled_supply != 0, "UnderlyingBalanceZero")
    require_usable(config)
    if enabled == position.collateral:
        return pool
    if enabled:
        require(position.scaled_supply != 0, "UnderlyingBalanceZero")
        reason = "UserInIsolationModeOrLtvZero" if pool.version.isolation else "UserHasAssetWithZeroLtv"
        require(may_enable(pool, user, asset), reason)
    pool = pool.with_position(name, asset, replace(position, collateral=enabled))
    if not enabled:
        require_healthy_after_leaving(pool, name, asset)
    return pool


def set_emode(pool: Pool, name: str, category: int) -> Pool:
    """Enter an e-mode category, or leave with 0."""
    version, user = pool.version, pool.user(name)
    if version.liquid_emode and user.emode == category:
        return pool
    require(category == 0 or category in pool.emodes, "InconsistentEModeCategory")
    changed = replace(user, emode=category)
    emode = pool.emode_of(changed)
    debt_reason = "NotBorrowableInEMode" if version.liquid_emode else "InconsistentEModeCategory"
    for asset, config in pool.configs.items():
        position = user.position(asset)
        if version.emode_ltv:
            borrowable = asset in emode.borrowable if emode else config.borrowing_enabled
            require(not position.borrowing or borrowable, "InvalidDebtInEmode")
            usable = user_ltv(version, asset, config, emode) != 0
            require(not position.collateral or usable, "InvalidCollateralInEmode")
        elif emode is not None:
            require(not position.borrowing or asset in emode.borrowable, debt_reason)
    pool = pool.with_user(name, changed)
    if version.liquid_emode or user.emode:
        require_healthy(account_data(pool, name))
    return pool

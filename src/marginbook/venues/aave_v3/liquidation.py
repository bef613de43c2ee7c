"""Liquidation: what a call would do, what may be asked for, and the pool after it."""

from dataclasses import dataclass, replace

from marginbook.exact import WAD, div_floor
from marginbook.venues.aave_v3.account_data import (
    AccountData,
    account_data,
    counts_as_collateral,
    owed,
    supplied,
    user_bonus,
)
from marginbook.venues.aave_v3.actions import (
    isolated_collateral,
    move_cash,
    reduce_isolation_debt,
    require_usable,
    touch,
)
from marginbook.venues.aave_v3.math import percent_mul_half_up
from marginbook.venues.aave_v3.state import ALL, TREASURY, Pool, Revert, require
from marginbook.venues.aave_v3.versions import AAVE_3_0

CLOSE_FACTOR = 5_000  # [bp]
CLOSE_FACTOR_HEALTH = AAVE_3_0.full_close_health  # [wad] at or below it everything may be repaid, from 3.0
FULL_CLOSE_BELOW = 2_000 * 10**8  # [base currency] 3.3: smaller pairs may be closed in full
LEFTOVER_LEAST = 1_000 * 10**8  # [base currency] 3.3: what a partial liquidation must leave on both sides


@dataclass(frozen=True, slots=True, kw_only=True)
class Liquidation:
    """One call, in token units, before it is executed."""

    repaid: int  # debt asset, paid by the liquidator
    seized: int  # collateral asset, received by the liquidator
    protocol_fee: int  # collateral asset, to the treasury
    bonus: int  # [bp, above 10⁴]
    debt: int  # the user's debt in the debt asset before
    collateral: int  # the user's balance in the collateral asset before
    empties: bool  # nothing of this collateral is left, its flag is cleared
    takes_everything: bool  # 3.3: no collateral at all is left, remaining debts become deficit


def eligible(pool: Pool, name: str, collateral: str, debt: str) -> AccountData:
    """The account, or the reason why this pair cannot be liquidated. Reserves must be accrued."""
    data = account_data(pool, name)
    user = pool.user(name)
    require(pool.configs[collateral].active and pool.configs[debt].active, "ReserveInactive")
    require_usable(pool.configs[collateral])
    require_usable(pool.configs[debt])
    require(data.health_factor < WAD, "HealthFactorNotBelowThreshold")
    flagged = user.position(collateral).collateral
    require(flagged and counts_as_collateral(pool.version, pool.configs[collateral]), "CollateralCannotBeLiquidated")
    require(user.position(debt).scaled_debt != 0, "SpecifiedCurrencyNotBorrowedByUser")
    return data


def balances(pool: Pool, name: str, collateral: str, debt: str) -> tuple[int, int]:
    """(collateral balance, debt balance) of the pair [token units]."""
    return supplied(pool, name, collateral), owed(pool, name, debt)


def most_repayable(pool: Pool, name: str, collateral: str, debt: str, data: AccountData) -> int:
    """Close factor: the most of `debt` [token units] that one call may cover.

    2: half of the reserve's debt. 3.0 to 3.2: half above a health factor of 0.95, else all. From 3.3: all, unless the
    health factor is above 0.95 and both sides of the pair are worth 2000 or more; then half of the *whole* debt.
    """
    version, emode = pool.version, pool.emode_of(pool.user(name))
    balance, owes = balances(pool, name, collateral, debt)
    if not version.position_close_factor:
        half_only = data.health_factor > version.full_close_health
        return percent_mul_half_up(owes, CLOSE_FACTOR) if half_only else owes
    debt_unit, debt_price = pool.configs[debt].unit, pool.price(debt, emode)
    owed_value = version.debt_value(owes, debt_price, debt_unit)
    held_value = version.collateral_value(balance, pool.price(collateral, emode), pool.configs[collateral].unit)
    if min(owed_value, held_value) >= FULL_CLOSE_BELOW and data.health_factor > version.full_close_health:
        half = percent_mul_half_up(data.debt, CLOSE_FACTOR)
        if owed_value > half:
            return div_floor(half * debt_unit, debt_price)
    return owes


def plan(pool: Pool, name: str, collateral: str, debt: str, cover: int) -> Liquidation:
    """What a call that offers `cover` of `debt` for `collateral` would do; `Revert` if it would fail the rules."""
    if not pool.version.checks_before_accrual:
        pool = touch(touch(pool, debt), collateral)
    data = eligible(pool, name, collateral, debt)
    version, emode = pool.version, pool.emode_of(pool.user(name))
    config = pool.configs[collateral]
    balance, owes = balances(pool, name, collateral, debt)
    price, unit = pool.price(collateral, emode), config.unit
    debt_unit = pool.configs[debt].unit
    # with a price source, 3.0 prices the debt by it without looking whether the asset is a member
    debt_price = pool.prices[emode.price_source] if emode and emode.price_source else pool.prices[debt]
    bonus = user_bonus(collateral, config, emode)
    require(price > 0 and debt_price > 0 and bonus > 0, "DivisionByZero")
    repaid = min(cover, most_repayable(pool, name, collateral, debt, data))
    taken = version.seizable(debt_price * repaid * unit, price * debt_unit, bonus)
    if taken > balance:
        taken = balance
        needed = version.debt_needed(div_floor(price * balance * debt_unit, debt_price * unit), bonus)
        repaid = min(repaid, needed) if version.checks_before_accrual else needed
    fee = version.protocol_fee(taken, bonus, config.protocol_fee)
    if version.position_close_factor and repaid < owes and taken < balance:
        left = version.debt_value(owes - repaid, debt_price, debt_unit)
        left_collateral = version.collateral_value(balance - taken, price, unit)
        require(min(left, left_collateral) >= LEFTOVER_LEAST, "MustNotLeaveDust")
    empties, consumed = _consumed(pool, name, collateral, balance, taken - fee, fee)
    everything = version.position_close_factor and data.collateral == version.collateral_value(consumed, price, unit)
    return Liquidation(
        repaid=repaid,
        seized=taken - fee,
        protocol_fee=fee,
        bonus=bonus,
        debt=owes,
        collateral=balance,
        empties=empties or (everything and version.consumed_shares),
        takes_everything=everything,
    )


def _consumed(pool: Pool, name: str, asset: str, balance: int, seized: int, fee: int) -> tuple[bool, int]:
    """(whether nothing of the collateral is left, how much of it leaves [token units]).

    3.7 looks at the shares that the two transfers take, each rounded up, at most all; before, amounts are compared.
    """
    version = pool.version
    if not version.consumed_shares:
        return seized + fee == balance, seized + fee
    index, shares = pool.reserves[asset].liquidity_index, pool.user(name).position(asset).scaled_supply
    leaving = min(version.supply_burn(seized, index) + version.supply_burn(fee, index), shares)
    return leaving == shares, version.supply_balance(leaving, index)


def liquidate(
    pool: Pool, name: str, collateral: str, debt: str, cover: int, liquidator: str | None = None
) -> tuple[Pool, Liquidation]:
    """The pool after a liquidation call, and what the call did. The liquidator receives the token itself."""
    version = pool.version
    require(version.self_liquidation or liquidator != name, "SelfLiquidation")
    if version.checks_before_accrual:
        call = plan(pool, name, collateral, debt, cover)
        cash = pool.reserves[collateral].cash
        require(cash is None or cash >= call.seized, "NotEnoughLiquidityToLiquidate")
        pool = _touch_pair(pool, collateral, debt)
    else:
        pool = _touch_pair(pool, collateral, debt)
        call = plan(pool, name, collateral, debt, cover)
    if call.empties:
        position = replace(pool.user(name).position(collateral), collateral=False)
        pool = pool.with_position(name, collateral, position)
    if version.position_close_factor:
        isolated = collateral if version.isolation and pool.configs[collateral].debt_ceiling else None
    else:
        isolated = isolated_collateral(pool, pool.user(name))
    pool = _repay_debt(pool, name, debt, call.debt, call.repaid, call.takes_everything)
    pool = reduce_isolation_debt(pool, isolated, debt, call.repaid)
    pool = _pay_out(pool, name, collateral, call, late=call.repaid if collateral == debt else 0)
    pool = _pay_fee(pool, name, collateral, call.protocol_fee)
    if call.takes_everything:
        pool = _write_off(pool, name)
    return pool, call


def _touch_pair(pool: Pool, collateral: str, debt: str) -> Pool:
    """Both reserves accrued. 3.5 and 3.6 read both before they store either, so that one asset on both sides pays the
    treasury its share of the interest twice."""
    before = pool.reserves[debt].accrued_to_treasury
    pool = touch(touch(pool, debt), collateral)
    if collateral == debt and pool.version.pair_accrues_twice:
        reserve = pool.reserves[debt]
        twice = 2 * reserve.accrued_to_treasury - before
        return pool.with_reserve(debt, replace(reserve, accrued_to_treasury=twice))
    return pool


def _repay_debt(pool: Pool, name: str, asset: str, owed: int, repaid: int, write_off: bool) -> Pool:
    """Burn the repaid debt, or all of it if the rest becomes a deficit; then the rates.

    The borrowing flag goes with the last share (from 3.4) or with the last unit of debt; 2 leaves it.
    """
    version, reserve = pool.version, pool.reserves[asset]
    position = pool.user(name).position(asset)
    scaled = version.debt_burn(owed if write_off else repaid, reserve.borrow_index)
    require(scaled != 0, "InvalidBurnAmount")
    require(scaled <= position.scaled_debt, "BurnExceedsBalance")
    cleared = scaled == position.scaled_debt if version.scaled_flags else write_off or repaid == owed
    if version.checks_before_accrual:
        cleared = False
    after = replace(position, scaled_debt=position.scaled_debt - scaled, borrowing=position.borrowing and not cleared)
    deficit = reserve.deficit + (owed - repaid if write_off else 0)
    pool = pool.with_position(name, asset, after)
    return move_cash(pool, asset, repaid, scaled_debt=reserve.scaled_debt - scaled, deficit=deficit)


def _pay_out(pool: Pool, name: str, asset: str, call: Liquidation, late: int) -> Pool:
    """Burn the seized supply and pay it out.

    `late`: what the liquidator pays in the same token arrives only after the payout, so that it cannot be paid from it.
    Where cash is the token's balance (2, 3.0) the rates do not see it either.
    """
    version, reserve = pool.version, pool.reserves[asset]
    scaled = version.supply_burn(call.seized, reserve.liquidity_index)
    position = pool.user(name).position(asset)
    pool = pool.with_position(name, asset, replace(position, scaled_supply=position.scaled_supply - scaled))
    unseen = 0 if version.tracked_cash else late
    pool = move_cash(pool, asset, -call.seized - unseen, scaled_supply=reserve.scaled_supply - scaled)
    require(scaled != 0, "InvalidBurnAmount")
    if reserve.cash is None:
        return pool
    require(reserve.cash >= late + call.seized, "InsufficientLiquidity")
    return pool.with_reserve(asset, replace(pool.reserves[asset], cash=reserve.cash - call.seized))


def _pay_fee(pool: Pool, name: str, asset: str, fee: int) -> Pool:
    """Move the fee to the treasury, at most what is left."""
    if fee == 0:
        return pool
    version, index = pool.version, pool.reserves[asset].liquidity_index
    position, treasury = pool.user(name).position(asset), pool.user(TREASURY).position(asset)
    scaled = min(version.supply_burn(fee, index), position.scaled_supply)
    pool = pool.with_position(name, asset, replace(position, scaled_supply=position.scaled_supply - scaled))
    return pool.with_position(TREASURY, asset, replace(treasury, scaled_supply=treasury.scaled_supply + scaled))


def _write_off(pool: Pool, name: str) -> Pool:
    """Bad debt: every debt that is left becomes a deficit of its reserve."""
    for asset in pool.configs:
        if pool.user(name).position(asset).borrowing and pool.configs[asset].active:
            pool = touch(pool, asset)
            pool = _repay_debt(pool, name, asset, owed(pool, name, asset), 0, write_off=True)
    return pool


def cover_range(pool: Pool, name: str, collateral: str, debt: str) -> tuple[int, int]:
    """(least, most) of `debt` [token units] that a call may offer to cover now; `Revert` if nothing may be.

    Between the two there may be a gap (3.3): small covers leave enough on both sides, or everything is taken; the dust
    rule refuses what lies between. Where the collateral runs out first, less is repaid than was offered.
    """
    if not pool.version.checks_before_accrual:
        pool = touch(touch(pool, debt), collateral)
    top = plan_or_reason(pool, name, collateral, debt, ALL)
    if not isinstance(top, Revert):
        most = most_repayable(pool, name, collateral, debt, account_data(pool, name))
    elif top.reason == "MustNotLeaveDust":
        most = _largest(pool, name, collateral, debt, balances(pool, name, collateral, debt)[1])
    else:
        raise top
    if most == 0:
        raise Revert("MustNotLeaveDust")
    return _smallest(pool, name, collateral, debt, most), most


def plan_or_reason(pool: Pool, name: str, collateral: str, debt: str, cover: int) -> Liquidation | Revert:
    """The executed call, or why it fails."""
    try:
        return liquidate(pool, name, collateral, debt, cover)[1]
    except Revert as revert:
        return revert


def _largest(pool: Pool, name: str, collateral: str, debt: str, limit: int) -> int:
    """Largest cover that leaves no dust: what remains on both sides falls as the cover grows."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) >> 1
        result = plan_or_reason(pool, name, collateral, debt, middle)
        if isinstance(result, Revert) and result.reason == "MustNotLeaveDust":
            high = middle - 1
        else:
            low = middle
    return low


def _smallest(pool: Pool, name: str, collateral: str, debt: str, most: int) -> int:
    """Smallest cover that does something: below it nothing would be burned, or (3.3) dust would be left."""

    def refused(cover: int, *reasons: str) -> bool:
        result = plan_or_reason(pool, name, collateral, debt, cover)
        return isinstance(result, Revert) and result.reason in reasons

    low, high = 0, 1
    while high < most and refused(high, "InvalidBurnAmount"):
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) >> 1
        low, high = (middle, high) if refused(middle, "InvalidBurnAmount") else (low, middle)
    if not refused(high, "MustNotLeaveDust"):
        return high
    if refused(most - 1, "MustNotLeaveDust"):
        return most
    low, high = high, most
    while high - low > 1:
        middle = (low + high) >> 1
        low, high = (middle, high) if refused(middle, "MustNotLeaveDust") else (low, middle)
    return high

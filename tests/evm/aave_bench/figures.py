"""The model's side of every comparison, with or without a chain."""

from collections.abc import Sequence

from marginbook.venues.aave_v3.account_data import account_data, owed, supplied
from marginbook.venues.aave_v3.liquidation import Liquidation
from marginbook.venues.aave_v3.reserve import normalized_debt, normalized_income
from marginbook.venues.aave_v3.state import TREASURY, Pool
from marginbook.venues.aave_v3.steps import Action
from marginbook.venues.aave_v3.versions import Version

SUBTRACTIONS = ("InsufficientLiquidity", "SubtractionOverflow", "BurnExceedsBalance")
"""What version 2 shows alike: something was larger than what it is taken from."""
INSIDE = (*SUBTRACTIONS, "InvalidBurnAmount", "DivisionByZero")
"""Reasons that a liquidation of version 2, which runs in another contract's code, hides."""


def shown_reason(version: Version, action: Action, reason: str | None) -> str | None:
    """The model's reason as far as the chain shows it: in version 2 some look alike."""
    if version.name != "2":
        return reason
    if action.kind == "liquidate" and reason in INSIDE:
        return "LiquidationCallFailed"
    return SUBTRACTIONS[0] if reason in SUBTRACTIONS else reason


def model_numbers(pool: Pool, users: Sequence[str]) -> list[int]:
    """Per reserve: indices, rates, update, treasury, isolation debt, accrued indices, totals, cash, deficit, fees.

    Per user: the six numbers of the account, category, flags, and balance and debt of each asset, scaled and accrued.
    """
    found: list[int] = []
    first, deficits = pool.version.name == "2", pool.version.name >= "3.3"
    for name, r in pool.reserves.items():
        found += [r.liquidity_index, r.liquidity_rate, r.borrow_index, r.borrow_rate, r.updated_at]
        if not first:
            found += [r.accrued_to_treasury, r.isolation_debt]
        found += [normalized_income(r, pool.time), normalized_debt(pool.version, r, pool.time)]
        found += [r.scaled_supply, r.scaled_debt, r.cash or 0]
        if deficits:
            found.append(r.deficit)
        minted = r.accrued_to_treasury if first else 0
        found.append(pool.user(TREASURY).position(name).scaled_supply + minted)
    for user in users:
        data, state = account_data(pool, user), pool.user(user)
        found += [data.collateral, data.debt, data.available_borrows, data.average_threshold, data.average_ltv]
        found.append(data.health_factor)
        if not first:
            found.append(state.emode)
        flags = 0
        for i, name in enumerate(pool.configs):
            position = state.position(name)
            flags |= (position.borrowing << (2 * i)) | (position.collateral << (2 * i + 1))
        found.append(flags)
        for name in pool.configs:
            position = state.position(name)
            found += [position.scaled_supply, supplied(pool, user, name)]
            found += [position.scaled_debt, owed(pool, user, name)]
    return found


def model_call(action: Action, call: Liquidation | None) -> tuple[int, int] | None:
    """The model's side of what a liquidator's balances show."""
    if call is None:
        return None
    if action.asset == action.collateral:
        return call.seized - call.repaid, call.seized - call.repaid
    return call.repaid, call.seized

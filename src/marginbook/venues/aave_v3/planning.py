"""What a liquidator may do to an account now."""

from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.risk import Plan
from marginbook.exact import BASIS_POINTS, from_raw, in_exact_context
from marginbook.venues.aave_v3.account_data import owed
from marginbook.venues.aave_v3.holdings import POOL, PRICE_DECIMALS, USER, amount_of, pool_of
from marginbook.venues.aave_v3.liquidation import Liquidation, cover_range, liquidate
from marginbook.venues.aave_v3.parameters import Parameters
from marginbook.venues.aave_v3.state import Pool, Revert


@in_exact_context
def plan_liquidation(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> Plan:
    """One call on the pair of collateral and debt that repays the most value now, with the least and most it may repay.

    `bad_debt` [USD] is what becomes a deficit because no collateral is left (3.3). Otherwise `reason` says why no call
    is possible, by the contract's own error name.
    """
    state = pool_of(account, market, parameters, at)
    user = state.user(USER)
    reason, best = "NoDebt", None
    for debt, owes in user.positions.items():
        for collateral, holds in user.positions.items():
            if not (owes.borrowing and holds.collateral):
                continue
            try:
                least, most = cover_range(state, USER, collateral, debt)
                after, call = liquidate(state, USER, collateral, debt, most)
                least = liquidate(state, USER, collateral, debt, least)[1].repaid
            except Revert as revert:
                reason = revert.reason
                continue
            value = state.version.debt_value(call.repaid, state.price(debt, None), state.configs[debt].unit)
            if best is None or value > best[0]:
                best = (value, collateral, debt, least, call, after)
    if best is None:
        return Plan(pool=POOL, market="", reason=reason if user.borrows else "NoDebt")
    _, collateral, debt, least, call, after = best
    return _plan(state, after, collateral, debt, least, call)


def _plan(before: Pool, after: Pool, collateral: str, debt: str, least: int, call: Liquidation) -> Plan:
    held, owes = before.configs[collateral], before.configs[debt]
    price = before.price(collateral, before.emode_of(before.user(USER)))
    return Plan(
        pool=POOL,
        market=debt,
        collateral=collateral,
        close_least=amount_of(least, owes),
        close_most=amount_of(call.repaid, owes),
        price=from_raw(price, PRICE_DECIMALS),
        seized=amount_of(call.seized, held),
        protocol_fee=amount_of(call.protocol_fee, held),
        bonus=from_raw(call.bonus - BASIS_POINTS, 4),
        bad_debt=_bad_debt(before, after, call, debt),
    )


def _bad_debt(before: Pool, after: Pool, call: Liquidation, debt: str) -> Decimal:
    """Value of the debts that were burned unpaid [USD]."""
    if not call.takes_everything:
        return Decimal(0)
    raw = 0
    for asset, position in before.user(USER).positions.items():
        if position.borrowing and not after.user(USER).position(asset).borrowing:
            unpaid = owed(before, USER, asset) - (call.repaid if asset == debt else 0)
            raw += before.version.debt_value(unpaid, before.prices[asset], before.configs[asset].unit)
    return from_raw(raw, PRICE_DECIMALS)

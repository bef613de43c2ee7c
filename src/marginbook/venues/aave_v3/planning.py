"""What a liquidator may do to an account now."""

from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.risk import Flow, Party, Plan
from marginbook.exact import BASIS_POINTS, from_raw, in_exact_context
from marginbook.venues.aave_v3.account_data import owed
from marginbook.venues.aave_v3.holdings import POOL, USER, amount_of, pool_of, with_source_price
from marginbook.venues.aave_v3.liquidation import Liquidation, cover_range, liquidate
from marginbook.venues.aave_v3.parameters import Parameters
from marginbook.venues.aave_v3.state import Pool, Revert


@in_exact_context
def plan_liquidation(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> Plan:
    """One call on the pair of collateral and debt that repays the most value now, with the least and most it may repay.

    `bad_debt` [USD] is what becomes a deficit because no collateral is left (3.3). Otherwise `reason` says why no call
    is possible, by the contract's own error name. Flows: the liquidator pays the debt and receives collateral, the
    protocol its fee; what is written off is the pool's loss.
    """
    state = with_source_price(pool_of(account, market, parameters, at), market, f"account {account.id}")
    user = state.user(USER)
    emode = state.emode_of(user)
    reason, best = "NoDebt", None
    # Without collateral that counts, any asset tells the contract's reason.
    candidates = [name for name, holds in user.positions.items() if holds.collateral] or list(user.positions)
    for debt in [name for name, owes in user.positions.items() if owes.borrowing]:
        for collateral in candidates:
            try:
                least, most = cover_range(state, USER, collateral, debt)
                after, call = liquidate(state, USER, collateral, debt, most)
                # where the collateral runs out, a larger offer may repay a few units less
                least = min(liquidate(state, USER, collateral, debt, least)[1].repaid, call.repaid)
            except Revert as revert:
                reason = revert.reason
                continue
            value = state.version.debt_value(call.repaid, state.price(debt, emode), state.configs[debt].unit)
            if best is None or value > best[0]:
                best = (value, collateral, debt, least, call, after)
    if best is None:
        return Plan(pool=POOL, market="", reason=reason if user.borrows else "NoDebt")
    _, collateral, debt, least, call, after = best
    return _plan(state, after, collateral, debt, least, call)


def _plan(before: Pool, after: Pool, collateral: str, debt: str, least: int, call: Liquidation) -> Plan:
    held, owes = before.configs[collateral], before.configs[debt]
    unpaid = _unpaid(before, after, call, debt)
    price = before.price(collateral, before.emode_of(before.user(USER)))
    return Plan(
        pool=POOL,
        market=debt,
        collateral=collateral,
        close_least=amount_of(least, owes),
        close_most=amount_of(call.repaid, owes),
        price=from_raw(price, before.version.base_decimals),
        seized=amount_of(call.seized, held),
        protocol_fee=amount_of(call.protocol_fee, held),
        bonus=from_raw(call.bonus - BASIS_POINTS, 4),
        bad_debt=_bad_debt(before, unpaid),
        flows=_flows(before, collateral, debt, call, unpaid),
    )


def _unpaid(before: Pool, after: Pool, call: Liquidation, debt: str) -> dict[str, int]:
    """What is written off, by asset [token units]."""
    if not call.takes_everything:
        return {}
    found = {}
    for asset, position in before.user(USER).positions.items():
        if position.borrowing and not after.user(USER).position(asset).borrowing:
            found[asset] = owed(before, USER, asset) - (call.repaid if asset == debt else 0)
    return found


def _bad_debt(before: Pool, unpaid: dict[str, int]) -> Decimal:
    """Its value [base currency]."""
    value = before.version.debt_value
    raw = sum(value(left, before.price(asset, None), before.configs[asset].unit) for asset, left in unpaid.items())
    return from_raw(raw, before.version.base_decimals)


def _flows(before: Pool, collateral: str, debt: str, call: Liquidation, unpaid: dict[str, int]) -> tuple[Flow, ...]:
    """Who gives what to whom; a debt that disappears is received by the account."""
    rows: list[tuple[Party, str, int]] = [
        ("liquidator", debt, -call.repaid),
        ("account", debt, call.repaid),
        ("account", collateral, -(call.seized + call.protocol_fee)),
        ("liquidator", collateral, call.seized),
        ("protocol", collateral, call.protocol_fee),
    ]
    for asset, left in unpaid.items():
        rows += [("pool", asset, -left), ("account", asset, left)]
    return tuple(Flow(party, asset, amount_of(raw, before.configs[asset])) for party, asset, raw in rows if raw)

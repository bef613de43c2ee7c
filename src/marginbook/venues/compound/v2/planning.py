"""What a liquidator may do to an account now."""

from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.risk import Flow, Plan
from marginbook.exact import WAD, from_raw, in_exact_context
from marginbook.venues.compound.inputs import PRICE_DECIMALS, USER, price_raw
from marginbook.venues.compound.v2.holdings import POOL, pool_of
from marginbook.venues.compound.v2.liquidation import Liquidation, incentive_of, largest_call, liquidate
from marginbook.venues.compound.v2.parameters import Parameters
from marginbook.venues.compound.v2.risk import require_pool, risk_of, value
from marginbook.venues.compound.v2.state import Pool, Revert, owed


@in_exact_context
def plan_liquidation(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> Plan:
    """One call on the pair of debt and collateral that repays the most value now.

    The call accrues both markets first, where their totals are known. `bad_debt` [USD] is the debt beyond all supplies:
    it stays on the books. In the flows the account receives what it is relieved of. Otherwise `reason` is the
    contract's own error name.
    """
    require_pool(account, pool)
    state = pool_of(account, market, parameters)
    user = state.user(USER)
    reason, best = "no debt", None
    for debt in user.positions:
        if not owed(state, USER, debt):
            continue
        for collateral, holds in user.positions.items():
            if not holds.tokens or (state.version.seizes_entered_only and collateral not in user.entered):
                continue
            try:
                amount = largest_call(state, USER, collateral, debt)
                _, call = liquidate(state, USER, collateral, debt, amount)
            except Revert as revert:
                reason = revert.reason
                continue
            worth = value(state, debt, call.repaid)
            if best is None or worth > best[0]:
                best = (worth, collateral, debt, call)
    if best is None:
        owes = any(owed(state, USER, asset) for asset in user.positions)
        if owes and reason == "no debt":
            reason = "no collateral"
        return Plan(pool=POOL, market="", reason=reason, bad_debt=_bad_debt(state))
    _, collateral, debt, call = best
    price = from_raw(price_raw(market, collateral, f"account {account.id}"), PRICE_DECIMALS)
    return _plan(state, collateral, debt, call, price)


def _plan(state: Pool, collateral: str, debt: str, call: Liquidation, price: Decimal) -> Plan:
    places = state.configs[collateral].decimals
    repaid = from_raw(call.repaid, state.configs[debt].decimals)
    seized, fee = from_raw(call.liquidator_value, places), from_raw(call.protocol_value, places)
    return Plan(
        pool=POOL,
        market=debt,
        collateral=collateral,
        close_least=from_raw(1, state.configs[debt].decimals),
        close_most=repaid,
        price=price,
        seized=seized,
        protocol_fee=fee,
        bonus=from_raw(incentive_of(state, collateral) - WAD, 18),
        bad_debt=_bad_debt(state),
        flows=(
            Flow("liquidator", debt, -repaid),
            Flow("account", debt, repaid),
            Flow("account", collateral, -(seized + fee)),
            Flow("liquidator", collateral, seized),
            *((Flow("protocol", collateral, fee),) if fee else ()),
        ),
    )


def _bad_debt(state: Pool) -> Decimal:
    sums = risk_of(state)
    return from_raw(max(sums.liabilities - sums.assets, 0), 18)

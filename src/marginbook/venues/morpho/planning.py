"""What a liquidator may do to a market of an account now."""

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.risk import Flow, Plan
from marginbook.exact import WAD, from_raw, in_exact_context
from marginbook.venues.morpho.holdings import USER, Holding, holding_of, isolated_of
from marginbook.venues.morpho.market import Isolated, Liquidation, Revert, is_healthy, liquidate
from marginbook.venues.morpho.math import incentive_factor
from marginbook.venues.morpho.parameters import Parameters


def largest(m: Isolated) -> Liquidation | None:
    """The liquidation that repays every share, or, where collateral does not pay for them, takes all of it.

    Between the two, where rounding refuses both, the most shares that the collateral pays for. None where even one
    share is refused.
    """
    position = m.position(USER)
    for seized, shares in ((0, position.borrow_shares), (position.collateral, 0)):
        found = _tried(m, seized, shares)
        if found is not None:
            return found
    low, high = 0, position.borrow_shares
    while high - low > 1:
        middle = (low + high) >> 1
        low, high = (middle, high) if _tried(m, 0, middle) is not None else (low, middle)
    return _tried(m, 0, low)


def _tried(m: Isolated, seized: int, shares: int) -> Liquidation | None:
    try:
        return liquidate(m, USER, seized=seized, shares=shares)[1]
    except Revert:
        return None


@in_exact_context
def plan_liquidation(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> Plan:
    """One call that repays all, or takes all: there is no close factor; the incentive goes to the liquidator.

    `bad_debt` [loan tokens] is what the suppliers lose at once because no collateral is left. In the flows
    the account receives what it is relieved of.
    """
    h = holding_of(account, pool, parameters)
    if h.debt is None:
        return Plan(pool=pool, market=h.terms.loan, reason="position is healthy")
    m = isolated_of(account, h, market, at)
    if is_healthy(m, USER):
        return Plan(pool=pool, market=h.terms.loan, reason="position is healthy")
    call = largest(m)
    if call is None:
        return Plan(pool=pool, market=h.terms.loan, reason="no collateral is left")
    return _plan(pool, h, m, call)


def _plan(pool: str, h: Holding, m: Isolated, call: Liquidation) -> Plan:
    repaid = from_raw(call.repaid, h.terms.loan_decimals)
    seized = from_raw(call.seized, h.terms.collateral_decimals)
    lost = from_raw(call.bad_debt, h.terms.loan_decimals)
    moves = (
        Flow("liquidator", h.terms.loan, -repaid),
        Flow("account", h.terms.loan, repaid + lost),
        Flow("pool", h.terms.loan, -lost),
        Flow("account", h.terms.collateral, -seized),
        Flow("liquidator", h.terms.collateral, seized),
    )
    return Plan(
        pool=pool,
        market=h.terms.loan,
        collateral=h.terms.collateral,
        close_least=min(repaid, from_raw(1, h.terms.loan_decimals)),
        close_most=repaid,
        price=from_raw(m.price, h.terms.price_decimals),
        seized=seized,
        bonus=from_raw(incentive_factor(m.lltv) - WAD, 18),
        bad_debt=lost,
        flows=tuple(flow for flow in moves if flow.amount),
    )

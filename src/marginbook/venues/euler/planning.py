"""What a liquidator may do to an account in a vault now."""

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.risk import Flow, Plan
from marginbook.exact import WAD, from_raw, in_exact_context
from marginbook.venues.euler.holdings import holding_of, loan_of
from marginbook.venues.euler.math import PRICE_DECIMALS
from marginbook.venues.euler.parameters import Parameters
from marginbook.venues.euler.vault import Liquidation, Loan, Revert, largest, liquidated

HEALTHY = "account is healthy"


def best(loan: Loan) -> tuple[str, Liquidation, int]:
    """(collateral whose liquidation repays most, the first of equals, what moves, bad debt); or `Revert`.

    Where the contracts refuse the largest because of the debt's last unit, one unit less.
    """
    found = {name: largest(loan, name) for name, balance in loan.balances.items() if balance}
    if not found:
        raise Revert("no collateral is left")
    name = max(found, key=lambda name: (found[name].repaid, found[name].taken))
    try:
        return name, *liquidated(loan, name)[1:]
    except Revert:
        return name, *liquidated(loan, name, max(found[name].repaid - 1, 0))[1:]


@in_exact_context
def plan_liquidation(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> Plan:
    """The largest liquidation of the collateral that repays most; any part of it is allowed, in proportion.

    The liquidator takes the repaid debt over, so that no tokens of it move: in the flows, the account is relieved of
    it. `seized` is tokens, or shares where the account states shares; `bonus` the discount; `bad_debt` [debt asset]
    what the lenders lose.
    """
    h = holding_of(account, pool, parameters)
    loan = loan_of(account, h, market, at)
    if not loan.is_liquidatable:
        return Plan(pool=pool, market=h.terms.asset, reason=HEALTHY)
    try:
        name, found, bad = best(loan)
    except Revert as revert:
        return Plan(pool=pool, market=h.terms.asset, reason=revert.reason)
    terms, places = h.terms.collaterals[name], h.terms.decimals
    repaid, taken = from_raw(found.repaid, places), from_raw(found.taken, terms.decimals)
    lost = from_raw(bad, places)
    moves = (
        Flow("account", name, -taken),
        Flow("liquidator", name, taken),
        Flow("account", h.terms.asset, repaid + lost),
        Flow("liquidator", h.terms.asset, -repaid),
        Flow("pool", h.terms.asset, -lost),
    )
    return Plan(
        pool=pool,
        market=h.terms.asset,
        collateral=name,
        close_least=min(repaid, from_raw(1, places)),
        close_most=repaid,
        price=from_raw(loan.prices[terms.asset].mid, PRICE_DECIMALS),
        seized=taken,
        bonus=from_raw(WAD - found.factor, PRICE_DECIMALS),
        bad_debt=lost,
        flows=tuple(flow for flow in moves if flow.amount),
    )

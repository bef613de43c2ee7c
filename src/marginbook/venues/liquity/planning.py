"""What anyone may do to a trove now: one liquidation of all of it."""

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.risk import Flow, Party, Plan
from marginbook.exact import WAD, divide, from_raw, in_exact_context
from marginbook.venues.common.views import down
from marginbook.venues.liquity.holdings import (
    ASSET,
    DEBT,
    POOL,
    USER,
    WAD_DECIMALS,
    check_pool,
    price_if_owed,
    system_of,
)
from marginbook.venues.liquity.liquidation import NOTHING_TO_LIQUIDATE, liquidated
from marginbook.venues.liquity.parameters import Parameters
from marginbook.venues.liquity.revert import Revert


@in_exact_context
def plan_liquidation(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> Plan:
    """The whole trove, at no cost to the caller, who gets the gas compensation and the reserve.

    `close_most` = `close_least` is the debt; `seized` the collateral that leaves the owner for good; `fee` the reserve;
    `bonus` what the stability pool or the other troves get beyond the debt's worth, per collateral seized [fraction].
    Flows: the debt goes to the stability pool (`pool`) and to the other troves (`counterparties`), with the collateral
    for it; the reserve comes from the system's gas pool. A surplus stays the account's, to be claimed.
    """
    check_pool(account, pool)
    s = system_of(account, market, parameters, at, price_if_owed(account, market))
    if not s.troves or not s.whole(USER)[1]:
        return Plan(pool=POOL, market=DEBT, reason=NOTHING_TO_LIQUIDATE)
    try:
        found = liquidated(s, USER)[1]
    except Revert as revert:
        return Plan(pool=POOL, market=DEBT, reason=revert.reason)
    debt, seized = found.debt, found.collateral - found.surplus
    spare = seized * s.price - debt * WAD
    moves: tuple[tuple[Party, str, int], ...] = (
        ("account", ASSET, -seized),
        ("liquidator", ASSET, found.gas_collateral),
        ("pool", ASSET, found.to_pool),
        ("counterparties", ASSET, found.redistributed_collateral),
        ("account", DEBT, debt),
        ("pool", DEBT, -found.offset),
        ("counterparties", DEBT, -found.redistributed_debt),
        ("protocol", DEBT, -s.terms.gas_reserve),
        ("liquidator", DEBT, s.terms.gas_reserve),
    )
    return Plan(
        pool=POOL,
        market=DEBT,
        collateral=ASSET,
        close_least=from_raw(debt, WAD_DECIMALS),
        close_most=from_raw(debt, WAD_DECIMALS),
        price=from_raw(s.price, WAD_DECIMALS),
        seized=from_raw(seized, WAD_DECIMALS),
        fee=from_raw(s.terms.gas_reserve, WAD_DECIMALS),
        bonus=down(divide(from_raw(spare, 36), from_raw(seized * s.price, 36))) if seized else from_raw(0, 0),
        flows=tuple(Flow(who, asset, from_raw(raw, WAD_DECIMALS)) for who, asset, raw in moves if raw),
    )

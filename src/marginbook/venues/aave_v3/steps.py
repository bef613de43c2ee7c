"""A pool moved by plain actions: what the EVM bench, stored walks and simulations replay."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from marginbook.venues.aave_v3 import actions
from marginbook.venues.aave_v3.liquidation import Liquidation, liquidate
from marginbook.venues.aave_v3.state import Pool, Revert

Kind = Literal["time", "price", "ltv", "supply", "withdraw", "borrow", "repay", "collateral", "emode", "liquidate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One input of a pool. `amount`: token units, seconds, price, LTV [bp], e-mode category or 0/1, by kind."""

    kind: Kind
    user: str = ""
    asset: str = ""  # of a liquidation: the debt
    amount: int = 0
    collateral: str = ""


def step(pool: Pool, action: Action) -> tuple[Pool, Liquidation | None, str | None]:
    """(pool after, what a liquidation did, why it was refused): a refused action changes nothing."""
    try:
        after, call = _step(pool, action)
    except Revert as revert:
        return pool, None, revert.reason
    return after, call, None


def _step(pool: Pool, action: Action) -> tuple[Pool, Liquidation | None]:
    match action.kind:
        case "time":
            return pool.at(pool.time + action.amount), None
        case "price":
            return pool.with_prices({action.asset: action.amount}), None
        case "ltv":
            return replace(pool, configs=_with_ltv(pool, action)), None
        case "supply":
            return actions.supply(pool, action.user, action.asset, action.amount), None
        case "withdraw":
            return actions.withdraw(pool, action.user, action.asset, action.amount), None
        case "borrow":
            return actions.borrow(pool, action.user, action.asset, action.amount), None
        case "repay":
            return actions.repay(pool, action.user, action.asset, action.amount), None
        case "collateral":
            return actions.set_collateral(pool, action.user, action.asset, bool(action.amount)), None
        case "emode":
            return actions.set_emode(pool, action.user, action.amount), None
        case "liquidate":
            return liquidate(pool, action.user, action.collateral, action.asset, action.amount)


def _with_ltv(pool: Pool, action: Action) -> Mapping[str, Any]:
    return {**pool.configs, action.asset: replace(pool.configs[action.asset], ltv=action.amount)}

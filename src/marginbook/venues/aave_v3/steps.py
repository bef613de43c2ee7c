"""A pool moved by plain actions: what the EVM bench, stored walks and simulations replay."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from marginbook.venues.aave_v3 import actions, actions_2
from marginbook.venues.aave_v3.liquidation import Liquidation, liquidate
from marginbook.venues.aave_v3.state import Pool, Revert, require

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


AMOUNTS = {
    "supply": (actions.supply, actions_2.supply),
    "withdraw": (actions.withdraw, actions_2.withdraw),
    "borrow": (actions.borrow, actions_2.borrow),
    "repay": (actions.repay, actions_2.repay),
}
"""Kind -> the steps of versions 3.0 to 3.7, and of 2."""


def act(pool: Pool, kind: str, user: str, asset: str, amount: int) -> Pool:
    """What a user does to a position, by the version's own steps; `Revert` if refused."""
    first = pool.version.checks_before_accrual
    if kind == "collateral":
        toggle = actions_2.set_collateral if first else actions.set_collateral
        return toggle(pool, user, asset, bool(amount))
    if kind == "emode":
        require(not first, "NoEMode")
        return actions.set_emode(pool, user, amount)
    return AMOUNTS[kind][first](pool, user, asset, amount)


def _step(pool: Pool, action: Action) -> tuple[Pool, Liquidation | None]:
    match action.kind:
        case "time":
            return pool.at(pool.time + action.amount), None
        case "price":
            return pool.with_prices({action.asset: action.amount}), None
        case "ltv":
            return replace(pool, configs=_with_ltv(pool, action)), None
        case "liquidate":
            return liquidate(pool, action.user, action.collateral, action.asset, action.amount)
    return act(pool, action.kind, action.user, action.asset, action.amount), None


def _with_ltv(pool: Pool, action: Action) -> Mapping[str, Any]:
    return {**pool.configs, action.asset: replace(pool.configs[action.asset], ltv=action.amount)}

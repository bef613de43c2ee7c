"""A pool moved by plain actions: what the bench against the contracts, stored walks and simulations replay."""

from dataclasses import dataclass, replace
from typing import Literal

from marginbook.venues.compound.v2 import actions
from marginbook.venues.compound.v2.liquidation import Liquidation, liquidate
from marginbook.venues.compound.v2.state import Pool, Revert

Kind = Literal[
    "blocks", "price", "factor", "mint", "redeem", "redeem_underlying", "borrow", "repay", "enter", "leave", "liquidate"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One input. `amount`: blocks, price mantissa, collateral factor, cTokens or token units, by kind."""

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
    user, asset, amount = action.user, action.asset, action.amount
    match action.kind:
        case "blocks":
            return replace(pool, block=pool.block + amount), None
        case "price":
            return pool.with_prices({asset: amount}), None
        case "factor":
            config = replace(pool.configs[asset], collateral_factor=amount)
            return replace(pool, configs={**pool.configs, asset: config}), None
        case "mint":
            return actions.mint(pool, user, asset, amount), None
        case "redeem":
            return actions.redeem(pool, user, asset, amount), None
        case "redeem_underlying":
            return actions.redeem_underlying(pool, user, asset, amount), None
        case "borrow":
            return actions.borrow(pool, user, asset, amount), None
        case "repay":
            return actions.repay(pool, user, asset, amount), None
        case "enter":
            return actions.enter(pool, user, asset), None
        case "leave":
            return actions.leave(pool, user, asset), None
        case "liquidate":
            return liquidate(pool, user, action.collateral, asset, amount)

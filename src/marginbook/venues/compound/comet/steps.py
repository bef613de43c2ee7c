"""A Comet moved by plain actions: what the bench against the contracts, stored walks and simulations replay."""

from dataclasses import dataclass, replace
from typing import Literal

from marginbook.venues.compound.comet import actions
from marginbook.venues.compound.comet.absorption import absorb, buy
from marginbook.venues.compound.comet.interest import accrue
from marginbook.venues.compound.comet.state import Pool, Revert


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One input. `amount`: seconds, price, token units or base units, by kind."""

    kind: Literal["time", "price", "supply", "withdraw", "accrue", "absorb", "buy"]
    user: str = ""
    asset: str = ""
    amount: int = 0


def step(pool: Pool, action: Action) -> tuple[Pool, None, str | None]:
    """(pool after, None, why it was refused): a refused action changes nothing."""
    try:
        return _step(pool, action), None, None
    except Revert as revert:
        return pool, None, revert.reason


def _step(pool: Pool, action: Action) -> Pool:
    user, asset, amount = action.user, action.asset, action.amount
    match action.kind:
        case "time":
            return replace(pool, time=pool.time + amount)
        case "price":
            return pool.with_prices({asset: amount})
        case "supply":
            return actions.supply(pool, user, asset, amount)
        case "withdraw":
            return actions.withdraw(pool, user, asset, amount)
        case "accrue":
            return accrue(pool)
        case "absorb":
            return absorb(pool, user)[0]
        case "buy":
            return buy(pool, asset, amount)[0]

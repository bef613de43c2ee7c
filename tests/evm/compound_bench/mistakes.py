"""Planted mistakes that the benches and the stored walks must find."""

from collections.abc import Callable
from typing import Any

from marginbook.exact import WAD, div_half_up, mul_div_ceil, mul_div_floor, mul_div_half_up
from marginbook.venues.compound.comet import absorption, actions, collateral, interest
from marginbook.venues.compound.comet.state import INDEX_SCALE
from marginbook.venues.compound.comet.state import Pool as Comet
from marginbook.venues.compound.v2 import interest as interest_2
from marginbook.venues.compound.v2 import liquidation, liquidity
from marginbook.venues.compound.v2.state import Pool, exchange_rate


def one_truncation(pool: Pool, asset: str, threshold: bool = False) -> int:
    """Collateral factor, rate and price multiplied at once."""
    factor = pool.configs[asset].collateral_factor * exchange_rate(pool.configs[asset], pool.markets[asset])
    return mul_div_floor(factor, pool.prices[asset], WAD * WAD)


def one_truncation_by_threshold(pool: Pool, asset: str, threshold: bool = False) -> int:
    """The same with Venus's two factors."""
    config = pool.configs[asset]
    factor = liquidity.weight(pool.version, config, threshold) * exchange_rate(config, pool.markets[asset])
    return mul_div_floor(factor, pool.prices[asset], WAD * WAD)


def owed_up(pool: Pool, name: str, asset: str) -> int:
    """Debts rounded up."""
    position = pool.user(name).position(asset)
    return mul_div_ceil(position.principal, pool.markets[asset].index, position.index) if position.principal else 0


def at_equality(pool: Comet, name: str) -> bool:
    """Liquidatable where the factors just cover the debt."""
    if pool.user(name).principal >= 0:
        return False
    values = collateral.values_of(pool, name)
    found = collateral.support(values, pool.config.assets, initial=False)
    return found <= collateral.debt_value(pool, name)


def debt_away_from_zero(pool: Comet, name: str) -> int:
    """The debt's value rounded up."""
    balance = actions.balance_of(pool, name)
    return mul_div_ceil(-balance, pool.prices[pool.config.base], pool.config.scale) if balance < 0 else 0


def principal_down(balance: int, supply_index: int, borrow_index: int) -> int:
    """Debt principals rounded down as well."""
    if balance >= 0:
        return mul_div_floor(balance, INDEX_SCALE, supply_index)
    return -mul_div_floor(-balance, INDEX_SCALE, borrow_index)


def half_up_growth(index: int, rate: int, elapsed: int) -> int:
    """Indices grow to the nearest unit."""
    return index + div_half_up(index * rate * elapsed, WAD)


Patch = tuple[Any, str, Callable[..., Any]]
MISTAKES_2: dict[str, Patch] = {
    "one truncation of a cToken's value": (liquidity, "token_value", one_truncation),
    "debt rounded up in the sums": (liquidity, "owed", owed_up),
    "protocol share of 2.7 %": (liquidation, "protocol_tokens", lambda pool, seized: seized * 27 // 1_000),
    "interest to the nearest unit": (interest_2, "mul_div_floor", mul_div_half_up),
    "seizure to the nearest unit": (liquidation, "mul_div_floor", mul_div_half_up),
}
MISTAKES_3: dict[str, Patch] = {
    "liquidatable at equality": (absorption, "is_liquidatable", at_equality),
    "debt's value rounded up": (collateral, "debt_value", debt_away_from_zero),
    "debt principal rounded down": (actions, "principal_value", principal_down),
    "index to the nearest unit": (interest, "grown", half_up_growth),
    "factors to the nearest unit": (absorption, "mul_div_floor", mul_div_half_up),
}
"""What is replaced, where, by what."""


def without_threshold(pool: Pool, name: str, threshold: bool = False) -> liquidity.Liquidity:
    """Liquidation judged by the collateral factor."""
    return liquidity.liquidity(pool, name)


MISTAKES_VENUS: dict[str, Patch | dict[str, Any]] = {
    "liquidation by the collateral factor": (liquidation, "liquidity", without_threshold),
    "repayments beyond the debt refused": {"capped_repay": False},
    "a protocol share of seized tokens": {"seize_share": 10**15},
    "supplies outside entered markets seized": {"seizes_entered_only": False},
    "interest to the nearest unit": (interest_2, "mul_div_floor", mul_div_half_up),
    "one truncation of a vToken's value": (liquidity, "token_value", one_truncation_by_threshold),
}
"""A patch, or switches of the version."""

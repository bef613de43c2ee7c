"""Planted mistakes of one rounding, one constant or one rule each, that walks and stored numbers must find."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from marginbook.domain.market import Market
from marginbook.exact import WAD, div_floor, div_half_up, mul_div_half_up
from marginbook.venues.synthetix import events, funding, interest, liquidation, margins, orders
from marginbook.venues.synthetix.margins import Required, required_margins
from marginbook.venues.synthetix.parameters import CollateralTerms, Guards, MarketTerms
from marginbook.venues.synthetix.risk import Figures

risk = import_module("marginbook.venues.synthetix.risk")


def half_up(a: int, b: int) -> int:
    """Products to the nearest unit."""
    return mul_div_half_up(a, b, WAD)


def floor(a: int, b: int) -> int:
    """Quotients toward minus infinity."""
    return a * WAD // b


def at_equality(support: Any, demand: Any, _: bool) -> bool:
    """Liquidatable where the margin just covers what is asked."""
    return bool(demand > 0 and support <= demand)


def scaled_minimum(terms: MarketTerms, size: int, price: int) -> Required:
    """The minimum margin scaled for maintenance too."""
    found = required_margins(terms, size, price)
    if not size:
        return found
    least = terms.minimum_position_margin
    maintenance = found.maintenance - least + margins.mul(least, terms.maintenance_margin_scalar)
    return Required(found.initial_ratio, found.maintenance_ratio, found.initial, maintenance)


def without_lower_limit(terms: CollateralTerms, amount: int, price: int, discounted: bool) -> int:
    """Discounts may be as small as the impact."""
    discount = 0
    if discounted and terms.spot_skew_scale:
        impact = margins.mul(margins.div(amount, terms.spot_skew_scale), terms.discount_scalar)
        discount = min(impact, terms.upper_limit_discount)
    return margins.mul(margins.mul(amount, price), WAD - discount)


def at_the_fill(market: Market, name: str, terms: MarketTerms, at: int, price: int) -> int:
    """Funding accrues at the price of the fill."""
    return funding.funding_value(market, name, terms.skew_scale, terms.max_funding_velocity, price, at)


def debt_ignored(found: Figures) -> int:
    """A debtor may withdraw."""
    return found.collateral if not found.positions else found.available - found.initial - found.reward


def without_share(guards: Guards, reward: int, cost: int, _: int) -> int:
    """Keepers may be paid more than a share of the collateral."""
    return margins.keeper_reward(guards, reward, cost, 0)


Patch = tuple[Any, str, Callable[..., Any] | int | str]
MISTAKES: dict[str, Patch] = {
    "margins to the nearest unit": (margins, "mul", half_up),
    "profits to the nearest unit": (risk, "mul", half_up),
    "funding's mean toward minus infinity": (funding, "div", floor),
    "a year of 365 days": (interest, "YEAR_SECONDS", 31_536_000),
    "liquidatable at equality": (risk, "is_breached", at_equality),
    "windows rounded down": (margins, "div_ceil", div_floor),
    "fill price to the nearest unit": (margins, "div_floor", div_half_up),
    "minimum margin scaled": (risk, "required_margins", scaled_minimum),
    "no least discount": (risk, "collateral_value", without_lower_limit),
    "one fee for an order that turns the skew": (margins, "_same_side", lambda a, b: True),
    "funding at the price of the fill": (events, "funding_now", at_the_fill),
    "debtors may withdraw": (events, "withdrawable", debt_ignored),
    "no reward of flagging in later windows": (risk, "liquidation_windows", lambda terms, size: 1),
    "rewards not limited by the collateral": (liquidation, "keeper_reward", without_share),
    "reductions asked for margin": (orders, "abs", lambda value: value if value > 0 else 10**40),
}
"""What is replaced, where, by what."""

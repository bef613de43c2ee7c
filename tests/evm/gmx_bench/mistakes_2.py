"""Mistakes of one rounding, one constant or one rule each, planted in the rule set to see that they are found."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from marginbook.exact import div_ceil, mul_div_ceil, mul_div_floor, mul_div_half_up
from marginbook.venues.gmx import applying, closing, margin, positions, power, rates
from marginbook.venues.gmx.impact import Balance, Impact, price_impact
from marginbook.venues.gmx.margin import Check, Fees
from marginbook.venues.gmx.parameters import Terms
from marginbook.venues.gmx.positions import Held

RECEIVER_SHARE = closing.receiver_share


def tokens_cut(held: Held, size: int) -> int:
    """Tokens of a part cut for longs too."""
    return mul_div_floor(held.size_tokens, size, held.size_usd)


def share_of_36(held: Held, fees: Fees) -> int:
    """The fee receiver's share one percent too small."""
    return RECEIVER_SHARE(held, fees) * 36 // 37


def without_virtual(terms: Terms, balance: Balance | None, delta: int, is_long: bool) -> Impact:
    """Impact without the other markets."""
    return price_impact(terms, balance and replace(balance, virtual=None), delta, is_long)


def uncapped(held: Held, market: Any, profit: int) -> int:
    """Profit, whatever the pool has."""
    return profit


def never_falling(terms: Terms, long: int, short: int, saved: int, share: int, seconds: int) -> int:
    """A rate that rises or stays."""
    pays = (saved > 0 and long > short) or (saved < 0 and short > long)
    if pays and share <= terms.stable_funding_threshold:
        return saved
    step = power.apply_factor(share, terms.funding_increase_factor) * seconds
    return saved - step if long < short else saved + step


def reason_at_equality(found: Check) -> str:
    """Liquidatable where just enough remains."""
    return "min collateral for leverage" if found.remaining <= found.demand else ""


def pending_at_other_price(held: Held, market: Any, amount: int) -> int:
    """Carried gains at the max price."""
    return amount * positions.index_price(held, market, "max" if amount > 0 else "min")


MISTAKES: dict[str, tuple[Any, str, Any]] = {
    "pending loss of a part cut": (closing, "signed_away", power.signed),
    "tokens of a part of a long cut": (closing, "tokens_closed", tokens_cut),
    "fees rounded up": (margin, "div_floor", div_ceil),
    "funding fee cut": (positions, "mul_div_ceil", mul_div_floor),
    "costs cut": (closing, "mul_div_ceil", mul_div_floor),
    "borrowing rate to the nearest unit": (rates, "mul_div_floor", mul_div_half_up),
    "funding received rounded up": (rates, "div_floor", div_ceil),
    "product of the power cut": (power, "mul_div_half_up", mul_div_floor),
    "size in USD rounded up in the minimum": (margin, "apply_factor", lambda a, b: mul_div_ceil(a, b, power.FLOAT)),
    "fee receiver's share of 36 %": (closing, "receiver_share", share_of_36),
    "liquidatable at equality": (Check, "reason", property(reason_at_equality)),
    "impact without the other markets": (margin, "price_impact", without_virtual),
    "profit not capped": (margin, "capped_pnl", uncapped),
    "funding that never falls": (rates, "_moved", never_falling),
    "carried impact at the other price": (closing, "pending_usd", pending_at_other_price),
    "increases carry no impact": (applying, "_carried", lambda *arguments: 0),
}
"""What is replaced, where, by what."""


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The rule set with one mistake."""
    place, attribute, wrong = MISTAKES[name]
    with patch.object(place, attribute, wrong):
        yield

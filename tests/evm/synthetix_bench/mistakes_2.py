"""Mistakes of one rounding, one term or one rule each, planted in the rule set to see that they are found."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Any
from unittest.mock import patch

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.exact import WAD, mul_div_floor, mul_div_half_up
from marginbook.venues.synthetix import market
from marginbook.venues.synthetix.funding import funding_value
from marginbook.venues.synthetix.v2 import delayed, events, liquidation, orders, settling
from marginbook.venues.synthetix.v2.parameters import System, Terms
from marginbook.venues.synthetix.v2.risk import Figures, Holding, figures_at, least_margin
from marginbook.venues.synthetix.wad import mul
from synthetix_bench import figures_2, steps_2


def _above_only(support: int, demand: int, at_equality: bool) -> bool:
    return support < demand


def _without_premium(holding: Holding, price: int, funding: int, system: System) -> Figures:
    return replace(figures_at(holding, price, funding, system), premium=0)


def _without_keeper_fee(holding: Holding, price: int, funding: int, system: System) -> Figures:
    return replace(figures_at(holding, price, funding, system), keeper_fee=0)


def _funding_at_the_fill(found: Market, name: str, terms: Terms, at: int, fallback: int) -> int:
    return funding_value(found, name, terms.skew_scale, terms.max_funding_velocity, fallback, at)


def _fee_by_sizes(rates: tuple[int, int, int], skew: int, change: int, filled_at: int) -> int:
    maker, taker, dynamic = rates
    if not skew or not skew + change or (skew > 0) == (skew + change > 0):
        return RIGHT_FEE(rates, skew, change, filled_at)
    parts = mul(mul(abs(skew + change), filled_at), taker) + mul(mul(abs(skew), filled_at), maker)
    return mul(abs(mul(change, filled_at)), dynamic) + parts


def _least_at_equality(found: Figures, terms: Terms, system: System) -> int:
    return least_margin(found, terms, system) - 1


def _half_up(a: int, b: int) -> int:
    return mul_div_half_up(abs(a), abs(b), WAD) * (1 if (a < 0) == (b < 0) else -1)


def _half_up_quotient(a: int, b: int) -> int:
    return mul_div_half_up(abs(a), WAD, abs(b)) * (1 if (a < 0) == (b < 0) else -1)


def _toward_minus(a: int, b: int) -> int:
    return mul_div_floor(a, b, WAD)


def _no_deposit_rule(found: Figures, margin: int, out: bool, *more: Any) -> str | None:
    return RIGHT_TRANSFER(found, margin, out, *more) if out or margin < 0 else None


def _nothing_taken(account: Account, held: Holding, change: int, *more: Any) -> Account:
    return settling.settled(account, held, 0, *more)


def _idle_margin_lost(account: Account) -> int:
    return risk.wad(account.wallet.get("sUSD", risk.ZERO), "") // 10 * 10


risk = import_module("marginbook.venues.synthetix.v2.risk")  # the package's `risk` is the function
RIGHT_FEE, RIGHT_TRANSFER = orders.order_fee, settling.refusal
Patches = tuple[tuple[Any, str, Any], ...]


def _everywhere(name: str, wrong: Callable[..., Any]) -> Patches:
    """The same function wherever it is used."""
    places = (risk, events, orders, settling, delayed, liquidation, market, figures_2, steps_2)
    return tuple((place, name, wrong) for place in places if hasattr(place, name))


MISTAKES: dict[str, Patches] = {
    "not liquidatable at equality": _everywhere("is_breached", _above_only),
    "no premium in the liquidation": _everywhere("figures_at", _without_premium),
    "no keeper's fee in the liquidation margin": _everywhere("figures_at", _without_keeper_fee),
    "products to the nearest unit": ((risk, "mul", _half_up),),
    "products toward minus infinity": ((risk, "mul", _toward_minus),),
    "quotients to the nearest unit": ((risk, "div", _half_up_quotient),),
    "unrecorded funding at the fill price": ((events, "funding_now", _funding_at_the_fill),),
    "the turning order's fee by its two sizes": _everywhere("order_fee", _fee_by_sizes),
    "one unit too much withdrawn": _everywhere("least_margin", _least_at_equality),
    "any deposit is taken": ((settling, "refusal", _no_deposit_rule),),
    "no deposit for a delayed order's keeper": ((delayed, "settled", _nothing_taken),),
    "leverage without its hundredth": ((orders, "HUNDREDTH", 0),),
    "the last ten units of idle margin lost": _everywhere("idle", _idle_margin_lost),
    "a fixed tenth more of what may stay inaccessible": ((risk, "MILLI", 10**14),),
}
"""What is replaced, where, by what."""


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The rule set with one mistake."""
    with ExitStack() as stack:
        for place, attribute, wrong in MISTAKES[name]:
            stack.enter_context(patch.object(place, attribute, wrong))
        yield

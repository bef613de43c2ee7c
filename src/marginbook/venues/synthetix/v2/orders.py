"""Perps v2: at what price an order fills, what it costs, and whether the contracts accept it.

    fill price          mean of the oracle's price with the premium before and after
    fee                 |change| · fill price · rate: the taker's where the order adds to the skew, the maker's where it
                        reduces it; of an order that turns the skew the part |skew after / change| is the taker's;
                        and the dynamic fee rate on all of it
    margin after        margin + profit at the fill price + funding − fee
    refused             a flagged or liquidatable account; margin after < 0, or <= liquidation margin of the old size
                        at the fill price; margin + fee below the least initial margin or leverage above the most + 0.01
                        (a position that shrinks on its own side need not have the least margin); margin after <=
                        liquidation margin + premium of the new size; a side of the market above its most

Source: `_postTradeDetails`, `_orderFee`, `_fillPrice` of `PerpsV2MarketBase.sol` at 1609d156. State of a market:
`skew`, `market_size` [units; without it the size of the market is not judged], `dynamic_fee_rate` [ratio, default 0].
"""

from dataclasses import dataclass, replace
from typing import Literal

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.exact import WAD, div_trunc, in_exact_context
from marginbook.venues.synthetix.margins import fill_price
from marginbook.venues.synthetix.market import funding_now, market_size
from marginbook.venues.synthetix.v2.parameters import Parameters, Terms
from marginbook.venues.synthetix.v2.risk import Holding, figures_at, holdings, idle, is_below, is_pending
from marginbook.venues.synthetix.wad import div, mul, price_of, state_wad

HUNDREDTH = 10**16
"""0.01 of leverage, allowed for rounding."""
Kind = Literal["offchain", "delayed", "atomic"]


@dataclass(frozen=True, slots=True)
class OrderCheck:
    """What the contracts find for an order [wad]."""

    fill_price: int
    fee: int
    margin: int  # after the fill
    reason: str | None  # why it is refused, in the contracts' words


def order_fee(rates: tuple[int, int, int], skew: int, change: int, filled_at: int) -> int:
    """Fee [wad sUSD] of a change by (maker, taker, dynamic) rates.

    Selling 8 at 100 into a skew of 5: 3/8 is the taker's at 0.1 %, 5/8 the maker's at 0.01 %.

    >>> order_fee((WAD // 10_000, WAD // 1_000, 0), 5 * WAD, -8 * WAD, 100 * WAD) == 3 * WAD // 10 + 5 * WAD // 100
    True
    """
    maker, taker, dynamic = rates
    notional = mul(change, filled_at)
    base = mul(abs(notional), dynamic)
    if _same_side(skew + change, skew):
        return base + abs(mul(notional, taker if _same_side(notional, skew) else maker))
    part = abs(div(skew + change, change))
    return base + mul(mul(abs(notional), part), taker) + mul(mul(abs(notional), WAD - part), maker)


def rates_of(terms: Terms, market: Market, name: str, kind: Kind) -> tuple[int, int, int]:
    """Maker, taker and dynamic rate of a kind of order."""
    fees = {
        "offchain": (terms.maker_fee, terms.taker_fee),
        "delayed": (terms.maker_fee_delayed, terms.taker_fee_delayed),
        "atomic": (terms.maker_fee_atomic, terms.taker_fee_atomic),
    }
    maker, taker = fees[kind]
    if maker is None or taker is None:
        raise BadInput("missing_parameter", f"parameters.{name}", "nothing", f"maker and taker fee of {kind} orders")
    return maker, taker, state_wad(market, name, "dynamic_fee_rate", 0)


@in_exact_context
def check_order(
    account: Account,
    market_name: str,
    change: int,
    market: Market,
    parameters: Parameters,
    at: int,
    kind: Kind = "offchain",
    limit: int | None = None,
) -> OrderCheck:
    """The check of an order for `change` [wad] at the oracle's price; `limit`: worst fill price that is accepted."""
    terms, price = parameters.terms_of(market_name), price_of(market, market_name)
    held = next((held for held in holdings(account, parameters) if held.market == market_name), None)
    old = held or Holding("", market_name, 0, price, idle(account), 0, False, terms)
    skew = state_wad(market, market_name, "skew", 0)
    filled = fill_price(skew, terms.skew_scale, change, price)
    funding = funding_now(market, market_name, terms, at, price)
    fee = order_fee(rates_of(terms, market, market_name, kind), skew, change, filled) if change else 0
    margin = figures_at(old, filled, funding, parameters.system).margin - fee
    new = replace(old, size=old.size + change, entry=filled, margin=margin, funding=funding)
    reason = _refusal(old, new, fee, price, funding, parameters)
    if kind == "atomic" and is_pending(account, market_name):
        reason = "Pending order exists"
    if reason is None and _too_large(old.size, new.size, skew, market, market_name, terms):
        reason = "Max market size exceeded"
    if reason is None and limit is not None and (filled > limit if change > 0 else filled < limit):
        reason = "Price impact exceeded"
    return OrderCheck(filled, fee, margin, reason)


def _refusal(old: Holding, new: Holding, fee: int, price: int, funding: int, parameters: Parameters) -> str | None:
    """The first reason that lies in the account."""
    system, terms = parameters.system, old.terms
    if old.flagged:
        return "Position flagged"
    if new.size == old.size:
        return "Cannot submit empty order"
    if old.size and is_below(figures_at(old, price, funding, system)):
        return "Position can be liquidated"
    if new.margin < 0:
        return "Insufficient margin"
    if old.size and new.margin <= figures_at(old, new.entry, funding, system).liquidation_margin:
        return "Position can be liquidated"
    if not shrinks(old.size, new.size) and new.margin + fee < system.min_initial_margin:
        return "Insufficient margin"
    after = figures_at(new, price, funding, system)
    if new.margin <= after.liquidation_margin + after.premium:
        return "Position can be liquidated"
    if abs(div(mul(new.size, new.entry), new.margin + fee)) > terms.max_leverage + HUNDREDTH:
        return "Max leverage exceeded"
    return None


def _too_large(old: int, new: int, skew: int, market: Market, name: str, terms: Terms) -> bool:
    """Whether the order's side of the market would be above `max_market_size`; never where the order reduces it."""
    size = market_size(market, name)
    if size is None or not terms.max_market_size or (_same_side(old, new) and abs(new) <= abs(old)):
        return False
    skew, size = skew - old + new, size - abs(old) + abs(new)
    return abs(div_trunc(size + skew if new > 0 else size - skew, 2)) > terms.max_market_size


def shrinks(old: int, new: int) -> bool:
    """Whether a position becomes smaller without turning.

    >>> shrinks(-5, -2), shrinks(5, 0), shrinks(5, -1), shrinks(5, 5)
    (True, True, False, False)
    """
    return _same_side(old, new) and abs(new) < abs(old)


def _same_side(a: int, b: int) -> bool:
    return not a or not b or (a > 0) == (b > 0)

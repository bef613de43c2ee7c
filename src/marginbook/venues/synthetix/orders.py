"""Perps v3: whether an order passes the contracts' margin check, and what it costs.

    margin after        available margin + min(0, change · (price − fill price))
    fees                order fee + cost of settlement
    required            Σ initial margin with the new size + reward with the new size + fees
                        fees only where the position shrinks on its own side (SIP-359)
    refused             an account that is liquidatable, or margin after < required

Source: `AsyncOrder.sol` at 23585f73 (2025-06-12). Limits on open interest and on credit of the pool are not checked.
"""

from dataclasses import dataclass

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.exact import in_exact_context
from marginbook.venues.common.views import is_breached
from marginbook.venues.synthetix.account import book_of
from marginbook.venues.synthetix.margins import fill_price, liquidation_windows, order_fee, required_margins
from marginbook.venues.synthetix.parameters import Parameters
from marginbook.venues.synthetix.risk import costs_of, figures, liquidation_reward, sums
from marginbook.venues.synthetix.wad import mul, price_of, state_wad


@dataclass(frozen=True, slots=True)
class OrderCheck:
    """What the contracts find for an order [wad]."""

    fill_price: int
    fees: int
    margin: int  # available after the fill
    required: int
    reason: str | None  # why it is refused


@in_exact_context
def check_order(
    account: Account,
    market_name: str,
    change: int,
    market: Market,
    parameters: Parameters,
    at: int,
    settlement: int = 0,
) -> OrderCheck:
    """The check of an order for `change` [wad]; `settlement` [wad] is the cost of settling it."""
    book = book_of(account, parameters)
    found = figures(book, market, parameters, at)
    terms, price = parameters.terms_of(market_name), price_of(market, market_name)
    old = next((held.size for held in book.holdings if held.market == market_name), 0)
    new = old + change
    skew = state_wad(market, market_name, "skew", 0)
    filled = fill_price(skew, terms.skew_scale, change, price)
    fees = order_fee(terms, skew, change, filled) + settlement
    margin = found.available + min(0, mul(change, price - filled))
    required = fees
    shrinks = abs(new) < abs(old) and (not new or (new > 0) == (old > 0))
    if not shrinks:
        others = {held.market: held for held in book.holdings if held.market != market_name}
        flags = mul(mul(abs(new), filled), terms.flag_reward_ratio)
        flags += sum(found.positions[name].flag_reward for name in others)
        windows = max(
            [liquidation_windows(terms, new)] + [liquidation_windows(h.terms, h.size) for h in others.values()]
        )
        required += found.initial + required_margins(terms, new, price).initial
        required -= required_margins(terms, old, price).initial
        required += liquidation_reward(parameters.guards, flags, found.collateral, costs_of(market), windows)
    now = sums(found)
    reason = None
    if not change:
        reason = "an order of size 0"
    elif is_breached(now.support, now.demand, False):
        reason = "the account is liquidatable"
    elif margin < required:
        reason = "the margin after the fill is below what is required"
    return OrderCheck(filled, fees, margin, required, reason)

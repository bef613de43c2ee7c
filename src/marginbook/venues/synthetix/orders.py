"""Perps v3: whether an order passes the contracts' margin check, and what it costs.

    margin after        available margin + min(0, change · (price of settlement − fill price))
    fees                order fee + cost of settlement
    required            Σ initial margin with the new size + reward with the new size + fees
                        fees only where the position shrinks on its own side (SIP-359)
    refused             Σ maintenance margin + reward > available margin (without positions 0 > available margin),
                        a fill price below 0, margin after < required, or one position more than an account may have

An order is checked when it is committed, at the oracle's price, and again when it is settled: fill price, fees and the
flag reward of the new position then follow the price of its settlement, everything else the oracle's. Source:
`AsyncOrder.sol` at 23585f73 (2025-06-12). Limits on open interest and on credit of the pool are not checked.
"""

from dataclasses import dataclass

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.exact import in_exact_context
from marginbook.venues.synthetix.account import book_of
from marginbook.venues.synthetix.margins import fill_price, liquidation_windows, order_fee, required_margins
from marginbook.venues.synthetix.parameters import Parameters
from marginbook.venues.synthetix.risk import costs_of, figures, liquidation_reward
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
    settled_at: int | None = None,
) -> OrderCheck:
    """The check of an order for `change` [wad].

    `settlement` [wad] is the cost of settling it, `settled_at` [wad] the price of its settlement (None: the oracle's).
    """
    book = book_of(account, parameters)
    found = figures(book, market, parameters, at)
    terms, price = parameters.terms_of(market_name), price_of(market, market_name)
    old = next((held.size for held in book.holdings if held.market == market_name), 0)
    new = old + change
    skew = state_wad(market, market_name, "skew", 0)
    order_price = price if settled_at is None else settled_at
    filled = fill_price(skew, terms.skew_scale, change, order_price)
    fees = order_fee(terms, skew, change, filled) + settlement
    margin = found.available + min(0, mul(change, order_price - filled))
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
    weak = found.maintenance + (found.reward if found.positions else 0) > found.available
    reason = None
    if not change:
        reason = "an order of size 0"
    elif not old and 0 < parameters.guards.max_positions <= len(book.holdings):
        reason = "the account has as many positions as it may have"
    elif weak or found.flagged:
        reason = "the account is liquidatable"
    elif filled < 0:
        reason = "the fill price would be below 0"
    elif margin < required:
        reason = "the margin after the fill is below what is required"
    return OrderCheck(filled, fees, margin, required, reason)

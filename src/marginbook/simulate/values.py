"""What positions and amounts are worth in the reporting currency: for adding up over venues, never for a decision.

Currencies are turned by the book's rates; stable assets without one count 1, other assets a price that the venue, or
else another one, has for them. What has no price at all is worth 0: its sale moves nothing that is watched.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account, Position
from marginbook.domain.market import Market
from marginbook.exact import ONE, ZERO
from marginbook.margin_calls.assets import is_stable, underlying
from marginbook.simulate.stress import REPORTING
from marginbook.units import STABLE_ASSETS
from marginbook.venues.registry import rule_set


def rate_to_reporting(currency: str, venue: str, market: Market) -> Decimal:
    """Reporting currency per unit of `currency`.

    >>> [rate_to_reporting("USDT", "binance", Market(rates=rates)) for rates in ({}, {"USDT": Decimal(2)})]
    [Decimal('1'), Decimal('2')]
    """
    if currency in market.rates:
        return market.rates[currency]
    if currency == REPORTING or is_stable(currency, STABLE_ASSETS):
        return ONE
    return _any_price(currency, venue, market)


def price_of(account: Account, asset: str, market: Market) -> Decimal:
    """The price of an asset at the account's venue, or of what it follows."""
    rules = rule_set(account.rules)
    quote = market.quotes.get((rules.venue, asset, rules.price_kind))
    return quote.price if quote is not None else _any_price(asset, rules.venue, market)


def position_value(account: Account, position: Position, market: Market, parameters: Any, at: int) -> Decimal:
    """The venue's own notional of a position alone; quantity · mark where it tells none."""
    rules = rule_set(account.rules)
    alone = replace(account, positions=(position,), orders=())
    figures = rules.module.quantities(alone, market, parameters, at).values()
    rates = {found.currency: rate_to_reporting(found.currency, rules.venue, market) for found in figures}
    value = sum((found.notional * rates[found.currency] for found in figures if found.notional), ZERO)
    return value or position.quantity * market.price(rules.venue, position.market, rules.price_kind)


def _any_price(asset: str, venue: str, market: Market) -> Decimal:
    same = [key for key in sorted(market.quotes) if underlying(key[1]) == underlying(asset)]
    chosen = next((key for key in same if key[0] == venue), next(iter(same), None))
    return ZERO if chosen is None else market.quotes[chosen].price

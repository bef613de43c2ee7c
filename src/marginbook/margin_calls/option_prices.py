"""Prices of options where the price of what they are on moves: what is paid beyond exercise stays; no model is asked.

    price after = max(price + exercise value after − exercise value before, one unit)     [USD]

An option that is priced in its coin is reckoned in USD at the price of the coin before and after. A put so rises where
its underlying falls; what moves of volatility and time do to an option is left out. Names are those of Deribit and of
US listed options; an option of another name, or without a quote of its underlying, keeps its price.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from marginbook.domain.errors import BadInput
from marginbook.domain.market import QuoteKey
from marginbook.exact import ONE, ZERO, divide, from_raw, in_exact_context, round_half_up

PLACES = 18
"""Decimals of a price that follows."""
LEAST_PRICE = from_raw(1, 8)


@dataclass(frozen=True, slots=True)
class Option:
    """What a price of an option follows."""

    underlying: QuoteKey
    strike: Decimal
    sign: int  # +1 for a call, −1 for a put
    in_coin: bool  # priced in the underlying itself

    def exercised(self, price: Decimal) -> Decimal:
        """What exercise gives at a price of the underlying."""
        return max(ZERO, self.sign * (price - self.strike))


@cache
def option_of(key: QuoteKey) -> Option | None:
    """The option behind a quote; None for anything else.

    >>> option_of(("deribit", "BTC-26SEP25-90000-P", "mark")).underlying
    ('deribit', 'btc_usd', 'index')
    >>> option_of(("broker", "AAPL 2026-12-18 150 C", "mark")).strike
    Decimal('150')
    >>> option_of(("deribit", "BTC-PERPETUAL", "mark")), option_of(("binance", "BTCUSDT", "mark"))
    (None, None)
    """
    venue, name, kind = key
    if venue == "deribit" and name.endswith(("-C", "-P")):
        from marginbook.venues.deribit.instruments import instrument

        try:
            found = instrument(name)
        except BadInput:
            return None
        assert found.strike is not None
        sign = 1 if found.kind == "call" else -1
        return Option((venue, found.index, "index"), found.strike, sign, found.quote is None)
    if venue == "broker":
        from marginbook.venues.broker.instruments import named

        if listed := named(name):
            return Option((venue, listed[0], kind), listed[2], 1 if listed[3] == "C" else -1, False)
    return None


@in_exact_context
def followed_price(option: Option, price: Decimal, before: Decimal, after: Decimal) -> Decimal:
    """The option's price once its underlying has moved from `before` to `after`.

    A put at 60,000 that costs 0.05 BTC at 60,000, all of it beyond exercise, costs (0.05 · 60,000 + 30,000) / 30,000
    at 30,000:

    >>> put = option_of(("deribit", "BTC-30OCT26-60000-P", "mark"))
    >>> followed_price(put, Decimal("0.05"), Decimal(60000), Decimal(30000))
    Decimal('1.100000000000000000')
    """
    worth = price * (before if option.in_coin else ONE)
    worth += option.exercised(after) - option.exercised(before)
    return max(LEAST_PRICE, round_half_up(divide(worth, after if option.in_coin else ONE), PLACES))


def followers(prices: Mapping[QuoteKey, Decimal], moved: Mapping[QuoteKey, Decimal]) -> dict[QuoteKey, Decimal]:
    """Prices of the options whose underlying is among `moved`, of all `prices` before."""
    return {
        key: followed_price(option, price, prices[option.underlying], moved[option.underlying])
        for key, price in prices.items()
        if (option := option_of(key)) is not None and prices.get(option.underlying) and option.underlying in moved
    }


def without_options(keys: Iterable[QuoteKey]) -> list[QuoteKey]:
    """The quotes that move by themselves."""
    return [key for key in keys if option_of(key) is None]

"""Prices that state their own uncertainty (Pyth): price · 10^expo ± confidence · 10^expo.

    collateral is valued at price − k·confidence, debt at price + k·confidence
    refused where confidence / price > limit, where the price is not positive, or where it is too old

Source: Pyth's developer documentation and pyth-sdk (read 2026-11); k and the limit are the user's, 1 % a third party's
suggestion.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from marginbook.domain.errors import BadInput
from marginbook.exact import ONE, ZERO, from_raw, in_exact_context

LIMIT = Decimal("0.01")
"""Widest confidence, as a fraction of the price, that is taken by default."""


@dataclass(frozen=True, slots=True)
class UncertainPrice:
    """A price as published, in integers."""

    price_raw: int  # [quote per base · 10^-expo]
    confidence_raw: int  # [the same]
    expo: int
    time: int | None = None  # [µs UTC]

    @property
    def price(self) -> Decimal:
        """[quote per base]"""
        return from_raw(self.price_raw, -self.expo)

    @property
    def confidence(self) -> Decimal:
        """Half the width of the interval [quote per base]."""
        return from_raw(self.confidence_raw, -self.expo)


def from_answer(answer: Mapping[str, object]) -> UncertainPrice:
    """From the `price` object of the price service: {"price", "conf", "expo", "publish_time" [s]}.

    >>> found = from_answer({"price": "12276250", "conf": "1500", "expo": -5, "publish_time": 1700000000})
    >>> found.price, found.confidence
    (Decimal('122.76250'), Decimal('0.01500'))
    """
    try:
        price, confidence, expo = (int(str(answer[key])) for key in ("price", "conf", "expo"))
        time = int(str(answer["publish_time"])) * 1_000_000 if "publish_time" in answer else None
    except (KeyError, ValueError):
        raise BadInput("bad_price", "price", dict(answer), "integers price, conf, expo") from None
    if not -38 <= expo <= 38 or confidence < 0:
        raise BadInput("bad_price", "price", dict(answer), "expo from -38 to 38 and a confidence from 0 on")
    return UncertainPrice(price, confidence, expo, time)


@in_exact_context
def checked(
    price: UncertainPrice, at: int | None = None, max_age: int | None = None, limit: Decimal = LIMIT
) -> UncertainPrice:
    """The same price, or BadInput: not positive, older than `max_age` [µs], or wider than `limit` of the price.

    >>> checked(UncertainPrice(100, 2, 0), limit=Decimal("0.01"))
    Traceback (most recent call last):
    marginbook.domain.errors.BadInput: price: uncertain_price: got 2 of 100, expected a confidence of at most 0.01 of it
    """
    if price.price_raw <= 0:
        raise BadInput("bad_price", "price", price.price, "a positive price")
    if max_age is not None and (price.time is None or at is None or at - price.time > max_age):
        raise BadInput("stale_price", "price", price.time, f"a time at most {max_age} µs before {at}")
    if price.confidence_raw > limit * price.price_raw:
        found = f"{price.confidence} of {price.price}"
        raise BadInput("uncertain_price", "price", found, f"a confidence of at most {limit} of it")
    return price


@in_exact_context
def collateral_price(price: UncertainPrice, k: Decimal = ONE) -> Decimal:
    """The low end, not below 0: what collateral is worth [quote per base].

    >>> collateral_price(UncertainPrice(12276250, 1500, -5)), debt_price(UncertainPrice(12276250, 1500, -5))
    (Decimal('122.74750'), Decimal('122.77750'))
    """
    return max(price.price - k * price.confidence, ZERO)


@in_exact_context
def debt_price(price: UncertainPrice, k: Decimal = ONE) -> Decimal:
    """The high end: what a debt costs to repay [quote per base]."""
    return price.price + k * price.confidence

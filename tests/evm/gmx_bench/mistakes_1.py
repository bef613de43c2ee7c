"""Mistakes of one rounding, one constant or one rule each, planted in the rule set to see that they are found."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from marginbook.exact import mul_div_ceil, mul_div_floor, mul_div_half_up
from marginbook.units import seconds
from marginbook.venues.gmx import vault, vault_books, vault_calls
from marginbook.venues.gmx.vault import Check, Held
from marginbook.venues.gmx.vault_books import Books, Prices


def fee_down(size: int, basis_points: int) -> int:
    """The position fee cut."""
    return mul_div_floor(size, basis_points, 10_000)


def out_up(books: Books, usd: int) -> int:
    """Tokens paid, rounded up."""
    return mul_div_ceil(usd, 10**books.decimals, books.prices.high)


def reserve_at_max(books: Books, usd: int) -> int:
    """Reserved at the max price."""
    return mul_div_floor(usd, 10**books.decimals, books.prices.high)


def average_at_paid(held: Held, prices: Prices, size: int, at: int) -> int:
    """Profit so far at the price paid."""
    paid = prices.high if held.is_long else prices.low
    if not held.size or not size:
        return held.average or paid
    delta, total = vault.delta_of(held, paid, at), held.size + size
    return mul_div_floor(paid, total, total + (delta.signed if held.is_long else -delta.signed))


def late_a_second_early(held: Held, at: int) -> int:
    """A profit counts when the time has just passed."""
    late = held.increased is None or seconds(at) >= held.increased + held.terms.min_profit_time
    return 0 if late else held.terms.min_profit


def growth_half_up(factor: int, reserved: int, pool: int, interval: int, elapsed: int) -> int:
    """Funding to the nearest unit."""
    return mul_div_half_up(factor * reserved, elapsed // interval, pool) if pool else 0


def nothing(held: Held, prices: Prices, at: int) -> None:
    """A changed position is not checked."""


MISTAKES: dict[str, tuple[Any, str, Any]] = {
    "position fee cut": (vault, "margin_fee", fee_down),
    "tokens out rounded up": (Books, "tokens_out", out_up),
    "reserve at the max price": (Books, "reserve_of", reserve_at_max),
    "average with the profit at the price paid": (vault_calls, "next_average", average_at_paid),
    "minimal profit a second too short": (vault, "_min_profit", late_a_second_early),
    "funding to the nearest unit": (vault_books, "next_funding_rate", growth_half_up),
    "no check after a change": (vault_calls, "_stands", nothing),
    "fees of a liquidation beyond what remains": (Check, "charged", property(lambda found: found.fees)),
    "size / leverage cut": (vault, "mul_div_ceil", mul_div_floor),
}
"""What is replaced, where, by what."""


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The rule set with one mistake."""
    target, attribute, wrong = MISTAKES[name]
    with patch.object(target, attribute, wrong):
        yield

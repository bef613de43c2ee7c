"""Human amounts as a protocol's integers, within what its contracts can hold."""

from decimal import Decimal

from marginbook.domain.errors import BadInput
from marginbook.exact import divide, in_exact_context, round_ceil, to_raw_exact

BITS = 128
PRICE_PLACES = 8


def raw_amount(amount: Decimal, decimals: int, place: str, bits: int = BITS) -> int:
    """Token units of a human amount; BadInput where it is negative, too fine or too large.

    >>> raw_amount(Decimal("1.5"), 6, "docs")
    1500000
    """
    if not (amount.is_finite() and amount >= 0):
        raise BadInput("bad_value", place, amount, "an amount that is not negative")
    try:
        return in_range(to_raw_exact(amount, decimals), place, bits)
    except ValueError:
        raise BadInput("too_many_decimals", place, amount, f"at most {decimals} decimals") from None


def in_range(raw: int, place: str, bits: int = BITS) -> int:
    """`raw`, if the contracts can hold it."""
    if raw < 0 or raw >> bits:
        raise BadInput("bad_value", place, raw, f"at least 0 and below 2^{bits} units")
    return raw


@in_exact_context
def price_that_pays(paid: Decimal, quantity: Decimal, places: int) -> Decimal:
    """Price at which `quantity` comes to exactly `paid` once cut at `places` decimals; at least 8 decimals, up.

    >>> print(f'{price_that_pays(Decimal("12.345678"), Decimal("3000000000"), 6):f}')
    0.0000000041152260
    >>> price_that_pays(Decimal(1), Decimal(3), 6)
    Decimal('0.33333334')
    """
    return round_ceil(divide(paid, quantity), max(PRICE_PLACES, places + quantity.adjusted() + 1))

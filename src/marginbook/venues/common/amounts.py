"""Human amounts as a protocol's integers, within what its contracts can hold."""

from decimal import Decimal

from marginbook.domain.errors import BadInput
from marginbook.exact import to_raw_exact

BITS = 128


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

"""Exact arithmetic with the rounding direction in every name.

Integers are fixed-point numbers in the venue's own scale; `Decimal` is used where the venue publishes decimals, always
under `CONTEXT` (128 digits: the product of three admissible inputs, each of at most 38 digits, is exact). Nothing
outside this module divides, so every rounding in a rule set is a visible name.
"""

from collections.abc import Callable
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    localcontext,
)
from functools import wraps
from math import isqrt as _isqrt
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

CONTEXT = Context(
    prec=128,
    rounding=ROUND_HALF_EVEN,
    Emin=-999_999,
    Emax=999_999,
    traps=[InvalidOperation, DivisionByZero, Overflow],
)
"""The one decimal context of the engine."""

DIGITS_MAX = 38
"""Most significant digits, and most decimals, that an input number may carry."""

WAD = 10**18
RAY = 10**27
BASIS_POINTS = 10**4
ZERO = Decimal(0)
ONE = Decimal(1)


def in_exact_context(function: Callable[P, R]) -> Callable[P, R]:
    """Run `function` under `CONTEXT`, whatever the caller's thread has set.

    >>> in_exact_context(lambda: Decimal(1) / Decimal(3))() == divide(Decimal(1), Decimal(3))
    True
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with localcontext(CONTEXT):
            return function(*args, **kwargs)

    return run


def div_floor(a: int, b: int) -> int:
    """a / b rounded toward minus infinity.

    >>> div_floor(-7, 2)
    -4
    """
    return a // b


def div_ceil(a: int, b: int) -> int:
    """a / b rounded toward plus infinity.

    >>> div_ceil(7, 2), div_ceil(-7, 2)
    (4, -3)
    """
    return -(-a // b)


def div_half_up(a: int, b: int) -> int:
    """a / b to the nearest integer, halves up (b > 0).

    >>> div_half_up(5, 2), div_half_up(4, 3)
    (3, 1)
    """
    return (a + b // 2) // b


def div_trunc(a: int, b: int) -> int:
    """a / b rounded toward zero, as Solidity's signed division does.

    >>> div_trunc(-7, 2)
    -3
    """
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def mul_div_floor(a: int, b: int, c: int) -> int:
    """a·b / c rounded toward minus infinity.

    >>> mul_div_floor(10, 10, 3)
    33
    """
    return a * b // c


def mul_div_ceil(a: int, b: int, c: int) -> int:
    """a·b / c rounded toward plus infinity.

    >>> mul_div_ceil(10, 10, 3)
    34
    """
    return -(-(a * b) // c)


def mul_div_half_up(a: int, b: int, c: int) -> int:
    """a·b / c to the nearest integer, halves up (c > 0).

    >>> mul_div_half_up(5, 1, 2)
    3
    """
    return (a * b + c // 2) // c


def mul_div_trunc(a: int, b: int, c: int) -> int:
    """a·b / c rounded toward zero.

    >>> mul_div_trunc(-5, 1, 2)
    -2
    """
    return div_trunc(a * b, c)


def remainder_floor(a: int, b: int) -> int:
    """a − b·floor(a / b): what a floor division leaves, with the sign of b.

    >>> remainder_floor(-7, 2)
    1
    """
    return a % b


def isqrt_floor(a: int) -> int:
    """√a rounded down.

    >>> isqrt_floor(8)
    2
    """
    return _isqrt(a)


def rpow_half_up(base: int, exponent: int, scale: int) -> int:
    """base^exponent in fixed point by binary powering, half-up at each product (makerdao/dss `rpow`).

    >>> rpow_half_up(2 * RAY, 10, RAY) // RAY
    1024
    """
    result = base if exponent & 1 else scale
    exponent >>= 1
    while exponent:
        base = (base * base + scale // 2) // scale
        if exponent & 1:
            result = (result * base + scale // 2) // scale
        exponent >>= 1
    return result


def divide(a: Decimal, b: Decimal) -> Decimal:
    """a / b to the 128 digits of `CONTEXT`: for quotients that are rounded by name afterwards.

    >>> divide(Decimal(1), Decimal(8))
    Decimal('0.125')
    """
    return CONTEXT.divide(a, b)


def _round(value: Decimal, places: int, rounding: str) -> Decimal:
    try:
        return value.quantize(Decimal((0, (1,), -places)), rounding=rounding, context=CONTEXT)
    except InvalidOperation:
        # A value too large to be written out with so many places lies on the grid already.
        if value.is_finite() and value.as_tuple().exponent >= -places:  # type: ignore[operator]
            return value
        raise


def round_floor(value: Decimal, places: int) -> Decimal:
    """`value` at `places` decimals, toward minus infinity.

    >>> round_floor(Decimal("1E+127"), 8)
    Decimal('1E+127')
    >>> round_floor(Decimal("-1.25"), 1)
    Decimal('-1.3')
    """
    return _round(value, places, ROUND_FLOOR)


def round_ceil(value: Decimal, places: int) -> Decimal:
    """`value` at `places` decimals, toward plus infinity.

    >>> round_ceil(Decimal("1.21"), 1)
    Decimal('1.3')
    """
    return _round(value, places, ROUND_CEILING)


def round_trunc(value: Decimal, places: int) -> Decimal:
    """`value` at `places` decimals, toward zero.

    >>> round_trunc(Decimal("-1.29"), 1)
    Decimal('-1.2')
    """
    return _round(value, places, ROUND_DOWN)


def round_half_up(value: Decimal, places: int) -> Decimal:
    """`value` at `places` decimals, nearest, halves away from zero.

    >>> round_half_up(Decimal("1.25"), 1)
    Decimal('1.3')
    """
    return _round(value, places, ROUND_HALF_UP)


def grid_floor(value: Decimal, step: Decimal) -> Decimal:
    """Largest multiple of `step` that is at most `value`.

    >>> grid_floor(Decimal("10.7"), Decimal("0.5"))
    Decimal('10.5')
    """
    with localcontext(CONTEXT):
        return (value / step).to_integral_value(rounding=ROUND_FLOOR) * step


def grid_ceil(value: Decimal, step: Decimal) -> Decimal:
    """Smallest multiple of `step` that is at least `value`.

    >>> grid_ceil(Decimal("10.1"), Decimal("0.5"))
    Decimal('10.5')
    """
    with localcontext(CONTEXT):
        return (value / step).to_integral_value(rounding=ROUND_CEILING) * step


def nearest_double(value: Decimal) -> Decimal:
    """The IEEE 754 double nearest to `value`, exactly: for venues that compute in doubles.

    >>> nearest_double(Decimal("0.5")), nearest_double(Decimal("0.1")) == Decimal("0.1")
    (Decimal('0.5'), False)
    """
    return Decimal(float(value))


def shortest_double(value: Decimal) -> Decimal:
    """The nearest double as programs print it: the shortest decimal that reads back as the same double.

    >>> shortest_double(nearest_double(Decimal("0.1")) * 3)
    Decimal('0.30000000000000004')
    """
    return Decimal(repr(float(value)))


def to_raw_exact(value: Decimal, decimals: int) -> int:
    """`value` as an integer of 10^-decimals units; ValueError if that would lose a digit.

    >>> to_raw_exact(Decimal("1.5"), 6)
    1500000
    """
    scaled = value.scaleb(decimals, CONTEXT)
    raw = int(scaled)
    if raw != scaled:
        raise ValueError(f"{value} has more than {decimals} decimals")
    return raw


def to_raw_floor(value: Decimal, decimals: int) -> int:
    """`value` in 10^-decimals units, rounded toward minus infinity.

    >>> to_raw_floor(Decimal("1.2345678"), 6)
    1234567
    """
    return int(value.scaleb(decimals, CONTEXT).to_integral_value(rounding=ROUND_FLOOR))


def to_raw_ceil(value: Decimal, decimals: int) -> int:
    """`value` in 10^-decimals units, rounded toward plus infinity.

    >>> to_raw_ceil(Decimal("1.2345678"), 6)
    1234568
    """
    return int(value.scaleb(decimals, CONTEXT).to_integral_value(rounding=ROUND_CEILING))


def from_raw(raw: int, decimals: int) -> Decimal:
    """The decimal number that `raw` units of 10^-decimals stand for, exactly.

    >>> from_raw(1500000, 6)
    Decimal('1.500000')
    """
    return Decimal(raw).scaleb(-decimals, CONTEXT)


def parse_decimal(text: str | int | Decimal) -> Decimal:
    """An input number, exactly as written. ValueError if it is not finite or longer than `DIGITS_MAX`.

    >>> parse_decimal("62000.10")
    Decimal('62000.10')
    """
    if isinstance(text, bool) or not isinstance(text, str | int | Decimal):
        raise ValueError(f"a decimal number was expected, not {text!r}")
    if isinstance(text, str) and (not text.isascii() or "_" in text or len(text) > 2 * DIGITS_MAX + 8):
        raise ValueError(f"{text[:60]!r} is not a decimal number")
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a decimal number") from None
    if not value.is_finite():
        raise ValueError(f"{text!r} is not finite")
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    if value and (value.adjusted() >= DIGITS_MAX or -exponent > DIGITS_MAX):
        raise ValueError(f"{text} is beyond {DIGITS_MAX} digits before or after the point")
    return value if exponent <= 0 else value.quantize(Decimal(1), context=CONTEXT)


def format_decimal(value: Decimal) -> str:
    """Plain decimal text without exponent or trailing zeros; infinity is `"Infinity"`.

    >>> format_decimal(Decimal("1500.500")), format_decimal(Decimal("0E-8")), format_decimal(Decimal("Infinity"))
    ('1500.5', '0', 'Infinity')
    """
    if value.is_infinite():
        return "Infinity" if value > 0 else "-Infinity"
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text

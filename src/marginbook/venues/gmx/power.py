"""Powers of USD amounts, to the last digit of the venue's fixed-point library.

    d^e = exp2(⌊log2(d) · e⌉)          d and e cut at 18 decimals, halves up in the product

`log2` is 60 halvings of 1e18 after the integer part, each square cut; `exp2` multiplies, for every set bit of the
exponent's 64 fractional bits, by ⌊2^(2^-i) · 2^64⌉ and cuts. So 10,000^2 · 1e-8 is 0.99999999999999998123521649, not 1.
Source: PRBMath UD60x18 (version 2) as used by gmx-synthetics `Precision.sol`, commit a5c0c8835182 of 2026-03-13.
"""

from functools import cache

from marginbook.exact import WAD, div_floor, isqrt_floor, mul_div_ceil, mul_div_floor, mul_div_half_up

FLOAT = 10**30
"""USD and factors have 30 decimals."""
FLOAT_TO_WAD = 10**12
BITS = 64
GUARD_BITS = 256
"""Digits beyond the 64 with which the roots of 2 are taken."""


def apply_factor(value: int, factor: int) -> int:
    """⌊value · factor / 1e30⌋ of amounts of at least 0.

    >>> apply_factor(10, FLOAT)
    10
    """
    return mul_div_floor(value, factor, FLOAT)


def signed(value: int, factor: int, divisor: int) -> int:
    """value · factor / divisor with the magnitude cut.

    >>> signed(-7, 1, 2)
    -3
    """
    magnitude = mul_div_floor(abs(value), factor, divisor)
    return magnitude if value > 0 else -magnitude


def signed_away(value: int, factor: int, divisor: int) -> int:
    """value · factor / divisor with the magnitude rounded up.

    >>> signed_away(-7, 1, 2)
    -4
    """
    magnitude = mul_div_ceil(abs(value), factor, divisor)
    return magnitude if value > 0 else -magnitude


def log2_floor(x: int) -> int:
    """log2 of x ≥ 1, both with 18 decimals, as the library cuts it.

    >>> log2_floor(8 * WAD) == 3 * WAD, log2_floor(10 * WAD)
    (True, 3321928094887362334)
    """
    whole = div_floor(x, WAD).bit_length() - 1
    result, y = whole * WAD, x >> whole
    if y == WAD:
        return result
    step = WAD >> 1
    while step:
        y = mul_div_floor(y, y, WAD)
        if y >= 2 * WAD:
            result += step
            y >>= 1
        step >>= 1
    return result


@cache
def _roots() -> tuple[int, ...]:
    """⌊2^(2^-i) · 2^64⌉ for i = 1 … 64."""
    precise, found = 2 << GUARD_BITS, []
    for _ in range(BITS):
        precise = isqrt_floor(precise << GUARD_BITS)
        found.append((precise + (1 << (GUARD_BITS - BITS - 1))) >> (GUARD_BITS - BITS))
    return tuple(found)


def exp2_floor(x: int) -> int:
    """2^x of 0 ≤ x < 192, both with 18 decimals.

    >>> exp2_floor(3 * WAD) == 8 * WAD
    True
    """
    shifted = div_floor(x << BITS, WAD)
    result, fraction = 1 << 191, shifted & ((1 << BITS) - 1)
    for number, root in enumerate(_roots(), 1):
        if fraction >> (BITS - number) & 1:
            result = result * root >> BITS
    return result * WAD >> (191 - (shifted >> BITS))


def apply_exponent(value: int, exponent: int) -> int:
    """value^exponent [USD e30]: 0 below one dollar, the value itself for exponent 1.

    >>> apply_exponent(10_000 * FLOAT, 2 * FLOAT)
    99999999999999998123521649000000000000
    """
    if value < FLOAT:
        return 0
    if exponent == FLOAT:
        return value
    base, power = div_floor(value, FLOAT_TO_WAD), div_floor(exponent, FLOAT_TO_WAD)
    return exp2_floor(mul_div_half_up(log2_floor(base), power, WAD)) * FLOAT_TO_WAD


def apply_impact_factor(difference: int, factor: int, exponent: int) -> int:
    """⌊difference^exponent · factor⌋ [USD e30].

    >>> apply_impact_factor(10_000 * FLOAT, 10**22, 2 * FLOAT)
    999999999999999981235216490000
    """
    return apply_factor(apply_exponent(difference, exponent), factor)

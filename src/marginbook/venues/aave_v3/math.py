"""Fixed-point arithmetic of Aave: basis points, wad (10^18), ray (10^27), and the growth of indices.

Source: formulas of Aave v2 and v3 (`WadRayMath`, `PercentageMath`, `MathUtils`), confirmed by running
the contracts (`tests/evm`).
"""

from marginbook.exact import (
    BASIS_POINTS,
    RAY,
    WAD,
    div_floor,
    mul_div_ceil,
    mul_div_floor,
    mul_div_half_up,
)
from marginbook.units import YEAR_SECONDS


def percent_mul_half_up(value: int, percentage: int) -> int:
    """value·percentage / 10⁴, halves up.

    >>> percent_mul_half_up(12_345, 5_000)
    6173
    """
    return mul_div_half_up(value, percentage, BASIS_POINTS)


def percent_mul_floor(value: int, percentage: int) -> int:
    """value·percentage / 10⁴, rounded down."""
    return mul_div_floor(value, percentage, BASIS_POINTS)


def percent_mul_ceil(value: int, percentage: int) -> int:
    """value·percentage / 10⁴, rounded up."""
    return mul_div_ceil(value, percentage, BASIS_POINTS)


def percent_div_half_up(value: int, percentage: int) -> int:
    """value·10⁴ / percentage, halves up.

    >>> percent_div_half_up(6_173, 5_000)
    12346
    """
    return mul_div_half_up(value, BASIS_POINTS, percentage)


def percent_div_ceil(value: int, percentage: int) -> int:
    """value·10⁴ / percentage, rounded up."""
    return mul_div_ceil(value, BASIS_POINTS, percentage)


def ray_mul_half_up(a: int, b: int) -> int:
    """a·b / 10²⁷, halves up."""
    return mul_div_half_up(a, b, RAY)


def ray_mul_floor(a: int, b: int) -> int:
    """a·b / 10²⁷, rounded down."""
    return mul_div_floor(a, b, RAY)


def ray_mul_ceil(a: int, b: int) -> int:
    """a·b / 10²⁷, rounded up."""
    return mul_div_ceil(a, b, RAY)


def ray_div_half_up(a: int, b: int) -> int:
    """a·10²⁷ / b, halves up."""
    return mul_div_half_up(a, RAY, b)


def ray_div_floor(a: int, b: int) -> int:
    """a·10²⁷ / b, rounded down."""
    return mul_div_floor(a, RAY, b)


def ray_div_ceil(a: int, b: int) -> int:
    """a·10²⁷ / b, rounded up."""
    return mul_div_ceil(a, RAY, b)


def wad_div_half_up(a: int, b: int) -> int:
    """a·10¹⁸ / b, halves up."""
    return mul_div_half_up(a, WAD, b)


def linear_interest_floor(rate: int, seconds: int) -> int:
    """Growth factor [ray] of a supply index: 1 + rate·n / year. All versions; `rate` in ray per year.

    >>> linear_interest_floor(RAY, YEAR_SECONDS) == 2 * RAY
    True
    """
    return RAY + div_floor(rate * seconds, YEAR_SECONDS)


def binomial_interest_2(rate: int, seconds: int) -> int:
    """Growth factor [ray] of a borrow index, version 2: three terms of (1 + r)ⁿ, r = ⌊rate/year⌋ per second.

    1 + r·n + n(n−1)/2·p2 + n(n−1)(n−2)/6·p3 with p2 = ⌊r²⌉, p3 = ⌊p2·r⌉, the divisions by 2 and 6 rounded down.

    >>> binomial_interest_2(RAY, YEAR_SECONDS)
    2666669030479726772588992000
    """
    if seconds == 0:
        return RAY
    per_second = div_floor(rate, YEAR_SECONDS)
    power_2 = ray_mul_half_up(per_second, per_second)
    power_3 = ray_mul_half_up(power_2, per_second)
    pairs = seconds * (seconds - 1)
    return (
        RAY + per_second * seconds + div_floor(pairs * power_2, 2) + div_floor(pairs * max(seconds - 2, 0) * power_3, 6)
    )


def binomial_interest_3_0(rate: int, seconds: int) -> int:
    """Growth factor [ray] of a borrow index, versions 3.0 to 3.3: three terms of (1 + rate/year)ⁿ.

    1 + r·n/Y + n(n−1)/2·p2 + n(n−1)(n−2)/6·p3 with p2 = ⌊r²⌉/Y², p3 = ⌊p2·r⌉/Y, all other divisions rounded down.

    >>> binomial_interest_3_0(RAY, YEAR_SECONDS)
    2666663803286306996604104000
    """
    if seconds == 0:
        return RAY
    power_2 = div_floor(ray_mul_half_up(rate, rate), YEAR_SECONDS * YEAR_SECONDS)
    power_3 = div_floor(ray_mul_half_up(power_2, rate), YEAR_SECONDS)
    pairs = seconds * (seconds - 1)
    return (
        RAY
        + div_floor(rate * seconds, YEAR_SECONDS)
        + div_floor(pairs * power_2, 2)
        + div_floor(pairs * max(seconds - 2, 0) * power_3, 6)
    )


def taylor_interest_3_4(rate: int, seconds: int) -> int:
    """Growth factor [ray] of a borrow index, version 3.4 and later: three terms of exp(x), x = ⌊rate·n/year⌋.

    1 + x + x·(x/2 + x·x/6), the two products half-up, the divisions by 2 and 6 rounded down.

    >>> taylor_interest_3_4(RAY, YEAR_SECONDS)
    2666666666666666666666666666
    """
    x = div_floor(rate * seconds, YEAR_SECONDS)
    return RAY + x + ray_mul_half_up(x, div_floor(x, 2) + ray_mul_half_up(x, div_floor(x, 6)))

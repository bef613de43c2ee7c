"""Uniswap v3 prices and ticks: 1.0001^tick, exactly and as the contracts have it.

    price(tick)             1.0001^tick, to `digits` significant digits
    sqrt_price_x96(tick)    r = 2^128; for each bit i of |tick| r ← ⌊r·c_i / 2^128⌋, c_i = 2^128·1.0001^(−2^i / 2);
                            c_i to nearest; for a positive tick r ← ⌊(2^256 − 1) / r⌋; then ⌈r / 2^32⌉
    quote(tick, amount)     what `amount` of one token buys of the other, rounded down

Source: Uniswap/v3-core TickMath.sol and v3-periphery OracleLibrary.sol (read 2026-11); its 20 constants are c_i.
Run beside this in an EVM (tests/evm/test_oracles.py).
"""

from decimal import Decimal, localcontext
from functools import cache

from marginbook.domain.errors import BadInput
from marginbook.exact import CONTEXT, div_ceil, div_floor, mul_div_floor

BASE = Decimal("1.0001")
TICK_MOST = 887_272
Q32, Q64, Q128, Q192 = 1 << 32, 1 << 64, 1 << 128, 1 << 192
UINT_256_MOST = (1 << 256) - 1


@cache
def _factors() -> tuple[int, ...]:
    """c_i, each to the nearest integer."""
    with localcontext(CONTEXT):
        found, power = [], BASE
        for _ in range(20):
            found.append(int((Q128 / power.sqrt()).to_integral_value()))
            power *= power
        return tuple(found)


def _checked(tick: int) -> int:
    if abs(tick) > TICK_MOST:
        raise BadInput("bad_tick", "tick", tick, f"-{TICK_MOST} to {TICK_MOST}")
    return tick


def sqrt_price_x96(tick: int) -> int:
    """√(token1 per token0) · 2^96 at `tick`.

    >>> sqrt_price_x96(0) == 1 << 96, sqrt_price_x96(-887272), sqrt_price_x96(887272)
    (True, 4295128739, 1461446703485210103287273052203988822378723970342)
    """
    ratio, rest = Q128, abs(_checked(tick))
    for factor in _factors():
        if rest & 1:
            ratio = ratio * factor >> 128
        rest >>= 1
    if tick > 0:
        ratio = div_floor(UINT_256_MOST, ratio)
    return div_ceil(ratio, Q32)


def tick_at(sqrt_price: int) -> int:
    """The greatest tick whose price is at most `sqrt_price` [√price · 2^96].

    >>> tick_at(1 << 96), tick_at((1 << 96) - 1)
    (0, -1)
    """
    if not sqrt_price_x96(-TICK_MOST) <= sqrt_price < sqrt_price_x96(TICK_MOST):
        raise BadInput("bad_price", "sqrt_price", sqrt_price, "a price between the first and the last tick")
    low, high = -TICK_MOST, TICK_MOST
    while high - low > 1:
        middle = (low + high) >> 1
        low, high = (middle, high) if sqrt_price_x96(middle) <= sqrt_price else (low, middle)
    return low


def price(tick: int, digits: int = 38) -> Decimal:
    """1.0001^tick [token1 base units per token0 base unit], to nearest at `digits` significant digits, at most 100.

    >>> price(1), price(-1, 10)
    (Decimal('1.0001'), Decimal('0.9999000100'))
    """
    if not 1 <= digits <= 100:
        raise BadInput("bad_digits", "digits", digits, "1 to 100")
    exact = CONTEXT.power(BASE, _checked(tick))
    with localcontext(CONTEXT) as context:
        context.prec = digits
        return +exact


def quote(tick: int, amount: int, of_token0: bool = True) -> int:
    """How much of the other token `amount` buys at `tick`, rounded down (OracleLibrary.getQuoteAtTick).

    >>> quote(0, 10**18), quote(-887272, 2**128 - 1)
    (1000000000000000000, 1)
    """
    root = sqrt_price_x96(tick)
    if root < Q128:
        ratio, unit = root * root, Q192
    else:
        ratio, unit = mul_div_floor(root, root, Q64), Q128
    return mul_div_floor(ratio, amount, unit) if of_token0 else mul_div_floor(unit, amount, ratio)

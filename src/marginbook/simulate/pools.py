"""Automated pools in exact integers: what a sale brings and where it leaves the price.

Constant product, reserves x and y in token units, fee in millionths of what comes in (Uniswap v2 takes 3,000):

    out = y·in·(10^6 − fee) / (x·10^6 + in·(10^6 − fee)), down

Concentrated liquidity L inside one range (Uniswap v3), prices as √P in 2^-96:

    token0 in     √P' = L·√P / (L + in·√P), up            out = L·(√P − √P'), down
    token1 in     √P' = √P + in / L, down                 out = L·(1/√P − 1/√P'), down

with the rounding of Uniswap v3-core `SqrtPriceMath` (always for the pool). A sale stops at the border of its range, and
what is left over goes on in the next: `sell_through`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from marginbook.domain.errors import BadInput
from marginbook.exact import div_ceil, div_floor, mul_div_ceil, mul_div_floor

MILLION = 10**6
Q96 = 1 << 96
"""1 in the fixed point of square-root prices."""


@dataclass(frozen=True, slots=True)
class Sale:
    """What a pool took in, gave out, and its square-root price [2^-96] or reserves afterwards."""

    taken: int
    given: int
    fee: int  # of what was taken
    price: int  # √P


def constant_product_out(amount: int, reserve_in: int, reserve_out: int, fee: int = 3_000) -> int:
    """What `amount` brings, in units of the other token.

    >>> constant_product_out(10**18, 5 * 10**18, 10 * 10**18)
    1662497915624478906
    """
    if amount < 0 or reserve_in <= 0 or reserve_out <= 0 or not 0 <= fee < MILLION:
        raise BadInput("bad_pool", "pool", (amount, reserve_in, reserve_out, fee), "reserves above 0, a fee below 10^6")
    paid = amount * (MILLION - fee)
    return mul_div_floor(paid, reserve_out, reserve_in * MILLION + paid)


def price_after_token0(price: int, liquidity: int, amount: int) -> int:
    """√P [2^-96] after `amount` of token 0 came in, rounded up: never below the exact one.

    >>> price_after_token0(Q96, 10**18, 10**18) == Q96 // 2
    True
    """
    return mul_div_ceil(liquidity * Q96, price, liquidity * Q96 + amount * price)


def price_after_token1(price: int, liquidity: int, amount: int) -> int:
    """√P [2^-96] after `amount` of token 1 came in, rounded down."""
    return price + div_floor(amount * Q96, liquidity)


def token0_between(low: int, high: int, liquidity: int, *, up: bool) -> int:
    """Token 0 that moves the price between two square roots; `up` where the pool receives it."""
    first = liquidity * Q96 * (high - low)
    return div_ceil(div_ceil(first, high), low) if up else div_floor(div_floor(first, high), low)


def token1_between(low: int, high: int, liquidity: int, *, up: bool) -> int:
    """Token 1 that moves the price between two square roots; `up` where the pool receives it."""
    return mul_div_ceil(liquidity, high - low, Q96) if up else mul_div_floor(liquidity, high - low, Q96)


def sell_in_range(amount: int, price: int, liquidity: int, border: int, fee: int = 3_000) -> Sale:
    """Sell up to `amount` of token 0 until √P falls to `border`; the fee [millionths] is taken of what comes in."""
    if amount < 0 or liquidity <= 0 or not 0 < border <= price or not 0 <= fee < MILLION:
        raise BadInput("bad_pool", "pool", (amount, price, liquidity, border), "liquidity above 0, a border below")
    net = mul_div_floor(amount, MILLION - fee, MILLION)
    whole = token0_between(border, price, liquidity, up=True)
    if net >= whole:
        charged = mul_div_ceil(whole, fee, MILLION - fee)
        return Sale(whole + charged, token1_between(border, price, liquidity, up=False), charged, border)
    end = price_after_token0(price, liquidity, net)
    used = token0_between(end, price, liquidity, up=True)
    return Sale(amount, token1_between(end, price, liquidity, up=False), amount - used, end)


def sell_through(amount: int, price: int, ranges: Sequence[tuple[int, int]], fee: int = 3_000) -> Sale:
    """Sell token 0 down through `ranges` of (border √P, liquidity), highest first; what none takes is not taken.

    >>> sale = sell_through(10**18, Q96, [(Q96 * 9 // 10, 10**18), (Q96 // 2, 10**19)], fee=0)
    >>> sale.taken == 10**18, sale.price < Q96 * 9 // 10
    (True, True)
    """
    taken = given = charged = 0
    for border, liquidity in ranges:
        if taken == amount:
            break
        sale = sell_in_range(amount - taken, price, liquidity, border, fee)
        taken, given, charged, price = taken + sale.taken, given + sale.given, charged + sale.fee, sale.price
    return Sale(taken, given, charged, price)

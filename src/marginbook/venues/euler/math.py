"""Fixed-point arithmetic of the Euler vault kit: quotes, debts of 31 extra bits, accumulators, ramps.

Source: formulas of euler-xyz/euler-vault-kit 5b98b42 (`Owed`, `Cache`, `RPow`, `LTVConfig`), confirmed on recorded
numbers of those contracts (`tests/vectors/euler`).
"""

from marginbook.exact import RAY, div_floor, mul_div_floor, rpow_half_up

DEBT_SHIFT = 31
SCALE = 10**4
"""1 in units of LTVs and discounts."""
PRICE_DECIMALS = 18
VIRTUAL_AMOUNT = 10**6
YEAR_SECONDS = 31_556_952
"""365.2425 days, by which rate models turn yearly rates into rates per second."""


def value_of(amount: int, price: int, decimals: int, unit_decimals: int) -> int:
    """Worth of token units [units of account, down] at `price` [wad per token].

    >>> value_of(1_500_000, 2 * 10**18, 6, 18) == 3 * 10**18
    True
    """
    return mul_div_floor(amount, price * 10**unit_decimals, 10 ** (decimals + PRICE_DECIMALS))


def accrued(accumulator: int, rate: int, seconds: int) -> int:
    """The interest accumulator [ray] after `seconds` at `rate` [ray per second]: ⌊acc·rpow(1 + rate, seconds)⌋."""
    return mul_div_floor(accumulator, rpow_half_up(RAY + rate, seconds, RAY), RAY)


def owed_now(owed: int, accumulator: int, user_accumulator: int) -> int:
    """A debt [2^-31 units] with interest since the user's own accumulator was stored, down."""
    return mul_div_floor(owed, accumulator, user_accumulator)


def debt_units(owed: int) -> int:
    """Whole token units of a debt, up.

    >>> debt_units(1), debt_units(1 << 31), debt_units((1 << 31) + 1)
    (1, 1, 2)
    """
    return (owed + (1 << DEBT_SHIFT) - 1) >> DEBT_SHIFT


def share_value(shares: int, assets: int, total_shares: int) -> int:
    """Token units that vault shares stand for, down, with the vault's virtual deposit of a million units.

    >>> share_value(1_000_000, 3_000_000, 1_000_000)
    2000000
    """
    return mul_div_floor(shares, assets + VIRTUAL_AMOUNT, total_shares + VIRTUAL_AMOUNT)


def ramped(target: int, initial: int, end: int, duration: int, now: int) -> int:
    """A liquidation LTV [1e-4] at `now` [s]: falls from `initial` to `target` until `end`, in a straight line.

    >>> ramped(8_000, 9_000, 1_000, 100, 950), ramped(8_000, 9_000, 1_000, 100, 1_000)
    (8500, 8000)
    """
    if now >= end or target >= initial:
        return target
    return target + div_floor((initial - target) * min(end - now, duration), duration)

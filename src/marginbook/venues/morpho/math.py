"""Fixed-point arithmetic of Morpho Blue: shares of a total, compounded interest, the liquidator's factor.

Source: formulas of Morpho Blue 1.0.0 (`SharesMathLib`, `MathLib`), confirmed against the compiled contract by
`tests/evm/test_morpho.py`. Shares carry a million virtual shares and one virtual asset, so that an empty market has a
price: assets per share = (assets + 1) / (shares + 10^6). WAD = 10^18.
"""

from marginbook.exact import WAD, mul_div_ceil, mul_div_floor

VIRTUAL_SHARES = 10**6
VIRTUAL_ASSETS = 1
PRICE_SCALE = 10**36
CURSOR = 3 * 10**17
FACTOR_MOST = 115 * 10**16


def to_shares_down(assets: int, total_assets: int, total_shares: int) -> int:
    """Shares of `assets`, rounded down.

    >>> to_shares_down(5, 0, 0)
    5000000
    """
    return mul_div_floor(assets, total_shares + VIRTUAL_SHARES, total_assets + VIRTUAL_ASSETS)


def to_shares_up(assets: int, total_assets: int, total_shares: int) -> int:
    """Shares of `assets`, rounded up."""
    return mul_div_ceil(assets, total_shares + VIRTUAL_SHARES, total_assets + VIRTUAL_ASSETS)


def to_assets_down(shares: int, total_assets: int, total_shares: int) -> int:
    """Assets of `shares`, rounded down."""
    return mul_div_floor(shares, total_assets + VIRTUAL_ASSETS, total_shares + VIRTUAL_SHARES)


def to_assets_up(shares: int, total_assets: int, total_shares: int) -> int:
    """Assets of `shares`, rounded up: what a borrower owes.

    >>> to_assets_up(1, 0, 0), to_assets_down(1, 0, 0)
    (1, 0)
    """
    return mul_div_ceil(shares, total_assets + VIRTUAL_ASSETS, total_shares + VIRTUAL_SHARES)


def taylor_compounded(rate: int, seconds: int) -> int:
    """e^x − 1 [wad] by three terms, x = rate·seconds: x + x²/2 + x³/6, each quotient rounded down.

    >>> taylor_compounded(WAD, 1)
    1666666666666666666
    """
    first = rate * seconds
    second = mul_div_floor(first, first, 2 * WAD)
    return first + second + mul_div_floor(second, first, 3 * WAD)


def incentive_factor(lltv: int) -> int:
    """What a liquidator gets per unit repaid [wad]: min(1.15, 1 / (1 − 0.3·(1 − LLTV))), both quotients down.

    >>> incentive_factor(86 * 10**16), incentive_factor(385 * 10**15)
    (1043841336116910229, 1150000000000000000)
    """
    return min(FACTOR_MOST, mul_div_floor(WAD, WAD, WAD - mul_div_floor(CURSOR, WAD - lltv, WAD)))


def most_debt(collateral: int, price: int, lltv: int) -> int:
    """Largest debt [loan units] that the collateral supports: ⌊⌊collateral·price / 10^36⌋·LLTV / 10^18⌋.

    >>> most_debt(10**18, 3000 * 10**24, 86 * 10**16)
    2580000000
    """
    return mul_div_floor(mul_div_floor(collateral, price, PRICE_SCALE), lltv, WAD)

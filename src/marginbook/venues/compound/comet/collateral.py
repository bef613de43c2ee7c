"""What collateral supports against the debt, by the borrow and by the liquidate collateral factor.

    liquidity = trunc(balance · base price / base scale) + Σ ((amount · price / scale) · factor / 10^18)

Each term is cut toward zero: the debt's value as well. Every term of the sum is at least 0, so that the order of the
assets and the contract's early exit do not matter.
"""

from collections.abc import Mapping

from marginbook.exact import WAD, mul_div_floor
from marginbook.venues.compound.comet.state import AssetConfig, Pool, User, balance_of


def value_of(amount: int, price: int, scale: int) -> int:
    """Value [quote currency, 8 decimals], rounded down.

    >>> value_of(1_500_000, 99_999_999, 10**6)
    149999998
    """
    return mul_div_floor(amount, price, scale)


def debt_value(pool: Pool, name: str) -> int:
    """Value of the debt, 0 without one."""
    balance = balance_of(pool, name)
    return value_of(-balance, pool.prices[pool.config.base], pool.config.scale) if balance < 0 else 0


def asset_value(pool: Pool, user: User, asset: str) -> int:
    """Value of one collateral."""
    config = pool.config.assets[asset]
    return value_of(user.collateral[asset], pool.prices[asset], config.scale)


def support(values: Mapping[str, int], assets: Mapping[str, AssetConfig], initial: bool) -> int:
    """Σ value · factor, rounded down per asset; `initial` by the borrow factor, else by the liquidate factor."""
    return sum(
        mul_div_floor(value, assets[asset].borrow_factor if initial else assets[asset].liquidate_factor, WAD)
        for asset, value in values.items()
    )


def values_of(pool: Pool, name: str) -> dict[str, int]:
    """Value of each collateral that the user holds."""
    user = pool.user(name)
    return {asset: asset_value(pool, user, asset) for asset, amount in user.collateral.items() if amount}


def is_borrow_collateralized(pool: Pool, name: str) -> bool:
    """Whether the borrow factors cover the debt, at the stored indices."""
    if pool.user(name).principal >= 0:
        return True
    return support(values_of(pool, name), pool.config.assets, initial=True) >= debt_value(pool, name)


def is_liquidatable(pool: Pool, name: str) -> bool:
    """Whether the liquidate factors do not cover the debt, at the stored indices."""
    if pool.user(name).principal >= 0:
        return False
    return support(values_of(pool, name), pool.config.assets, initial=False) < debt_value(pool, name)

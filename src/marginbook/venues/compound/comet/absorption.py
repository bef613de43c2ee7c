"""Absorption of a whole account, and the sale of what it brought.

absorb takes all collateral, credits Σ (value · liquidation factor) to the base balance, and lets reserves pay what is
still owed; there is no close factor. The store front sells seized collateral while reserves are below their target:

    discount = store front factor · (1 − liquidation factor);   price' = price · (1 − discount)
    amount   = base price · base amount · asset scale / price' / base scale          each step rounded down
"""

from dataclasses import dataclass, replace

from marginbook.exact import WAD, div_floor, mul_div_floor
from marginbook.venues.compound.comet.actions import with_balance
from marginbook.venues.compound.comet.collateral import is_liquidatable, values_of
from marginbook.venues.compound.comet.interest import accrue, reserves
from marginbook.venues.compound.comet.state import Pool, User, balance_of, require


@dataclass(frozen=True, slots=True)
class Absorption:
    """What one account lost and got."""

    seized: dict[str, int]  # asset -> [token units]
    value: int  # of the collateral [8 decimals]
    credited: int  # [base units] that its collateral was worth to it
    paid: int  # [base units] that the Comet put into the balance: all of the debt, and what is left over
    unpaid: int  # [base units] of debt that the credit did not cover: the reserves' loss at these prices


def absorb(pool: Pool, name: str) -> tuple[Pool, Absorption]:
    """The pool after the account was absorbed."""
    pool = accrue(pool)
    require(is_liquidatable(pool, name), "NotLiquidatable")
    user, assets = pool.user(name), pool.config.assets
    old, values = balance_of(pool, name), values_of(pool, name)
    delta = sum(mul_div_floor(value, assets[asset].liquidation_factor, WAD) for asset, value in values.items())
    credit = mul_div_floor(delta, pool.config.scale, pool.prices[pool.config.base])
    new = max(old + credit, 0)
    seized = {asset: amount for asset, amount in user.collateral.items() if amount}
    pool = with_balance(pool, name, new, adding=True)
    pool = pool.with_user(name, User(principal=pool.user(name).principal))
    if pool.cash is not None:
        left = {asset: total - seized.get(asset, 0) for asset, total in pool.collateral_totals.items()}
        pool = replace(pool, collateral_totals=left)
    return pool, Absorption(seized, sum(values.values()), credit, new - old, max(-old - credit, 0))


def quote(pool: Pool, asset: str, amount: int) -> int:
    """Collateral [token units] that `amount` base units buy."""
    config = pool.config.assets[asset]
    discount = mul_div_floor(pool.config.store_front, WAD - config.liquidation_factor, WAD)
    price = mul_div_floor(pool.prices[asset], WAD - discount, WAD)
    require(price != 0, "MATH")
    bought = mul_div_floor(pool.prices[pool.config.base] * amount, config.scale, price)
    return div_floor(bought, pool.config.scale)


def collateral_reserves(pool: Pool, asset: str) -> int:
    """Seized collateral that is for sale [token units]."""
    return pool.collateral_cash.get(asset, 0) - pool.collateral_totals.get(asset, 0)


def buy(pool: Pool, asset: str, amount: int) -> tuple[Pool, int]:
    """(pool after, collateral bought) for `amount` base units; nothing is accrued."""
    assert pool.cash is not None
    held = reserves(pool)
    require(held < 0 or held < pool.config.target_reserves, "NotForSale")
    require(asset in pool.config.assets, "BadAsset")
    bought = quote(pool, asset, amount)
    require(bought <= collateral_reserves(pool, asset), "InsufficientReserves")
    cash = {**pool.collateral_cash, asset: pool.collateral_cash.get(asset, 0) - bought}
    return replace(pool, cash=pool.cash + amount, collateral_cash=cash), bought

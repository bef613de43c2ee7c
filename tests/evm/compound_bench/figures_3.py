"""The model's side of every comparison of a Comet, with or without a chain."""

from compound_bench.scene_3 import USERS
from marginbook.venues.compound.comet.absorption import collateral_reserves, quote
from marginbook.venues.compound.comet.actions import accrued_balance
from marginbook.venues.compound.comet.collateral import is_borrow_collateralized, is_liquidatable
from marginbook.venues.compound.comet.interest import accrued_indices, reserves, utilisation
from marginbook.venues.compound.comet.state import Pool

QUOTED = 12_345_678_901
"""Base units whose collateral is asked for."""


def model_numbers(pool: Pool) -> list[int]:
    """Indices, totals, reserves, rates, quotes; per user principal, balances, both views. Signed as the chain does."""
    config = pool.config
    assert config.supply_curve is not None
    assert config.borrow_curve is not None
    assert pool.cash is not None
    found = [pool.supply_index, pool.borrow_index, pool.supply_total, pool.borrow_total, pool.updated_at]
    found += [utilisation(pool), reserves(pool) % 2**256]
    supply_index, borrow_index = accrued_indices(pool)
    found += [pool.supply_total * supply_index // 10**15, pool.borrow_total * borrow_index // 10**15]
    for curve in (config.supply_curve, config.borrow_curve):
        found += [curve.rate(3 * 10**17), curve.rate(93 * 10**16 + 1)]
    found.append(pool.cash)
    for asset in config.assets:
        found += [pool.collateral_totals.get(asset, 0), collateral_reserves(pool, asset), quote(pool, asset, QUOTED)]
    for name in USERS:
        user, balance = pool.user(name), accrued_balance(pool, name)
        found += [user.principal % 2**256, max(balance, 0), max(-balance, 0)]
        found += [int(is_borrow_collateralized(pool, name)), int(is_liquidatable(pool, name))]
        found += [user.collateral.get(asset, 0) for asset in config.assets]
    return found

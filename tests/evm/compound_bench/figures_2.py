"""The model's side of every comparison of Compound v2, with or without a chain."""

from compound_bench.scene_2 import USERS
from marginbook.venues.compound.v2.interest import borrow_rate, supply_rate
from marginbook.venues.compound.v2.liquidation import LIQUIDATOR, seize_ratio
from marginbook.venues.compound.v2.liquidity import liquidity
from marginbook.venues.compound.v2.state import Pool, exchange_rate, owed


def model_numbers(pool: Pool) -> list[int]:
    """Per market: totals, index, block, exchange rate, rates, seizures. Per user: liquidity, balances, entered."""
    found: list[int] = []
    for name, m in pool.markets.items():
        config = pool.configs[name]
        assert m.cash is not None
        assert config.rates is not None
        found += [m.cash, m.borrows, m.reserves, m.supply, m.index, m.block, exchange_rate(config, m)]
        found += [borrow_rate(config.rates, m.cash, m.borrows, m.reserves), supply_rate(config, m)]
        found += [seize_ratio(pool, name, other) * (10**12 + 1) // 10**18 for other in pool.markets]
    for name in USERS:
        user = pool.user(name)
        for threshold in (True, False) if pool.version.own_threshold else (True,):
            sums = liquidity(pool, name, threshold=threshold)
            found += [sums.liquidity, sums.shortfall]
        for asset in pool.markets:
            found += [user.position(asset).tokens, owed(pool, name, asset), int(asset in user.entered)]
    return found + [pool.user(LIQUIDATOR).position(asset).tokens for asset in pool.markets]

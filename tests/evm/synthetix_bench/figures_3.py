"""The model's side of every comparison of perps v3, with or without a chain."""

from dataclasses import replace

from marginbook.venues.synthetix.account import POOL, USD, is_flagged
from marginbook.venues.synthetix.funding import velocity
from marginbook.venues.synthetix.interest import utilisation
from marginbook.venues.synthetix.margins import max_liquidation_in_window
from marginbook.venues.synthetix.risk import is_liquidatable, withdrawable
from synthetix_bench.pool_3 import (
    Pool,
    backing,
    collateral_worth,
    figures_of,
    in_window,
    market_of,
    next_funding,
    totals,
)
from synthetix_bench.scene_3 import MARKETS, SYNTHS, USERS

COLLATERALS = (USD, *SYNTHS)
OF_POSITION = 7


def labels() -> list[str]:
    """What each number is."""
    found = ["interest accrued", "interest rate", "interest time", "utilisation", "delegated", "locked"]
    found += ["all collateral", "all debts", "reported debt", *(f"all {asset}" for asset in COLLATERALS)]
    for name in MARKETS:
        of = ("skew", "size", "last rate", "last value", "last time", "rate", "velocity", "capacity", "most", "latest")
        found += [f"{name} {label}" for label in of]
    for user in USERS:
        of_user = [*COLLATERALS, "debt", "collateral", "open interest", "available", "initial", "maintenance", "reward"]
        of_user += ["withdrawable", "liquidatable", "margin only"]
        for name in MARKETS:
            of_position = ("pnl", "funding", "size", "interest", "entry", "funding at", "interest at")
            of_user += [f"{name} {label}" for label in of_position]
        found += [f"{user} {label}" for label in of_user]
    return [*found, "keeper", *(f"distributed {asset}" for asset in SYNTHS)]


def model_numbers(pool: Pool) -> list[int]:
    """In the order of `Perps.shown`, then what the keeper was paid and what was seized of each synth."""
    found = _of_all(pool)
    for name in MARKETS:
        found += _of_market(pool, name)
    for user in USERS:
        found += _of_account(pool, user)
    return [*found, pool.keeper, *(pool.distributed.get(asset, 0) for asset in SYNTHS)]


def _of_all(pool: Pool) -> list[int]:
    locked, delegated = backing(pool)
    worth, debts = collateral_worth(pool), sum(pool.book(user).debt for user in pool.accounts)
    reported = worth - debts
    for name, m in pool.markets.items():
        price = pool.prices[name]
        value = next_funding(pool, name, price)[1]
        reported += trunc(m.skew * price) + trunc(m.skew * value) - m.correction
    used = [utilisation(locked, delegated), max(0, delegated), locked]
    held = totals(pool)
    return [*pool.interest, *used, worth, debts, max(0, reported), *(held[asset] for asset in COLLATERALS)]


def trunc(product: int) -> int:
    """A product of two wads, toward zero."""
    return abs(product) // 10**18 * (1 if product >= 0 else -1)


def _of_market(pool: Pool, name: str) -> list[int]:
    m, terms = pool.markets[name], pool.terms(name)
    speed, most = velocity(m.skew, terms.skew_scale, terms.max_funding_velocity), max_liquidation_in_window(terms)
    found = [m.skew, m.size, m.rate, m.value, m.time, next_funding(pool, name, pool.prices[name])[0], speed]
    return [*found, max(0, most - in_window(pool, name)), most, m.liquidated[-1][1] if m.liquidated else 0]


def _of_account(pool: Pool, user: str) -> list[int]:
    account, book, now = pool.account(user), pool.book(user), figures_of(pool, user)
    amounts = {synth.asset: synth.amount for synth in book.synths} | {USD: book.usd}
    found = [amounts.get(asset, 0) for asset in COLLATERALS]
    found += [now.debt, now.collateral, sum(position.notional for position in now.positions.values()), now.available]
    reward = now.reward if now.positions else 0
    found += [now.initial + reward, now.maintenance + reward, reward]
    # The contracts' view does not ask whether an account is flagged.
    free = withdrawable(replace(now, flagged=False))
    weak = is_liquidatable(account, POOL, market_of(pool, user), pool.parameters, pool.at)
    found += [free, int(weak if now.positions else now.available < 0), int(weak and not now.positions)]
    assert not is_flagged(account) or account.positions
    held = {holding.market: holding for holding in book.holdings}
    for name in MARKETS:
        if name not in held:
            found += [0] * OF_POSITION
            continue
        mine, p = held[name], now.positions[name]
        found += [p.pnl, p.funding, mine.size, p.interest, mine.entry, mine.funding, mine.interest]
    return found

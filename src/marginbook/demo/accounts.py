"""The demo's accounts: seeded, on both kinds of venue, with a few large holders, many small ones and heavy tails.

Nobody's positions. What is real: the markets, and the leverage brackets and thresholds in force at
`scenarios.STARTS_AT`.

    size       Pareto, index 1.15: a few accounts hold most of the notional
    leverage   log-normal, median 2.2: a fall of a tenth reaches about one derivatives account in fifteen
    health     1 + log-normal, median 1.6; loops of a staked asset against its own kind sit close to their border
    stressed   one account in fifty is near its border from the start
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np

from marginbook.demo.scenarios import AAVE_ASSETS, BASE, STARTS_AT, USDM_MARKETS, load
from marginbook.domain.account import Account, Collateral, Debt, Position
from marginbook.domain.market import Market, Quote
from marginbook.params import aave_v3
from marginbook.params.tables import BINANCE_USDM_FILES, tables_at

ACCOUNTS = 50_000
SEED = 20251010
BINANCE_SHARE = 0.6
MARKET_WEIGHTS = (34, 24, 11, 7, 6, 3, 3, 3, 2, 2, 2, 1, 1, 1, 1)
"""How often each market of `USDM_MARKETS` is held, in its order."""
LEVERAGE_STEPS = (2, 3, 5, 10, 15, 20, 25, 50, 75, 100, 125)
COLLATERAL_WEIGHTS = {"WETH": 42, "wstETH": 22, "WBTC": 20, "LINK": 5, "AAVE": 4, "USDC": 7}
DEBT_WEIGHTS = {"USDC": 48, "USDT": 36, "DAI": 10, "WETH": 6}
STRESSED = 0.02


def demo_market() -> Market:
    """All prices at the start."""
    prices = load().prices(0)
    quotes = {key: Quote(price, time=STARTS_AT, sequence=0, source="scenario") for key, price in prices.items()}
    return Market(quotes=quotes, rates={"USDT": Decimal(1), "USDC": Decimal(1)}, as_of=STARTS_AT)


def demo_accounts(accounts: int = ACCOUNTS, seed: int = SEED) -> Iterator[Account]:
    """`accounts` accounts, the same for the same seed.

    >>> [account.id for account in demo_accounts(3, 1)]
    ['binance-00000', 'aave-00001', 'binance-00002']
    """
    random = np.random.default_rng(seed)
    on_binance = random.random(accounts) < BINANCE_SHARE
    sizes = np.minimum(400.0 * (1.0 + random.pareto(1.15, accounts)), 4e7)
    derivatives = _derivatives(random, int(on_binance.sum()))
    lending = _lending(random, int((~on_binance).sum()))
    for number in range(accounts):
        draw = next(derivatives if on_binance[number] else lending)
        yield draw(f"{'binance' if on_binance[number] else 'aave'}-{number:05d}", float(sizes[number]))


def _decimal(value: float, digits: int = 6) -> Decimal:
    """A number of `digits` significant digits, as somebody would have typed it."""
    text = f"{value:.{digits}g}"
    return Decimal(f"{Decimal(text):f}")


def _derivatives(random: np.random.Generator, count: int) -> Iterator[Any]:
    brackets = tables_at(BINANCE_USDM_FILES, STARTS_AT).tables
    markets = [market for market in USDM_MARKETS if market in brackets]
    held_by = dict(zip(USDM_MARKETS, MARKET_WEIGHTS, strict=True))
    weights = np.array([held_by[market] for market in markets])
    rows = {market: [tuple(map(float, row)) for row in brackets[market]] for market in markets}
    held = np.minimum(random.geometric(0.55, count), 6)
    leverage = np.clip(random.lognormal(np.log(2.2), 0.85, count), 0.2, 60.0)
    stressed = np.where(random.random(count) < STRESSED, random.uniform(0.7, 0.985, count), 0.0)
    longs = random.random(count) < 0.72
    isolated = random.random(count) < 0.12
    picks = np.stack([random.permutation(len(markets)) for _ in range(min(count, 4096))])
    first = random.choice(len(markets), count, p=weights / weights.sum())

    def account(i: int, name: str, size: float) -> Account:
        others = [int(k) for k in picks[i % len(picks)] if k != first[i]][: int(held[i]) - 1]
        chosen = [markets[k] for k in (int(first[i]), *others)]
        share = size * float(leverage[i]) / len(chosen)
        positions, profit, requirement = [], 0.0, 0.0
        for k, market in enumerate(chosen):
            mark = float(BASE[USDM_MARKETS[market]])
            wave = ((i * 7919 + k * 104729) % 1000) / 1000.0
            long = bool(longs[i]) if k == 0 or wave < 0.7 else not longs[i]
            quantity = _decimal(share * (0.4 + 1.2 * wave) / mark, 4)
            entry = _decimal(mark * (1.0 + (wave - 0.55) * 0.12), 6)
            notional = float(quantity) * mark
            _, _, rate, most, amount = next(row for row in reversed(rows[market]) if row[0] <= notional)
            step = next((s for s in LEVERAGE_STEPS if s >= 1.5 * leverage[i]), LEVERAGE_STEPS[-1])
            side = "long" if long else "short"
            alone = bool(isolated[i]) and k == len(chosen) - 1
            gain = (mark - float(entry)) * float(quantity) * (1 if long else -1)
            need = notional * rate - amount
            pot = None
            if alone:
                pot = _decimal(max(notional / min(step, most), need / 0.6) - min(gain, 0.0), 6)
            else:
                profit += gain
                requirement += need
            positions.append(
                Position(
                    market=market,
                    side=side,  # type: ignore[arg-type]
                    quantity=quantity,
                    entry=entry,
                    leverage=Decimal(int(min(step, most))),
                    mode="isolated" if alone else None,
                    isolated_wallet=pot,
                )
            )
        backing = requirement / float(stressed[i]) if stressed[i] else max(size, requirement / 0.72)
        wallet = _decimal(max(backing - profit, 1.0), 8)
        return Account(id=name, rules="binance/usdm", wallet={"USDT": wallet}, positions=tuple(positions))

    for i in range(count):
        yield lambda name, size, i=i: account(i, name, size)


def _lending(random: np.random.Generator, count: int) -> Iterator[Any]:
    table = aave_v3.table_at("ethereum", STARTS_AT)
    rows = table.rows if table is not None else {}
    prices = {name: float(BASE.get(asset, Decimal(1)) * ratio) for name, (asset, ratio) in AAVE_ASSETS.items()}
    threshold = {name: float(rows[name]["liquidation_threshold"]) for name in AAVE_ASSETS if name in rows}
    collateral_names = [name for name in COLLATERAL_WEIGHTS if threshold.get(name, 0.0) > 0.0]
    debt_names = [name for name in DEBT_WEIGHTS if name in rows]
    weight = np.array([COLLATERAL_WEIGHTS[name] for name in collateral_names], float)
    first = random.choice(len(collateral_names), count, p=weight / weight.sum())
    second = np.where(random.random(count) < 0.3, random.integers(0, len(collateral_names), count), -1)
    weight = np.array([DEBT_WEIGHTS[name] for name in debt_names], float)
    owed = random.choice(len(debt_names), count, p=weight / weight.sum())
    health = 1.0 + random.lognormal(np.log(0.6), 0.75, count)
    health = np.where(random.random(count) < STRESSED, random.uniform(1.015, 1.14, count), np.maximum(health, 1.11))
    split = random.uniform(0.1, 0.5, count)

    def account(i: int, name: str, size: float) -> Account:
        value = 4.0 * size
        main = collateral_names[int(first[i])]
        parts = {main: value}
        if second[i] >= 0 and collateral_names[int(second[i])] != main:
            parts = {main: value * (1.0 - float(split[i])), collateral_names[int(second[i])]: value * float(split[i])}
        debt = debt_names[int(owed[i])]
        if debt in parts or AAVE_ASSETS[debt][0] == AAVE_ASSETS[main][0]:
            others = [n for n in debt_names if n not in parts]
            debt = next((n for n in others if AAVE_ASSETS[n][0] != AAVE_ASSETS[main][0]), others[0])
        support = sum(worth * threshold[part] for part, worth in parts.items())
        return Account(
            id=name,
            rules="aave/3.6",
            collateral=tuple(
                Collateral(asset=part, amount=_decimal(worth / prices[part])) for part, worth in parts.items()
            ),
            debt=(Debt(asset=debt, amount=_decimal(support / float(health[i]) / prices[debt])),),
        )

    for i in range(count):
        yield lambda name, size, i=i: account(i, name, size)

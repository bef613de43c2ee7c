"""The demo's accounts: seeded, on both kinds of venue, with a few large holders, many small ones and heavy tails.

Nobody's positions. What is real: the markets, and the leverage brackets and thresholds in force at
`scenarios.STARTS_AT`.

    size       Pareto, index 1.15: a few accounts hold most of the money
    leverage   log-normal, median 2.2: a fall of a tenth reaches about one derivatives account in fifteen
    health     1 + log-normal, median 1.85; one borrower in fourteen loops a staked asset against its own kind
    stressed   one account in fifty is near its border from the start
"""

from decimal import Decimal

import numpy as np

from marginbook.book.bulk import NOT_ISOLATED, ContractColumns, LendingColumns
from marginbook.book.columns import IS_AMOUNT, IS_DEBT, IS_ENABLED
from marginbook.book.layout import Array
from marginbook.demo.scenarios import AAVE_ASSETS, BASE, STARTS_AT, USDM_MARKETS, load
from marginbook.domain.market import Market, Quote
from marginbook.params.records import record_or_error
from marginbook.params.tables import BINANCE_USDM_FILES, tables_at

ACCOUNTS = 50_000
SEED = 20251010
LENDING_SHARE = 0.4
MARKET_WEIGHTS = np.array([34, 24, 11, 7, 6, 3, 3, 3, 2, 2, 2, 1, 1, 1, 1], float)
"""How often each market of `USDM_MARKETS` is held, in its order."""
LEVERAGE_STEPS = np.array([2, 3, 5, 10, 15, 20, 25, 50, 75, 100, 125])
COLLATERAL = {"WETH": 42, "wstETH": 22, "WBTC": 20, "LINK": 5, "AAVE": 4, "USDC": 7}
DEBT = {"USDC": 50, "USDT": 38, "DAI": 12}
STRESSED = 0.02
LOOPS = 0.07
LOOP_EMODE, LOOP_COLLATERAL, LOOP_DEBT = 1, "wstETH", "WETH"
LENDING_RULES, CONTRACT_RULES = "aave/3.6", "binance/usdm"


def demo_market() -> Market:
    """All prices at the start."""
    prices = load().prices(0)
    quotes = {key: Quote(price, time=STARTS_AT, sequence=0, source="scenario") for key, price in prices.items()}
    return Market(quotes=quotes, rates={"USDT": Decimal(1), "USDC": Decimal(1)}, as_of=STARTS_AT)


def demo_columns(accounts: int = ACCOUNTS, seed: int = SEED) -> list[ContractColumns | LendingColumns]:
    """`accounts` accounts as columns of a book, the same for the same seed.

    >>> [len(part.names) for part in demo_columns(1000, 1)]
    [600, 400]
    """
    random = np.random.default_rng(seed)
    lending = int(accounts * LENDING_SHARE)
    return [_contracts(random, accounts - lending), _borrowers(random, lending)]


def _sizes(random: np.random.Generator, count: int) -> Array:
    """[USD] own funds."""
    return np.minimum(400.0 * (1.0 + random.pareto(1.15, count)), 4e6)


def _short(values: Array, digits: int) -> Array:
    """Values of `digits` significant digits, as somebody would have typed them."""
    unit = 10.0 ** (np.floor(np.log10(values)) - digits + 1)
    return np.round(values / unit) * unit


def _raw(values: Array) -> Array:
    """In 10^-8."""
    return np.maximum(np.round(values * 1e8), 1).astype(np.int64)


def _names(prefix: bytes, count: int) -> Array:
    return np.char.add(prefix, np.char.zfill(np.arange(count).astype("S7"), 5))


def _brackets(markets: list[str], market: Array, notional: Array) -> tuple[Array, Array]:
    """(maintenance margin, highest leverage) of positions."""
    tables = tables_at(BINANCE_USDM_FILES, STARTS_AT).tables
    need, most = np.zeros(len(market)), np.ones(len(market), np.int64)
    for number, name in enumerate(markets):
        rows = np.array([[float(cell) for cell in row] for row in tables[name]])
        chosen = np.flatnonzero(market == number)
        row = rows[np.searchsorted(rows[:, 0], notional[chosen], side="right") - 1]
        need[chosen] = notional[chosen] * row[:, 2] - row[:, 4]
        most[chosen] = row[:, 3].astype(np.int64)
    return need, most


def _contracts(random: np.random.Generator, count: int) -> ContractColumns:
    markets = list(USDM_MARKETS)
    marks = np.array([float(BASE[asset]) for asset in USDM_MARKETS.values()])
    size = _sizes(random, count)
    leverage = np.clip(random.lognormal(np.log(2.2), 0.85, count), 0.2, 60.0)
    held = np.minimum(random.geometric(0.55, count), 6)
    taste = random.random((count, len(markets))) / MARKET_WEIGHTS
    owner = np.repeat(np.arange(count), held)
    place = np.arange(len(owner)) - (np.cumsum(held) - held)[owner]
    market = np.argsort(taste, axis=1)[owner, place]
    mark = marks[market]
    long = random.random(count)[owner] < np.where(place == 0, 0.72, 0.6)
    side = np.where(long, 1.0, -1.0)
    share = (size * leverage / held)[owner] * random.uniform(0.4, 1.6, len(owner))
    quantity = _raw(_short(np.maximum(share, 5.0) / mark, 4))
    entry = _raw(_short(mark * random.uniform(0.935, 1.055, len(owner)), 6))
    notional = quantity / 1e8 * mark
    profit = side * quantity / 1e8 * (mark - entry / 1e8)
    need, most = _brackets(markets, market, notional)
    step = LEVERAGE_STEPS[np.minimum(np.searchsorted(LEVERAGE_STEPS, 1.5 * leverage), len(LEVERAGE_STEPS) - 1)]
    chosen_leverage = np.minimum(step[owner], most)
    alone = (random.random(count) < 0.12)[owner] & (place == held[owner] - 1)
    pot = np.maximum(notional / chosen_leverage, need / 0.6) - np.minimum(profit, 0.0)
    requirement = np.bincount(owner, np.where(alone, 0.0, need), count)
    gain = np.bincount(owner, np.where(alone, 0.0, profit), count)
    stressed = random.random(count) < STRESSED
    backing = np.where(stressed, requirement / random.uniform(0.7, 0.985, count), np.maximum(size, requirement / 0.72))
    return ContractColumns(
        rules=CONTRACT_RULES,
        currency="USDT",
        names=_names(b"binance-", count),
        wallet=np.maximum(np.ceil((backing - gain) * 1e4), 1e4).astype(np.int64) * 10_000,
        markets=tuple(markets),
        account=owner,
        market=market,
        quantity=np.where(long, quantity, -quantity),
        entry=entry,
        leverage=(chosen_leverage * 100).astype(np.int32),
        isolated_wallet=np.where(alone, np.ceil(pot * 1e4).astype(np.int64) * 10_000, NOT_ISOLATED),
    )


def _choose(random: np.random.Generator, weights: dict[str, int], assets: list[str], count: int) -> Array:
    share = np.array(list(weights.values()), float)
    return np.array([assets.index(name) for name in weights])[random.choice(len(weights), count, p=share / share.sum())]


def _borrowers(random: np.random.Generator, count: int) -> LendingColumns:
    table = record_or_error("aave_v3_ethereum", STARTS_AT, LENDING_RULES)
    rows = table.rows
    assets = list(AAVE_ASSETS)
    prices = np.array([float(BASE.get(asset, Decimal(1)) * ratio) for asset, ratio in AAVE_ASSETS.values()])
    threshold = np.array([float(rows[name]["liquidation_threshold"]) for name in assets])
    value = 4.0 * _sizes(random, count)
    loop = random.random(count) < LOOPS
    first = np.where(loop, assets.index(LOOP_COLLATERAL), _choose(random, COLLATERAL, assets, count))
    second = _choose(random, COLLATERAL, assets, count)
    second = np.where(~loop & (random.random(count) < 0.3) & (second != first), second, -1)
    owed = _choose(random, DEBT, assets, count)
    clash = (owed == first) | (owed == second)
    owed = np.where(clash, assets.index("DAI"), owed)
    owed = np.where(loop, assets.index(LOOP_DEBT), owed)
    split = np.where(second >= 0, random.uniform(0.1, 0.5, count), 0.0)
    loop_threshold = float(rows[f"emode:{LOOP_EMODE}"]["liquidation_threshold"])
    support = value * (1.0 - split) * np.where(loop, loop_threshold, threshold[first])
    support += value * split * np.where(second >= 0, threshold[second], 0.0)
    health = np.maximum(1.0 + random.lognormal(np.log(0.85), 0.8, count), 1.11)
    health = np.where(random.random(count) < STRESSED, random.uniform(1.015, 1.14, count), health)
    health = np.where(loop, random.uniform(1.025, 1.25, count), health)
    number = np.arange(count)
    owner = np.concatenate([number, number[second >= 0], number])
    asset = np.concatenate([first, second[second >= 0], owed])
    worth = np.concatenate([value * (1.0 - split), (value * split)[second >= 0], support / health])
    debt = np.concatenate([np.zeros(count + int((second >= 0).sum()), bool), np.ones(count, bool)])
    order = np.lexsort((debt, owner))
    owner, asset, worth, debt = owner[order], asset[order], worth[order], debt[order]
    low, high = _limbs(worth / prices[asset], np.array([int(rows[name]["decimals"]) for name in assets])[asset])
    return LendingColumns(
        rules=LENDING_RULES,
        names=_names(b"aave-", count),
        emode=np.where(loop, LOOP_EMODE, 0).astype(np.int32),
        assets=tuple(assets),
        account=owner,
        asset=asset,
        low=low,
        high=high,
        flags=np.where(debt, IS_DEBT, IS_ENABLED) | IS_AMOUNT,
    )


def _limbs(amounts: Array, decimals: Array) -> tuple[Array, Array]:
    """Amounts of six significant digits as integers of 10^-decimals, in two 64-bit limbs."""
    exponent = np.floor(np.log10(amounts)).astype(np.int64) - 5
    digits = np.maximum(np.round(amounts / 10.0**exponent), 1).astype(np.int64)
    raw = [
        int(digit) * 10**scale if scale >= 0 else max(int(digit) // 10**-scale, 1)
        for digit, scale in zip(digits.tolist(), (decimals + exponent).tolist(), strict=True)
    ]
    mask = 2**64 - 1
    return np.array([n & mask for n in raw], np.uint64), np.array([n >> 64 for n in raw], np.uint64)

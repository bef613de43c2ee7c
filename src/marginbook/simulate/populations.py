"""Populations of accounts with the concentration and the leverage that were measured on real ones. Nobody's positions.

*Concentration* of lending collateral and of position notional: 19,337 accounts that Hyperliquid closed on 10 October
2025, 2,103,111,431 USD in all, largest 15.7 %, largest ten 45.8 %, largest hundred 77.6 %, median 481 USD (computed
from ConejoCapital/HyperMultiAssetedADL, read 2026-11). Shares by rank are met exactly: power laws between ranks 1, 10
and 100, then a parabola in logarithms through the median whose bend gives the rest of the total. The mean stays as
measured whatever the number of accounts.

*Leverage of lending*, assets / equity over all wallets, is set to 1.65: BIS Working Paper 1171 (Heimbach and Huang,
2024) found 1.4 to 1.9, more for larger accounts, and less than limits allow. Each account owes
limit·sigmoid(m + 0.3·z + e) of its collateral, z its standardised log size, e standard normal, and m what gives the
aggregate.

*Leverage of contracts*, notional / equity, is log-normal with median 0.196 and 95th percentile 5.10, as of the
positions that Hyperliquid closed that day: profitable ones, which is the safer side of a market.

Assumed, not measured: which assets are held (`COLLATERAL`, `DEBT`, `CONTRACTS`), sides, entries, and round prices.
"""

from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from marginbook.book.book import Book
from marginbook.book.bulk import NOT_ISOLATED, ContractColumns, LendingColumns
from marginbook.book.columns import IS_AMOUNT, IS_DEBT, IS_ENABLED
from marginbook.book.layout import Array
from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market, Quote
from marginbook.engine.evaluate import parameters_source
from marginbook.params.tables import BINANCE_USDM_FILES, tables_at
from marginbook.units import parse_time

AT = parse_time("2026-10-01T12:00:00Z")
LENDING_RULES, CONTRACT_RULES = "aave/3.6", "binance/usdm"
MEASURED_ACCOUNTS, MEASURED_TOTAL, MEASURED_MEDIAN = 19_337, 2_103_111_431.0, 481.0
SHARES = ((1, 0.157), (10, 0.458), (100, 0.776))
"""(largest so many accounts, their share of the total)."""
ACCOUNTS_LEAST, ACCOUNTS_MOST = 3_000, 5_000_000
AGGREGATE_LEVERAGE = 1.65
SIZE_TILT = 0.3
CONTRACT_MEDIAN, CONTRACT_95 = 0.196, 5.10
Z_95 = 1.6448536269514722
"""Standard normal quantile of 95 %."""

COLLATERAL = {"WETH": 45, "wstETH": 25, "WBTC": 20, "LINK": 5, "AAVE": 5}
DEBT = {"USDC": 55, "USDT": 40, "DAI": 5}
CONTRACTS = {"BTCUSDT": 45, "ETHUSDT": 30, "SOLUSDT": 15, "BNBUSDT": 5, "LINKUSDT": 5}
PRICES = {"BTC": "60000", "ETH": "3000", "SOL": "150", "BNB": "600", "LINK": "15", "AAVE": "150"}
LENDING_PRICES = {"WETH": "3000", "wstETH": "3600", "WBTC": "60000", "LINK": "15", "AAVE": "150"}
STABLE_PRICES = dict.fromkeys(DEBT, "1")
LONG_SHARE = 0.6
RATIO_MOST = 0.8
"""Maintenance margin / equity above which no position starts: large ones cannot have the highest leverage."""
MICRO = 10**6

Kind = Literal["lending", "contracts", "both"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """What is generated: the same accounts for the same values."""

    accounts: int = MEASURED_ACCOUNTS
    seed: int = 1
    kind: Kind = "both"
    leverage: float = AGGREGATE_LEVERAGE  # assets / equity over all borrowers

    def __post_init__(self) -> None:
        if not ACCOUNTS_LEAST <= self.accounts <= ACCOUNTS_MOST:
            raise BadInput("bad_population", "accounts", self.accounts, f"{ACCOUNTS_LEAST} to {ACCOUNTS_MOST}")
        if self.kind not in ("lending", "contracts", "both"):
            raise BadInput("bad_population", "kind", self.kind, "lending, contracts or both")
        if not 1.0 < self.leverage <= 3.0:
            raise BadInput("bad_population", "leverage", self.leverage, "assets / equity above 1, at most 3")


def market() -> Market:
    """Round prices, not anybody's quotes."""
    prices = {("binance", f"{asset}USDT", "mark"): price for asset, price in PRICES.items()}
    prices |= {("aave", asset, "oracle"): price for asset, price in (LENDING_PRICES | STABLE_PRICES).items()}
    quotes = {key: Quote(Decimal(price), time=AT) for key, price in prices.items()}
    return Market(quotes=quotes, rates={"USDT": Decimal(1)}, as_of=AT)


def book(population: Population) -> Book:
    """The population as a book at `market()` and the parameter tables then in force."""
    return Book.from_columns(columns(population), market(), parameters_source({}, AT), AT)


def accounts(population: Population) -> list[Account]:
    """The population as plain accounts, for a book file."""
    made = book(population)
    return [made.account(name) for name in made.ids()]


def columns(population: Population) -> list[ContractColumns | LendingColumns]:
    """The population as columns of a book.

    >>> [len(part.names) for part in columns(Population(accounts=4000))]
    [2000, 2000]
    """
    random = np.random.default_rng(population.seed)
    size = random.permutation(sizes(population.accounts))
    borrowers = {"lending": population.accounts, "contracts": 0, "both": population.accounts // 2}[population.kind]
    made: list[ContractColumns | LendingColumns] = []
    if borrowers:
        made.append(_lending(random, size[:borrowers], population.leverage))
    if borrowers < len(size):
        made.append(_contracts(random, size[borrowers:]))
    return made


def sizes(count: int) -> Array:
    """[USD] of each account, largest first: the measured shares by rank, median and mean.

    >>> s = sizes(19_337)
    >>> [round(float(s[:n].sum() / s.sum()), 3) for n in (1, 10, 100)], round(float(np.median(s)))
    ([0.157, 0.458, 0.776], 481)
    """
    total = MEASURED_TOTAL / MEASURED_ACCOUNTS * count
    rank = np.arange(1, count + 1, dtype=np.float64)
    share = np.empty(count)
    share[0] = SHARES[0][1]
    for (low, below), (high, above) in pairwise(SHARES):
        t = np.log(rank[low:high] / low)
        start, wanted = share[low - 1], above - below
        slope = _root(lambda a, t=t, start=start, wanted=wanted: wanted - float((start * np.exp(-a * t)).sum()), 0, 50)
        share[low:high] = start * np.exp(-slope * t)
    low, below = SHARES[-1]
    t, middle = np.log(rank[low:] / low), np.log(count / 2 / low)
    start = share[low - 1]
    straight = -np.log(MEASURED_MEDIAN / total / start) / middle

    def rest(bend: float) -> Array:
        made: Array = start * np.exp(-straight * t + bend * t * (middle - t))
        return made

    bend = _root(lambda c: float(rest(c).sum()) - (1.0 - below), -1.0, straight / middle)
    share[low:] = rest(bend)
    share *= total / share.sum()
    return share


def _root(rising: Any, low: float, high: float) -> float:
    """Where a rising function is 0, by bisection; the nearer end where it is not in between."""
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return 0.5 * (low + high)


def _pick(random: np.random.Generator, weights: dict[str, int], count: int) -> Array:
    share = np.array(list(weights.values()), np.float64)
    picked: Array = random.choice(len(weights), count, p=share / share.sum())
    return picked


def _lending(random: np.random.Generator, size: Array, leverage: float) -> LendingColumns:
    count = len(size)
    names = [*COLLATERAL, *DEBT]
    rows = parameters_source({}, AT)(Account(id="", rules=LENDING_RULES)).assets
    limit = np.array([float(rows[name].ltv or 0) / 10_000 for name in COLLATERAL])
    threshold = np.array([float(rows[name].liquidation_threshold) / 10_000 for name in COLLATERAL])
    held, owed = _pick(random, COLLATERAL, count), len(COLLATERAL) + _pick(random, DEBT, count)
    most = np.where(limit[held] > 0, limit[held], 0.9 * threshold[held])
    log_size = np.log(size)
    z = (log_size - log_size.mean()) / log_size.std()
    taste = SIZE_TILT * z + random.standard_normal(count)

    def debts(middle: float) -> Array:
        made: Array = size * most / (1.0 + np.exp(-middle - taste))
        return made

    wanted = size.sum() * (1.0 - 1.0 / leverage)
    if wanted >= float((size * most).sum()):
        raise BadInput("bad_population", "leverage", leverage, "less than the limits of the collateral allow")
    debt = debts(_root(lambda middle: float(debts(middle).sum()) - wanted, -30.0, 30.0))
    prices = np.array([float((LENDING_PRICES | STABLE_PRICES)[name]) for name in names])
    account = np.repeat(np.arange(count), 2)
    asset = np.stack([held, owed], axis=1).ravel()
    micro = np.maximum(np.rint(np.stack([size, debt], axis=1).ravel() / prices[asset] * MICRO), 1).astype(np.int64)
    low, high = _limbs(micro, np.array([rows[name].decimals for name in names])[asset])
    return LendingColumns(
        rules=LENDING_RULES,
        names=_names(b"borrower-", count),
        emode=np.zeros(count, np.int32),
        assets=tuple(names),
        account=account,
        asset=asset,
        low=low,
        high=high,
        flags=np.where(asset < len(COLLATERAL), IS_ENABLED, IS_DEBT) | IS_AMOUNT,
    )


def _limbs(micro: Array, decimals: Array) -> tuple[Array, Array]:
    """Millionths as integers of 10^-decimals, in two 64-bit limbs."""
    raw = [a * 10 ** (d - 6) for a, d in zip(micro.tolist(), decimals.tolist(), strict=True)]
    return np.array([n & 2**64 - 1 for n in raw], np.uint64), np.array([n >> 64 for n in raw], np.uint64)


def _contracts(random: np.random.Generator, size: Array) -> ContractColumns:
    count = len(size)
    marks = np.array([float(PRICES[name.removesuffix("USDT")]) for name in CONTRACTS])
    market = _pick(random, CONTRACTS, count)
    long = random.random(count) < LONG_SHARE
    mark = marks[market]
    quantity = np.maximum(np.rint(size / mark * 1e8), 1).astype(np.int64)
    entry = np.rint(mark * np.exp(random.normal(0.0, 0.02, count)) * 1e6).astype(np.int64) * 100
    deviation = np.log(CONTRACT_95 / CONTRACT_MEDIAN) / Z_95
    leverage = CONTRACT_MEDIAN * np.exp(deviation * random.standard_normal(count))
    equity = np.maximum(size / leverage, _maintenance(market, quantity / 1e8 * mark) / RATIO_MOST)
    profit = np.where(long, 1, -1) * quantity / 1e8 * (mark - entry / 1e8)
    return ContractColumns(
        rules=CONTRACT_RULES,
        currency="USDT",
        names=_names(b"trader-", count),
        wallet=np.rint((equity - profit) * 1e6).astype(np.int64) * 100,
        markets=tuple(CONTRACTS),
        account=np.arange(count),
        market=market,
        quantity=np.where(long, quantity, -quantity),
        entry=entry,
        leverage=np.zeros(count, np.int32),
        isolated_wallet=np.full(count, NOT_ISOLATED),
    )


def _maintenance(market: Array, notional: Array) -> Array:
    """Maintenance margin of positions, in floats, to place them."""
    tables = tables_at(BINANCE_USDM_FILES, AT).tables
    need = np.zeros(len(market))
    for number, name in enumerate(CONTRACTS):
        rows = np.array([[float(cell) for cell in row] for row in tables[name]])
        chosen = np.flatnonzero(market == number)
        row = rows[np.searchsorted(rows[:, 0], notional[chosen], side="right") - 1]
        need[chosen] = notional[chosen] * row[:, 2] - row[:, 4]
    return need


def _names(prefix: bytes, count: int) -> Array:
    return np.char.add(prefix, np.char.zfill(np.arange(1, count + 1).astype("S7"), 7))


def facts(made: list[ContractColumns | LendingColumns]) -> dict[str, float]:
    """What a population has, measured again from its columns: accounts, total size, shares, leverage."""
    size: list[Array] = []
    assets = owed = 0.0
    for part in made:
        if isinstance(part, LendingColumns):
            prices = np.array([float((LENDING_PRICES | STABLE_PRICES)[name]) for name in part.assets])
            rows = parameters_source({}, AT)(Account(id="", rules=LENDING_RULES)).assets
            scale = np.array([10.0 ** rows[name].decimals for name in part.assets])
            worth = (
                (part.high.astype(float) * 2.0**64 + part.low.astype(float)) / scale[part.asset] * prices[part.asset]
            )
            debt = part.flags & IS_DEBT != 0
            assets, owed = assets + float(worth[~debt].sum()), owed + float(worth[debt].sum())
            size.append(np.bincount(part.account[~debt], worth[~debt], len(part.names)))
        else:
            marks = np.array([float(PRICES[name.removesuffix("USDT")]) for name in part.markets])
            worth = np.abs(part.quantity) / 1e8 * marks[part.market]
            size.append(np.bincount(part.account, worth, len(part.names)))
    all_sizes = np.sort(np.concatenate(size))[::-1]
    found = {"accounts": float(len(all_sizes)), "total": float(all_sizes.sum()), "median": float(np.median(all_sizes))}
    found |= {f"top_{n}": float(all_sizes[:n].sum() / all_sizes.sum()) for n, _ in SHARES}
    return found | ({"leverage": assets / (assets - owed)} if assets else {})

"""The seeded book and the ticks that the benches share.

Holders per market follow Zipf(1), notionals are log-normal, demand/support is log-normal around 6 % (contracts) or 35 %
(lending). One position in ten is isolated, one account in twenty hedged, one account in seven a borrower with mixed
thresholds. Ticks reveal a correlated random walk, market by market, with common and single jumps.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

import numpy as np

from marginbook.book.bulk import NOT_ISOLATED, ContractColumns, LendingColumns
from marginbook.book.layout import Array
from marginbook.domain.account import Account
from marginbook.domain.market import Index, Market, Quote, QuoteKey
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

AT = parse_time("2026-10-01T12:00:00Z")
MARKETS = 300
ASSETS = 20
STABLES = 4
BORROWERS = 7  # one account in so many
RAY = 10**27
CONTRACT_RULES, LENDING_RULES = "binance/usdm", "aave/3.6"


@dataclass(frozen=True, slots=True)
class World:
    """Columns of a book, its market and its parameters."""

    columns: list[ContractColumns | LendingColumns]
    market: Market
    parameters: dict[str, Any]
    seed: int

    def parameters_of(self, account: Account) -> Any:
        """Parameters by rule set."""
        return self.parameters[account.rules]


def market_name(n: int) -> str:
    """Name of the n-th market by number of holders."""
    return f"M{n:03d}USDT"


def asset_name(n: int) -> str:
    """Name of the n-th lending asset; the first few are stable."""
    return f"S{n:02d}USD" if n < STABLES else f"A{n:02d}"


def bracket_rows(n: int) -> list[list[str]]:
    """Ten brackets of the n-th market."""
    scale = 50_000 if n < 20 else 5_000
    floors = [0, 1, 5, 10, 20, 40, 80, 150, 300, 600]
    rates = ["0.004", "0.005", "0.01", "0.02", "0.025", "0.05", "0.1", "0.125", "0.15", "0.25"]
    if n >= 20:
        rates = ["0.01", "0.015", "0.02", "0.025", "0.05", "0.1", "0.125", "0.25", "0.3", "0.5"]
    return [
        [str(low * scale), str(high * scale), rate, "20"]
        for low, high, rate in zip(floors, [*floors[1:], 10**9], rates, strict=True)
    ]


@cache
def overlays() -> dict[str, dict[str, Any]]:
    """Overlay tables of the synthetic markets and assets, by rule set."""
    contracts = {market_name(n): {"brackets": bracket_rows(n)} for n in range(MARKETS)}
    lending = {
        asset_name(n): {
            "ltv": str(Decimal(50 + n) / 100),
            "liquidation_threshold": str(Decimal(70 + n) / 100),
            "liquidation_bonus": "0.05",
            "decimals": "6" if n < STABLES else "18",
        }
        for n in range(ASSETS)
    }
    return {CONTRACT_RULES: contracts, LENDING_RULES: lending}


@cache
def parameters() -> dict[str, Any]:
    """Parameters of the synthetic markets and assets."""
    return {
        name: rule_set(name).module.parameters(rule_set(name).version, AT, overlay)
        for name, overlay in overlays().items()
    }


def _prices(rng: np.random.Generator) -> Array:
    """Start prices in 10^-8."""
    return (np.exp(rng.normal(3.0, 3.0, MARKETS)).clip(0.01, 60_000) * 1e6).astype(np.int64) * 100


def _maintenance(market: Array, notional: Array) -> Array:
    """Maintenance margin in floats, to place accounts."""
    out = np.zeros(len(notional))
    for kind in (0, 1):
        rows = [[float(cell) for cell in row] for row in bracket_rows(0 if kind == 0 else 20)]
        floors = np.array([row[0] for row in rows])
        rates = np.array([row[2] for row in rows])
        cums = np.concatenate([[0.0], np.cumsum(floors[1:] * np.diff(rates))])
        chosen = (market >= 20) == bool(kind)
        bracket = np.searchsorted(floors, notional[chosen], side="right") - 1
        out[chosen] = notional[chosen] * rates[bracket] - cums[bracket]
    return out


def contract_columns(accounts: int, rng: np.random.Generator, prices: Array) -> ContractColumns:
    """Accounts of about five positions."""
    draws = 1 + rng.poisson(4.9, accounts)
    owner = np.repeat(np.arange(accounts), draws)
    weights = 1.0 / np.arange(1, MARKETS + 1)
    market = rng.choice(MARKETS, len(owner), p=weights / weights.sum())
    both = np.unique(owner.astype(np.int64) * MARKETS + market)
    owner, market = both // MARKETS, both % MARKETS
    hedge = rng.random(accounts) < 0.05
    twin = hedge[owner] & (rng.random(len(owner)) < 0.5)
    sides = np.where(rng.random(len(owner)) < 0.5, 1, -1)
    owner, market = np.concatenate([owner, owner[twin]]), np.concatenate([market, market[twin]])
    sides = np.concatenate([sides, -sides[twin]])
    order = np.argsort(owner, kind="stable")
    owner, market, sides = owner[order], market[order], sides[order]
    notional = np.exp(rng.normal(8.0, 1.7, len(owner)))
    price = prices[market] / 1e8
    quantity = sides * np.maximum(1, notional / price * 1e8).astype(np.int64)
    entry = (price * np.exp(rng.normal(0, 0.03, len(owner))) * 1e6).astype(np.int64).clip(1) * 100
    profit = quantity / 1e8 * (price - entry / 1e8)
    demand = _maintenance(market, np.abs(quantity) / 1e8 * price)
    alone = rng.random(len(owner)) < 0.1
    share = np.minimum(0.97, 0.06 * np.exp(rng.normal(0, 1.0, len(owner))))
    isolated = np.where(alone, ((demand / share - profit) * 1e8).astype(np.int64), NOT_ISOLATED)
    ratio = np.minimum(0.97, 0.06 * np.exp(rng.normal(0, 1.0, accounts)))
    need = np.bincount(owner, np.where(alone, 0, demand), accounts) / ratio
    wallet = need - np.bincount(owner, np.where(alone, 0, profit), accounts)
    return ContractColumns(
        rules=CONTRACT_RULES,
        currency="USDT",
        names=np.char.add(b"t", np.arange(accounts).astype("S9")),
        wallet=(wallet * 1e8).astype(np.int64),
        markets=tuple(market_name(n) for n in range(MARKETS)),
        account=owner,
        market=market,
        quantity=quantity,
        entry=entry,
        leverage=rng.choice([500, 1000, 2000], len(owner)).astype(np.int32),
        isolated_wallet=isolated,
        hedge=hedge,
    )


def lending_columns(accounts: int, rng: np.random.Generator, prices: Array) -> LendingColumns:
    """Borrowers with one to four collaterals of mixed thresholds and one or two debts."""
    held = rng.integers(1, 5, accounts)
    owed = rng.integers(1, 3, accounts)
    count = held + owed
    owner = np.repeat(np.arange(accounts), count)
    place = np.arange(len(owner)) - (np.cumsum(count) - count)[owner]
    debt = place >= held[owner]
    first = rng.integers(0, ASSETS, accounts)
    asset = (first[owner] + place * rng.choice([1, 3, 7], accounts)[owner]) % ASSETS
    value = np.exp(rng.normal(8.5, 1.8, len(owner)))
    threshold = (70 + asset) / 100
    support = np.bincount(owner, np.where(debt, 0, value * threshold), accounts)
    ratio = np.minimum(0.97, 0.35 * np.exp(rng.normal(0, 0.6, accounts)))
    value = np.where(debt, (support * ratio / owed)[owner], value)
    decimals = np.where(asset < STABLES, 6, 18)
    raw = value / (prices[asset] / 1e8 * np.where(debt, 1.08, 1.05)) * 10.0**decimals
    high = np.floor(raw / 2.0**64)
    return LendingColumns(
        rules=LENDING_RULES,
        names=np.char.add(b"b", np.arange(accounts).astype("S9")),
        emode=np.zeros(accounts, np.int32),
        assets=tuple(asset_name(n) for n in range(ASSETS)),
        account=owner,
        asset=asset,
        low=np.maximum(1, raw - high * 2.0**64).astype(np.uint64),
        high=high.astype(np.uint64),
        flags=np.where(debt, 1, 2),
    )


@lru_cache(maxsize=1)
def world(accounts: int, seed: int) -> World:
    """The seeded world of `accounts` accounts."""
    rng = np.random.default_rng(seed)
    prices = _prices(rng)
    asset_prices = np.where(np.arange(ASSETS) < STABLES, 10**8, _prices(rng)[:ASSETS])
    quotes: dict[QuoteKey, Quote] = {
        ("binance", market_name(n), "mark"): Quote(price_of(int(prices[n]))) for n in range(MARKETS)
    }
    indices = {}
    for n in range(ASSETS):
        quotes["aave", asset_name(n), "oracle"] = Quote(price_of(int(asset_prices[n])))
        stored = AT // 10**6
        indices["aave", asset_name(n), "supply"] = Index(RAY * 105 // 100, RAY * 2 // 100, stored)
        indices["aave", asset_name(n), "borrow"] = Index(RAY * 108 // 100, RAY * 4 // 100, stored)
    borrowers = accounts // BORROWERS
    columns: list[ContractColumns | LendingColumns] = [contract_columns(accounts - borrowers, rng, prices)]
    if borrowers:
        columns.append(lending_columns(borrowers, rng, asset_prices))
    return World(columns, Market(quotes=quotes, indices=indices, as_of=AT), parameters(), seed)


def price_of(raw: int) -> Decimal:
    """A price from 10^-8 units."""
    return Decimal(raw).scaleb(-8)


def ticks(
    market: Market, count: int, seed: int, per_event: float = 1.0, only: float | None = None
) -> Iterator[tuple[QuoteKey, Decimal]]:
    """`count` ticks, one quote each: a quote moves by what its latent walk did since it was last seen.

    `per_event` scales volatility; with `only`, every tick is exactly ± so many basis points.
    """
    rng = np.random.default_rng(seed)
    keys = [key for key in market.quotes if not key[1].startswith("S")]
    weights = np.arange(1, len(keys) + 1) ** -0.7
    raw = np.array([float(market.quotes[key].price) for key in keys])
    seen = np.zeros(len(keys))
    latent = np.zeros(len(keys))
    chosen = rng.choice(len(keys), count, p=weights / weights.sum())
    common = rng.normal(0, 0.16e-4 * per_event, count)
    single = rng.normal(0, 1.0, count)
    last = np.zeros(len(keys))
    total = np.cumsum(common)
    for n in range(count):
        m = chosen[n]
        if only is None:
            if n % 10_000 == 9_999:
                latent += rng.normal(0, 80e-4)
            if n % 1000 == 999:
                latent[rng.integers(0, len(keys))] += rng.normal(0, 200e-4)
            waited = n + 1 - last[m]
            last[m] = n + 1
            latent[m] += single[n] * 0.21e-4 * per_event * np.sqrt(waited)
            move = latent[m] + total[n] - seen[m]
            seen[m] = latent[m] + total[n]
        else:
            move = np.log1p(only * 1e-4) * (1 if single[n] > 0 else -1)
        raw[m] *= np.exp(move)
        yield keys[m], Decimal(f"{raw[m]:.8g}")

"""live-crossings: crossings that the book misses or invents, against the exact functions of every pool at every frame.

Accounts sit within two smallest money units of a border at the base prices (10^-8 of the currency); frames alternate
between the base prices, where only the exact functions can decide, and moves of one market or of all. The target is one
crossing per account asked for, in each rule family.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from marginbook.benchmarks.measure import row
from marginbook.book.book import Book
from marginbook.book.zoning import next_zone
from marginbook.domain.account import Account, Collateral, Debt, Position
from marginbook.domain.market import Index, Market, Quote, QuoteKey
from marginbook.domain.zones import DERIVATIVES_BORDERS, LENDING_BORDERS, Zone
from marginbook.exact import divide, in_exact_context, round_floor
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

AT = parse_time("2026-10-01T12:00:00Z")
BOOK = 2_000
UNIT = Decimal("1e-8")
RAY = 10**27
MOVES = (Decimal("0.985"), Decimal("0.997"), Decimal("1.003"), Decimal("1.015"))


@dataclass(frozen=True, slots=True)
class Brink:
    """A book on the brink: accounts, base prices, parameters."""

    rules: str
    accounts: tuple[Account, ...]
    market: Market
    parameters: Any

    def parameters_of(self, account: Account) -> Any:
        """The one parameter set."""
        return self.parameters


@dataclass(slots=True)
class Tally:
    """What a walk found."""

    crossings: int = 0
    missed: int = 0
    invented: int = 0
    near: int = 0  # decisions within two units of a border
    frames: int = 0


@in_exact_context
def contracts_on_the_brink(count: int, seed: int) -> Brink:
    """USDⓈ-M accounts, cross and isolated, some hedged."""
    rng = random.Random(seed)
    parameters = rule_set("binance/usdm").module.parameters("usdm", AT, None)
    markets = sorted(parameters.terms)[:6]
    price = {market: Decimal(rng.randrange(10_000, 9_000_000)) / 100 for market in markets}
    market = Market(quotes={("binance", name, "mark"): Quote(value) for name, value in price.items()}, as_of=AT)
    currency = {name: parameters.currency_of(name) for name in markets}
    accounts = []
    for n in range(count):
        wanted = rng.choice(sorted(set(currency.values())))
        own = [name for name in markets if currency[name] == wanted]
        hedge = rng.random() < 0.2
        isolated = rng.random() < 0.3
        positions = []
        for name in rng.sample(own, 1 if isolated else rng.randrange(1, len(own) + 1)):
            for side in ("long", "short") if hedge and not isolated else (rng.choice(("long", "short")),):
                value = Decimal(rng.randrange(100, 900_000))
                positions.append(
                    Position(
                        market=name,
                        side=side,
                        quantity=round_floor(divide(value, price[name]), 3) + Decimal("0.001"),
                        entry=round_floor(price[name] * rng.randrange(970, 1030) / 1000, 2),
                        leverage=Decimal(20),
                        mode="isolated" if isolated else None,
                        isolated_wallet=Decimal(0) if isolated else None,
                    )
                )
        account = Account(
            id=f"{seed}-{n}",
            rules="binance/usdm",
            position_mode="hedge" if hedge else "one-way",
            wallet={wanted: Decimal(0)},
            positions=tuple(positions),
        )
        pool = f"isolated:{positions[0].market}:{positions[0].side}" if isolated else f"cross:{wanted}"
        sums = rule_set("binance/usdm").module.risk(account, market, parameters, AT)[pool]
        support, demand = rng.choice([(b.support_factor, b.demand_factor) for b in DERIVATIVES_BORDERS] + [(1, 1)])
        needed = round_floor(divide(sums.demand * demand, Decimal(support)), 8) + UNIT * rng.randrange(-2, 3)
        money = needed - sums.support
        if isolated:
            account = replace(account, positions=(replace(positions[0], isolated_wallet=money),))
        else:
            account = replace(account, wallet={wanted: money})
        accounts.append(account)
    return Brink("binance/usdm", tuple(accounts), market, parameters)


def borrowers_on_the_brink(count: int, seed: int, version: str = "3.6") -> Brink:
    """Aave borrowers with mixed thresholds and scaled balances."""
    rng = random.Random(seed)
    rules = rule_set(f"aave/{version}")
    parameters = rules.module.parameters(version, AT, None)
    configs = parameters.assets
    assets = sorted(a for a in configs if configs[a].liquidation_threshold and configs[a].borrowing_enabled)[:8]
    price = {asset: Decimal(rng.randrange(10_000, 900_000)) / 100 for asset in assets}
    stored = AT // 10**6
    indices = {}
    for n, asset in enumerate(assets):
        indices["aave", asset, "supply"] = Index(RAY * (100 + n) // 100, 0, stored)
        indices["aave", asset, "borrow"] = Index(RAY * (103 + n) // 100, 0, stored)
    market = Market(
        quotes={("aave", asset, "oracle"): Quote(value) for asset, value in price.items()}, indices=indices, as_of=AT
    )
    accounts = []
    for n in range(count):
        collateral = tuple(
            Collateral(asset=asset, scaled_raw=rng.randrange(10, 10_000) * 10 ** configs[asset].decimals // 100)
            for asset in rng.sample(assets, rng.randrange(1, 4))
        )
        owed = rng.choice(assets)
        account = Account(id=f"{seed}-{n}", rules=rules.name, collateral=collateral)
        support = rules.module.risk(account, market, parameters, AT)["main"].support  # 10^-12
        a, b = rng.choice([(x.support_factor, x.demand_factor) for x in LENDING_BORDERS] + [(1, 1)])
        debt = support * a // (b * 10_000) + rng.randrange(-2, 3)  # 10^-8
        raw = debt * 10 ** configs[owed].decimals // int(price[owed] * 10**8)
        scaled = max(1, raw * RAY // indices["aave", owed, "borrow"].value_raw)
        accounts.append(replace(account, debt=(Debt(asset=owed, scaled_raw=scaled),)))
    return Brink(rules.name, tuple(accounts), market, parameters)


def frames(brink: Brink, seed: int) -> Iterator[dict[QuoteKey, Decimal]]:
    """Base prices, then one market or all of them elsewhere, and back."""
    rng = random.Random(seed)
    base = {key: quote.price for key, quote in brink.market.quotes.items()}
    while True:
        one = rng.random() < 0.5
        keys = [rng.choice(sorted(base))] if one else sorted(base)
        yield {key: round_floor(base[key] * rng.choice(MOVES), 8) for key in keys}
        yield {key: base[key] for key in keys}


def walk(brink: Brink, target: int, seed: int) -> Tally:
    """Follow the book frame by frame until `target` crossings have been seen."""
    book = Book.from_accounts(brink.accounts, brink.market, brink.parameters_of, AT)
    tally = Tally()
    rules = rule_set(brink.rules)
    zones = {(a.id, pool): zone for a in brink.accounts for pool, zone in book.pool_zones(a.id).items()}
    by_asset: dict[str, list[Account]] = {}
    for account in brink.accounts:
        names = {p.market for p in account.positions} | {c.asset for c in account.collateral}
        names |= {d.asset for d in account.debt}
        for name in names:
            by_asset.setdefault(name, []).append(account)
    for frame in frames(brink, seed):
        got = {(c.account, c.pool): (c.from_zone, c.to_zone) for c in book.prices(frame, AT)}
        market = book.market
        touched = {a.id: a for key in frame for a in by_asset.get(key[1], ())}
        expected = {}
        for account in touched.values():
            for pool, risk in rules.module.risk(account, market, brink.parameters, AT).items():
                liquidatable = rules.module.is_liquidatable(account, pool, market, brink.parameters, AT)
                before = zones[account.id, pool]
                after = next_zone(before, risk, liquidatable, rules.borders)
                tally.near += _is_near(risk, rules.borders, rules.risk_scale)
                if after != before:
                    expected[account.id, pool] = (before, after)
                    zones[account.id, pool] = Zone(after)
        tally.frames += 1
        tally.crossings += len(expected)
        tally.missed += sum(got.get(key) != value for key, value in expected.items())
        tally.invented += sum(key not in expected for key in got)
        if tally.crossings >= target or tally.missed or tally.invented:
            return tally
    return tally


def _is_near(risk: Any, borders: Any, scale: int) -> bool:
    """Whether support or demand lies within two units of 10^-8 of a border."""
    unit = 2 * (10 ** (scale - 8) if scale else UNIT)
    pairs = [(b.support_factor, b.demand_factor) for b in borders] + [(1, 1)]
    return any(abs(risk.support * a - risk.demand * b) <= unit * max(a, b) for a, b in pairs)


def run(accounts: int, seed: int) -> list[dict[str, Any]]:
    """Walks on fresh books of 2,000 accounts until every family has had its crossings."""
    makers: dict[str, Callable[[int, int], Brink]] = {
        "binance/usdm": contracts_on_the_brink,
        "aave/3.6": borrowers_on_the_brink,
        "aave/3.0": lambda count, n: borrowers_on_the_brink(count, n, "3.0"),
    }
    found = []
    for name, maker in makers.items():
        total = Tally()
        book = 0
        while total.crossings < accounts and not (total.missed or total.invented):
            book += 1
            part = walk(maker(BOOK, seed * 1000 + book), min(accounts - total.crossings, 100_000), seed + book)
            total.crossings += part.crossings
            total.missed += part.missed
            total.invented += part.invented
            total.near += part.near
            total.frames += part.frames
        found += [
            row(f"live-crossings {name}", total.missed + total.invented, f"missed or invented of {total.crossings}"),
            row(f"live-crossings {name} decisions within two units of a border", total.near, "pools"),
            row(
                f"live-crossings {name} crossing", total.crossings / total.frames / BOOK, "share of accounts per frame"
            ),
        ]
    return found

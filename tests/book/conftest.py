"""Random worlds on both kinds of venue, and the exact reference that a book is compared with."""

import random
from collections.abc import Callable, Iterable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from marginbook.book.zoning import borders_of_family, next_zone
from marginbook.domain.account import Account, Collateral, Debt, Position
from marginbook.domain.market import Index, Market, Quote
from marginbook.domain.zones import Zone
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

AT = parse_time("2026-10-01T12:00:00Z")
RAY = 10**27


def exact_zones(
    accounts: Iterable[Account], market: Market, parameters_of: Callable[[Account], Any], at: int, before: dict
) -> dict[tuple[str, str], Zone]:
    """Zone of every pool by the exact functions alone."""
    found = {}
    for account in accounts:
        rules = rule_set(account.rules)
        parameters = parameters_of(account)
        families = {p.pool: p.family for p in rules.module.lower(account, market, parameters).pools}
        for pool, risk in rules.module.risk(account, market, parameters, at).items():
            borders = borders_of_family("loop") if families[pool] == "loop" else rules.borders
            liquidatable = rules.module.is_liquidatable(account, pool, market, parameters, at)
            previous = before.get((account.id, pool), Zone.SAFE)
            found[account.id, pool] = next_zone(previous, risk, liquidatable, borders)
    return found


class Follower:
    """Compares a book with the exact functions after every step."""

    def __init__(self, book: Any, parameters_of: Callable[[Account], Any]) -> None:
        self.book, self.parameters_of = book, parameters_of
        self.crossings = 0
        self.zones = exact_zones(self._accounts(), book.market, parameters_of, book.at, {})
        self.same()

    def _accounts(self) -> list[Account]:
        return [self.book.account(i) for i in self.book.ids()]

    def same(self) -> None:
        held = {(a, p): z for a in self.book.ids() for p, z in self.book.pool_zones(a).items()}
        assert held == self.zones

    def step(self, crossings: list[Any]) -> None:
        """The reported crossings are exactly those of the exact functions; new pools start safe."""
        after = exact_zones(self._accounts(), self.book.market, self.parameters_of, self.book.at, self.zones)
        expected = {
            (*key, self.zones.get(key, Zone.SAFE), zone)
            for key, zone in after.items()
            if zone != self.zones.get(key, Zone.SAFE)
        }
        got = [(c.account, c.pool, c.from_zone, c.to_zone) for c in crossings]
        assert len(got) == len(set(got))
        assert set(got) == expected, (sorted(set(got) - expected)[:3], sorted(expected - set(got))[:3])
        self.crossings += len(got)
        self.zones = after


class Exchange:
    """USDⓈ-M accounts near their borders: cross, isolated and hedged."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.rules = rule_set("binance/usdm")
        self.parameters = self.rules.module.parameters("usdm", AT, None)
        markets = [m for m in self.parameters.terms if m.endswith("USDT")]
        self.price = {m: Decimal(self.rng.randrange(10_000, 9_000_000)) / 100 for m in markets}

    def parameters_of(self, account: Account) -> Any:
        return self.parameters

    def market(self) -> Market:
        return Market(quotes={("binance", m, "mark"): Quote(p) for m, p in self.price.items()}, as_of=AT)

    def account(self, name: str) -> Account:
        rng = self.rng
        hedge = rng.random() < 0.2
        positions = []
        for market in rng.sample(sorted(self.price), rng.randrange(1, min(5, len(self.price) + 1))):
            for side in ("long", "short") if hedge else (rng.choice(("long", "short")),):
                value = Decimal(10) ** rng.randrange(2, 6) * rng.randrange(1, 100)
                quantity = (value / self.price[market]).quantize(Decimal("0.001")) + Decimal("0.001")
                entry = (self.price[market] * rng.randrange(985, 1015) / 1000).quantize(Decimal("0.01"))
                isolated = rng.random() < 0.2
                wallet = (quantity * entry * rng.randrange(15, 90) / 1000).quantize(Decimal("1e-8"))
                positions.append(
                    Position(
                        market=market,
                        side=side,
                        quantity=quantity,
                        entry=entry,
                        leverage=Decimal(rng.choice((5, 10, 20, 50))),
                        mode="isolated" if isolated else None,
                        isolated_wallet=wallet if isolated else None,
                    )
                )
        gross = sum((p.quantity * p.entry for p in positions if p.mode is None), Decimal(0))
        wallet = (gross * rng.randrange(10, 120) / 1000 + 1).quantize(Decimal("1e-8"))
        return Account(
            id=name,
            rules="binance/usdm",
            position_mode="hedge" if hedge else "one-way",
            wallet={"USDT": wallet},
            positions=tuple(positions),
        )

    def frame(self, markets: int, basis_points: int) -> dict[tuple[str, str, str], Decimal]:
        changes = {}
        for market in self.rng.sample(sorted(self.price), min(markets, len(self.price))):
            move = Decimal(10_000 + self.rng.randrange(-basis_points, basis_points + 1)) / 10_000
            self.price[market] = (self.price[market] * move).quantize(Decimal("0.0001"))
            changes["binance", market, "mark"] = self.price[market]
        return changes


class Lending:
    """Aave borrowers near their borders, scaled by growing indices; loops in an e-mode, mixed thresholds."""

    def __init__(self, seed: int, version: str = "3.6") -> None:
        self.rng = random.Random(seed)
        self.rules = rule_set(f"aave/{version}")
        self.parameters = self.rules.module.parameters(version, AT, None)
        configs = self.parameters.assets
        self.assets = [a for a in configs if configs[a].liquidation_threshold and configs[a].borrowing_enabled][:8]
        self.price = {a: Decimal(self.rng.randrange(10_000, 900_000)) / 100 for a in configs}
        self.price |= {a: Decimal(1) for a in configs if "USD" in a or a == "DAI"}
        self.time = AT

    def parameters_of(self, account: Account) -> Any:
        return self.parameters

    def market(self) -> Market:
        indices = {}
        for n, asset in enumerate(self.assets):
            indices["aave", asset, "supply"] = Index(RAY * (100 + n) // 100, RAY * (2 + n) // 100, AT // 10**6 - 3600)
            indices["aave", asset, "borrow"] = Index(RAY * (103 + n) // 100, RAY * (4 + n) // 100, AT // 10**6 - 3600)
        quotes = {("aave", a, "oracle"): Quote(p) for a, p in self.price.items()}
        return Market(quotes=quotes, indices=indices, as_of=AT)

    def account(self, name: str) -> Account:
        rng = self.rng
        held = rng.sample(self.assets, rng.randrange(1, 4))
        owed = rng.sample(self.assets, rng.randrange(1, 3))
        configs = self.parameters.assets
        support = Decimal(0)
        collateral = []
        for asset in held:
            value = Decimal(rng.randrange(500, 500_000))
            raw = int(value / self.price[asset] * 10 ** configs[asset].decimals)
            collateral.append(Collateral(asset=asset, scaled_raw=raw, enabled=rng.random() < 0.95))
            support += value * configs[asset].liquidation_threshold / 10_000
        health = Decimal(rng.randrange(950, 1650)) / 1000
        debt = []
        for asset in owed:
            value = support / health / len(owed)
            debt.append(Debt(asset=asset, scaled_raw=int(value / self.price[asset] * 10 ** configs[asset].decimals)))
        return Account(id=name, rules=self.rules.name, collateral=tuple(collateral), debt=tuple(debt))

    def frame(self, markets: int, basis_points: int) -> dict[tuple[str, str, str], Decimal]:
        changes = {}
        for asset in self.rng.sample(self.assets, min(markets, len(self.assets))):
            move = Decimal(10_000 + self.rng.randrange(-basis_points, basis_points + 1)) / 10_000
            self.price[asset] = (self.price[asset] * move).quantize(Decimal("1e-8"))
            changes["aave", asset, "oracle"] = self.price[asset]
        return changes


@pytest.fixture(scope="session")
def worlds() -> SimpleNamespace:
    return SimpleNamespace(
        AT=AT, RAY=RAY, Exchange=Exchange, Lending=Lending, Follower=Follower, exact_zones=exact_zones
    )

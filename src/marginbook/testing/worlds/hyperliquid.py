"""Random accounts of Hyperliquid: cross and isolated, tiers, resting orders, funding; half near their border."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

from marginbook.domain.account import Account, Order, Position
from marginbook.domain.market import Index, IndexKey, Market, Quote
from marginbook.testing.vectors import Setting
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

MARKETS = {"BTC": "60000", "ETH": "2600", "SOL": "150", "DOGE": "0.12"}
"""A price about which each market is drawn [USDC]."""
TIMES = ("2023-08-01", "2024-11-01", "2025-06-01", "2026-10-01")
VENUE = "hyperliquid"
UNIT = Decimal("0.00000001")


def world(rules: str, random: Random) -> Setting:
    """An account of `rules` with one to four positions, its balance often within a few units of the requirement."""
    at = parse_time(random.choice(TIMES))
    rule = rule_set(rules)
    parameters = rule.module.parameters(rule.version, at)
    names = random.sample(sorted(MARKETS), random.randint(1, 4))
    market = _market(names, random)
    positions = tuple(_position(name, random) for name in names)
    orders = tuple(_order(name, random) for name in names if random.random() < 0.2)
    account = Account(id="world", rules=rules, wallet={"USDC": Decimal(0)}, positions=positions, orders=orders)
    return Setting(_funded(account, market, parameters, at, random), market, parameters, at)


def _market(names: Sequence[str], random: Random) -> Market:
    quotes, indices = {}, dict[IndexKey, Index]()
    for name in names:
        quotes[VENUE, name, "mark"] = Quote(Decimal(MARKETS[name]) * random.randint(500, 2000) / 1000)
        if random.random() < 0.5:
            indices[VENUE, name, "funding"] = Index(random.randint(-(10**16), 10**16))
    return Market(quotes=quotes, indices=indices)


def _position(name: str, random: Random) -> Position:
    price = Decimal(MARKETS[name])
    notional = random.choice((100, 50_000, 300_000, 30_000_000, 400_000_000))
    isolated = random.random() < 0.3
    return Position(
        market=name,
        side=random.choice(("long", "short")),
        quantity=(notional / price * random.randint(1, 100) / 50).quantize(UNIT),
        entry=price * random.randint(800, 1200) / 1000,
        leverage=Decimal(random.randint(1, 10)),
        mode="isolated" if isolated else "cross",
        isolated_wallet=Decimal(0) if isolated else None,
        funding_index_raw=random.choice((None, random.randint(-(10**16), 10**16))),
    )


def _order(name: str, random: Random) -> Order:
    price = Decimal(MARKETS[name])
    return Order(market=name, side=random.choice(("buy", "sell")), quantity=1000 / price, price=price)


def _funded(account: Account, market: Market, parameters: Any, at: int, random: Random) -> Account:
    """Balances so that support lies near demand, or anywhere between nothing and several times it."""
    found = rule_set(account.rules).module.risk(account, market, parameters, at)

    def balance(pool: str) -> Decimal:
        short: Decimal = found[pool].demand - found[pool].support
        if random.random() < 0.5:
            return (short + random.randint(-5, 5) * UNIT).quantize(UNIT)
        return (short + abs(short) * random.randint(-100, 300) / 100).quantize(UNIT)

    positions = tuple(
        replace(p, isolated_wallet=balance(f"isolated:{p.market}:{p.side}")) if p.mode == "isolated" else p
        for p in account.positions
    )
    return replace(account, wallet={"USDC": balance("cross:USDC")}, positions=positions)

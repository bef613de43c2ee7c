"""Random StarkEx positions of dYdX v3, half of them near their border; risk factors are the world's own."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

from marginbook.domain.account import Account, Position
from marginbook.domain.market import Market, Quote, StateKey
from marginbook.testing.vectors import Setting
from marginbook.units import parse_time
from marginbook.venues.dydx_v3.rule import POOL
from marginbook.venues.registry import rule_set

MARKETS = {"BTC-USD": "40000", "ETH-USD": "2500", "SOL-USD": "100", "DOGE-USD": "0.1", "MKR-USD": "1500"}
"""A price about which each market is drawn [USDC per coin]."""
RISKS = {
    "BTC-USD": {"risk_factor": "0.03", "initial_fraction": "0.05"},
    "ETH-USD": {"risk_factor_raw": "128849019"},
    "SOL-USD": {"segments": [["500", "0.05"], ["Infinity", "0.075"]]},
    "DOGE-USD": {"segments": [["20000", "0.05"], ["200000", "0.06"], ["Infinity", "0.07"]], "risk_by": "value"},
    "MKR-USD": {"risk_factor": "0.1"},
}
AT = parse_time("2022-06-01")
VENUE = "dydx"
UNIT = Decimal("0.000001")


def world(rules: str, random: Random) -> Setting:
    """A position of `rules` in one to four markets, its collateral often within a few units of the requirement."""
    rule = rule_set(rules)
    parameters = rule.module.parameters(rule.version, AT, RISKS)
    names = random.sample(sorted(MARKETS), random.randint(1, 4))
    market = _market(names, random)
    positions = tuple(_position(name, random, parameters) for name in names)
    account = Account(id="world", rules=rules, wallet={"USDC": Decimal(0)}, positions=positions)
    found = rule.module.risk(account, market, parameters, AT)[POOL]
    short: Decimal = found.demand - found.support
    if random.random() < 0.5:
        extra = random.randint(-5, 5) * UNIT
    else:
        extra = abs(short) * random.randint(-100, 300) / 100
    return Setting(replace(account, wallet={"USDC": (short + extra).quantize(UNIT)}), market, parameters, AT)


def _market(names: Sequence[str], random: Random) -> Market:
    quotes, state = {}, dict[StateKey, int | Decimal]()
    for name in names:
        quotes[VENUE, name, "oracle"] = Quote(Decimal(MARKETS[name]) * random.randint(500, 2000) / 1000)
        if random.random() < 0.5:
            state[VENUE, name, "funding_index_raw"] = random.randint(-(10**9), 10**9)
    return Market(quotes=quotes, state=state)


def _position(name: str, random: Random, parameters: Any) -> Position:
    price, resolution = Decimal(MARKETS[name]), parameters.terms_of(name).resolution
    quantity = random.choice((10, 1_000, 100_000)) / price * random.randint(1, 100) / 10
    return Position(
        market=name,
        side=random.choice(("long", "short")),
        quantity=quantity.quantize(Decimal(1).scaleb(-resolution)),
        entry=price * random.randint(800, 1200) / 1000,
        details={"funding_index_raw": str(random.randint(-(10**9), 10**9))} if random.random() < 0.5 else {},
    )

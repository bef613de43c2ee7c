"""Random subaccounts of dYdX v4, half of them near their border; positions of v3 are in `dydx_v3`."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

from marginbook.domain.account import Account, Position, Side
from marginbook.domain.market import Index, IndexKey, Market, Quote, StateKey
from marginbook.exact import from_raw
from marginbook.testing.vectors import Setting
from marginbook.testing.worlds import dydx_v3
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

MARKETS = {"BTC-USD": 60_000, "ETH-USD": 3_000, "SOL-USD": 150, "DOGE-USD": 0.1, "PEPE-USD": 0.00001, "LDO-USD": 2}
"""A price about which each market is drawn [USDC per coin]."""
TIMES = ("2023-11-01", "2024-04-01", "2024-09-01", "2026-10-01")
VENUE = "dydx"
UNIT = Decimal("0.00000001")


def world(rules: str, random: Random) -> Setting:
    """An account of `rules` with one to four positions, its USDC often within a few units of the requirement."""
    if rules == "dydx/3":
        return dydx_v3.world(rules, random)
    at = parse_time(random.choice(TIMES))
    rule = rule_set(rules)
    parameters = rule.module.parameters(rule.version, at, None)
    names = random.sample(sorted(MARKETS), random.randint(1, 4))
    market = _market(names, random, parameters)
    positions = tuple(_position(name, random, parameters) for name in names)
    account = Account(id="world", rules=rules, wallet={"USDC": Decimal(0)}, positions=positions)
    return Setting(_funded(account, market, parameters, rules, at, random), market, parameters, at)


def _market(names: Sequence[str], random: Random, parameters: Any) -> Market:
    quotes, indices, state = {}, dict[IndexKey, Index](), dict[StateKey, int | Decimal]()
    for name in names:
        price = Decimal(str(MARKETS[name])) * random.randint(500, 2000) / 1000
        quotes[VENUE, name, "oracle"] = Quote(price)
        if random.random() < 0.5:
            indices[VENUE, name, "funding"] = Index(_index_unit(name, parameters) * random.randint(-(10**6), 10**6))
        if random.random() < 0.5:
            state[VENUE, name, "open_interest"] = Decimal(10 * random.randint(0, int(4_000_000 / price) + 1))
    return Market(quotes=quotes, indices=indices, state=state)


def _index_unit(name: str, parameters: Any) -> int:
    """One unit of the chain's funding index in the book's scale."""
    terms = parameters.terms_of(name)
    return int(10 ** (6 - terms.atomic_resolution))


def _position(name: str, random: Random, parameters: Any) -> Position:
    terms = parameters.terms_of(name)
    price = Decimal(str(MARKETS[name]))
    raw = int(Decimal(random.choice((10, 1_000, 100_000))) / price * random.randint(1, 100))
    quantity = from_raw(max(1, raw * 10**-terms.atomic_resolution if terms.atomic_resolution < 0 else raw), 0)
    quantity = quantity.scaleb(terms.atomic_resolution) + from_raw(random.randint(0, 99), -terms.atomic_resolution)
    side: Side = random.choice(("long", "short"))
    return Position(
        market=name,
        side=side,
        quantity=quantity,
        entry=price * random.randint(800, 1200) / 1000,
        leverage=random.choice((None, Decimal(3), Decimal(10))),
        funding_index_raw=_index_unit(name, parameters) * random.randint(-(10**6), 10**6),
        details={"quote_balance_raw": str(random.randint(-(10**7), 10**7))} if random.random() < 0.2 else {},
    )


def _funded(account: Account, market: Market, parameters: Any, rules: str, at: int, random: Random) -> Account:
    """USDC so that support lies near demand, or anywhere between nothing and several times it."""
    module = rule_set(rules).module
    found = next(iter(module.risk(account, market, parameters, at).values()))
    scale = rule_set(rules).risk_scale
    short = from_raw(found.demand - found.support, scale) if scale else found.demand - found.support
    if random.random() < 0.5:
        extra = Decimal(random.randint(-5, 5)) / 10**6
    else:
        extra = abs(short) * random.randint(-100, 300) / 100
    usdc = (short + extra).quantize(Decimal("0.000001"))
    isolated = len(account.positions) == 1 and random.random() < 0.5
    if isolated:
        own = replace(account.positions[0], mode="isolated", isolated_wallet=usdc)
        return replace(account, positions=(own,), wallet={"USDC": Decimal(100)})
    return replace(account, wallet={"USDC": usdc})


def step(setting: Setting, market: str) -> Decimal:
    """The market's price unit; the grid of our own for v3."""
    terms = setting.parameters.terms_of(market)
    return UNIT if setting.account.rules == "dydx/3" else from_raw(1, -terms.price_exponent)


DEVIATIONS = {
    "dydx/3": {"sums_are_additive": "funding of a whole position is settled with one floor"},
    "dydx/4": {
        "sums_are_additive": "funding of a whole subaccount is settled with one floor",
        "shown_sums_follow": "the initial rate grows with open interest at the price; legs have that of now",
    },
}

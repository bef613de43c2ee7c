"""Random accounts of BitMEX: linear and inverse perpetuals, cross and isolated."""

from decimal import Decimal
from random import Random

from marginbook.domain.account import Account, Position
from marginbook.domain.market import Index, Market, Quote
from marginbook.exact import ZERO
from marginbook.testing.contract_worlds import near_the_border
from marginbook.testing.vectors import Setting
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

AT = parse_time("2025-01-01T00:00:00Z")
PRICES = {
    "bitmex/linear": {"ETHUSDT": 1964.195, "XBTUSDT": 61234.5},
    "bitmex/inverse": {"XBTUSD": 61240.5, "ETHUSD": 1964.1},
}
ROW = {"maintenance": "0.005", "taker_fee": "0.00075", "funding_rate": "0.0001", "tick": "0.5"}


def world(rules: str, random: Random) -> Setting:
    """An account of one of BitMEX's rule sets."""
    found, prices = rule_set(rules), PRICES[rules]
    names = random.sample(sorted(prices), random.randint(1, 2))
    inverse = rules == "bitmex/inverse"
    account = Account(
        id="a",
        rules=rules,
        wallet={"XBT" if inverse else "USDT": ZERO},
        positions=tuple(_position(random, name, prices[name], inverse) for name in names),
    )
    quotes = {("bitmex", name, "mark"): Quote(Decimal(repr(price))) for name, price in prices.items()}
    state = {("bitmex", names[0], "funding_rate"): Decimal("0.0002")} if random.random() < 0.3 else {}
    indices = {}
    if random.random() < 0.3:
        indices["bitmex", names[0], "funding"] = Index(random.randint(-(10**10), 10**10))
    row = {**ROW, "values_of": random.choice(("contract", "position"))}
    parameters = found.module.parameters(found.version, AT, {"*": row})
    return near_the_border(
        Setting(account, Market(quotes=quotes, state=state, indices=indices), parameters, AT), random
    )


def _position(random: Random, name: str, price: float, inverse: bool) -> Position:
    leverage = random.choice((2, 3, 5, 10, 25))
    worth = 10 ** random.uniform(1, 6)
    isolated = random.random() < 0.5
    return Position(
        market=name,
        side=random.choice(("long", "short")),
        quantity=Decimal(round(worth) + 1) if inverse else Decimal(repr(round(worth / price + 0.01, 5))),
        entry=Decimal(repr(round(price * (1 + random.uniform(-0.4, 0.4) / leverage), 2))),
        leverage=Decimal(leverage),
        mode="isolated" if isolated else "cross",
        isolated_wallet=ZERO if isolated else None,
    )

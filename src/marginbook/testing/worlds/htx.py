"""Random accounts of HTX coin-margined swaps."""

from decimal import Decimal
from random import Random

from marginbook.domain.account import Account, Order, Position
from marginbook.domain.market import Index, Market, Quote
from marginbook.exact import ZERO
from marginbook.testing.contract_worlds import near_the_border, step
from marginbook.testing.vectors import Setting
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

__all__ = ["step", "world"]
AT = parse_time("2025-08-01T00:00:00Z")
PRICES = {"BTC-USD": Decimal("103537.5"), "ETH-USD": Decimal("2601.35"), "LTC-USD": Decimal("71.1")}
OVERLAY = {
    "BTC-USD": {"adjustment_factors": [[str(n), "0", "0.05"] for n in (2, 3, 5, 10, 20, 50)]},
    "ETH-USD": {"adjustment_factor": "0.075", "tick": "0.01"},
    "LTC-USD": {"adjustment_factor": "0.1"},
}


def world(rules: str, random: Random) -> Setting:
    """A cross account of one to three coins."""
    found = rule_set(rules)
    names = random.sample(sorted(PRICES), random.randint(1, 3))
    positions, indices = [], {}
    for name in names:
        leverage = random.choice((2, 3, 5, 10, 20, 50))
        drift = Decimal(repr(round(1 + random.uniform(-0.6, 0.6) / leverage, 6)))
        if random.random() < 0.2:
            indices["htx", name, "funding"] = Index(random.randint(-(10**9), 10**9))
        positions.append(
            Position(
                market=name,
                side=random.choice(("long", "short")),
                quantity=Decimal(random.randint(1, 20_000)),
                entry=(PRICES[name] * drift).quantize(Decimal("0.0001")),
                leverage=Decimal(leverage),
            )
        )
    orders = tuple(
        Order(id=name, market=name, side="buy", quantity=Decimal(5), price=PRICES[name], leverage=Decimal(5))
        for name in names
        if random.random() < 0.2
    )
    wallet = {name.partition("-")[0]: ZERO for name in sorted(names)}
    account = Account(id="a", rules=rules, wallet=wallet, positions=tuple(positions), orders=orders)
    market = Market(quotes={("htx", name, "mark"): Quote(price) for name, price in PRICES.items()}, indices=indices)
    setting = Setting(account, market, found.module.parameters(found.version, AT, OVERLAY), AT)
    return near_the_border(setting, random)

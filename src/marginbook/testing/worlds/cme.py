"""Random accounts of futures margined by fixed amounts."""

from decimal import Decimal
from random import Random

from marginbook.domain.account import Account, Order, Position
from marginbook.domain.market import Market, Quote
from marginbook.exact import ZERO
from marginbook.testing.contract_worlds import near_the_border, step
from marginbook.testing.vectors import Setting
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

__all__ = ["step", "world"]
DATES = ("2013-11-01", "2018-06-01", "2022-03-01", "2026-01-02")
PRICES = {"ESZ5": 4512.25, "NQZ5": 15230.5, "GC": 1840.3, "CLH6": 81.17, "6EH6": 1.08455, "ZN": 117.515625}


def world(rules: str, random: Random) -> Setting:
    """Some contracts, often close to their margin call."""
    found, at = rule_set(rules), parse_time(random.choice(DATES))
    names = random.sample(sorted(PRICES), random.randint(1, 4))
    positions = tuple(
        Position(
            market=name,
            side=random.choice(("long", "short")),
            quantity=Decimal(random.randint(1, 20)),
            entry=Decimal(repr(round(PRICES[name] * random.uniform(0.97, 1.03), 4))),
        )
        for name in names
    )
    orders = tuple(
        Order(id=name, market=name, side="buy", quantity=Decimal(2), price=Decimal(repr(PRICES[name])))
        for name in names
        if random.random() < 0.2
    )
    account = Account(id="a", rules=rules, wallet={"USD": ZERO}, positions=positions, orders=orders)
    quotes = {("cme", name, "mark"): Quote(Decimal(repr(price))) for name, price in PRICES.items()}
    parameters = found.module.parameters(found.version, at)
    return near_the_border(Setting(account, Market(quotes=quotes), parameters, at), random)

"""Random accounts of FTX: futures behind USD and haircut coins."""

from dataclasses import replace
from decimal import Decimal
from random import Random

from marginbook.domain.account import Account, Order, Position
from marginbook.domain.market import Index, Market, Quote
from marginbook.exact import CONTEXT, ZERO
from marginbook.testing.contract_worlds import UNIT
from marginbook.testing.vectors import Setting
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

AT = parse_time("2022-06-01T00:00:00Z")
PRICES = {"BTC-PERP": 31234.5, "BTC-0624": 31180.5, "ETH-PERP": 1901.3, "AAVE-PERP": 101.25}
INDEX = {"BTC": 31230.25, "ETH": 1900.9, "FTT": 27.4}

DEVIATIONS = {
    "ftx/2022": {"longs_are_monotone": "coins in the wallet are collateral, which falls where a short gains"},
}


def world(rules: str, random: Random) -> Setting:
    """Futures of any size, collateral of up to two coins, often close to the border."""
    found = rule_set(rules)
    names = random.sample(sorted(PRICES), random.randint(1, 3))
    positions = tuple(
        Position(
            market=name,
            side=random.choice(("long", "short")),
            quantity=Decimal(repr(round(10 ** random.uniform(2, 7.5) / PRICES[name] + 0.001, 4))),
            entry=Decimal(repr(round(PRICES[name] * random.uniform(0.9, 1.1), 4))),
        )
        for name in names
    )
    wallet = {"USD": ZERO}
    for coin in random.sample(sorted(INDEX), random.randint(0, 2)):
        wallet[coin] = Decimal(repr(round(10 ** random.uniform(3, 6) / INDEX[coin], 6)))
    orders = tuple(
        Order(id=name, market=name, side="sell", quantity=Decimal(3), price=Decimal(repr(PRICES[name])))
        for name in names
        if random.random() < 0.2
    )
    account = Account(
        id="a",
        rules=rules,
        wallet=wallet,
        positions=positions,
        orders=orders,
        details={"max_leverage": random.choice(("3", "10", "20"))} if random.random() < 0.7 else {},
    )
    quotes = {("ftx", name, "mark"): Quote(Decimal(repr(price))) for name, price in PRICES.items()}
    quotes |= {("ftx", coin, "index"): Quote(Decimal(repr(price))) for coin, price in INDEX.items()}
    indices = {("ftx", name, "funding"): Index(random.randint(-(10**17), 10**17)) for name in names[:1]}
    setting = Setting(account, Market(quotes=quotes, indices=indices), found.module.parameters(found.version, AT), AT)
    (sums,) = setting.call("risk").values()
    share = random.choice((random.uniform(0.3, 10), random.uniform(0.99, 1.01), 1 + random.uniform(-1, 1) * 1e-7))
    wanted = CONTEXT.multiply(sums.demand, Decimal(repr(share)))
    money = CONTEXT.subtract(wanted, sums.support).quantize(UNIT)
    return replace(setting, account=replace(account, wallet={**wallet, "USD": money}))

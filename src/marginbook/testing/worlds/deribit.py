"""Random accounts of Deribit: futures and options under standard margin, futures under portfolio margin."""

from decimal import Decimal
from random import Random

from marginbook.domain.account import Account, Order, Position
from marginbook.domain.market import Index, Market, Quote
from marginbook.exact import ZERO
from marginbook.testing.contract_worlds import near_the_border
from marginbook.testing.vectors import Setting
from marginbook.units import parse_time
from marginbook.venues.deribit.instruments import instrument
from marginbook.venues.registry import rule_set

AT = parse_time("2025-09-01T00:00:00Z")
FUTURES = {
    "BTC-PERPETUAL": 106115.91,
    "BTC-26SEP25": 107201.3,
    "BTC_USDC-PERPETUAL": 106100.2,
    "SOL_USDC": 201.35,
}
OPTIONS = {"BTC-26SEP25-110000-C": 0.0312, "BTC-26SEP25-95000-P": 0.0131, "BTC_USDC-26SEP25-90000-P": 812.5}
INDEX = {"btc_usd": 106110.11, "btc_usdc": 106098.7, "sol_usdc": 201.31}
OVERLAY = {"BTC_USDC-OPTION": {"maintenance": "0.075", "out_of_the_money": "0.15", "least": "0.1"}}
DEVIATIONS = {
    "deribit/portfolio": {"sums_are_additive": "the worst move is that of the whole portfolio: positions offset"},
}


def world(rules: str, random: Random) -> Setting:
    """An account of one of Deribit's rule sets."""
    found = rule_set(rules)
    prices = dict(FUTURES) | OPTIONS
    if rules == "deribit/portfolio":
        prices = {name: price for name, price in FUTURES.items() if instrument(name).quote is None}
    names = random.sample(sorted(prices), random.randint(1, min(3, len(prices))))
    positions = tuple(_position(random, name, prices[name]) for name in names)
    orders = tuple(_order(random, name, prices[name]) for name in names if random.random() < 0.15)
    currencies = sorted({instrument(name).currency for name in names})
    account = Account(
        id="a",
        rules=rules,
        wallet=dict.fromkeys(currencies, ZERO),
        positions=positions,
        orders=orders,
        details={"mmp": "0.06"} if rules == "deribit/portfolio" and random.random() < 0.5 else {},
    )
    quotes = {("deribit", name, "mark"): Quote(Decimal(repr(price))) for name, price in prices.items()}
    quotes |= {("deribit", name, "index"): Quote(Decimal(repr(price))) for name, price in INDEX.items()}
    indices = {}
    if names[0] in FUTURES and random.random() < 0.4:
        indices["deribit", names[0], "funding"] = Index(random.randint(-(10**10), 10**10))
    parameters = found.module.parameters(found.version, AT, OVERLAY)
    return near_the_border(Setting(account, Market(quotes=quotes, indices=indices), parameters, AT), random)


def _size(random: Random, name: str, price: float) -> Decimal:
    what = instrument(name)
    if what.is_option:
        return Decimal(repr(round(random.uniform(0.1, 20), 1)))
    worth = 10 ** random.uniform(2, 6)
    return Decimal(round(worth) + 1) if what.quote is None else Decimal(repr(round(worth / price, 3)))


def _position(random: Random, name: str, price: float) -> Position:
    return Position(
        market=name,
        side=random.choice(("long", "short")),
        quantity=max(Decimal("0.001"), _size(random, name, price)),
        entry=Decimal(repr(round(price * random.uniform(0.9, 1.1), 4))),
    )


def _order(random: Random, name: str, price: float) -> Order:
    return Order(
        id=f"{name} order",
        market=name,
        side=random.choice(("buy", "sell")),
        quantity=max(Decimal("0.1"), _size(random, name, price)),
        price=Decimal(repr(round(price, 4))),
    )

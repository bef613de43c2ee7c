"""Random accounts of Binance: USDⓈ-M, COIN-M, multi-assets mode and portfolio margin."""

from dataclasses import replace
from decimal import Decimal
from random import Random

from marginbook.domain.account import Account, Order, Position
from marginbook.domain.market import Index, Market, Quote
from marginbook.exact import CONTEXT, ZERO
from marginbook.testing.contract_worlds import UNIT, contract_world
from marginbook.testing.contract_worlds import step as step_of_terms
from marginbook.testing.vectors import Setting
from marginbook.units import parse_time
from marginbook.venues.binance_coinm import settlement_coin
from marginbook.venues.binance_usdm import settlement_currency
from marginbook.venues.registry import rule_set

AT = parse_time("2026-10-01T00:00:00Z")
LINEAR = {"BTCUSDT": Decimal("61234.5"), "ETHUSDT": Decimal("2601.35"), "BTCUSDC": Decimal("61240.1")}
INVERSE = {
    "BTCUSD_PERP": Decimal("61238.5"),
    "BTCUSD_261225": Decimal("61900.4"),
    "ETHUSD_PERP": Decimal("2601.27"),
}
INDEX = {
    "USDT": Decimal("0.99994985"),
    "USDC": Decimal("0.99996"),
    "BTC": Decimal("61236.51"),
    "ETH": Decimal("2601.31"),
}
ETHER = {"brackets": [["0", "100", "0.005", "100"], ["100", "500", "0.01", "50"]], "tick": "0.01"}
RATES = {
    "USDT": {"collateral_rate": "0.9999"},
    "BTC": {"collateral_tiers": [["0", "500000", "0.95"], ["500000", "", "0.9"]]},
    "ETH": {"collateral_rate": "0.9"},
}
NETTED = "an asset counts by the sign of its balance, and a position may turn the wallet's sign"
DEVIATIONS = {
    "binance/multi-assets": {"sums_are_additive": NETTED},
    "binance/portfolio": {"sums_are_additive": NETTED},
}


def world(rules: str, random: Random) -> Setting:
    """An account of one of Binance's rule sets."""
    if rules == "binance/usdm":
        return contract_world(rules, random, AT, LINEAR, {}, settlement_currency, _never)
    if rules == "binance/coinm":
        return contract_world(rules, random, AT, INVERSE, {"ETHUSD_PERP": ETHER}, settlement_coin, _always)
    return _unified(rules, random)


def step(setting: Setting, market: str) -> Decimal:
    """Grid of a contract's price; an asset's index has 8 decimals."""
    return UNIT if market in INDEX else step_of_terms(setting, market)


def _never(market: str) -> bool:
    return False


def _always(market: str) -> bool:
    return True


def _unified(rules: str, random: Random) -> Setting:
    """Several assets behind several contracts, the money in USDT such that the account is often at its border."""
    found = rule_set(rules)
    whole = rules == "binance/portfolio"
    prices = LINEAR | (INVERSE if whole else {})
    names = random.sample(sorted(prices), random.randint(1, 3))
    positions = tuple(_position(random, name, prices[name]) for name in names)
    wallet = {"USDT": ZERO}
    for asset in random.sample(("BTC", "ETH", "USDC"), random.randint(0, 2)):
        wallet[asset] = _number(random, 20_000 / float(INDEX[asset]), 6)
    loans = random.sample(("USDT", "ETH"), random.randint(0, 2)) if whole else []
    details = {f"loan_{asset}": str(_number(random, 3_000 / float(INDEX[asset]), 6)) for asset in loans}
    orders = tuple(_order(random, name, prices[name]) for name in names if random.random() < 0.2)
    account = Account(
        id="a",
        rules=rules,
        wallet=wallet,
        positions=positions,
        orders=orders,
        details=details | ({"margin_leverage": random.choice(("3", "5", "10"))} if whole else {}),
    )
    quotes = {("binance", name, "mark"): Quote(price) for name, price in prices.items()}
    quotes |= {("binance", asset, "index"): Quote(price) for asset, price in INDEX.items()}
    indices = {("binance", names[0], "funding"): Index(random.randint(-(10**16), 10**16))}
    if settlement_coin(names[0]) or random.random() < 0.6:
        indices = {}
    overlay = {**RATES, "ETHUSD_PERP": ETHER} if whole else None
    setting = Setting(
        account, Market(quotes=quotes, indices=indices), found.module.parameters(found.version, AT, overlay), AT
    )
    return _near_border(setting, random)


def _near_border(setting: Setting, random: Random) -> Setting:
    for _ in range(2):
        (sums,) = setting.call("risk").values()
        share = random.choice((random.uniform(0.3, 30), random.uniform(0.99, 1.01), 1 + random.uniform(-1, 1) * 1e-7))
        wanted = CONTEXT.multiply(sums.demand, Decimal(repr(share)))
        change = CONTEXT.divide(CONTEXT.subtract(wanted, sums.support), INDEX["USDT"]).quantize(UNIT)
        account = setting.account
        wallet = {**account.wallet, "USDT": account.wallet["USDT"] + change}
        setting = replace(setting, account=replace(account, wallet=wallet))
    return setting


def _number(random: Random, around: float, places: int) -> Decimal:
    return Decimal(repr(round(around * random.uniform(0.1, 2), places)))


def _position(random: Random, name: str, price: Decimal) -> Position:
    leverage = random.choice((2, 5, 10, 20))
    worth = 10 ** random.uniform(2, 6)
    quantity = Decimal(round(worth) + 1) if settlement_coin(name) else Decimal(repr(round(worth / float(price), 3)))
    return Position(
        market=name,
        side=random.choice(("long", "short")),
        quantity=max(quantity, Decimal("0.001")),
        entry=(price * Decimal(repr(round(1 + random.uniform(-0.5, 0.5) / leverage, 6)))).quantize(Decimal("0.0001")),
        leverage=Decimal(leverage),
    )


def _order(random: Random, name: str, price: Decimal) -> Order:
    buys = random.random() < 0.5
    return Order(
        id=f"{name} order",
        market=name,
        side="buy" if buys else "sell",
        quantity=Decimal(random.randint(1, 5)),
        price=(price * (Decimal("0.98") if buys else Decimal("1.02"))).quantize(Decimal("0.01")),
    )

"""Contracts and loans on ETH and BTC: the book that tests of cascades share."""

from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

from marginbook.domain.account import Account, Collateral, Debt, Position
from marginbook.domain.market import Market, Quote
from marginbook.venues.registry import rule_set

D = Decimal
AT = 1_790_856_000_000_000
QUOTES = {
    ("binance", "ETHUSDT", "mark"): Quote(D(3000)),
    ("binance", "BTCUSDT", "mark"): Quote(D(60_000)),
    ("generic", "ETH", "oracle"): Quote(D(3000)),
    ("generic", "BTC", "oracle"): Quote(D(60_000)),
    ("generic", "USDC", "oracle"): Quote(D(1)),
}
MARKET = Market(quotes=QUOTES, as_of=AT)
PARAMETERS = {
    "binance/usdm": rule_set("binance/usdm").module.parameters("usdm", AT),
    "generic/lending": rule_set("generic/lending").module.parameters(
        "lending", AT, {"*": {"liquidation_threshold": "0.8", "liquidation_bonus": "0.05", "close_factor": "0.5"}}
    ),
}


def parameters_of(account: Account) -> Any:
    return PARAMETERS[account.rules]


def perp(
    name: str, wallet: Any, quantity: Any = 10, market: str = "ETHUSDT", side: Any = "long", **more: Any
) -> Account:
    entry = QUOTES["binance", market, "mark"].price
    position = Position(market=market, side=side, quantity=D(quantity), entry=entry, leverage=D(20), **more)
    return Account(id=name, rules="binance/usdm", wallet={"USDT": D(wallet)}, positions=(position,))


def loan(name: str, debt: Any, eth: Any = 10) -> Account:
    return Account(
        id=name,
        rules="generic/lending",
        collateral=(Collateral(asset="ETH", amount=D(eth)),),
        debt=(Debt(asset="USDC", amount=D(debt)),),
    )


def random_accounts(random: Random, count: int) -> list[Account]:
    accounts = []
    for n in range(count):
        if random.random() < 0.4:
            accounts.append(loan(f"b{n}", round(random.uniform(15_000, 23_900), 2)))
            continue
        market, price = random.choice([("ETHUSDT", 3000), ("BTCUSDT", 60_000)])
        quantity = D(random.randrange(1, 400)) / (10 if price == 3000 else 200)
        wallet = round(float(quantity) * price * random.uniform(0.006, 0.3), 2)
        account = perp(f"t{n}", wallet, quantity, market, random.choice(["long", "long", "short"]))
        if random.random() < 0.2:
            margin = round(float(quantity) * price * random.uniform(0.006, 0.2), 2)
            alone = replace(account.positions[0], mode="isolated", isolated_wallet=D(str(margin)))
            account = replace(account, positions=(alone,), wallet={"USDT": D(random.randrange(0, 500))})
        accounts.append(account)
    return accounts

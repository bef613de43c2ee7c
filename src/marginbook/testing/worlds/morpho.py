"""Random accounts of Morpho Blue: one to three markets, debts in tokens and in shares with totals, and lenders."""

from decimal import Decimal
from random import Random

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.market import Index, IndexKey, Market, Quote, QuoteKey, StateKey
from marginbook.exact import RAY, from_raw, round_floor
from marginbook.testing.vectors import Setting
from marginbook.venues.registry import rule_set

AT = 1_790_856_000_000_000  # 2026-10-01T12:00:00Z
NOW = AT // 10**6
PRICES = {
    "wstETH/USDC-0.86": "3612.345678901234567890123",
    "WBTC/USDC-0.86": "95210.55",
    "wstETH/WETH-0.945": "1.2034567890123456789",
    "sUSDe/DAI-0.915": "1.152",
    "MKR/USDC-0.77": "1512.7",
    "LBTC/WBTC-0.945": "0.99981",
    "WBTC/WETH-0.915": "31.7",
}
DOLLARS = {
    "wstETH": "4402.77",
    "WETH": "3791.123456789",
    "WBTC": "67550.25",
    "LBTC": "67500",
    "USDC": "0.9998",
    "DAI": "1.0001",
    "sUSDe": "1.19",
    "MKR": "1512.7",
}


def world(rules: str, random: Random) -> Setting:
    """An account of `morpho/blue`."""
    fees = {name: {"fee": random.choice(("0", "0.1", "0.25"))} for name in PRICES}
    parameters = rule_set(rules).module.parameters("blue", AT, fees)
    collateral, debt = [], []
    quotes: dict[QuoteKey, Quote] = {}
    indices: dict[IndexKey, Index] = {}
    state: dict[StateKey, int | Decimal] = {}
    by_asset = random.random() < 0.5
    if by_asset:
        for asset, usual in DOLLARS.items():
            quotes["morpho", asset, "oracle"] = Quote(Decimal(usual) * random.randrange(800, 1_250) / 1_000)
    for name in random.sample(list(PRICES), random.choice((1, 1, 1, 2, 3))):
        terms = parameters.terms(name, "world")
        price = Decimal(PRICES[name]) * Decimal(random.randrange(300, 3_000)) / 1_000
        if by_asset:
            price = quotes["morpho", terms.collateral, "oracle"].price / quotes["morpho", terms.loan, "oracle"].price
        else:
            quotes["morpho", name, "oracle"] = Quote(round_floor(price, min(terms.price_decimals, 30)))
        worth = int(10 ** random.uniform(0, 8) * 10**terms.loan_decimals)
        held = int(worth / float(price) * 10.0 ** (terms.collateral_decimals - terms.loan_decimals))
        lltv = terms.lltv / 10**18
        share = random.choice((random.uniform(0, 1.1), lltv * (1 + random.gauss(0, 1e-3)), lltv * (1 + 1e-8)))
        owed = int(worth * share)
        if held:
            amount = from_raw(held, terms.collateral_decimals)
            collateral.append(Collateral(asset=terms.collateral, amount=amount, pool=name))
        if random.random() < 0.5:
            if owed or not held:
                debt.append(Debt(asset=terms.loan, amount=from_raw(owed, terms.loan_decimals), pool=name))
            if random.random() < 0.3 and owed:
                amount = from_raw(worth // 3, terms.loan_decimals)
                collateral.append(Collateral(asset=terms.loan, amount=amount, pool=name))
            continue
        ratio = random.uniform(900_000, 1_000_000)
        total = owed + int(10 ** random.uniform(0, 8) * 10**terms.loan_decimals)
        shares = int(total * ratio)
        values = (total + int(total * random.random()), int(total * ratio * 1.1), total, shares)
        names = ("supply_assets_raw", "supply_shares_raw", "borrow_assets_raw", "borrow_shares_raw")
        state |= {("morpho", name, key): value for key, value in zip(names, values, strict=True)}
        debt.append(Debt(asset=terms.loan, scaled_raw=min(int(owed * ratio), shares), pool=name))
        if random.random() < 0.3:
            collateral.append(Collateral(asset=terms.loan, scaled_raw=values[1] // 7, pool=name))
        if random.random() < 0.7:
            stored = RAY if random.random() < 0.7 else RAY + random.randrange(RAY // 100)
            rate = random.choice((0, 1_000_000_000, 5_000_000_000))
            indices["morpho", name, "borrow"] = Index(stored, rate, NOW - random.choice((0, 12, 86_400, 2_000_000)))
    account = Account(id="random", rules=rules, collateral=tuple(collateral), debt=tuple(debt))
    return Setting(account, Market(quotes=quotes, indices=indices, state=state, as_of=AT), parameters, AT)


def step(setting: Setting, name: str) -> Decimal:
    """Grid of liquidation prices."""
    markets = setting.parameters.markets
    return from_raw(1, min(18, markets[name].price_decimals if name in markets else 18))

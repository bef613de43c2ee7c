"""Random accounts of Maker vaults: one to three, debts stated, at an index, or at a rate that grows; full auctions."""

from decimal import Decimal
from random import Random

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.market import Index, IndexKey, Market, Quote, StateKey
from marginbook.exact import RAY, from_raw
from marginbook.testing.vectors import Setting
from marginbook.venues.registry import rule_set

AT = 1_717_243_200_000_000  # 2024-06-01T12:00:00Z
NOW = AT // 10**6
TYPES = ("ETH-A", "ETH-B", "ETH-C", "WBTC-A", "WSTETH-A", "WSTETH-B")
PRICES = {"ETH": "3791.123456789012345678", "WBTC": "67550.25", "wstETH": "4402.77"}


def world(rules: str, random: Random) -> Setting:
    """An account of `maker/dss`."""
    overlay = {"system": {"par": random.choice(("1", "1", "1.02")), "Hole": "150000000"}}
    parameters = rule_set(rules).module.parameters("dss", AT, overlay)
    prices = {a: Decimal(p) * Decimal(random.randrange(400, 2_500)) / 1_000 for a, p in PRICES.items()}
    indices: dict[IndexKey, Index] = {}
    state: dict[StateKey, int | Decimal] = {}
    collateral, debt = [], []
    for name in random.sample(TYPES, random.choice((1, 1, 2, 3))):
        ilk = parameters.ilk(name, "world")
        pool = random.choice((name, f"{name}:7"))
        price, mat = float(prices[ilk.collateral]), ilk.mat / RAY
        owed = 10 ** random.uniform(3.3, 7.5)
        share = random.choice((random.uniform(0.8, 3), 1 + random.gauss(0, 1e-3), 1 - 1e-9))
        ink = int(owed * mat * share / price * 1e18)
        rate = RAY + random.randrange(RAY // 5)
        art = int(owed * 1e18 * RAY) // rate
        if random.random() < 0.95:
            amount, raw = (None, ink) if random.random() < 0.3 else (from_raw(ink, 18), None)
            collateral.append(Collateral(asset=ilk.collateral, amount=amount, scaled_raw=raw, pool=pool))
        how = random.choice(("amount", "stated", "index", "index", "none"))
        if how == "amount":
            debt.append(Debt(asset="DAI", amount=from_raw(int(owed * 1e18), 18), pool=pool))
        elif how == "stated":
            debt.append(Debt(asset="DAI", scaled_raw=art, index_raw=rate, pool=pool))
        elif how == "index" or not collateral:
            fee = random.choice((0, 1000000001547125957863212448, 1000000004154878953532704765))
            indices["maker", name, "borrow"] = Index(rate, fee, NOW - random.choice((0, 3_600, 1_000_000)))
            debt.append(Debt(asset="DAI", scaled_raw=art, pool=pool))
        if random.random() < 0.4:
            left = random.choice((0, int(owed / 2), int(owed * 1.1), 10**6))
            state["maker", name, "dirt_raw"] = max(ilk.hole - left * 10**45, 0)
    quotes = {("maker", asset, "oracle"): Quote(price) for asset, price in prices.items()}
    account = Account(id="random", rules=rules, collateral=tuple(collateral), debt=tuple(debt))
    return Setting(account, Market(quotes=quotes, indices=indices, state=state, as_of=AT), parameters, AT)


def step(setting: Setting, name: str) -> Decimal:
    """Last decimal of the oracle."""
    return Decimal(1).scaleb(-18)

"""Random accounts of Compound: cTokens and plain supplies, entered or not, and one to two Comets, near their border."""

from decimal import Decimal
from random import Random

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.market import Index, IndexKey, Market, Quote, QuoteKey, StateKey
from marginbook.exact import RAY, from_raw, round_floor
from marginbook.testing.vectors import Setting
from marginbook.venues.registry import rule_set

AT = 1_790_856_000_000_000  # 2026-10-01T12:00:00Z
NOW = AT // 10**6
OVERLAY: dict[str, dict[str, object]] = {
    "comptroller": {"close_factor": "0.5", "liquidation_incentive": "1.08"},
    "ETH": {"decimals": 18, "collateral_factor": "0.825"},
    "USDC": {"decimals": 6, "collateral_factor": "0.855"},
    "WBTC": {"decimals": 8, "collateral_factor": "0.7"},
    "DAI": {"decimals": 18, "collateral_factor": "0.835"},
    "USDT": {"decimals": 6, "collateral_factor": "0"},
}
PRICES = {"ETH": 3012.34567891, "USDC": 0.99991234, "WBTC": 95210.55, "DAI": 1.0004, "USDT": 1.0}
COMET_PRICES = {
    "USDC": 0.99991234,
    "WETH": 3012.34567891,
    "WBTC": 95210.55,
    "LINK": 17.123456,
    "COMP": 51.7,
    "wstETH/ETH": 1.20345678,
    "cbETH/ETH": 1.0923,
    "WBTC/ETH": 31.7,
}


THRESHOLDS = {"ETH": ("0.85", "1.08"), "USDC": ("0.88", "1.05"), "WBTC": ("0.75", "1.1"), "DAI": ("0.84", "1.08")}
VENUS_OVERLAY = OVERLAY | {
    name: {**OVERLAY[name], "liquidation_threshold": threshold, "liquidation_incentive": incentive}
    for name, (threshold, incentive) in THRESHOLDS.items()
}


def world(rules: str, random: Random) -> Setting:
    """An account of `compound/2`, `compound/venus` or `compound/3`."""
    return _comets(rules, random) if rules == "compound/3" else _money_market(rules, random)


def _price(random: Random, middle: float) -> Decimal:
    return round_floor(Decimal(middle * random.uniform(0.5, 1.6)), 8)


def _near_one(random: Random) -> float:
    return random.choice((random.uniform(0.1, 1.2), 1 + random.gauss(0, 1e-3), 1 + random.gauss(0, 1e-8)))


def _money_market(rules: str, random: Random) -> Setting:
    found = rule_set(rules)
    overlay = OVERLAY if found.version == "2" else VENUS_OVERLAY
    parameters = found.module.parameters(found.version, AT, overlay)
    quotes: dict[QuoteKey, Quote] = {}
    indices: dict[IndexKey, Index] = {}
    collateral, debt = [], []
    prices = {name: _price(random, middle) for name, middle in PRICES.items()}
    quotes = {("compound", name, "oracle"): Quote(price) for name, price in prices.items()}
    supports = 0.0
    debts = random.sample(list(prices), random.choice((0, 1, 1, 1, 2)))
    for name in random.sample(list(prices), random.choice((1, 1, 2, 3))):
        config, worth = parameters.assets[name], 10 ** random.uniform(0, 7)
        units = int(worth / float(prices[name]) * 10**config.decimals)
        enabled = random.random() < 0.8
        if enabled or name in debts:
            factor = max(config.collateral_factor, config.liquidation_threshold) / 1e18
            supports += units / 10**config.decimals * float(prices[name]) * factor
        if not units:
            continue
        if random.random() < 0.3:
            collateral.append(Collateral(asset=name, amount=from_raw(units, config.decimals), enabled=enabled))
            continue
        rate = int(random.uniform(1, 1.5) * 2 * 10 ** (8 + config.decimals)) + random.randrange(10**6)
        indices["compound", name, "supply"] = Index(rate * 10**9, 0, NOW - 100)
        tokens = units * 10**18 // rate
        if tokens:
            collateral.append(Collateral(asset=name, scaled_raw=tokens, enabled=enabled))
    for name in debts:
        config = parameters.assets[name]
        worth = supports * _near_one(random) / len(debts)
        units = int(worth / float(prices[name]) * 10**config.decimals)
        if not units:
            continue
        if random.random() < 0.3:
            debt.append(Debt(asset=name, amount=from_raw(units, config.decimals)))
            continue
        index = 10**18 + random.randrange(5 * 10**17)
        own = 10**18 + random.randrange(index - 10**18 + 1)
        indices["compound", name, "borrow"] = Index(index * 10**9, 0, NOW - 100)
        principal = units * own // index
        if principal:
            debt.append(Debt(asset=name, scaled_raw=principal, details={"interest_index_raw": str(own)}))
    account = Account(id="random", rules=rules, collateral=tuple(collateral), debt=tuple(debt))
    return Setting(account, Market(quotes=quotes, indices=indices, as_of=AT), parameters, AT)


def _comets(rules: str, random: Random) -> Setting:
    parameters = rule_set(rules).module.parameters("3", AT)
    prices = {name: _price(random, middle) for name, middle in COMET_PRICES.items()}
    quotes: dict[QuoteKey, Quote] = {("compound", name, "oracle"): Quote(price) for name, price in prices.items()}
    indices: dict[IndexKey, Index] = {}
    state: dict[StateKey, int | Decimal] = {}
    collateral, debt = [], []
    for name in random.choice((("cUSDCv3",), ("cUSDCv3",), ("cWETHv3",), ("cUSDCv3", "cWETHv3"))):
        comet, supports = parameters.comets[name], 0.0
        known = [asset for asset in comet.config.assets if comet.price_key(asset) in prices]
        for asset in random.sample(known, random.choice((1, 1, 2, 3))):
            row, price = comet.config.assets[asset], float(prices[comet.price_key(asset) or ""])
            units = int(10 ** random.uniform(0, 6) / price * row.scale)
            supports += units / row.scale * price * row.liquidate_factor / 1e18
            if units:
                collateral.append(Collateral(asset=asset, amount=from_raw(units, row.decimals), pool=name))
        base = comet.config.base
        price = 1.0 if comet.base_price else float(prices[base])
        units = int(supports * _near_one(random) / price * comet.config.scale)
        kind = random.choice(("none", "plain", "plain", "scaled", "scaled", "scaled", "supply"))
        if not units or kind == "none":
            continue
        if kind == "plain":
            debt.append(Debt(asset=base, amount=from_raw(units, comet.config.decimals), pool=name))
            continue
        index, rate = RAY + random.randrange(RAY // 10**13) * 10**12, random.choice((0, 1_500_000_000))
        stored = Index(index, rate * 31_536_000 * 10**9, NOW - random.choice((0, 12, 86_400, 2_000_000)))
        if kind == "supply":
            indices["compound", name, "supply"] = stored
            collateral.append(Collateral(asset=base, scaled_raw=units, pool=name))
        else:
            indices["compound", name, "borrow"] = stored
            debt.append(Debt(asset=base, scaled_raw=units * RAY // index, pool=name))
    account = Account(id="random", rules=rules, collateral=tuple(collateral), debt=tuple(debt))
    return Setting(account, Market(quotes=quotes, indices=indices, state=state, as_of=AT), parameters, AT)

"""Random accounts of Euler vaults: one or two, several collaterals, stored debts and shares, ramps and spreads."""

from decimal import Decimal
from random import Random
from typing import Any

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.market import Index, IndexKey, Market, Quote, QuoteKey, StateKey
from marginbook.exact import RAY, from_raw, round_floor
from marginbook.testing.vectors import Setting
from marginbook.venues.registry import rule_set

AT = 1_790_856_000_000_000  # 2026-10-01T12:00:00Z
NOW = AT // 10**6
PRICES = {"USDC": "0.9998", "WETH": "3791.123456789", "wstETH": "4402.77", "WBTC": "67550.25"}
VAULTS = {"usdc": ("USDC", ("WETH", "wstETH", "WBTC")), "weth": ("WETH", ("wstETH", "USDC"))}


def vault_table(random: Random, asset: str, names: tuple[str, ...]) -> dict[str, Any]:
    """A random vault."""
    table: dict[str, Any] = {"asset": asset, "max_liquidation_discount": random.choice(("0.15", "0.05", "0"))}
    table |= {"cool_off": random.choice((0, 1, 60)), "two_sided": random.random() < 0.3}
    table |= {"socialize": random.random() < 0.8}
    if random.random() < 0.15:
        table |= {"unit": asset, "unit_decimals": 6 if asset == "USDC" else 18}
    collateral = {}
    for name in names:
        ltv = random.randrange(5_000, 9_500)
        row: dict[str, Any] = {"borrow_ltv": str(from_raw(ltv - random.choice((0, 200, 500)), 4))}
        row["liquidation_ltv"] = str(from_raw(ltv, 4))
        if random.random() < 0.15:
            end = NOW + random.choice((-10, 40_000))
            row |= {"initial_liquidation_ltv": "0.97", "ramp_end": end, "ramp_seconds": 86_400}
        collateral[name] = row
    return {**table, "collateral": collateral}


def world(rules: str, random: Random) -> Setting:
    """An account of `euler/2`."""
    module = rule_set(rules).module
    overlay = {f"w-{name}": vault_table(random, *found) for name, found in VAULTS.items()}
    parameters = module.parameters("2", AT, overlay)
    quotes: dict[QuoteKey, Quote] = {}
    for asset, usual in PRICES.items():
        mid = Decimal(usual) * random.randrange(800, 1_250) / 1_000
        quotes["euler", asset, "oracle"] = Quote(mid)
        quotes["euler", asset, "min"] = Quote(round_floor(mid * Decimal("0.999"), 18))
        quotes["euler", asset, "max"] = Quote(round_floor(mid * Decimal("1.001"), 18))
    collateral, debt = [], []
    indices: dict[IndexKey, Index] = {}
    state: dict[StateKey, int | Decimal] = {}
    for name in random.sample(list(overlay), random.choice((1, 1, 2))):
        terms = parameters.terms(name, "world")
        support = 0.0
        for asset in random.sample(list(terms.collaterals), random.choice((1, 1, 2))):
            found = terms.collaterals[asset]
            price = float(quotes["euler", asset, "oracle"].price)
            units = int(10 ** random.uniform(-1, 6) / price * 10**found.decimals) + 1
            enabled = random.random() < 0.95
            if random.random() < 0.3 and ("euler", asset, "shares_raw") not in state:
                total = units * random.randrange(2, 9)
                state["euler", asset, "assets_raw"] = total + total // random.randrange(5, 99)
                state["euler", asset, "shares_raw"] = total
                collateral.append(Collateral(asset=asset, scaled_raw=units, enabled=enabled, pool=name))
            else:
                amount = from_raw(units, found.decimals)
                collateral.append(Collateral(asset=asset, amount=amount, enabled=enabled, pool=name))
            support += enabled * units / 10**found.decimals * price * found.liquidation_ltv / 10**4
        share = random.choice((random.uniform(0.2, 1.1), 1 + random.gauss(0, 1e-3), 1.0))
        price = 1.0 if terms.unit == terms.asset else float(quotes["euler", terms.asset, "oracle"].price)
        owed = int(max(support, 1e-3) * share / price * 10**terms.decimals)
        details = {"last_status_check": str(NOW - random.choice((0, 30, 9_999)))} if random.random() < 0.3 else {}
        how = random.choice(("amount", "stored", "stored", "none"))
        if how == "amount":
            amount = from_raw(owed, terms.decimals)
            debt.append(Debt(asset=terms.asset, amount=amount, pool=name, details=details))
        elif how == "stored":
            user = RAY + random.randrange(RAY // 9)
            growth = random.choice((0, random.randrange(RAY // 9)))
            rate = random.choice((0, 10**18, 1_585_489_599_188_229_325))
            indices["euler", name, "borrow"] = Index(user + growth, rate, NOW - random.choice((0, 12, 86_400)))
            debt.append(Debt(asset=terms.asset, scaled_raw=owed << 31, index_raw=user, pool=name, details=details))
    account = Account(id="random", rules=rules, collateral=tuple(collateral), debt=tuple(debt))
    return Setting(account, Market(quotes=quotes, indices=indices, state=state, as_of=AT), parameters, AT)


def step(setting: Setting, name: str) -> Decimal:
    """Last decimal of a price."""
    return Decimal(1).scaleb(-18)

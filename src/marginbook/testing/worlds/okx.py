"""Random accounts of OKX: single-currency and multi-currency mode, isolated spot margin."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.market import Market, Quote
from marginbook.exact import CONTEXT, ZERO
from marginbook.testing.contract_worlds import UNIT, contract_world
from marginbook.testing.contract_worlds import step as contract_step
from marginbook.testing.vectors import Setting
from marginbook.units import parse_time
from marginbook.venues.okx.parameters import is_inverse, settlement_currency
from marginbook.venues.registry import rule_set

AT = parse_time("2026-09-01")
PRICES = {
    "BTC-USDT-SWAP": Decimal("61234.5"),
    "ETH-USDT-SWAP": Decimal("2601.35"),
    "ETH-USD-SWAP": Decimal("2602.15"),
    "BTC-USD-261225": Decimal("61900.5"),
}
INDEX = {
    "USDT": Decimal("0.9998"),
    "USDC": Decimal("1.0001"),
    "BTC": Decimal("61230.12"),
    "ETH": Decimal("2600.98"),
    "OKB": Decimal("49.816"),
}
OVERLAY: Mapping[str, Mapping[str, Any]] = {
    "ETH-USDT-SWAP": {"brackets": [["0", "100", "0.004", "100"], ["100", "1000", "0.008", "50"]]},
    "ETH-USD-SWAP": {"maintenance_rate": "0.004", "taker_fee": "0.0003"},
    "BTC-USD-261225": {"maintenance_rate": "0.008"},
}
CURRENCIES: Mapping[str, Mapping[str, Any]] = {
    "USDT": {"borrow_rate": "0.02", "borrow_initial_rate": "0.05"},
    "BTC": {"borrow_rate": "0.03", "discount": [["0", "10", "0.98"], ["10", "100", "0.975"]]},
    "ETH": {"borrow_rate": "0.03"},
    "USDC": {"borrow_rate": "0.02"},
    "OKB": {"borrow_rate": "0.1"},
}
DEVIATIONS = {
    "okx/multi-currency": {
        "sums_are_additive": "a discount applies to the sum of a currency's balance and profits",
    },
}


def step(setting: Setting, market: str) -> Decimal:
    """Grid of a liquidation price."""
    return UNIT if setting.account.rules == "okx/spot-margin" else contract_step(setting, market)


def world(rules: str, random: Random) -> Setting:
    """An account of one of OKX's rule sets."""
    if rules == "okx/spot-margin":
        return _spot(random)
    if rules == "okx/multi-currency":
        return _multi(random)
    return contract_world(rules, random, AT, PRICES, OVERLAY, settlement_currency, is_inverse)


def _multi(random: Random) -> Setting:
    """Positions of single-currency mode over balances of several currencies, some of them borrowed."""
    base = contract_world("okx/single-currency", random, AT, PRICES, OVERLAY, settlement_currency, is_inverse)
    rules = rule_set("okx/multi-currency")
    held = {name: _worth(random, name) for name in random.sample(sorted(INDEX), random.randint(0, 3))}
    account = replace(base.account, rules=rules.name, wallet={"USDT": ZERO, **base.account.wallet})
    owed = random.choice(sorted(INDEX)) if random.random() < 0.3 else None
    account = replace(
        account,
        collateral=tuple(
            Collateral(asset=name, amount=amount, enabled=random.random() < 0.9) for name, amount in held.items()
        ),
        debt=() if owed is None else (Debt(asset=owed, amount=_worth(random, owed)),),
    )
    quotes = {("okx", name, "index"): Quote(price) for name, price in INDEX.items()}
    market = replace(base.market, quotes={**base.market.quotes, **quotes})
    parameters = rules.module.parameters(rules.version, AT, {**OVERLAY, **CURRENCIES})
    setting = Setting(account, market, parameters, AT)
    sums = setting.call("risk")["cross"]
    share = random.choice((random.uniform(0.5, 20), random.uniform(0.99, 1.01)))
    gap = CONTEXT.subtract(CONTEXT.multiply(sums.demand, Decimal(repr(share))), sums.support)
    wallet = account.wallet["USDT"] + CONTEXT.divide(gap, INDEX["USDT"]).quantize(UNIT)
    return replace(setting, account=replace(account, wallet={**account.wallet, "USDT": wallet}))


def _worth(random: Random, name: str) -> Decimal:
    """An amount worth 10 to 100,000 USD."""
    return (Decimal(repr(10 ** random.uniform(1, 5))) / INDEX[name]).quantize(Decimal("0.0001")) + Decimal("0.0001")


def _spot(random: Random) -> Setting:
    """One or two pairs, long and short, about half of them near their border."""
    rules = rule_set("okx/spot-margin")
    collateral, debt, quotes = [], [], {}
    for name in random.sample(("BTC-USDT", "ETH-USDT", "OKB-USDT"), random.randint(1, 2)):
        base, _, quote = name.partition("-")
        price = INDEX[base]
        quotes["okx", name, "mark"] = Quote(price)
        amount = _worth(random, base)
        share = Decimal(repr(random.choice((random.uniform(0.3, 0.9), random.uniform(0.93, 0.99)))))
        if random.random() < 0.5:
            collateral.append(Collateral(asset=base, amount=amount, pool=name))
            debt.append(Debt(asset=quote, amount=(amount * price * share).quantize(UNIT), pool=name))
            if random.random() < 0.3:
                collateral.append(Collateral(asset=quote, amount=_worth(random, quote) / 10, pool=name))
        else:
            collateral.append(Collateral(asset=quote, amount=(amount * price).quantize(UNIT), pool=name))
            debt.append(Debt(asset=base, amount=(amount * share).quantize(UNIT), pool=name))
    account = Account(id="a", rules=rules.name, collateral=tuple(collateral), debt=tuple(debt))
    overlay = {
        "BTC-USDT": {"brackets": [["0", "50", "0.03", "10"], ["50", "1000000", "0.04", "5"]]},
        "*": {"maintenance_rate": "0.05", "initial_rate": "0.2"},
    }
    parameters = rules.module.parameters(rules.version, AT, overlay)
    return Setting(account, Market(quotes=quotes), parameters, AT)

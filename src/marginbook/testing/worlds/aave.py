"""Random borrowers of Aave, all versions: shipped and made-up parameters, e-mode, indices, half near the border."""

from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.market import Index, IndexKey, Market, Quote
from marginbook.exact import CONTEXT, RAY, from_raw, round_floor
from marginbook.testing.vectors import Setting
from marginbook.units import MICROSECONDS, parse_time
from marginbook.venues.aave_v3.parameters import Parameters
from marginbook.venues.registry import rule_set

AT = parse_time("2025-06-01T12:00:00Z")
DOLLARS = {"WETH": "2601.35", "WBTC": "61234.56789", "USDC": "1", "DAI": "0.99987", "LINK": "13.7", "ODD": "7.31234567"}
"""Prices about which markets are drawn; version 2 has them in ETH."""
ODD = {"decimals": 9, "ltv": "0.40", "liquidation_threshold": "0.5013", "liquidation_bonus": "0.09"}
CATEGORY = {"ltv": "0.82", "liquidation_threshold": "0.8517", "liquidation_bonus": "0.03"}
MEMBERS = ["WETH", "WBTC", "DAI"]


def step(setting: Setting, market: str) -> Decimal:
    """The oracle's grid: 8 decimals, in version 2 18."""
    return from_raw(1, setting.parameters.version.base_decimals)


def world(rules: str, random: Random) -> Setting:
    """An account of `rules` that supplies one to four assets and owes none to three."""
    rule = rule_set(rules)
    parameters = rule.module.parameters(rule.version, AT, _overlay(rule.version))
    market = _market(parameters, random)
    emode = 200 if parameters.emodes and random.random() < 0.4 else 0
    account = Account(id="world", rules=rules, emode=emode, **_holdings(parameters, market, random))
    setting = Setting(account, market, parameters, AT)
    return _near_the_border(setting, random) if random.random() < 0.5 else setting


def _overlay(version: str) -> dict[str, Any]:
    """An asset of odd decimals, and from 3.0 on a category that joins others."""
    if version == "2":
        return {"ODD": ODD}
    lists: dict[str, Any] = {"collateral": MEMBERS, "borrowable": ["USDC", "WBTC"], "zero_ltv": ["DAI"]}
    if version == "3.7":
        lists["isolated"] = True
    if version in ("3.0", "3.1"):
        lists = {"collateral": MEMBERS, "borrowable": MEMBERS, "price_source": "LINK"}
    return {"ODD": ODD | {"protocol_fee": "0.1"}, "emode:200": CATEGORY | lists}


def _market(parameters: Parameters, random: Random) -> Market:
    venue, places = parameters.version.venue, parameters.version.base_decimals
    ether = Decimal(DOLLARS["WETH"]) if parameters.version.base == "ETH" else Decimal(1)
    quotes, indices = {}, dict[IndexKey, Index]()
    for asset, dollars in DOLLARS.items():
        price = CONTEXT.divide(Decimal(dollars) * random.randint(500, 2000) / 1000, ether)
        quotes[venue, asset, "oracle"] = Quote(round_floor(price, places))
        stored = AT // MICROSECONDS - random.choice((0, 1, 12, 86_400, random.randrange(10**7)))
        for kind in ("supply", "borrow"):
            value = RAY + random.randrange(RAY)
            indices[venue, asset, kind] = Index(value, random.randrange(RAY // 5), stored)
    return Market(quotes=quotes, indices=indices, as_of=AT)


def _holdings(parameters: Parameters, market: Market, random: Random) -> dict[str, Any]:
    names = sorted(DOLLARS)
    supplied = random.sample(names, random.randint(1, 4))
    owed = random.sample(names, random.randint(0, 3))
    worth = Decimal(random.choice((10, 1_500, 4_000, 100_000)))
    worths = [worth * random.randint(1, 1000) / 300 for _ in supplied]
    share = Decimal(random.randint(200, 1_100)) / 1000 / max(len(owed), 1)
    return {
        "collateral": tuple(
            Collateral(asset=name, enabled=random.random() < 0.9, **_balance(parameters, market, name, value, random))
            for name, value in zip(supplied, worths, strict=True)
        ),
        "debt": tuple(
            Debt(asset=name, **_balance(parameters, market, name, sum(worths) * share, random)) for name in owed
        ),
    }


def _balance(parameters: Parameters, market: Market, asset: str, worth: Decimal, random: Random) -> dict[str, Any]:
    """A plain amount, a balance at an index of its own, or one at the market's index."""
    decimals = parameters.assets[asset].decimals
    raw = max(1, int(worth / Decimal(DOLLARS[asset]) * 10**decimals) + random.randrange(-3, 4))
    kind = random.random()
    if kind < 0.4:
        return {"amount": from_raw(raw, decimals)}
    return {"scaled_raw": raw} if kind < 0.7 else {"scaled_raw": raw, "index_raw": RAY + random.randrange(RAY // 3)}


def _near_the_border(setting: Setting, random: Random) -> Setting:
    """One price at the liquidation price, or a few ticks beside it."""
    found = setting.call("liquidation_prices")
    if not found:
        return setting
    chosen = random.choice(found)
    version = setting.parameters.version
    price = chosen.price + random.choice((0, 1, -1, 2, -3)) * step(setting, chosen.market)
    if not 0 < price < 10**9:
        return setting
    return replace(setting, market=setting.market.with_prices({(version.venue, chosen.market, "oracle"): price}))

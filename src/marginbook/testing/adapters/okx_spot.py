"""Worked examples of OKX spot margin: an asset held against an amount owed."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.market import Market, Quote
from marginbook.exact import ZERO
from marginbook.testing.adapters.positions import number
from marginbook.testing.vectors import Setting, Task, Unsupported, liquidation_price, quantity
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

RULES = "okx/spot-margin"
AT = parse_time("2023-06-08")
ASSETS = ("asset", "assets", "posbal", "pos", "position", "holding", "balance")
OWED = ("liab", "liability", "liabilities", "debt", "borrowed", "loan")
NAMES = {
    "liqPx": "liquidation_price",
    "mmr": "maintenance_margin",
    "mgnRatio": "margin_ratio",
    "imr": "initial_margin",
}


def spot_task(case: Mapping[str, Any]) -> Task:
    """The case as an account of `okx/spot-margin`; Unsupported where it tells no assets or no debt."""
    pair = str(case.get("product", "")).partition(" ")[0]
    base, _, quote = pair.partition("-")
    given = case.get("collateral")
    values = {str(key).lower(): value for key, value in (given if isinstance(given, Mapping) else {}).items()}
    whole = {str(key).lower(): value for key, value in case.items()}
    short = str(case.get("side")).lower() == "short"
    held, debt = (quote, base) if short else (base, quote)
    both = (("base", base), ("quote", quote))
    assets = {coin: found for side, coin in both if (found := _of_side(values, side, ASSETS))}
    owes = {coin: found for side, coin in both if (found := _of_side(values, side, OWED))}
    if not assets:
        assets = {held: _first(values, held, ASSETS) or number(whole, "qty") or _first(whole, held, ASSETS) or ZERO}
    if not owes:
        owes = {debt: _first(values, debt, OWED) or _first(whole, debt, OWED) or ZERO}
    if not any(assets.values()) or not any(owes.values()):
        raise Unsupported("the case has no asset with an amount owed", RULES)
    mark, rate = number(whole, "mark"), number(whole, "mmr")
    entry = {"maintenance_rate": str(rate or ZERO)}
    fee = number(whole, "taker_fee")
    if fee is not None:
        entry["taker_fee"] = str(fee)
    rules = rule_set(RULES)
    account = Account(
        id=str(case.get("id", "case")),
        rules=RULES,
        collateral=tuple(Collateral(asset=coin, amount=abs(amount), pool=pair) for coin, amount in assets.items()),
        debt=tuple(Debt(asset=coin, amount=abs(amount), pool=pair) for coin, amount in owes.items()),
    )
    market = Market(quotes={} if mark is None else {("okx", pair, "mark"): Quote(mark)})
    setting = Setting(account, market, rules.module.parameters(rules.version, AT, {pair: entry}), AT)

    def compute(name: str) -> Any:
        ours = NAMES.get(name, name)
        if rate is None:
            raise Unsupported("the case has no maintenance rate")
        if ours == "liquidation_price":
            return liquidation_price(setting.call("liquidation_prices"), pair)
        if mark is None:
            raise Unsupported("the case has no mark price")
        return quantity(next(iter(setting.call("quantities").values())), ours)

    return Task(RULES, "", compute)


def _first(values: Mapping[str, Any], currency: str, names: tuple[str, ...]) -> Decimal | None:
    """An amount under one of `names`, alone or with the currency before or behind it."""
    for name in names:
        for key in (name, f"{currency.lower()}_{name}", f"{name}_{currency.lower()}"):
            found = number(values, key)
            if found is not None:
                return abs(found)
    return None


def _of_side(values: Mapping[str, Any], side: str, names: tuple[str, ...]) -> Decimal | None:
    """An amount above 0 named by its side of the pair: `baseAsset`, `quote_liab`."""
    for name in names:
        found = number(values, f"{side}_{name}") or number(values, f"{side}{name}")
        if found:
            return abs(found)
    return None

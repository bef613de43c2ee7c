"""Worked examples of FTX's help pages: one future behind USD. What a page itself calls rough is not compared."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account, Position
from marginbook.domain.market import Market, Quote
from marginbook.exact import ZERO
from marginbook.testing.vectors import Setting, Task, Unsupported, liquidation_price, quantity
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

RULES = "ftx/2022"
AT = parse_time("2022-11-01")
ROUGH = re.compile(r"\b(roughly|approximate\w*|about)\b", re.IGNORECASE)


def task(case: Mapping[str, Any], asked: Sequence[str]) -> Task:
    """The case as an account of `ftx/2022`; its maintenance rate replaces the least one."""
    coin = re.split(r"[ -]", str(case.get("product", "")))[0]
    size, entry = _number(case, "qty"), _number(case, "entry")
    if not coin or not size or not entry:
        raise Unsupported("the case has no position with an entry price", RULES)
    market = f"{coin}-PERP"
    rules, row = rule_set(RULES), {}
    if (rate := _number(case, "mmr")) is not None:
        row = {"base_mmf": str(rate)}
    collateral = {str(key).upper(): value for key, value in (case.get("collateral") or {}).items()}
    leverage = _number(case, "leverage")
    account = Account(
        id=str(case.get("id", "case")),
        rules=RULES,
        wallet={"USD": _number(collateral, "USD") or ZERO},
        positions=(
            Position(
                market=market,
                side="short" if str(case.get("side")).lower() == "short" else "long",
                quantity=abs(size),
                entry=entry,
            ),
        ),
        details={} if leverage is None else {"max_leverage": str(leverage)},
    )
    mark = _number(case, "mark") or entry
    parameters = rules.module.parameters(rules.version, AT, {coin: row} if row else None)
    setting = Setting(account, Market(quotes={("ftx", market, "mark"): Quote(mark)}), parameters, AT)

    def compute(name: str) -> Any:
        if ROUGH.search(str(case.get("note", ""))):
            exact = _exact_price(setting, market) if "price" in name else None
            raise Unsupported(f"the page calls its own figure rough{f'; exact is {exact}' if exact else ''}")
        if name == "liquidation_price":
            return _exact_price(setting, market)
        (found,) = setting.call("quantities").values()
        return quantity(found, name)

    return Task(RULES, "", compute)


def _exact_price(setting: Setting, market: str) -> Decimal | None:
    """The price of the help page's formula, not the one that accounts printed."""
    return liquidation_price([price for price in setting.call("liquidation_prices") if price.source == "exact"], market)


def _number(values: Mapping[str, Any], name: str) -> Decimal | None:
    value = values.get(name)
    return None if value is None else Decimal(str(value))

"""Numeric cases of Hyperliquid: reported liquidation prices of positions, and tiered maintenance margins."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from marginbook.domain.account import Account, Fixed, Position
from marginbook.domain.market import Market, Quote
from marginbook.exact import CONTEXT, ONE, ZERO, divide
from marginbook.testing.vectors import Setting, Task, Unsupported, liquidation_price
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

RULES = "hyperliquid/perps"
TODAY = "2026-10-01"
COIN = "COIN"
OF_MARGIN = "tolerance_usd_of_margin"
ROUNDED_INPUTS = "0.000002"
"""What reported amounts of 6 decimals leave open [USD of margin]: two or three of them make a liquidation price."""
Inputs = Mapping[str, Any]


def task(case: Mapping[str, Any], asked: Sequence[str]) -> Task:
    """The case as an account of `hyperliquid/perps`; a date in the function's name is the time of its rule."""
    function, inputs = str(case.get("function", "")), case["inputs"]
    named = function.partition("(")[0].strip()
    dated = re.search(r"\d{4}-\d{2}-\d{2}", function)
    at = parse_time(dated.group() if dated else TODAY)
    if named == "tiered maintenance margin":
        return Task(RULES, named, lambda name: _maintenance(inputs, at))
    if named == "isolated liquidation price":
        setting = _isolated(inputs, at)
    elif named == "cross liquidation price":
        setting = _cross(inputs, at)
    else:
        raise Unsupported(f"no function {function}", RULES, function)
    return Task(
        RULES,
        named,
        lambda name: liquidation_price(setting.call("liquidation_prices"), name),
        tolerance=lambda name, stated: _tolerance(setting, stated),
    )


def _number(inputs: Inputs, *names: str) -> Decimal | None:
    for name in names:
        if inputs.get(name) is not None:
            return _decimal(inputs[name])
    return None


def _decimal(value: Any) -> Decimal:
    """A number that may be written as a fraction, `1/40`."""
    parts = Fraction(str(value))
    return divide(Decimal(parts.numerator), Decimal(parts.denominator))


def _needed(inputs: Inputs, *names: str) -> Decimal:
    found = _number(inputs, *names)
    if found is None:
        raise Unsupported(f"the case has no {names[0]}", RULES)
    return found


def _leverage(inputs: Inputs) -> str:
    """Max leverage of the only tier: stated, or half the inverse of the maintenance rate."""
    rate = inputs.get("maintenance_rate", inputs.get("maintenance_rate_all_coins"))
    if rate is not None:
        inverse = 1 / (2 * Fraction(str(rate)))
        return str(round(Decimal(inverse.numerator) / Decimal(inverse.denominator), 20))
    if inputs.get("max_leverage") is None:
        raise Unsupported("the case has no maintenance rate", RULES)
    return str(inputs["max_leverage"])


def _overlay(inputs: Inputs) -> dict[str, Any]:
    if inputs.get("tiers"):
        return {"tiers": [[str(tier["lower_bound"]), str(tier["max_leverage"])] for tier in inputs["tiers"]]}
    return {"max_leverage": _leverage(inputs)}


def _setting(account: Account, quotes: Mapping[str, Decimal], inputs: Inputs, at: int) -> Setting:
    rules = rule_set(RULES)
    market = Market(quotes={("hyperliquid", name, "mark"): Quote(price) for name, price in quotes.items()})
    return Setting(account, market, rules.module.parameters(rules.version, at, {COIN: _overlay(inputs)}), at)


def _isolated(inputs: Inputs, at: int) -> Setting:
    signed = _number(inputs, "szi")
    size = abs(signed) if signed is not None else _needed(inputs, "size", "qty")
    short = signed < 0 if signed is not None else str(inputs.get("side", "long")).lower() == "short"
    raw, margin = _number(inputs, "raw_usd", "rawUsd"), _number(inputs, "isolated_margin", "margin")
    entry = _number(inputs, "entry_price", "entry", "mark")
    if entry is None and raw is None:
        raise Unsupported("the case has no entry_price", RULES)
    if raw is not None:
        # Raw USD is what is left at any entry: margin = raw + side · size · entry.
        entry = entry or ONE
        cost = CONTEXT.multiply(size, entry)
        margin = CONTEXT.add(raw, -cost if short else cost)
    if entry is None or margin is None:
        raise Unsupported("the case has no isolated_margin", RULES)
    position = Position(
        market=COIN,
        side="short" if short else "long",
        quantity=abs(size),
        entry=entry,
        leverage=_number(inputs, "user_leverage", "leverage"),
        mode="isolated",
        isolated_wallet=margin,
    )
    account = Account(id="case", rules=RULES, positions=(position,))
    return _setting(account, {COIN: _number(inputs, "mark", "mark_price") or entry}, inputs, at)


def _cross(inputs: Inputs, at: int) -> Setting:
    """The account value as balance of a position entered at its mark, the others' maintenance as a fixed sum."""
    size = _needed(inputs, "szi")
    value = _needed(inputs, "position_value")
    mark = divide(value, abs(size))
    total = _number(inputs, "total_notional")
    others = ZERO if total is None else CONTEXT.subtract(total, value)
    rate = divide(ONE, CONTEXT.multiply(Decimal(2), Decimal(_leverage(inputs))))
    account = Account(
        id="case",
        rules=RULES,
        wallet={"USDC": _needed(inputs, "account_value")},
        positions=(Position(market=COIN, side="short" if size < 0 else "long", quantity=abs(size), entry=mark),),
        fixed=Fixed(demand=CONTEXT.multiply(rate, others)),
    )
    return _setting(account, {COIN: mark}, inputs, at)


def _maintenance(inputs: Inputs, at: int) -> Decimal:
    notional = _needed(inputs, "notional")
    position = Position(market=COIN, side="long", quantity=notional, entry=ONE)
    setting = _setting(Account(id="case", rules=RULES, positions=(position,)), {COIN: ONE}, inputs, at)
    found: Decimal = next(iter(setting.call("quantities").values())).maintenance_margin
    return found


def _tolerance(setting: Setting, stated: Mapping[str, Any]) -> Decimal:
    """A tolerance of margin [USD] as one of the liquidation price: / (size · (1 − l · side))."""
    position = setting.account.positions[0]
    rate = setting.parameters.terms_of(position.market).table.rows[0].rate
    slope = CONTEXT.multiply(position.quantity, CONTEXT.subtract(ONE, rate if position.side == "long" else -rate))
    return divide(_decimal(stated.get(OF_MARGIN, ROUNDED_INPUTS)), slope)

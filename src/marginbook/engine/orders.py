"""Orders as people write them, and what they would do to an account as an answer."""

from collections.abc import Sequence
from dataclasses import fields
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.engine.answers import decimal_text, liquidation_price_json
from marginbook.exact import format_decimal, parse_decimal
from marginbook.margin_calls.order_effects import (
    PoolNumbers,
    Standing,
    Trial,
    contributions,
    order_effect,
    tried,
)
from marginbook.margin_calls.what_if import largest_order
from marginbook.margin_calls.zones import Borders
from marginbook.units import format_time
from marginbook.venues.rules import RuleSet

FORM = "buy or sell QUANTITY MARKET [@ PRICE] [LEVERAGEx] [long or short], for example buy 0.5 BTCUSDT @ 60000 10x"
NUMBERS = tuple(field.name for field in fields(PoolNumbers))


def order_of(text: str) -> Trial:
    """An order from its text; BadInput `bad_order` says how it is written.

    >>> order_of("buy 0.5 BTCUSDT @ 60000 10x").leverage
    Decimal('10')
    >>> order_of("sell 2 ETHUSDT long").price is None
    True
    """
    bad = BadInput("bad_order", "order", text, FORM)
    side, *words = text.replace("@", " @ ").split() or [""]
    if side not in ("buy", "sell") or len(words) < 2:
        raise bad
    quantity, market, *rest = words
    given: dict[str, Any] = {}
    value: Any
    while rest:
        word = rest.pop(0)
        if word == "@" and rest:
            key, value = "price", _number(rest.pop(0), bad)
        elif word in ("long", "short"):
            key, value = "position_side", word
        elif word.endswith("x"):
            key, value = "leverage", _number(word[:-1], bad)
        else:
            raise bad
        if key in given:
            raise bad
        given[key] = value
    return Trial(market=market, side="buy" if side == "buy" else "sell", quantity=_number(quantity, bad), **given)


def _number(text: str, bad: BadInput) -> Decimal:
    try:
        value = parse_decimal(text)
    except ValueError:
        raise bad from None
    if value <= 0:
        raise bad
    return value


def orders_json(
    rule_set: RuleSet,
    account: Account,
    market: Market,
    parameters: Any,
    at: int,
    trials: Sequence[Trial],
    borders: Borders | None = None,
) -> dict[str, Any]:
    """The account before and after the orders, the largest of each alone, and what every position adds afterwards."""
    here = (rule_set, account, market, parameters, at)
    found = order_effect(*here, trials, borders=borders)
    answer: dict[str, Any] = {
        "account": account.id,
        "rules": account.rules,
        "at": format_time(at),
        "orders": [order_json(trial) for trial in trials],
        "allowed": found.allowed,
        "why_not": found.why_not,
        "allowed_as_one": found.allowed_as_one,
        "why_not_as_one": found.why_not_as_one,
        "before": standing_json(found.before),
        "after": None if found.after is None else standing_json(found.after),
        "largest": [],
        "contributions": [],
    }
    if found.after is None:
        return answer
    for trial in trials:
        most = largest_order(
            *here,
            trial.market,
            trial.side,
            price=trial.price,
            leverage=trial.leverage,
            position_side=trial.position_side,
        )
        answer["largest"].append({"market": trial.market, "side": trial.side, "quantity": format_decimal(most)})
    for part in contributions(rule_set, *tried(*here, trials), parameters, at):
        row = {"market": part.market, "side": part.side, "currency": part.currency}
        answer["contributions"].append(row | _texts(part, ("initial_margin", "maintenance_margin")))
    return answer


def order_json(trial: Trial) -> dict[str, str]:
    """An order as an answer repeats it."""
    row = {"side": trial.side, "quantity": format_decimal(trial.quantity), "market": trial.market}
    for name in ("price", "leverage"):
        value = getattr(trial, name)
        if value is not None:
            row[name] = format_decimal(value)
    return row if trial.position_side is None else row | {"position_side": trial.position_side}


def standing_json(standing: Standing) -> dict[str, Any]:
    """Zone, pools and liquidation prices as an answer."""
    return {
        "zone": standing.zone.label,
        "pools": {name: _texts(numbers, NUMBERS) for name, numbers in standing.pools.items()},
        "liquidation_prices": [liquidation_price_json(price) for price in standing.liquidation_prices],
    }


def _texts(holder: Any, names: Sequence[str]) -> dict[str, str]:
    values = ((name, getattr(holder, name)) for name in names)
    return {name: decimal_text(name, value) for name, value in values if value is not None}

"""What-if on the page: one action on one account, judged by the venue's own rules and applied to nothing."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Event, Fill, LendingAction, Stamp, Transfer
from marginbook.domain.market import Market
from marginbook.engine.answers import decimal_text
from marginbook.engine.evaluate import MONEY, RATIOS
from marginbook.exact import parse_decimal
from marginbook.margin_calls.what_if import Figures, what_if
from marginbook.margin_calls.zones import Borders
from marginbook.service.provider import Json
from marginbook.venues.registry import rule_set

TRANSFERS = {"deposit": 1, "withdrawal": -1}
LENDING = ("supply", "withdraw", "borrow", "repay")
TRADES = ("buy", "sell")
ACTIONS = (*TRANSFERS, *LENDING, *TRADES)
LEVERAGE = Decimal(10)
"""Of a position that a trial would open."""


def trial_event(account: Account, change: Mapping[str, Any], market: Market, at: int) -> Event:
    """The event of `{"action", "asset", "amount"}`; a trade is a fill at the market's own price."""
    unknown = sorted(str(key) for key in set(change) - {"action", "asset", "amount"})
    if unknown:
        raise BadInput("unknown_key", "change", ", ".join(unknown)[:100], "action, asset, amount")
    action, asset = change.get("action"), change.get("asset")
    if action not in ACTIONS:
        raise BadInput("unknown_action", "change.action", action, "one of " + ", ".join(ACTIONS))
    if not isinstance(asset, str) or not asset:
        raise BadInput("wrong_type", "change.asset", asset, "the name of an asset or market")
    amount = _amount(change.get("amount"))
    stamp = Stamp(source="what-if", time=at)
    if action in TRANSFERS:
        signed = amount * TRANSFERS[action]
        return Transfer(stamp=stamp, account=account.id, kind=action, asset=asset, amount=signed)
    if action in LENDING:
        return LendingAction(stamp=stamp, account=account.id, kind=action, asset=asset, amount=amount)
    rules = rule_set(account.rules)
    price = market.price(rules.venue, asset, rules.price_kind)
    held = next((p for p in account.positions if p.market == asset), None)
    leverage = (held.leverage if held is not None else None) or LEVERAGE
    return Fill(
        stamp=stamp, account=account.id, market=asset, side=action, quantity=amount, price=price, leverage=leverage
    )


def _amount(given: Any) -> Decimal:
    if not isinstance(given, str):
        raise BadInput("wrong_type", "change.amount", given, "a decimal number as text")
    try:
        amount = parse_decimal(given)
    except ValueError as error:
        raise BadInput("bad_amount", "change.amount", given, str(error)) from None
    if amount <= 0:
        raise BadInput("bad_amount", "change.amount", amount, "an amount above 0")
    return amount


def what_if_answer(
    account: Account, action: Event, market: Market, parameters: Any, at: int, borders: Borders | None
) -> Json:
    """Before and after, and whether the venue would let it happen."""
    found = what_if(rule_set(account.rules), account, market, parameters, at, action, borders=borders)
    return {
        "before": _figures(found.before),
        "after": None if found.after is None else _figures(found.after),
        "accepted": found.allowed,
        "reason": found.why_not,
    }


def _figures(figures: Figures) -> Json:
    """Money summed over pools, ratios of the only pool."""
    row: Json = {"zone": figures.zone.label}
    pools = list(figures.quantities.values())
    for name in MONEY:
        values = [value for value in (getattr(pool, name) for pool in pools) if value is not None]
        if values:
            row[name] = decimal_text(name, sum(values, Decimal(0)))
    for name in RATIOS:
        value = getattr(pools[0], name) if len(pools) == 1 else None
        if value is not None:
            row[name] = decimal_text(name, value)
    return row

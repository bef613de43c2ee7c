"""What-if on the page: one action on one account, evaluated by the rule set's own `apply`, applied to nothing."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Event, Fill, LendingAction, Stamp, Transfer
from marginbook.domain.market import Market
from marginbook.engine.answers import report_json
from marginbook.engine.evaluate import evaluate
from marginbook.exact import in_exact_context, parse_decimal
from marginbook.service.provider import Json
from marginbook.venues.registry import rule_set

TRANSFERS = {"deposit": 1, "withdrawal": -1}
LENDING = ("supply", "withdraw", "borrow", "repay")
TRADES = ("buy", "sell")
ACTIONS = (*TRANSFERS, *LENDING, *TRADES)


def trial_events(account: Account, change: Mapping[str, Any], market: Market, at: int) -> list[Event]:
    """The events of `{"action", "asset", "amount"}`; a trade is a fill at the market's own price."""
    unknown = set(change) - {"action", "asset", "amount"}
    if unknown:
        raise BadInput("unknown_key", "change", ", ".join(sorted(map(str, unknown)))[:100], "action, asset, amount")
    action, asset = change.get("action"), change.get("asset")
    if action not in ACTIONS:
        raise BadInput("unknown_action", "change.action", action, "one of " + ", ".join(ACTIONS))
    if not isinstance(asset, str) or not asset:
        raise BadInput("wrong_type", "change.asset", asset, "the name of an asset or market")
    try:
        amount = parse_decimal(str(change.get("amount")))
    except ValueError as error:
        raise BadInput("bad_amount", "change.amount", change.get("amount"), str(error)) from None
    if amount <= 0:
        raise BadInput("bad_amount", "change.amount", amount, "an amount above 0")
    stamp = Stamp(source="what-if", time=at)
    if action in TRANSFERS:
        signed = amount * TRANSFERS[action]
        return [Transfer(stamp=stamp, account=account.id, kind=action, asset=asset, amount=signed)]
    if action in LENDING:
        return [LendingAction(stamp=stamp, account=account.id, kind=action, asset=asset, amount=amount)]
    rules = rule_set(account.rules)
    price = market.price(rules.venue, asset, rules.price_kind)
    held = next((p for p in account.positions if p.market == asset), None)
    leverage = (held.leverage if held is not None else None) or Decimal(10)
    return [
        Fill(
            stamp=stamp, account=account.id, market=asset, side=action, quantity=amount, price=price, leverage=leverage
        )
    ]


@in_exact_context
def what_if_answer(
    account: Account, events: list[Event], market: Market, parameters_of: Callable[[Account], Any], at: int
) -> Json:
    """Before and after, and whether the venue would let it happen."""
    before = report_json(evaluate(account, market, parameters_of, at, with_remedies=False))
    after_account, after_market = account, market
    try:
        for event in events:
            module = rule_set(account.rules).module
            after_account, after_market = module.apply(after_account, after_market, event, parameters_of(account), at)
        after = report_json(evaluate(after_account, after_market, parameters_of, at, with_remedies=False))
    except BadInput as bad:
        return {"before": before, "after": None, "accepted": False, "reason": str(bad.problem)}
    short = Decimal(after.get("free_margin", "0")) < 0 and _worse(before, after)
    reason = "not enough free margin" if short else None
    return {"before": before, "after": after, "accepted": not short, "reason": reason}


def _worse(before: Json, after: Json) -> bool:
    return Decimal(after.get("free_margin", "0")) < Decimal(before.get("free_margin", "0"))

"""What an action would do before it is done: figures before and after, whether the venue would let it, and the most.

The action is an event; what it does is the rule set's own `apply`. A lending protocol refuses there by itself. On an
exchange the initial margin check is here: after an order or a fill that opens, no pool may lack initial margin
(support for opening ≥ demand for opening), and a withdrawal takes at most what is withdrawable. A fill or an order that
only closes is never refused for margin.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from marginbook.domain.account import Account, Side
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Event, Fill, LendingAction, OrderChange, Setting, Stamp, Transfer
from marginbook.domain.market import Market
from marginbook.domain.risk import LiquidationPrice, Quantities, Risk
from marginbook.domain.zones import Zone
from marginbook.exact import ZERO, divide, grid_floor, in_exact_context, round_ceil
from marginbook.margin_calls.search import guess_crossing, least_true
from marginbook.margin_calls.sizes import amount_unit, quantity_step
from marginbook.margin_calls.zones import Borders, zone_of_account
from marginbook.venues.rules import RuleSet

LEVERAGE_MOST = 1000
"""No venue lends more: it bounds the search for the largest order."""
UNITS_MOST = 10**38


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """An account on one side of the action."""

    zone: Zone
    quantities: Mapping[str, Quantities]  # by pool
    liquidation_prices: tuple[LiquidationPrice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """Before and after; `after` is None where the venue's own rules cannot carry the action out at all."""

    before: Figures
    after: Figures | None
    allowed: bool
    why_not: str | None = None
    account: Account | None = None  # after


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """An action carried out on paper: what is left, the sums of every pool before and after, and any objection."""

    account: Account
    market: Market
    before: Mapping[str, Risk[Any]]
    after: Mapping[str, Risk[Any]]
    why_not: str | None


@in_exact_context
def what_if(
    rule_set: RuleSet,
    account: Account,
    market: Market,
    parameters: Any,
    at: int,
    action: Event,
    *,
    borders: Borders | None = None,
) -> WhatIf:
    """The account before and after `action`: an order, fill, deposit, withdrawal, borrow, repayment or setting."""
    before = _figures(rule_set, account, market, parameters, at, borders)
    try:
        trial = judge(rule_set, account, market, parameters, at, action)
    except BadInput as bad:
        return WhatIf(before=before, after=None, allowed=False, why_not=str(bad.problem))
    after = _figures(rule_set, trial.account, trial.market, parameters, at, borders)
    return WhatIf(
        before=before, after=after, allowed=trial.why_not is None, why_not=trial.why_not, account=trial.account
    )


@in_exact_context
def judge(rule_set: RuleSet, account: Account, market: Market, parameters: Any, at: int, action: Event) -> Judgement:
    """`what_if` without the printed figures: exact sums and the decision only, for a check before every order.

    BadInput where the rule set cannot carry the action out at all.
    """
    before = rule_set.module.risk(account, market, parameters, at)
    changed, then = rule_set.module.apply(account, market, action, parameters, at)
    after = rule_set.module.risk(changed, then, parameters, at)
    why_not = None
    if rule_set.family != "lending":
        why_not = _withdraws_too_much(rule_set, account, market, parameters, at, action)
        if why_not is None and opens(account, action):
            why_not = lacks_initial(before, after)
    return Judgement(account=changed, market=then, before=before, after=after, why_not=why_not)


def carried_out(
    rule_set: RuleSet, account: Account, market: Market, parameters: Any, at: int, action: Event
) -> tuple[Account, Market]:
    """The account and market after `action`; BadInput `refused` or the rule set's own where it may not be done."""
    found = judge(rule_set, account, market, parameters, at, action)
    if found.why_not is not None:
        raise BadInput("refused", f"account {account.id}.{type(action).__name__.lower()}", "margin", found.why_not)
    return found.account, found.market


@in_exact_context
def largest_order(
    rule_set: RuleSet,
    account: Account,
    market: Market,
    parameters: Any,
    at: int,
    name: str,
    side: Literal["buy", "sell"],
    *,
    price: Decimal | None = None,
    leverage: Decimal | None = None,
    position_side: Side | None = None,
) -> Decimal:
    """Largest quantity of `name` that may be traded at `price` (default: the mark); one step more is refused."""
    paid = price if price is not None else market.price(rule_set.venue, name, rule_set.price_kind)
    step = quantity_step(parameters, name)

    def event(n: int) -> Event:
        return Fill(
            stamp=Stamp(time=at),
            account=account.id,
            market=name,
            side=side,
            quantity=n * step,
            price=paid,
            position_side=position_side,
            leverage=leverage,
        )

    risks = rule_set.module.risk(account, market, parameters, at)
    money = sum((abs(r.support_initial) + abs(r.demand_initial) for r in risks.values()), ZERO)
    held = sum((p.quantity for p in account.positions if p.market == name), ZERO)
    most = int(divide(held * 2 + divide(money * LEVERAGE_MOST, paid), step)) + 1
    start = _least_free(risks)

    def lacking(n: int) -> Decimal:
        changed, then = rule_set.module.apply(account, market, event(n), parameters, at)
        return -_least_free(rule_set.module.risk(changed, then, parameters, at))

    probe = max(1, int(divide(held * 2 + divide(money, paid), step)))
    guess = guess_crossing(lacking, -start, probe, most) if start > ZERO else None
    return _largest(rule_set, account, market, parameters, at, event, guess or most, most) * step


@in_exact_context
def largest_withdrawal(
    rule_set: RuleSet, account: Account, market: Market, parameters: Any, at: int, asset: str, pool: str | None = None
) -> Decimal:
    """Largest amount of `asset` that may be taken out; one unit more is refused."""
    unit = amount_unit(parameters, asset)
    lending = rule_set.family == "lending"

    def event(n: int) -> Event:
        stamp, amount = Stamp(time=at), n * unit
        if lending:
            return LendingAction(stamp=stamp, account=account.id, kind="withdraw", asset=asset, amount=amount)
        return Transfer(stamp=stamp, account=account.id, kind="withdrawal", asset=asset, amount=-amount, pool=pool)

    found = rule_set.module.quantities(account, market, parameters, at)
    figures = found.get(pool or f"cross:{asset}") or next(iter(found.values()), None)
    money = (figures.withdrawable if figures else None) or ZERO
    if lending:
        money = divide(money, market.price(rule_set.venue, asset, rule_set.price_kind))
    return _largest(rule_set, account, market, parameters, at, event, _units(money, unit) + 1) * unit


@in_exact_context
def largest_borrow(
    rule_set: RuleSet, account: Account, market: Market, parameters: Any, at: int, asset: str
) -> Decimal:
    """Largest amount of `asset` that may be borrowed; one unit more is refused."""
    unit = amount_unit(parameters, asset)

    def event(n: int) -> Event:
        return LendingAction(stamp=Stamp(time=at), account=account.id, kind="borrow", asset=asset, amount=n * unit)

    found = rule_set.module.quantities(account, market, parameters, at)
    money = max((figures.borrowable or ZERO for figures in found.values()), default=ZERO)
    guess = _units(divide(money, market.price(rule_set.venue, asset, rule_set.price_kind)), unit)
    return _largest(rule_set, account, market, parameters, at, event, guess + 1) * unit


def _largest(
    rule_set: RuleSet,
    account: Account,
    market: Market,
    parameters: Any,
    at: int,
    event: Callable[[int], Event],
    guess: int,
    most: int = UNITS_MOST,
) -> int:
    """Largest n whose event is allowed; `guess` is about the first that is not."""

    def refused(n: int) -> bool:
        try:
            return judge(rule_set, account, market, parameters, at, event(n)).why_not is not None
        except BadInput:
            return True

    first = least_true(refused, 0, most, guess)
    return most if first is None else first - 1


def lacks_initial(before: Mapping[str, Risk[Any]], after: Mapping[str, Risk[Any]]) -> str | None:
    """The first pool that lacks initial margin after an action, and more of it than before; None if none does."""
    for pool, risk in after.items():
        if pool.startswith("isolated:"):
            continue  # it has just been given its initial margin, out of the cross pool that is judged
        free = risk.support_initial - risk.demand_initial
        old = before.get(pool)
        if free < 0 and (old is None or free < old.support_initial - old.demand_initial):
            return lacks(pool, Decimal(-free))
    return None


def lacks(pool: str, amount: Decimal) -> str:
    """Why an order that opens is refused; the amount [currency] is rounded up at 8 decimals.

    >>> lacks("cross:USDT", Decimal("0.123456781"))
    'cross:USDT would lack 0.12345679 of initial margin'
    """
    text = f"{round_ceil(amount, 8):f}"
    return f"{pool} would lack {text.rstrip('0').rstrip('.')} of initial margin"


def _withdraws_too_much(
    rule_set: RuleSet, account: Account, market: Market, parameters: Any, at: int, action: Event
) -> str | None:
    if not isinstance(action, Transfer) or action.kind not in ("withdrawal", "transfer"):
        return None
    amount = abs(action.amount)
    if action.kind == "withdrawal" and action.amount >= 0:
        return None
    pool = action.pool if action.pool not in (None, "cross") else f"cross:{action.asset}"
    figures = rule_set.module.quantities(account, market, parameters, at).get(str(pool))
    most = None if figures is None else figures.withdrawable
    return f"{pool}: at most {most} may be withdrawn" if most is not None and amount > most else None


def opens(account: Account, action: Event) -> bool:
    """Whether the action may need initial margin: not if it only closes."""
    match action:
        case Fill():
            if action.position_side is not None:
                return (action.side == "buy") == (action.position_side == "long")
            against: Side = "short" if action.side == "buy" else "long"
            held = sum((p.quantity for p in account.positions if p.market == action.market and p.side == against), ZERO)
            return action.quantity > held
        case OrderChange():
            return action.quantity > 0 and not action.reduce_only
        case Setting():
            return True
    return False


def _figures(
    rule_set: RuleSet, account: Account, market: Market, parameters: Any, at: int, borders: Borders | None
) -> Figures:
    return Figures(
        zone=zone_of_account(rule_set, account, market, parameters, at, borders=borders),
        quantities=rule_set.module.quantities(account, market, parameters, at),
        liquidation_prices=tuple(rule_set.module.liquidation_prices(account, market, parameters, at)),
    )


def _least_free(risks: Mapping[str, Risk[Any]]) -> Decimal:
    return min((Decimal(risk.support_initial - risk.demand_initial) for risk in risks.values()), default=ZERO)


def _units(amount: Decimal, unit: Decimal) -> int:
    return int(divide(grid_floor(amount, unit), unit))

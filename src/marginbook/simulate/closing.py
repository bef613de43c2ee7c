"""One step of a liquidation as an event: what a rule set's plan closes now, and the account once it is done.

    contracts    a fill of the planned quantity at an execution price, its fee that of the plan, in proportion
    lending      the planned repayment; the protocol's own rules take the collateral

Everything that happens to the account happens in its rule set's `apply`. An account that has lost all it held and still
owes is made whole by the venue's insurance fund as far as the fund goes: `deficit` and `made_whole`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account, Position
from marginbook.domain.events import Event, Fill, LendingAction, Stamp, Transfer
from marginbook.domain.market import Market
from marginbook.domain.risk import Plan
from marginbook.exact import ZERO, divide, in_exact_context, round_ceil, round_floor
from marginbook.venues.registry import rule_set

TAKEN_OVER = frozenset({"gmx", "perp", "synthetix", "liquity"})
"""Venues whose own pool is the other side: what they liquidate is not sold on any market."""
TAKERS = ("insurance", "protocol", "liquidator")
"""Parties that live on fees."""
FEE_PLACES, REPAID_PLACES = 8, 18


@dataclass(frozen=True, slots=True)
class Step:
    """A planned step; `sold` and `bought` are quantities that reach a market, by its name at the venue."""

    account: str
    pool: str
    plan: Plan
    position: Position | None  # what a fill closes; None: a loan
    quantity: Decimal  # of the position, or of the debt asset
    mark: Decimal | None  # price of the position's market
    sold: Mapping[str, Decimal]
    bought: Mapping[str, Decimal]


@in_exact_context
def step_of(account: Account, pool: str, market: Market, parameters: Any, at: int) -> Step | str:
    """The step that closes as much as the rules allow in one go, or why there is none."""
    rules = rule_set(account.rules)
    plan = rules.module.plan_liquidation(account, pool, market, parameters, at)
    if plan.reason is not None or plan.close_most <= 0:
        return plan.reason or "nothing may be closed"
    position = held(account, pool, plan)
    inside = rules.venue in TAKEN_OVER
    if position is None:
        return Step(
            account=account.id,
            pool=pool,
            plan=plan,
            position=None,
            quantity=round_floor(plan.close_most, REPAID_PLACES),
            mark=None,
            sold={} if inside else given_up(plan),
            bought={} if inside else {plan.market: plan.close_most},
        )
    quantity = min(plan.close_most, position.quantity)
    moved = {} if inside else {plan.market: quantity}
    return Step(
        account=account.id,
        pool=pool,
        plan=plan,
        position=position,
        quantity=quantity,
        mark=market.price(rules.venue, plan.market, rules.price_kind),
        sold=moved if position.side == "long" else {},
        bought=moved if position.side == "short" else {},
    )


def held(account: Account, pool: str, plan: Plan) -> Position | None:
    """The position that a plan closes; where both sides of a market are held, the one that it closes whole."""
    alone = pool.startswith("isolated:")
    found = [p for p in account.positions if p.market == plan.market and p.quantity > 0]
    found = [p for p in found if ((p.mode or account.mode) == "isolated") == alone] or found
    sides = [p for p in found if pool.endswith(f":{p.side}")] or found
    return min(sides, key=lambda p: abs(p.quantity - plan.close_most), default=None)


def given_up(plan: Plan) -> dict[str, Decimal]:
    """Collateral that leaves the account, by asset: the liquidator's and the protocol's share."""
    lost: dict[str, Decimal] = {}
    for flow in plan.flows:
        if flow.party == "account" and flow.amount < 0:
            lost[flow.asset] = lost.get(flow.asset, ZERO) - flow.amount
    return lost


@in_exact_context
def fee_of(step: Step) -> tuple[str, Decimal]:
    """(currency, what the venue takes of a fill): the plan's fee for all of it, in proportion, rounded up."""
    paid = [f for f in step.plan.flows if f.party in TAKERS and f.asset != step.plan.market and f.amount > 0]
    if step.position is None or not paid:
        return "", ZERO
    currency = paid[0].asset
    taken = sum((f.amount for f in paid if f.asset == currency), ZERO)
    if step.quantity == step.plan.close_most:
        return currency, taken
    return currency, round_ceil(divide(taken * step.quantity, step.plan.close_most), FEE_PLACES)


@in_exact_context
def carried_out(
    step: Step, account: Account, market: Market, parameters: Any, at: int, price: Decimal | None = None
) -> tuple[Account, Market]:
    """The account and the venue's state after the step; `price` of a fill: default the mark. BadInput if refused."""
    return rule_set(account.rules).module.apply(account, market, _event(step, account, price, at), parameters, at)


def _event(step: Step, account: Account, price: Decimal | None, at: int) -> Event:
    stamp = Stamp(source="cascade", time=at)
    if step.position is None:
        return LendingAction(
            stamp=stamp,
            account=account.id,
            kind="liquidation",
            asset=step.plan.market,
            amount=step.quantity,
            collateral_asset=step.plan.collateral,
            pool=_protocol_pool(account, step.pool),
        )
    assert step.mark is not None
    return Fill(
        stamp=stamp,
        account=account.id,
        market=step.plan.market,
        side="sell" if step.position.side == "long" else "buy",
        quantity=step.quantity,
        price=step.mark if price is None else price,
        fee=fee_of(step)[1],
        kind="liquidation",
        position_side=step.position.side if account.position_mode == "hedge" else None,
        mode="isolated" if step.pool.startswith("isolated:") else None,
    )


def _protocol_pool(account: Account, pool: str) -> str | None:
    """The market of its own that a lending pool's name tells, as holdings name it."""
    named = {c.pool for c in account.collateral if c.pool} | {d.pool for d in account.debt if d.pool}
    candidates = (pool, pool.partition(":")[2], pool.partition(":")[0])
    return next((name for name in candidates if name in named), next(iter(named)) if len(named) == 1 else None)


@in_exact_context
def deficit(before: Account, after: Account, step: Step) -> dict[str, Decimal]:
    """What an account of contracts lacks once a step has closed the last of a pool, by currency.

    An isolated pool may not touch the cross wallet, and lacks what its end took from there; a cross pool lacks what its
    wallets are below 0, where no other wallet or collateral stands behind them.
    """
    if step.pool.startswith("isolated:"):
        if step.position is None or step.quantity < step.position.quantity:
            return {}
        changes = {currency: before.wallet.get(currency, ZERO) - left for currency, left in after.wallet.items()}
        return {currency: change for currency, change in changes.items() if change > 0}
    alone = not any((p.mode or after.mode) == "cross" and p.quantity for p in after.positions)
    backed = after.debt or after.collateral or any(balance > 0 for balance in after.wallet.values())
    return {c: -balance for c, balance in after.wallet.items() if balance < 0} if alone and not backed else {}


def made_whole(
    account: Account, currency: str, amount: Decimal, market: Market, parameters: Any, at: int
) -> tuple[Account, Market]:
    """The account after its venue's fund has paid `amount`."""
    event = Transfer(
        stamp=Stamp(source="cascade", time=at), account=account.id, kind="correction", asset=currency, amount=amount
    )
    return rule_set(account.rules).module.apply(account, market, event, parameters, at)

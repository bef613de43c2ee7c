"""One step of a liquidation as an event: what a rule set's plan closes now, and the account once it is done.

    contracts    a fill of the planned quantity at an execution price, its fee that of the plan, in proportion
    lending      the planned repayment; the protocol's own rules take the collateral

Everything that happens to the account happens in its rule set's `apply`. An account that has lost all it held and still
owes is made whole by the venue's insurance fund as far as the fund goes: `deficit` and `made_whole`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account, Position
from marginbook.domain.events import Event, Fill, LendingAction, Stamp, Transfer
from marginbook.domain.market import Market
from marginbook.domain.risk import Flow, Plan
from marginbook.exact import ZERO, divide, in_exact_context, round_ceil
from marginbook.venues.registry import rule_set

TAKEN_OVER = frozenset({"gmx", "perp", "synthetix", "liquity"})
"""Venues whose own pool is the other side: what they liquidate is not sold on any market."""
TAKERS = ("insurance", "protocol", "liquidator")
"""Parties that live on fees."""
FEE_PLACES = 8


@dataclass(frozen=True, slots=True)
class Step:
    """A planned step; quantities by market or asset, as the venue names it."""

    account: str
    pool: str
    plan: Plan
    position: Position | None  # what a fill closes; None: a loan
    quantity: Decimal  # of the position, or of the debt asset
    mark: Decimal | None  # price of the position's market
    closed: Mapping[str, Decimal]  # positions, or collateral that is taken
    sold: Mapping[str, Decimal]  # what reaches a market
    bought: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Carried:
    """What a step has done; amounts by currency. The account no longer owes what is `uncovered`."""

    account: Account
    market: Market  # indices and state may have changed
    fees: Mapping[str, Decimal]  # into the venue's fund
    paid: Mapping[str, Decimal]  # by the fund
    shared: Mapping[str, Decimal]  # by other users: deleveraged, or a socialised loss
    uncovered: Mapping[str, Decimal]  # by nobody


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
            quantity=plan.close_most,
            mark=None,
            closed=given_up(plan),
            sold={} if inside else given_up(plan),
            bought={} if inside else {plan.market: plan.close_most},
        )
    quantity = min(plan.close_most, position.quantity)
    closed = {plan.market: quantity}
    moved = {} if inside else closed
    return Step(
        account=account.id,
        pool=pool,
        plan=plan,
        position=position,
        quantity=quantity,
        mark=market.price(rules.venue, plan.market, rules.price_kind),
        closed=closed,
        sold=moved if position.side == "long" else {},
        bought=moved if position.side == "short" else {},
    )


def held(account: Account, pool: str, plan: Plan) -> Position | None:
    """The position that a plan closes; of several of one side, the one that it closes whole."""
    alone = pool.startswith("isolated:")
    found = [p for p in account.positions if p.market == plan.market and p.quantity > 0]
    found = [p for p in found if plan.side in (None, p.side)]
    found = [p for p in found if ((p.mode or account.mode) == "isolated") == alone] or found
    return min(found, key=lambda p: abs(p.quantity - plan.close_most), default=None)


def given_up(plan: Plan) -> dict[str, Decimal]:
    """Collateral that leaves the account, by asset: the liquidator's and the protocol's share."""
    lost: dict[str, Decimal] = {}
    for flow in plan.flows:
        if flow.party == "account" and flow.amount < 0:
            lost[flow.asset] = lost.get(flow.asset, ZERO) - flow.amount
    return lost


def written_off(flows: Iterable[Flow]) -> dict[str, Decimal]:
    """Debt that a protocol cancels at its lenders' expense, by asset: what their pool gives and gets nothing for.

    >>> written_off([Flow("pool", "USDC", Decimal(-40)), Flow("account", "USDC", Decimal(40))])
    {'USDC': Decimal('40')}
    >>> written_off([Flow("pool", "LUSD", Decimal(-40)), Flow("pool", "ETH", Decimal(1))])
    {}
    """
    given: dict[str, Decimal] = {}
    for flow in flows:
        if flow.party == "pool":
            if flow.amount > 0:
                return {}
            given[flow.asset] = given.get(flow.asset, ZERO) - flow.amount
    return given


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
def carry_step(
    step: Step,
    account: Account,
    market: Market,
    parameters: Any,
    at: int,
    price: Decimal | None,
    fund: Mapping[str, Decimal],
) -> Carried:
    """The step through the rule set's own `apply`; `price` of a fill: None for the mark. BadInput if it is refused.

    What a closed account of contracts then lacks is paid out of `fund`, as far as it goes.
    """
    event = _event(step, account, price, at)
    after, state = rule_set(account.rules).module.apply(account, market, event, parameters, at)
    if step.position is None:
        return Carried(after, state, {}, {}, {}, written_off(step.plan.flows))
    currency, fee = fee_of(step)
    fees = {currency: fee} if fee else {}
    lacking = deficit(account, after, step)
    for owed, amount in lacking.items():
        after, state = made_whole(after, owed, amount, state, parameters, at)
    paid = {owed: min(amount, fund.get(owed, ZERO) + fees.get(owed, ZERO)) for owed, amount in lacking.items()}
    uncovered = {owed: amount - paid[owed] for owed, amount in lacking.items() if amount > paid[owed]}
    return Carried(after, state, fees, {owed: amount for owed, amount in paid.items() if amount}, {}, uncovered)


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

"""Cascades in which every liquidation runs to its end in one round: the venue's whole waterfall instead of one step.

Orders, partial closes, takeovers, the insurance fund, deleveraging and what is left are `liquidation.waterfall`'s, at
the round's marks: the price moves between rounds, not within one, and fills bear no slippage. What insurers and
backstops take over is theirs and is not sold; what counterparties buy, and collateral that liquidators take, is.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.risk import Plan
from marginbook.exact import ZERO, in_exact_context
from marginbook.liquidation.fund import Fund
from marginbook.liquidation.waterfall import Waterfall, run
from marginbook.simulate.closing import TAKEN_OVER, Carried, Step, deficit, made_whole, written_off
from marginbook.simulate.exact_cascade import Terms
from marginbook.venues.registry import rule_set

OTHERS_PAY = ("deleverage", "socialise")
"""Stages in which other users bear the loss."""


def with_waterfalls(terms: Terms) -> Terms:
    """The same terms, but every liquidation is its venue's whole waterfall."""
    return replace(terms, planner=plan_waterfall, carry=carry_waterfall)


@in_exact_context
def plan_waterfall(account: Account, pool: str, market: Market, parameters: Any, at: int) -> Step | str:
    """What a whole waterfall would close and sell, or why it does nothing; its fund is empty while it is planned."""
    found = run(account, pool, market, parameters, at)
    if not found.events:
        return found.steps[-1].reason
    markets = {position.market for position in account.positions}
    loan = rule_set(account.rules).family == "lending"
    gone, traded = _quantities(found, markets, loan)
    plan = next((step.plan for step in found.steps if step.plan is not None), Plan(pool=pool, market=""))
    inside = rule_set(account.rules).venue in TAKEN_OVER
    closed = {name: abs(amount) for name, amount in gone.items() if amount < 0 or not loan}
    return Step(
        account=account.id,
        pool=pool,
        plan=plan,
        position=None if loan else next((p for p in account.positions if p.market == plan.market), None),
        quantity=plan.close_most,
        mark=None,
        closed=closed,
        sold={} if inside else {name: -amount for name, amount in traded.items() if amount < 0},
        bought={} if inside else {name: amount for name, amount in traded.items() if amount > 0},
    )


def _quantities(found: Waterfall, markets: set[str], loan: bool) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """(what the account gave up, below 0, or got rid of; the part of it that was traded on a market)."""
    gone: dict[str, Decimal] = defaultdict(Decimal)
    taken: dict[str, Decimal] = defaultdict(Decimal)
    for step in found.steps:
        for flow in step.flows:
            if loan or flow.asset in markets:
                if flow.party == "account":
                    gone[flow.asset] += flow.amount
                elif flow.party in ("insurance", "pool") or (flow.party == "liquidator" and not loan):
                    taken[flow.asset] += flow.amount
    return dict(gone), {asset: amount + taken[asset] for asset, amount in gone.items()} if not loan else dict(gone)


@in_exact_context
def carry_waterfall(
    step: Step,
    account: Account,
    market: Market,
    parameters: Any,
    at: int,
    price: Decimal | None,
    fund: Mapping[str, Decimal],
) -> Carried:
    """The waterfall with the fund as it stands; what it leaves owed by contracts is written off as uncovered."""
    found = run(account, step.pool, market, parameters, at, fund=Fund(dict(fund)))
    markets = {position.market for position in account.positions}
    fees: dict[str, Decimal] = defaultdict(Decimal)
    paid: dict[str, Decimal] = defaultdict(Decimal)
    shared: dict[str, Decimal] = defaultdict(Decimal)
    for one in found.steps:
        if step.position is None and one.stage not in OTHERS_PAY:
            for asset, amount in written_off(one.flows).items():
                shared[asset] += amount
        for flow in one.flows:
            if flow.asset in markets:
                continue
            if flow.party == "insurance":
                (fees if flow.amount > 0 else paid)[flow.asset] += abs(flow.amount)
            elif flow.party == "account" and one.stage in OTHERS_PAY and one.market == flow.asset:
                shared[flow.asset] += flow.amount
    after, state = found.account, found.market
    uncovered: dict[str, Decimal] = {}
    if step.position is not None:
        whole = replace(step, quantity=step.position.quantity)
        for owed, amount in deficit(account, after, whole).items():
            if owed in found.deficit:
                after, state = made_whole(after, owed, amount, state, parameters, at)
                uncovered[owed] = amount
    return Carried(after, state, dict(fees), dict(paid), dict(shared), {c: a for c, a in uncovered.items() if a > ZERO})

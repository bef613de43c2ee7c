"""One liquidation from its first step to its last: orders, closing steps, insurance, deleveraging, what is left.

`run` interprets the `Stages` of the account's rule set. Each step is an event through the rule set's own `apply`, after
which its own `is_liquidatable` is asked again; nothing about margin is computed here. The answer lists every step with
why it was done, or why nothing may be, who got what, and what is left of the pool. It ends

    covered    the pool is not liquidatable any more
    empty      nothing is left of it
    deficit    something is owed that nobody has paid: `deficit`
    refused    it is liquidatable, and the venue allows nothing: the last step says why

Flows sum to zero in every asset over all parties and steps. The fund pays min(balance, what is missing), never more.
Without `counterparties` the other side is one party that deleveraging takes from; with them, each gives up what its
quantity at the bankruptcy price costs it, in the venue's order.

    >>> from marginbook.domain.account import Position
    >>> from marginbook.domain.market import Quote
    >>> terms = {"BTC": {"maintenance_rate": "0.05", "liquidation_fee": "0.01", "quantity_step": "0.1"}}
    >>> parameters = rule_set("generic/derivatives").module.parameters("derivatives", 0, terms)
    >>> long = Position(market="BTC", side="long", quantity=Decimal(1), entry=Decimal(1000))
    >>> account = Account(id="a", rules="generic/derivatives", wallet={"USDT": Decimal(60)}, positions=(long,))
    >>> market = Market(quotes={("generic", "BTC", "mark"): Quote(Decimal(930))})
    >>> found = run(account, "cross:USDT", market, parameters, 0, fund=Fund({"USDT": Decimal(4)}), counterparties=())
    >>> [step.stage for step in found.steps], found.outcome, found.deficit["USDT"]
    (['take_over', 'insurance', 'deficit'], 'deficit', Decimal('6'))
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Literal

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Event, OrderChange
from marginbook.domain.market import Market
from marginbook.domain.risk import Plan
from marginbook.exact import ZERO, format_decimal, in_exact_context
from marginbook.liquidation.acts import after, is_isolated, stamp_of
from marginbook.liquidation.deficits import sums_of
from marginbook.liquidation.fund import Fund
from marginbook.liquidation.keepers import Chance, Policy, maximum
from marginbook.liquidation.losses import cover, exchange
from marginbook.liquidation.stages import Scene, Stage, Stages
from marginbook.liquidation.steps import DEFICIT, WAIT, Progress, Step, add, plan_now, stop
from marginbook.liquidation.venue_stages import stages_of
from marginbook.liquidation.winners import Winner
from marginbook.units import MICROSECONDS
from marginbook.venues.registry import rule_set

STEPS_MOST = 2_000
"""Most steps of one liquidation, waits included; a rule set that needs more is refused."""
Outcome = Literal["covered", "empty", "deficit", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waterfall:
    """A whole liquidation."""

    steps: tuple[Step, ...]
    outcome: Outcome
    account: Account
    market: Market
    fund: Fund
    at: int  # [µs UTC] of the last step
    deficit: Mapping[str, Decimal] = field(default_factory=dict)  # owed and unpaid, by asset or currency

    @property
    def events(self) -> tuple[Event, ...]:
        """All events of all steps, numbered from 1: applied to the first account they give the last."""
        found = [event for step in self.steps for event in step.events]
        return tuple(
            replace(event, stamp=replace(event.stamp, source_sequence=number)) for number, event in enumerate(found, 1)
        )


@in_exact_context
def run(
    account: Account,
    pool: str,
    market: Market,
    parameters: Any,
    at: int,
    *,
    policy: Policy = maximum,
    fund: Fund | None = None,
    counterparties: Sequence[Winner] | None = None,
    stages: Stages | None = None,
) -> Waterfall:
    """Liquidate `pool` as its venue would, at the market's prices; BadInput for a pool that the account has not.

    `policy` is asked where a liquidator chooses how much; `fund` is the venue's; `stages` another waterfall than its
    own.
    """
    chosen = stages or stages_of(account.rules)
    scene = Scene(account=account, pool=pool, market=market, parameters=parameters, at=at)
    if sums_of(scene) is None:
        known = ", ".join(rule_set(account.rules).module.risk(account, market, parameters, at))
        raise BadInput("unknown_pool", f"account {account.id}", pool, f"one of {known}")
    state = Progress(scene, fund or Fund())
    if not state.left.liquidatable:
        plan = plan_now(state, chosen)
        stop(state, plan.reason or "the pool is not liquidatable", plan)
        return _ended(state, chosen, account)
    if chosen.cancel is not None:
        _cancel(state, chosen.cancel)
    while len(state.steps) < STEPS_MOST and state.left.liquidatable:
        if not _closes(state, chosen, policy):
            break
    else:
        if state.left.liquidatable:
            stop(state, f"more than {STEPS_MOST} steps", None)
    if chosen.exchange is not None:
        exchange(state, chosen.exchange)
    cover(state, chosen, account, counterparties)
    if chosen.exchange is not None:
        exchange(state, chosen.exchange)
    return _ended(state, chosen, account)


def _cancel(state: Progress, stage: Stage) -> None:
    """Cancel the orders that would use the pool's margin."""
    scene = state.scene
    chosen = [
        order
        for order in scene.account.orders
        if not is_isolated(scene) or f"{scene.pool}:".startswith(f"isolated:{order.market}:")
    ]
    if not chosen:
        return
    events = tuple(
        OrderChange(
            stamp=stamp_of(scene),
            account=scene.account.id,
            order_id=order.id,
            market=order.market,
            side=order.side,
            quantity=ZERO,
            price=order.price,
            position_side=order.position_side,
            reduce_only=order.reduce_only,
        )
        for order in chosen
    )
    state.scene = after(scene, events)
    add(state, stage, stage.says, events=events, quantity=Decimal(len(chosen)))


def _closes(state: Progress, stages: Stages, policy: Policy) -> bool:
    """One closing step; False where there is none."""
    scene = state.scene
    plan = plan_now(state, stages)
    forced = stages.forced if plan.reason is not None and plan.flows else None
    if plan.reason is not None and forced is None:
        later = stages.waits(scene, plan)
        if later is None:
            stop(state, plan.reason, plan)
            return False
        state.scene = later
        add(state, WAIT, plan.reason, plan=plan, market=plan.market)
        return True
    stage = forced or _stage_for(state, stages, plan)
    amount = _amount(scene, stage, plan, policy)
    only_seizes = stage.chooses == "venue" and any(flow.amount for flow in plan.flows)
    if amount <= 0 and not only_seizes:
        stop(state, "the liquidator leaves it" if plan.close_most else "less than one unit may be closed", plan)
        return False
    assert stage.act is not None
    try:
        done = stage.act(scene, stage, plan, amount)
    except BadInput as bad:
        stop(state, str(bad.problem), plan)
        return False
    if done.scene.account == scene.account:
        stop(state, "the step changed nothing", plan)
        return False
    noted = stages.noted(scene, done, plan)
    state.scene = replace(noted, at=noted.at + stages.seconds * MICROSECONDS)
    state.last = done
    add(
        state,
        stage,
        "; ".join(text for text in (plan.reason, stage.says, done.says) if text),
        market=plan.market,
        quantity=done.quantity,
        price=done.price,
        plan=plan,
        flows=done.flows,
        events=done.events,
    )
    if done.lost and stages.written_off is not None:
        borne = stages.written_off
        add(state, borne, f"{borne.says}: {format_decimal(done.lost)} written off", plan=plan, market=plan.market)
    return True


def _stage_for(state: Progress, stages: Stages, plan: Plan) -> Stage:
    """The first closing stage that fits."""
    scene, left = state.scene, state.left
    for stage in stages.closing:
        if stage.in_part and plan.close_least >= plan.close_most:
            continue
        if stage.from_cover is None:
            return stage
        share, of = stage.from_cover
        if left.support * of >= left.demand * share:
            return stage
    raise BadInput(
        "no_stage", f"account {scene.account.id}", scene.account.rules, "a closing stage without a condition"
    )


def _amount(scene: Scene, stage: Stage, plan: Plan, policy: Policy) -> Decimal:
    """How much is closed: what cures, all of it, or what the liquidator wants within the plan's bounds."""
    if stage.chooses == "venue":
        return plan.close_least if stage.in_part else plan.close_most
    chance = Chance(
        rules=scene.rules,
        account=scene.account,
        pool=scene.pool,
        market=scene.market,
        parameters=scene.parameters,
        at=scene.at,
        plan=plan,
    )
    wanted = policy(chance)
    return min(max(wanted, plan.close_least), plan.close_most) if wanted > 0 else ZERO


def _ended(state: Progress, stages: Stages, before: Account) -> Waterfall:
    scene = state.scene
    deficit = stages.owed(before, scene)
    sums = sums_of(scene)
    outcome: Outcome = "covered"
    if deficit:
        outcome = "deficit"
        if state.steps[-1].stage != "deficit":
            told = ", ".join(f"{format_decimal(amount)} {asset}" for asset, amount in deficit.items())
            add(state, DEFICIT, f"{DEFICIT.says}: {told}")
    elif sums is None or not (sums.assets or sums.liabilities or sums.demand):
        outcome = "empty"
    elif state.left.liquidatable:
        outcome = "refused"
        if state.steps[-1].stage != "stop":
            plan = plan_now(state, stages)
            stop(state, plan.reason or "the loss stages end here", plan)
    scene = scene if outcome == "refused" else stages.ended(scene)
    return Waterfall(
        steps=tuple(state.steps),
        outcome=outcome,
        account=scene.account,
        market=scene.market,
        fund=state.fund,
        at=scene.at,
        deficit=deficit,
    )

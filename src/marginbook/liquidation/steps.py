"""The steps of a liquidation as they are recorded: what was done and why, who got what, what is left of the pool."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.events import Event
from marginbook.domain.risk import Flow, Plan
from marginbook.exact import ZERO
from marginbook.liquidation.deficits import sums_of
from marginbook.liquidation.deleveraging import Closing
from marginbook.liquidation.fund import Fund
from marginbook.liquidation.stages import Done, Name, Scene, Stage, Stages

WAIT = Stage(name="wait", says="", source="the plan's own reason", verified=True)
DEFICIT = Stage(name="deficit", says="nobody is left to pay", source="what the stages leave over", verified=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What is left of the pool [its currency]; all zero where it is gone."""

    support: Decimal
    demand: Decimal
    equity: Decimal  # assets − liabilities
    liquidatable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that happened, or why nothing did."""

    stage: Name
    reason: str
    at: int  # [µs UTC]
    account: Account  # after it
    left: Left
    market: str = ""  # position's market, or debt's asset
    quantity: Decimal = ZERO
    price: Decimal | None = None
    plan: Plan | None = None
    flows: tuple[Flow, ...] = ()
    events: tuple[Event, ...] = ()  # what to apply, in order
    closings: tuple[Closing, ...] = ()  # of deleveraged winners
    source: str = ""
    verified: bool = False


@dataclass(slots=True)
class Progress:
    """The run so far."""

    scene: Scene
    fund: Fund
    steps: list[Step] = field(default_factory=list)
    last: Done | None = None  # the last close
    seen: tuple[Scene, Left] | None = None  # what is left of the scene that was looked at last

    @property
    def left(self) -> Left:
        """What is left of the pool now."""
        if self.seen is None or self.seen[0] is not self.scene:
            self.seen = (self.scene, left_of(self.scene))
        return self.seen[1]


def plan_now(state: Progress, stages: Stages) -> Plan:
    """The rule set's next step, told what it must know of the fund."""
    scene = state.scene
    market = stages.told(scene, state.fund)
    return scene.rules.module.plan_liquidation(scene.account, scene.pool, market, scene.parameters, scene.at)


def left_of(scene: Scene) -> Left:
    """What is left of the pool; the rule set says whether it is liquidatable, and what is gone is not."""
    sums = sums_of(scene)
    if sums is None:
        return Left(support=ZERO, demand=ZERO, equity=ZERO, liquidatable=False)
    liquidatable = scene.rules.module.is_liquidatable(
        scene.account, scene.pool, scene.market, scene.parameters, scene.at
    )
    equity = sums.assets - sums.liabilities
    return Left(support=sums.support, demand=sums.demand, equity=equity, liquidatable=liquidatable)


def add(state: Progress, stage: Stage, reason: str, **more: Any) -> None:
    """A step that has happened; its flows from and to the fund are booked."""
    flows: tuple[Flow, ...] = more.get("flows", ())
    totals: dict[str, Decimal] = {}
    for flow in flows:
        if flow.party == "insurance":
            totals[flow.asset] = totals.get(flow.asset, ZERO) + flow.amount
    for asset, amount in totals.items():
        state.fund = state.fund.received(asset, amount, f"{stage.name} {state.scene.account.id}")
    scene = state.scene
    state.steps.append(
        Step(
            stage=stage.name,
            reason=reason,
            at=scene.at,
            account=scene.account,
            left=state.left,
            source=stage.source,
            verified=stage.verified,
            **more,
        )
    )


def stop(state: Progress, reason: str, plan: Plan | None) -> None:
    """Nothing may be done, and why."""
    stage = Stage(name="stop", says=reason, source=state.scene.account.rules, verified=True)
    add(state, stage, reason, plan=plan, market=plan.market if plan else "")

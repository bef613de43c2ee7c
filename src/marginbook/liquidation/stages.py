"""What follows what when a venue liquidates, as data: stages that close, then stages that bear a loss.

A rule set's `Stages` are read from top to bottom. Orders are cancelled first where the venue does so. Then, as long as
the pool is liquidatable, the first closing stage that fits takes one step of the rule set's own plan:

    from_cover (a, b)    fits while support · b ≥ demand · a: (2, 3) is "down to two thirds of the requirement"
    in_part              fits while a part of the position cures

What the pool then owes and cannot pay goes through the loss stages in their order: insurance, deleveraging, all users,
or a deficit that stays where it is. Every stage says where it was read, and whether the venue's own text or source says
so.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from marginbook.domain.account import Account
from marginbook.domain.events import Event
from marginbook.domain.market import Market
from marginbook.domain.risk import Flow, Party, Plan
from marginbook.liquidation.fund import Fund
from marginbook.liquidation.winners import Score
from marginbook.venues.registry import rule_set
from marginbook.venues.rules import RuleSet

Name = Literal[
    "cancel_orders",
    "reduce",
    "take_over",
    "hand_over",
    "seize",
    "absorb",
    "auction",
    "redistribute",
    "exchange",
    "insurance",
    "deleverage",
    "socialise",
    "deficit",
    "wait",
    "stop",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One pool of an account at one moment of a liquidation."""

    account: Account
    pool: str
    market: Market
    parameters: Any
    at: int  # [µs UTC]

    @property
    def rules(self) -> RuleSet:
        """The account's rule set."""
        return rule_set(self.account.rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What one act did: the scene after it, the events that did it, and who got what."""

    scene: Scene
    events: tuple[Event, ...]
    flows: tuple[Flow, ...]
    quantity: Decimal  # closed, or repaid
    price: Decimal | None
    lost: Decimal = Decimal(0)  # written off with it [asset of the plan's market]
    says: str = ""


Act = Callable[[Scene, "Stage", Plan, Decimal], Done]
"""(scene, stage, plan, amount) → one step, through the rule set's own `apply`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage of a waterfall."""

    name: Name
    says: str  # why, in words, as it stands in the step
    source: str  # where it was read, with its date
    verified: bool = False  # the venue's own text or source says so; otherwise it is our assumption
    act: Act | None = None  # closing stages
    price: Literal["mark", "plan"] = "mark"
    other: Party = "counterparties"  # who takes the other side, or bears the loss
    fee_to: Party = "insurance"
    chooses: Literal["venue", "liquidator"] = "venue"  # the least that cures, or what a policy says
    from_cover: tuple[int, int] | None = None
    in_part: bool = False


def nothing_noted(before: Scene, done: Done, plan: Plan) -> Scene:
    """No memory between steps."""
    return done.scene


Waits = Callable[[Scene, Plan], Scene | None]
"""(scene, a plan that refuses) → the scene when it does not any more, or None."""


def never_waits(scene: Scene, plan: Plan) -> Scene | None:
    """A plan's refusal is final for now."""
    return None


def as_told(scene: Scene, fund: Fund) -> Market:
    """The planner does not look at the fund."""
    return scene.market


Owed = Callable[[Account, Scene], dict[str, Decimal]]
"""(account before the liquidation, scene after it) → what it owes and cannot pay, by asset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """The waterfall of one rule set."""

    closing: tuple[Stage, ...]
    losses: tuple[Stage, ...]
    owed: Owed
    pays: Literal["settlement", "repay"] = "settlement"  # how somebody else pays what the account owes
    places: int = 8  # decimals of such a payment; more where what is owed has more
    forced: Stage | None = None  # for those whom the venue lets do what the plan refuses to others
    exchange: Stage | None = None  # own assets are sold for what is owed once no position is left
    written_off: Stage | None = None  # who bears what a closing step writes off
    cancel: Stage | None = None
    seconds: int = 0  # between two closing steps
    score: Score | None = None  # order of deleveraging, where the venue's is known
    noted: Callable[[Scene, Done, Plan], Scene] = nothing_noted  # marks that the venue leaves after a step
    waits: Waits = never_waits  # until a window, a block or a cool-off is over
    told: Callable[[Scene, Fund], Market] = as_told  # what the planner must know of the fund
    ended: Callable[[Scene], Scene] = field(default=lambda scene: scene)  # marks that go when it is over
    unverified: tuple[str, ...] = ()

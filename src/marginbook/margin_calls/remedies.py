"""What cures a margin call, and the least of it: amounts of which one unit less would fail.

Every amount is found on the exact functions: the remedy's events go through the rule set's own `apply`, and the goal is
judged on the account that comes out, at the amount and at one unit less.

    deposit                 a wallet currency, or a collateral asset
    repay                   a debt from funds outside
    repay_from_collateral   sell collateral at its price and repay with it, in one step; no cost of the sale
    reduce, close           trade against a position at its mark price; no fee
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from marginbook.book.zoning import next_zone
from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Event
from marginbook.domain.market import Market
from marginbook.domain.risk import Risk
from marginbook.domain.zones import Zone
from marginbook.exact import ONE, ZERO, divide, in_exact_context, round_ceil
from marginbook.margin_calls.goals import Goal, Target, goal_of
from marginbook.margin_calls.search import guess_crossing, least_true
from marginbook.margin_calls.ways import ACTIONS, RemedyAction, Situation, Stairs, Way, ways
from marginbook.margin_calls.zones import Borders, borders_of, family_of_pool, zone_of_pool
from marginbook.units import STABLE_ASSETS
from marginbook.venues.rules import RuleSet

UNITS_MOST = 10**45
SHOWN = ("health_factor", "margin_balance", "headroom", "free_margin", "ltv")
"""Quantities of the cured pool that a remedy tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """The least amount of one action that reaches the target."""

    pool: str
    action: RemedyAction
    asset: str  # what `amount` is in: a currency, an asset, or the base of this market
    amount: Decimal
    unit: Decimal  # one less would fail
    debt: str | None = None  # repay_from_collateral: what is repaid,
    repaid: Decimal | None = None  # and how much of it
    result: Mapping[str, Decimal | str]

    @property
    def shown(self) -> Decimal:
        """`amount` for people, rounded up: money to 2 decimals, all else to 8."""
        return round_ceil(self.amount, 2 if self.asset in STABLE_ASSETS else 8)


@in_exact_context
def remedies(
    rule_set: RuleSet,
    account: Account,
    market: Market,
    parameters: Any,
    at: int,
    target: Target | None = None,
    *,
    actions: Collection[str] = ACTIONS,
    borders: Borders | None = None,
    previous: Mapping[str, Zone] | None = None,
) -> list[Remedy]:
    """Single actions that bring each pool to `target`; a pool that is there needs none, one that cannot is left out.

    Without a target: out of the call zone for a pool in call or worse, else out of the warning zone, each past the
    inner border at which the zone is left. `previous` are the zones that pools were in before, where they are followed:
    a pool held in the warning zone by its inner border alone then gets its remedies too.

    Collateral 13,750 at a threshold of 80 % against 10,000 of debt, to a health factor of 1.5: deposit
    (1.5·10,000 − 11,000) / 0.8 = 5,000; or repay 10,000 − 11,000 / 1.5 = 2,666.67; or sell
    (1.5·10,000 − 11,000) / (1.5 − 0.8) = 5,714.29 of the collateral.
    """
    found: list[Remedy] = []
    for pool, risk in rule_set.module.risk(account, market, parameters, at).items():
        situation = Situation(
            rule_set=rule_set, account=account, pool=pool, market=market, parameters=parameters, at=at
        )
        case = _Case(situation, risk, borders, (previous or {}).get(pool, Zone.SAFE))
        goal = case.goal(target)
        if goal is None or case.judge(goal, account, market, risk).reached:
            continue
        for way in ways(situation, case.lacking(goal), actions):
            remedy = _least(case, goal, way)
            if remedy is not None:
                found.append(remedy)
    return found


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The pool after an action, judged by a goal."""

    slack: Decimal
    reached: bool
    account: Account
    market: Market
    risk: Risk[Any] | None


class _Case:
    """A pool that needs a remedy."""

    def __init__(self, situation: Situation, risk: Risk[Any], borders: Borders | None, previous: Zone) -> None:
        self.situation, self.risk, self.borders = situation, risk, borders
        self.module = situation.rule_set.module
        here = (situation.account, situation.pool, situation.market, situation.parameters)
        family = family_of_pool(situation.rule_set, *here)
        self.pool_borders = borders_of(situation.rule_set, family, borders)
        liquidatable = self.module.is_liquidatable(*here, situation.at)
        self.zone = next_zone(previous, risk, liquidatable, self.pool_borders)

    def goal(self, target: Target | None) -> Goal | None:
        """The goal behind `target`; None for a safe pool without one."""
        if target is None:
            if self.zone == Zone.SAFE:
                return None
            target = "out_of_warning" if self.zone == Zone.WARNING else "out_of_call"
        return goal_of(target, self.pool_borders)

    def lacking(self, goal: Goal) -> Decimal:
        """About the money [currency] that must come in."""
        scale = 10**self.situation.rule_set.risk_scale
        return abs(divide(goal.slack(self.risk), Decimal(goal.support_factor * scale)))

    def after(self, events: Iterable[Event]) -> tuple[Account, Market]:
        """Account and market after `events`."""
        s = self.situation
        account, market = s.account, s.market
        for event in events:
            account, market = self.module.apply(account, market, event, s.parameters, s.at)
        return account, market

    def outcome(self, goal: Goal, account: Account, market: Market) -> _Outcome:
        """`account` judged by `goal`."""
        s = self.situation
        risk = self.module.risk(account, market, s.parameters, s.at).get(s.pool)
        return self.judge(goal, account, market, risk)

    def judge(self, goal: Goal, account: Account, market: Market, risk: Risk[Any] | None) -> _Outcome:
        """The goal's slack, and whether it is reached; a pool that is gone reaches every goal."""
        s = self.situation
        if risk is None:
            return _Outcome(ONE, True, account, market, None)
        slack = goal.slack(risk)
        reached = slack >= ZERO or goal.decided_by_rule
        if reached and goal.asks_the_rule:
            reached = not self.module.is_liquidatable(account, s.pool, market, s.parameters, s.at)
        return _Outcome(slack, reached, account, market, risk)

    def told(self, found: _Outcome) -> dict[str, Decimal | str]:
        """What a remedy tells about the pool after it."""
        s = self.situation
        if found.risk is None:
            return {"zone": Zone.SAFE.label}
        here = (found.account, s.pool, found.market, s.parameters, s.at)
        zone = zone_of_pool(s.rule_set, *here, risk=found.risk, borders=self.borders, previous=self.zone)
        quantities = self.module.quantities(found.account, found.market, s.parameters, s.at)[s.pool]
        shown = {name: getattr(quantities, name) for name in SHOWN}
        return {"zone": zone.label} | {name: value for name, value in shown.items() if value is not None}


def _least(case: _Case, goal: Goal, way: Way) -> Remedy | None:
    """The least amount of `way` that reaches `goal`, or None."""
    most = UNITS_MOST if way.most is None else way.most
    seen: dict[int, _Outcome] = {}

    def outcome(n: int) -> _Outcome:
        if n not in seen:
            seen[n] = case.outcome(goal, *case.after(way.events(way.amount(n))))
        return seen[n]

    def holds(n: int) -> bool:
        try:
            return outcome(n).reached
        except BadInput:
            return False

    def slack(n: int) -> Decimal:
        return (case.outcome(goal, *way.unchecked(way.amount(n))) if way.unchecked else outcome(n)).slack

    if most < 1 or (way.most is not None and not holds(most)):
        return None
    n: int | None = most
    if not way.whole:
        start = goal.slack(case.risk)
        near = int(way.stairs.width) if way.stairs else 1
        try:
            guess = guess_crossing(slack, start, way.probe, most, near) if start < ZERO else 1
        except BadInput:
            return None
        guess = most if guess is None else guess
        n = least_true(holds, 0, most, _on_stairs(way.stairs, holds, guess, most) if way.stairs else guess)
    if n is None:
        return None
    amount = way.amount(n)
    return Remedy(
        pool=case.situation.pool,
        action=way.action,
        asset=way.asset,
        amount=amount,
        unit=way.unit,
        debt=way.debt,
        repaid=way.repaid(amount) if way.repaid else None,
        result=case.told(outcome(n)),
    )


def _on_stairs(stairs: Stairs, holds: Callable[[int], bool], guess: int, most: int) -> int:
    """The first edge of the stairs that holds, near `guess`."""
    last = stairs.step_of(most)
    step = least_true(lambda k: holds(stairs.edge(k)), 0, last, stairs.step_of(guess))
    return most if step is None else stairs.edge(step)

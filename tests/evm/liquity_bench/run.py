"""One walk on the chain, in the model and in the book, compared number by number."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from liquity_bench.events import as_event
from liquity_bench.market import deploy
from liquity_bench.scene import LABELS, TERMS, USERS, Call, Model, book, empty, wad
from liquity_bench.walk import MIDDLE, hint_of, opening, walk
from marginbook.exact import WAD
from marginbook.units import MICROSECONDS
from marginbook.venues.liquity.holdings import system_of
from marginbook.venues.liquity.liquidation import NOTHING_TO_LIQUIDATE
from marginbook.venues.liquity.planning import plan_liquidation
from marginbook.venues.liquity.risk import borrowable, free_collateral, is_liquidatable, liquidation_prices
from marginbook.venues.liquity.system import System

POOL = "main"


class Difference(AssertionError):
    """Chain and rule set disagree."""


@dataclass
class Tally:
    """What a walk met."""

    steps: int = 0
    numbers: int = 0
    events: int = 0  # calls that a book took as an event
    decisions: int = 0  # of troves, each compared with an attempt on the chain
    near: int = 0  # within three units of the price of the border
    recovery: int = 0  # steps
    troves: Counter[str] = field(default_factory=Counter)  # liquidated or redeemed, by the call
    refused: Counter[str] = field(default_factory=Counter)


Record = Callable[[Call, str | None, list[int]], None]


def start_of(seed: int) -> int:
    """The first price of a seed."""
    return MIDDLE + Random(seed).randrange(10**18)


def compare(contracts: dict[str, Any], seed: int, steps: int, record: Record | None = None) -> Tally:
    """Walk `steps` steps; `Difference` at the first number that is not equal."""
    random, price, tally = Random(seed), start_of(seed), Tally()
    m, chain, waiting = Model(empty(price)), deploy(contracts, price), opening(price)
    while tally.steps < steps:
        waiting = waiting or walk(random, m)
        kind, who, numbers = call = waiting.pop(0)
        where, before = f"seed {seed}, step {tally.steps}: {call}", m.system
        hint = hint_of(m, numbers[0]) if kind == "redeem" else 0
        try:
            predicted = m.do(kind, who, *numbers)
            ours = m.numbers()
        except (ArithmeticError, LookupError, ValueError) as error:
            raise Difference(f"{where}: {error}") from error
        reason = chain.do(kind, who, *numbers, hint=hint)
        if reason != predicted:
            raise Difference(f"{where}: the chain says {reason}, the model {predicted}")
        shown = chain.numbers()
        if shown != ours:
            wrong = [f"{n}: chain {a}, model {b}" for n, a, b in zip(LABELS, shown, ours, strict=True) if a != b]
            raise Difference(f"{where}: " + "; ".join(wrong[:8]))
        _room(before, call, reason, where)
        taken, wrong_event = as_event(before, m.system, call, reason)
        tally.events += taken
        if wrong_event:
            raise Difference(f"{where}: {wrong_event}")
        _decisions(m.system, chain.attempts(), tally, where)
        _count(tally, call, reason, before, m.system)
        tally.numbers += len(shown)
        if record:
            record(call, reason, shown)
    return tally


def _decisions(s: System, attempts: list[list[int]], tally: Tally, where: str) -> None:
    """What the rule set says of every trove, against an attempt to liquidate it."""
    for who, (done, gas, paid, to_pool, surplus) in zip(USERS, attempts, strict=True):
        account, market = book(s, who)
        plan = plan_liquidation(account, POOL, market, TERMS, s.time * MICROSECONDS)
        planned = 0 if plan.reason else 1
        # The pool's kept excess, which no book states, may refuse an offset that is smaller than it.
        if planned != done and not (planned and s.pool.debt_error > paid * WAD and paid == 0):
            raise Difference(f"{where}: the chain liquidates {who}: {done}, the plan says {plan.reason}")
        if who not in s.troves:
            continue
        tally.decisions += 1
        decided = is_liquidatable(account, POOL, market, TERMS, s.time * MICROSECONDS)
        if decided != (plan.reason != NOTHING_TO_LIQUIDATE) and s.count != 1:
            raise Difference(f"{where}: {who} is liquidatable: {decided}, the plan says {plan.reason}")
        found = liquidation_prices(account, market, TERMS, s.time * MICROSECONDS)
        if any(abs(int(one.price.scaleb(18)) - s.price) <= 3 for one in found):
            tally.near += 1
        if not done:
            continue
        flows = {(flow.party, flow.asset): flow.amount for flow in plan.flows}
        kept = account_collateral(s, who) - plan.seized
        told = (
            flows["liquidator", "ETH"],
            -flows.get(("pool", "LUSD"), Decimal(0)),
            flows.get(("pool", "ETH"), 0),
            kept,
        )
        if told != tuple(map(wad, (gas, paid, to_pool, surplus))):
            raise Difference(f"{where}: a liquidation of {who} moves {gas, paid, to_pool, surplus}, the plan {told}")


def _room(s: System, call: Call, reason: str | None, where: str) -> None:
    """A draw or a withdrawal alone is accepted exactly as far as the book says that it may be."""
    kind, who, n = call
    if kind != "adjust" or who not in s.troves or n[0] or n[3] or bool(n[1]) == bool(n[2]):
        return
    account, market = book(s, who)
    seen = system_of(account, market, TERMS, s.time * MICROSECONDS, s.price)
    most = free_collateral(seen) if n[1] else borrowable(seen)
    if (max(n[1], n[2]) <= most) != (reason is None):
        raise Difference(f"{where}: the book allows {most}, the chain says {reason}")


def account_collateral(s: System, who: str) -> Decimal:
    """A trove's collateral with what is pending."""
    return wad(s.whole(who)[0])


def _count(tally: Tally, call: Call, reason: str | None, before: System, after: System) -> None:
    tally.steps += 1
    tally.recovery += after.in_recovery()
    if reason:
        tally.refused[f"{call[0]}: {reason}"] += 1
    elif call[0] in ("liquidate", "batch", "sequence", "redeem"):
        tally.troves[call[0]] += sum(after.troves.get(who) != trove for who, trove in before.troves.items())
        if call[0] != "redeem":
            tally.troves["liquidated"] += len(before.troves) - len(after.troves)

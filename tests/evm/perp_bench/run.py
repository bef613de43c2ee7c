"""One walk on the chain and in the rule set, compared number by number."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from perp_bench import figures
from perp_bench.deploy import deploy
from perp_bench.figures import Action, Given, State, common, growth_now, labels, numbers, opened, opening, step
from perp_bench.market import Deployed, view_words
from perp_bench.scene import MAKERS, MARKETS, SHOWN, TRADERS
from perp_bench.walk import Walker

LABELS = labels()
COMMON = [*(f"{name} mark" for name in MARKETS), "fund"]
WIDE = 887_200
NARROW = {"vETH": (73_200, 12), "vBTC": (103_000, 1)}  # middle tick, units of base
Record = Callable[[State, Action, Given, str | None, dict[str, list[int]]], None]


class Difference(AssertionError):
    """Chain and rule set disagree."""


@dataclass
class Tally:
    """What a walk met."""

    steps: int = 0
    numbers: int = 0
    near: int = 0  # liquidations asked for within a unit of USDC of the border
    partly: int = 0
    bad_debts: int = 0
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)


def start(contracts: dict[str, Any]) -> tuple[Deployed, State]:
    """Chain and rule set, with liquidity in every market."""
    at = deploy(contracts)
    deployed = Deployed(at)
    for action in opening():
        assert deployed.do(action) is None
    for name, (middle, base) in NARROW.items():
        deployed.provide("maker", name, 10**24, 2 * 10**25, -WIDE, WIDE)
        middle -= middle % 200
        deployed.provide("rim", name, base * 10**18, 10**26, middle - 1_000, middle + 1_000)
    return deployed, refreshed(deployed, opened({name: view_words(at, pool)[1] for name, pool in at.pools.items()}))


def refreshed(deployed: Deployed, state: State) -> State:
    """With the sums of the range orders as the chain has them now."""
    growth = {name: growth_now(state, name) for name in MARKETS}
    for user in MAKERS:
        state = figures.with_orders(state, user, deployed.pending_fee(user), deployed.pooled(user, growth))
    return state


def compare(
    contracts: dict[str, Any], seed: int, steps: int, record: Record | None = None, all_users: bool = False
) -> Tally:
    """Walk `steps` steps; `Difference` at the first number that is not equal.

    `all_users`: every account at every step; otherwise those that acted, another one, and all at every 20th step. What
    is recorded has no range orders in it, whose sums only the chain knows.
    """
    deployed, state = start(contracts)
    random, tally = Random(seed), Tally()
    walker = Walker(random, deployed.given, () if record else MAKERS)
    watch = Random(seed)
    while tally.steps < steps:
        action = walker.next(state)
        where = f"seed {seed}, step {tally.steps}: {action}"
        given = deployed.given(action)
        if action.user in MAKERS:
            state = refreshed(deployed, state)
        near = _near(state, action)
        after, ours = step(state, action, given)
        reason = deployed.do(action)
        if reason != ours:
            raise Difference(f"{where}: the chain says {reason}, the rule set {ours}")
        whole = all_users or tally.steps % 20 == 0
        shown = SHOWN if whole else {action.user, action.by, watch.choice(TRADERS)} & set(SHOWN)
        with deployed.passing():
            if whole or shown & set(MAKERS):
                after = refreshed(deployed, after)
            _same(where, COMMON, deployed.common(), common(after))
            found = {user: deployed.numbers(user) for user in shown}
        for user, chain in found.items():
            _same(f"{where}, {user}", LABELS, chain, numbers(after, user))
        if record:
            record(after, action, given, reason, {name: found[name] for name in found if name not in MAKERS})
        _count(tally, state, after, action, reason, near)
        tally.numbers += len(COMMON) + len(LABELS) * len(found)
        state = after
    return tally


def _same(where: str, names: list[str], chain: list[int], ours: list[int]) -> None:
    if chain != ours:
        wrong = [f"{n}: chain {a}, rule set {b}" for n, a, b in zip(names, chain, ours, strict=True) if a != b]
        raise Difference(f"{where}: " + "; ".join(wrong))


def _near(state: State, action: Action) -> bool:
    if action.kind != "liquidate":
        return False
    total = figures.model.figures(state.accounts[action.user], figures.market_of(state), figures.RULES)
    return abs(total.value - total.requirement(figures.RULES.mm_ratio)) <= 10**12


def _count(tally: Tally, before: State, after: State, action: Action, reason: str | None, near: bool) -> None:
    tally.steps += 1
    tally.near += near
    if reason:
        tally.refused[f"{action.kind}: {reason}"] += 1
        return
    tally.done[action.kind] += 1
    if action.kind == "liquidate":
        tally.partly += any(position.market == action.name for position in after.accounts[action.user].positions)
        tally.bad_debts += after.fund_balance < before.fund_balance

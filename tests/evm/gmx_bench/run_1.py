"""One walk on the chain and in the book, compared number by number."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from gmx_bench.market_1 import deploy
from gmx_bench.scene_1 import Action, World, labels, numbers, opening, scene, step
from gmx_bench.walk_1 import walk
from marginbook.venues.gmx import vault

MARGIN = ("losses", "fees exceed", "liquidation fees", "max leverage")


class Difference(AssertionError):
    """Chain and book disagree."""


@dataclass
class Tally:
    """What a walk met."""

    steps: int = 0
    numbers: int = 0
    closed: int = 0  # liquidations of state 2
    deleted: int = 0  # liquidations of state 1
    near: int = 0  # checks decided within two units of the border
    refused: Counter[str] = field(default_factory=Counter)


Record = Callable[[Action, str | None, list[int]], None]


def compare(contracts: dict[str, Any], seed: int, steps: int, record: Record | None = None) -> Tally:
    """Walk `steps` steps; `Difference` at the first number that is not equal."""
    random, world, tally, names = Random(seed), scene(seed), Tally(), labels()
    chain, waiting = deploy(contracts, world), opening()
    while tally.steps < steps:
        action = waiting.pop(0) if waiting else walk(random, world)
        where = f"seed {seed}, step {tally.steps}: {action}"
        try:
            after, predicted = step(world, action)
            ours = numbers(after)
        except AssertionError as wrong:
            raise Difference(f"{where}: {wrong}") from wrong
        reason = chain.do(action)
        if reason != predicted:
            raise Difference(f"{where}: the chain says {reason}, the book {predicted}")
        shown = chain.numbers()
        if shown != ours:
            wrong_ones = [f"{n}: chain {a}, book {b}" for n, a, b in zip(names, shown, ours, strict=True) if a != b]
            raise Difference(f"{where}: " + "; ".join(wrong_ones[:8]))
        _room(world, action, reason, where)
        _count(tally, world, action, reason, after)
        tally.numbers += len(shown)
        if record:
            record(action, reason, shown)
        world = after
    return tally


def _room(world: World, action: Action, reason: str | None, where: str) -> None:
    """Collateral alone comes out exactly as far as the book says that it may."""
    held = world.held(action) if action.kind == "decrease" and not action.size else None
    if held is None or action.taken <= vault.funding_fee(held, world.market, world.at):
        return
    allowed = action.taken <= vault.withdrawable(held, world.market, world.at)
    for_margin = reason is not None and reason.startswith((*MARGIN, "position collateral", "subtraction"))
    if allowed == for_margin:
        raise Difference(f"{where}: withdrawable {allowed}, the chain says {reason}")


def _count(tally: Tally, world: World, action: Action, reason: str | None, after: World) -> None:
    tally.steps += 1
    if reason:
        tally.refused[f"{action.kind}: {reason}"] += 1
    elif action.kind == "liquidate":
        held = world.held(action)
        assert held is not None
        state = vault.validate(held, world.market, world.at).state
        tally.closed += state == 2
        tally.deleted += state == 1
    for account in after.accounts.values():
        for held in vault.positions_of(account, after.parameters).values():
            found = vault.validate(held, after.market, after.at)
            unit = 2 * held.size // held.average + 2  # what two units of the price move
            tally.near += abs(found.remaining - found.demand) <= unit

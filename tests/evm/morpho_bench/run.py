"""One walk on the chain and in the model, compared number by number."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from morpho_bench.figures import SHOWN, Action, numbers, scene, step
from morpho_bench.market import deploy
from morpho_bench.walk import walk

LABELS = ["supply assets", "supply shares", "borrow assets", "borrow shares", "updated"]
LABELS += [f"{user} {name}" for user in SHOWN for name in ("supply shares", "borrow shares", "collateral")]


class Difference(AssertionError):
    """Chain and model disagree."""


@dataclass
class Tally:
    """What a walk met."""

    steps: int = 0
    numbers: int = 0
    seizures: int = 0  # liquidations by seized assets
    repayments: int = 0  # liquidations by repaid shares
    bad_debts: int = 0
    refused: Counter[str] = field(default_factory=Counter)


def compare(
    contracts: dict[str, Any], seed: int, steps: int, record: Callable[[Action, Any, list[int]], None] | None = None
) -> Tally:
    """Walk `steps` steps; `Difference` at the first number that is not equal."""
    random, m = Random(seed), scene(seed)
    deployed, tally = deploy(contracts, m), Tally()
    while tally.steps < steps:
        action = walk(random, m)
        chain_call, chain_reason = deployed.do(action)
        after, call, reason = step(m, action)
        where = f"seed {seed}, step {tally.steps}: {action}"
        if (chain_call, chain_reason) != (call, reason):
            raise Difference(f"{where}: the chain says {chain_call} {chain_reason}, the model {call} {reason}")
        chain, ours = deployed.numbers(), numbers(after)
        if chain != ours:
            wrong = [f"{n}: chain {a}, model {b}" for n, a, b in zip(LABELS, chain, ours, strict=True) if a != b]
            raise Difference(f"{where}: " + "; ".join(wrong))
        if record:
            record(action, reason or call, chain)
        _count(tally, action, reason, m.position(action.user).borrow_shares, after.totals.borrow_shares, m)
        tally.numbers += len(chain) + len(call or ())
        m = after
    return tally


def _count(tally: Tally, action: Action, reason: str | None, owed: int, left: int, before: Any) -> None:
    tally.steps += 1
    if reason:
        tally.refused[f"{action.kind}: {reason}"] += 1
    elif action.kind == "liquidate":
        tally.seizures += bool(action.assets)
        tally.repayments += bool(action.shares)
        burned = before.totals.borrow_shares - left
        tally.bad_debts += bool(action.shares) and burned > action.shares
        if action.assets == before.position(action.user).collateral:
            tally.bad_debts += burned == owed

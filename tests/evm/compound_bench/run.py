"""Model and contracts side by side."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any


class Difference(AssertionError):
    """The model and the contracts disagree."""


@dataclass
class Tally:
    """What a walk met."""

    steps: int = 0
    numbers: int = 0
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Bench:
    """One protocol: its start, its walks, its model and its contracts."""

    scene: Callable[[], Any]
    opening: Callable[[], Iterable[Any]]
    walk: Callable[[Random, Any], Any]
    step: Callable[[Any, Any], tuple[Any, Any, str | None]]
    model_numbers: Callable[[Any], list[int]]
    deploy: Callable[[dict[str, Any], Any], Any]


Record = Callable[[Any, str | None, list[int], Any], None]


def compare(bench: Bench, contracts: dict[str, Any], seed: int, steps: int, record: Record | None = None) -> Tally:
    """Walk, and compare every number and every refusal after every step; `Difference` at the first that differs."""
    random, pool, tally = Random(seed), bench.scene(), Tally()
    chain = bench.deploy(contracts, pool)
    waiting = list(bench.opening())
    for number in range(steps):
        action = waiting.pop(0) if waiting else bench.walk(random, pool)
        reason = chain.do(action, pool)
        pool, _, predicted = bench.step(pool, action)
        if predicted != reason:
            raise Difference(f"seed {seed}, step {number}, {action}: model {predicted}, contract {reason}")
        if reason is None:
            tally.done[action.kind] += 1
        else:
            tally.refused[f"{action.kind}: {reason}"] += 1
        found, expected = bench.model_numbers(pool), chain.numbers()
        tally.steps += 1
        tally.numbers += len(expected)
        if found != expected:
            wrong = [
                f"{label}: model {a}, contract {b}"
                for label, a, b in zip(chain.labels(), found, expected, strict=True)
                if a != b
            ]
            raise Difference(f"seed {seed}, step {number}, {action}: " + "; ".join(wrong[:6]))
        if record:
            record(action, reason, expected, pool)
    return tally

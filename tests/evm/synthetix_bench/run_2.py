"""Model and contracts of perps v2 side by side.

Run as `python tests/evm/synthetix_bench/run_2.py` for the full walks, seeds 1 to 8 of 2,000 steps.
"""

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from synthetix_bench.figures_2 import LABELS, near_border, numbers
from synthetix_bench.market_2 import deploy
from synthetix_bench.packages_2 import contracts as load
from synthetix_bench.scene_2 import Action, World, scene
from synthetix_bench.steps_2 import step
from synthetix_bench.walk_2 import walk


class Difference(AssertionError):
    """The model and the contracts disagree."""


@dataclass
class Tally:
    """What a walk met."""

    steps: int = 0
    numbers: int = 0
    near: int = 0  # decisions about positions within a hundred units of their border
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def liquidations(self) -> int:
        """Positions that were liquidated, by a keeper or an endorsed address."""
        return self.done["liquidate"] + self.done["force"]


Record = Callable[[Action, str | None, list[int], World], None]


def compare(contracts: dict[str, Any], seed: int, steps: int, record: Record | None = None) -> Tally:
    """Walk, and compare every number and every refusal after every step; `Difference` at the first that differs."""
    random, world, tally = Random(seed), scene(), Tally()
    chain = deploy(contracts, world)
    for number in range(steps):
        action = walk(random, world)
        reason = chain.do(action)
        world, predicted = step(world, action)
        where = f"seed {seed}, step {number}, {action}"
        if predicted != reason:
            raise Difference(f"{where}: model {predicted}, contracts {reason}")
        if reason is None:
            tally.done[action.kind] += 1
        else:
            tally.refused[f"{action.kind}: {reason}"] += 1
        found, expected = numbers(world), chain.numbers()
        tally.steps += 1
        tally.near += near_border(world)
        tally.numbers += len(expected)
        if found != expected:
            rows = zip(LABELS, found, expected, strict=True)
            wrong = [f"{label}: model {a}, contracts {b}" for label, a, b in rows if a != b]
            raise Difference(f"{where}: " + "; ".join(wrong[:6]))
        if record:
            record(action, reason, expected, world)
    return tally


def main(seeds: list[int]) -> None:
    """Print what every full walk met."""
    artifacts = load()
    for seed in seeds:
        tally = compare(artifacts, seed, 2_000)
        numbers = f"{tally.numbers} numbers, {tally.liquidations} liquidations, {tally.near} near the border"
        sys.stdout.write(f"seed {seed}: {tally.steps} steps, {numbers}\n{dict(tally.done)}\n{dict(tally.refused)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main([int(text) for text in sys.argv[1:]] or list(range(1, 9)))

"""Perps v2: what the contracts showed on a recorded walk, replayed through the rule set; then edges one unit apart."""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS / "evm"))

from synthetix_bench.figures_2 import LABELS, Action, Disagreement, numbers, scene, step  # noqa: E402
from synthetix_bench.mistakes_2 import MISTAKES, planted  # noqa: E402


@cache
def recorded() -> dict[str, Any]:
    return json.loads((TESTS / "vectors" / "synthetix" / "perps_v2.json").read_text())


def first_difference() -> str | None:
    """Replay the walk; what did not agree first, or None."""
    world, shown = scene(), [0] * len(LABELS)
    for i, (kind, user, market, amount, limit, reason, changes) in enumerate(recorded()["steps"]):
        action = Action(kind=kind, user=user, market=market, amount=amount, limit=limit)
        try:
            world, predicted = step(world, action)
            found = numbers(world)
        except Disagreement as found_out:
            return f"step {i}, {action}: {found_out}"
        if predicted != reason:
            return f"step {i}, {action}: recorded {reason}, model {predicted}"
        for place, value in zip(changes[::2], changes[1::2], strict=True):
            shown[place] = value
        if found != shown:
            wrong = [f"{n}: {a}, model {b}" for n, a, b in zip(LABELS, shown, found, strict=True) if a != b]
            return f"step {i}, {action}: " + "; ".join(wrong)
    return None


def test_every_number_that_the_contracts_showed_is_the_rule_set_s() -> None:
    steps = recorded()["steps"]
    assert recorded()["labels"] == LABELS
    assert len(steps) >= 700
    assert sum(row[0] in ("liquidate", "force") and row[5] is None for row in steps) >= 20
    assert len({(row[0], row[5]) for row in steps if row[5]}) >= 15
    assert first_difference() is None


@pytest.mark.parametrize("name", MISTAKES)
def test_one_planted_mistake_is_found(name: str) -> None:
    with planted(name):
        assert first_difference() is not None

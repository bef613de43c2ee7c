"""What GMX v2's libraries showed on recorded walks, replayed through the rule set: no EVM needed."""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS / "evm"))

from gmx_bench.figures_2 import model_numbers  # noqa: E402
from gmx_bench.mistakes_2 import MISTAKES, planted  # noqa: E402
from gmx_bench.model_2 import KEYS, Action, opening, step  # noqa: E402
from gmx_bench.scene_2 import scene  # noqa: E402


@cache
def recorded() -> dict[str, Any]:
    return json.loads((TESTS / "vectors" / "gmx" / "synthetics_v2.json").read_text())


def first_difference() -> str | None:
    """Replay every walk; what did not agree first, or None."""
    labels = recorded()["labels"]
    for walk in recorded()["walks"]:
        state, shown = opening(scene(walk["seed"])), [0] * len(labels)
        for number, (kind, key, size, amount, token, refused, changes) in enumerate(walk["steps"]):
            place = f"seed {walk['seed']}, step {number}: "
            named = KEYS[key] if key >= 0 else ("", "", "")
            action = Action(kind=kind, key=named, size=size, amount=amount, token=token)
            try:
                state, _, reason = step(state, action)
            except AssertionError as problem:
                return f"{place}{problem}"
            if reason != refused:
                return f"{place}{refused}, model {reason}"
            for where, value in zip(changes[::2], changes[1::2], strict=True):
                shown[where] = value
            for name, ours, theirs in zip(labels, model_numbers(state), shown, strict=True):
                if ours != theirs:
                    return f"{place}{name} {theirs}, model {ours}"
    return None


def test_every_number_that_the_libraries_showed_is_the_rule_set_s() -> None:
    steps = [row for walk in recorded()["walks"] for row in walk["steps"]]
    assert len(steps) >= 300
    assert sum(row[0] == "liquidate" and row[5] is None for row in steps) >= 15
    assert first_difference() is None


@pytest.mark.parametrize("name", MISTAKES)
def test_one_planted_mistake_is_found(name: str) -> None:
    with planted(name):
        assert first_difference() is not None

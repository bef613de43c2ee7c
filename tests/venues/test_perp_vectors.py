"""What Perpetual Protocol's contracts showed on recorded walks, replayed through the rule set: no EVM needed."""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS / "evm"))

from perp_bench.figures import Action, Given, State, numbers, opened, step  # noqa: E402
from perp_bench.mistakes import MISTAKES, planted  # noqa: E402


@cache
def recorded() -> dict[str, Any]:
    return json.loads((TESTS / "vectors" / "perp" / "walks.json").read_text())


@cache
def start() -> State:
    return opened(recorded()["ticks"])


def first_difference() -> str | None:
    """Replay every walk; what did not agree first, or None."""
    for walk in recorded()["walks"]:
        state = start()
        shown: dict[str, list[int]] = {}
        for i, (action, given, outcome, found) in enumerate(walk["steps"]):
            where = f"seed {walk['seed']}, step {i}: {action}"
            try:
                state, reason = step(state, Action(*action), Given(*given))
            except AssertionError:
                return f"{where}: the plan says something else"
            if outcome != reason:
                return f"{where}: recorded {outcome}, rule set {reason}"
            for user, changes in found.items():
                known = shown.setdefault(user, [0] * len(recorded()["labels"]))
                for place, value in zip(changes[::2], changes[1::2], strict=True):
                    known[place] = value
                if numbers(state, user) != known:
                    return f"{where}: {user}"
    return None


def test_every_number_that_the_contracts_showed_is_the_rule_set_s() -> None:
    assert sum(len(walk["steps"]) for walk in recorded()["walks"]) >= 400
    assert first_difference() is None


@pytest.mark.parametrize("name", MISTAKES)
def test_one_planted_mistake_is_found(name: str) -> None:
    with planted(name):
        assert first_difference() is not None

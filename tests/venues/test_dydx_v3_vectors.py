"""What dYdX v3's circuit showed on recorded walks, replayed through the rule set: no Cairo needed."""

import json
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS / "evm"))

from starkex_bench.changes import Change, answer  # noqa: E402
from starkex_bench.figures import Action, numbers, planned, scene, step  # noqa: E402
from starkex_bench.mistakes import MISTAKES, planted  # noqa: E402


@cache
def recorded() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((TESTS / "vectors" / "dydx" / "starkex.json").read_text())
    return found


def first_difference() -> str | None:
    """Replay everything; what did not agree first, or None."""
    try:
        return difference_of_changes() or difference_of_walks()
    except AssertionError as refused:
        return str(refused)


def difference_of_changes() -> str | None:
    """Of the changes asked directly."""
    for part in recorded()["changes"]:
        start = scene(part["seed"])
        for number, (prices, before, after, code) in enumerate(part["rows"]):
            change = Change(tuple(before), tuple(after))
            if answer(replace(start, prices=prices, cells={}), change) != code:
                return f"seed {part['seed']}, change {number}: {change}: recorded {code}"
    return None


def difference_of_walks() -> str | None:
    """Of the transactions."""
    for walk in recorded()["walks"]:
        model = scene(walk["seed"])
        for i, (row, refused, shown) in enumerate(walk["steps"]):
            action, where = Action(*row), f"seed {walk['seed']}, step {i}"
            if action.plan is not None:
                market, size, received = planned(model, action.user) or ("", 0, 0)
                if (market, size, abs(received + action.plan)) != (action.market, action.amount, action.collateral):
                    return f"{where}: recorded {action}, the plan is {size} {market} for {received}"
            model, reason = step(model, action)
            if reason != refused:
                return f"{where}: recorded {refused}, model {reason}"
            for user, expected in shown.items():
                if numbers(model, user) != expected:
                    return f"{where}: {user}: recorded {expected}, model {numbers(model, user)}"
    return None


def test_every_number_that_the_circuit_showed_is_the_model_s() -> None:
    assert sum(len(walk["steps"]) for walk in recorded()["walks"]) >= 550
    assert sum(len(part["rows"]) for part in recorded()["changes"]) >= 300
    assert first_difference() is None


@pytest.mark.parametrize("name", MISTAKES)
def test_one_planted_mistake_is_found(name: str) -> None:
    with planted(name):
        assert first_difference() is not None

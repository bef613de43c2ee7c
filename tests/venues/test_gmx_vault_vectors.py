"""What the vault of GMX v1 showed on recorded walks, replayed through events of a book: no EVM needed."""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS / "evm"))

from gmx_bench.mistakes_1 import MISTAKES, planted  # noqa: E402
from gmx_bench.scene_1 import Action, labels, numbers, scene, step  # noqa: E402


@cache
def recorded() -> list[dict[str, Any]]:
    return json.loads((TESTS / "vectors" / "gmx" / "vault_v1.json").read_text())["walks"]


def first_difference() -> str | None:
    """Replay every walk; what did not agree first, or None."""
    for walk in recorded():
        world, shown = scene(walk["seed"]), [0] * len(labels())
        for i, (*terms, outcome, changes) in enumerate(walk["steps"]):
            where, action = f"seed {walk['seed']}, step {i}", Action(*terms)
            try:
                world, reason = step(world, action)
                found = numbers(world)
            except AssertionError as wrong:
                return f"{where}: {wrong}"
            if outcome != reason:
                return f"{where}: recorded {outcome}, ours {reason}"
            for place, value in zip(changes[::2], changes[1::2], strict=True):
                shown[place] = value
            if found != shown:
                return f"{where}: " + str([n for n, a, b in zip(labels(), shown, found, strict=True) if a != b][:5])
    return None


def test_events_of_a_book_give_every_number_that_the_vault_showed() -> None:
    outcomes = [step[0] for walk in recorded() for step in walk["steps"] if step[-2] is None]
    assert sum(len(walk["steps"]) for walk in recorded()) >= 400
    assert outcomes.count("liquidate") >= 20
    assert first_difference() is None


@pytest.mark.parametrize("name", MISTAKES)
def test_planted_mistakes_are_found(name: str) -> None:
    with planted(name):
        assert first_difference() is not None

"""What Morpho Blue's contract showed on recorded walks, replayed through the model: no EVM needed."""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from marginbook.venues.morpho.adaptive_curve import borrow_rate

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS / "evm"))

from morpho_bench.figures import Action, numbers, scene, step  # noqa: E402
from morpho_bench.mistakes import MISTAKES, planted  # noqa: E402


@cache
def recorded() -> list[dict[str, Any]]:
    return json.loads((TESTS / "vectors" / "morpho" / "blue.json").read_text())["walks"]


def first_difference() -> str | None:
    """Replay every walk; what did not agree first, or None."""
    for walk in recorded():
        m = scene(walk["seed"])
        shown = numbers(m)
        for i, (kind, user, assets, shares, outcome, changes) in enumerate(walk["steps"]):
            m, call, reason = step(m, Action(kind, user, assets, shares))
            if outcome != (reason or call):
                return f"seed {walk['seed']}, step {i}: recorded {outcome}, model {reason or call}"
            for place, value in zip(changes[::2], changes[1::2], strict=True):
                shown[place] = value
            if numbers(m) != shown:
                return f"seed {walk['seed']}, step {i}: recorded {shown}, model {numbers(m)}"
    return None


def test_every_number_that_the_contract_showed_is_the_model_s() -> None:
    assert sum(len(walk["steps"]) for walk in recorded()) >= 2_000
    assert first_difference() is None


def test_rates_are_those_that_the_rate_model_s_contract_returned() -> None:
    cases = json.loads((TESTS / "vectors" / "morpho" / "adaptive_curve.json").read_text())["cases"]
    assert len(cases) >= 80
    for borrowed, supplied, before, elapsed, mean, after in cases:
        assert borrow_rate(borrowed, supplied, before, elapsed) == (mean, after)


@pytest.mark.parametrize("name", MISTAKES)
def test_one_planted_mistake_is_found(name: str) -> None:
    with planted(name):
        assert first_difference() is not None

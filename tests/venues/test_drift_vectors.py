"""What Drift's own SDK answered, replayed through the rule set: no node needed."""

import json
import sys
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS / "evm"))

from drift_bench.figures import DEVIATIONS, as_the_sdk, case, is_liquidatable, sums  # noqa: E402
from drift_bench.mistakes import MISTAKES, planted  # noqa: E402
from drift_bench.questions import question  # noqa: E402


@cache
def recorded() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((TESTS / "vectors" / "drift" / "sdk.json").read_text())
    return found


@cache
def drawn() -> tuple[Any, tuple[object, ...]]:
    """The accounts that the seed draws, and how it goes on."""
    random = Random(recorded()["seed"])
    cases = [case(random) for _ in recorded()["accounts"]]
    return cases, random.getstate()


def first_difference() -> str | None:
    """What did not agree first, or None."""
    cases, state = drawn()
    for number, (found, (liquidatable, shown)) in enumerate(zip(cases, recorded()["accounts"], strict=True)):
        with as_the_sdk():
            if (sums(found), is_liquidatable(found)) != (shown, liquidatable):
                return f"account {number}: recorded {liquidatable} {shown}, model {sums(found)}"
    random = Random()
    random.setstate(state)
    for number, (kind, given, answer) in enumerate(recorded()["sums"]):
        asked, ours = question(random)
        if (asked, ours) != ({"ask": kind, "given": given}, answer):
            return f"sum {number}: {asked}: recorded {answer}, model {ours}"
    return None


def test_every_number_that_the_sdk_showed_is_the_model_s() -> None:
    drawn()
    assert (len(recorded()["accounts"]), len(recorded()["sums"])) == (150, 400)
    assert first_difference() is None


@pytest.mark.parametrize("name", MISTAKES)
def test_one_planted_mistake_is_found(name: str) -> None:
    drawn()
    with planted(name):
        assert first_difference() is not None


@pytest.mark.parametrize("name", DEVIATIONS)
def test_what_the_sdk_does_otherwise_is_seen(name: str) -> None:
    cases, _ = drawn()
    with as_the_sdk(name):
        assert any(sums(found) != shown for found, (_, shown) in zip(cases, recorded()["accounts"], strict=True))

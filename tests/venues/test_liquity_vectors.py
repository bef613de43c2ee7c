"""What the contracts of liquity/dev showed on recorded walks, replayed through the rule set: no EVM needed."""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS / "evm"))

from liquity_bench.events import as_event  # noqa: E402
from liquity_bench.mistakes import MISTAKES, planted  # noqa: E402
from liquity_bench.scene import LABELS, Model, empty  # noqa: E402


@cache
def recorded() -> list[dict[str, Any]]:
    return json.loads((TESTS / "vectors" / "liquity" / "v1.json").read_text())["walks"]


def first_difference() -> str | None:
    for walk in recorded():
        model, shown = Model(empty(walk["price"])), [0] * len(LABELS)
        for place, (kind, who, numbers, refusal, changes) in enumerate(walk["steps"]):
            try:
                said = model.do(kind, who, *numbers)
                ours = model.numbers()
            except (ArithmeticError, AssertionError) as error:
                return f"step {place} {kind}: {error}"
            if said != refusal:
                return f"step {place} {kind} {who}: {said}, the contracts {refusal}"
            for label, value in zip(changes[::2], changes[1::2], strict=True):
                shown[label] = value
            for label, theirs, our in zip(LABELS, shown, ours, strict=True):
                if theirs != our:
                    return f"step {place} {kind} {who}: {label} {our}, the contracts {theirs}"
    return None


def test_every_number_that_the_contracts_showed_is_the_model_s() -> None:
    steps = [step for walk in recorded() for step in walk["steps"]]
    done = {step[0] for step in steps if step[3] is None}
    assert {"open", "adjust", "close", "liquidate", "batch", "sequence", "redeem", "provide", "withdraw"} <= done
    assert len({step[3] for step in steps}) >= 15
    assert first_difference() is None


def test_events_of_a_book_move_trove_and_system_as_the_contracts_were_moved() -> None:
    done = refused = 0
    for walk in recorded():
        model = Model(empty(walk["price"]))
        for kind, who, numbers, refusal, _ in walk["steps"]:
            before = model.system
            model.do(kind, who, *numbers)
            taken, wrong = as_event(before, model.system, (kind, who, numbers), refusal)
            assert wrong is None, (kind, who, numbers)
            done += taken and refusal is None
            refused += taken and refusal is not None
    assert done >= 200
    assert refused >= 50


@pytest.mark.parametrize("name", MISTAKES)
def test_one_planted_mistake_is_found(name: str) -> None:
    with planted(name):
        assert first_difference() is not None

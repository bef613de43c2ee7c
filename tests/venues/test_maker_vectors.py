"""What the contracts of makerdao/dss showed on recorded walks, replayed through the rule set: no EVM needed."""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS / "evm"))

from maker_bench.events import as_event  # noqa: E402
from maker_bench.mistakes import MISTAKES, planted  # noqa: E402
from maker_bench.scene import system  # noqa: E402


@cache
def recorded() -> list[dict[str, Any]]:
    return json.loads((TESTS / "vectors" / "maker" / "dss.json").read_text())["walks"]


def first_difference() -> str | None:
    for walk in recorded():
        model, shown = system(walk["seed"]), {}
        for place, (kind, whom, numbers, refusal, changes) in enumerate(walk["steps"]):
            said = model.do((kind, whom, numbers))
            if said != refusal:
                return f"step {place} {kind} {whom}: {said}, the contracts {refusal}"
            shown = {label: value for label, value in {**shown, **changes}.items() if value is not None}
            ours = model.numbers()
            if ours != shown:
                wrong = [label for label in {**ours, **shown} if ours.get(label) != shown.get(label)]
                return f"step {place} {kind} {whom}: {wrong}"
    return None


def test_every_number_that_the_contracts_showed_is_the_model_s() -> None:
    steps = [step for walk in recorded() for step in walk["steps"]]
    done = {step[0] for step in steps if step[3] is None}
    assert {"frob", "draw", "bark", "take", "redo", "drip", "move", "file"} <= done
    assert len({step[3] for step in steps}) >= 12
    assert first_difference() is None


def test_events_of_a_book_move_a_vault_as_the_contracts_were_moved() -> None:
    done = refused = 0
    for walk in recorded():
        model = system(walk["seed"])
        for kind, whom, numbers, refusal, _ in walk["steps"]:
            check = as_event(model, (kind, whom, numbers), refusal)
            model.do((kind, whom, numbers))
            if check:
                taken, wrong = check(model)
                assert wrong is None, (kind, whom, numbers)
                done += taken and refusal is None
                refused += taken and refusal is not None
    assert done >= 100
    assert refused >= 100


@pytest.mark.parametrize("name", MISTAKES)
def test_one_planted_mistake_is_found(name: str) -> None:
    with planted(name):
        assert first_difference() is not None

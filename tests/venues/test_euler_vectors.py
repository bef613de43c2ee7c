"""What the contracts of the Euler vault kit showed on recorded walks, replayed through the rule set: no EVM needed."""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS / "evm"))

from euler_bench.events import as_event  # noqa: E402
from euler_bench.mistakes import MISTAKES, planted  # noqa: E402
from euler_bench.scene import LABELS, Model, scene  # noqa: E402


@cache
def recorded() -> list[dict[str, Any]]:
    return json.loads((TESTS / "vectors" / "euler" / "evk.json").read_text())["walks"]


def first_difference() -> str | None:
    for walk in recorded():
        model, shown, steps = Model(scene(walk["seed"])), [0] * len(LABELS), walk["steps"]
        for place, (kind, who, numbers, refusal, changes) in enumerate(steps):
            for label, value in zip(changes[::2], changes[1::2], strict=True):
                shown[label] = value
            try:
                said = model.do((kind, who, numbers))
                stated = place + 1 < len(steps) and steps[place + 1][0] == "totals"
                ours = shown if stated else model.numbers()
            except ArithmeticError as error:
                return f"step {place} {kind}: {error}"
            if said != refusal:
                return f"step {place} {kind} {who}: {said}, the contracts {refusal}"
            for label, theirs, our in zip(LABELS, shown, ours, strict=True):
                if theirs != our:
                    return f"step {place} {kind} {who}: {label} {our}, the contracts {theirs}"
    return None


def test_every_number_that_the_contracts_showed_is_the_model_s() -> None:
    steps = [step for walk in recorded() for step in walk["steps"]]
    done = {step[0] for step in steps if step[3] is None}
    assert {"wait", "price", "totals", "ltv", "supply", "withdraw", "redeem", "borrow", "repay", "liquidate"} == done
    assert {"E_AccountLiquidity", "E_LiquidationCoolOff", "E_ExcessiveRepayAmount"} <= {step[3] for step in steps}
    assert first_difference() is None


def test_events_of_a_book_move_an_account_as_the_contracts_were_moved() -> None:
    done = refused = 0
    for walk in recorded():
        model = Model(scene(walk["seed"]))
        for kind, who, numbers, refusal, _ in walk["steps"]:
            check = as_event(model, (kind, who, numbers), refusal)
            model.do((kind, who, numbers))
            if check:
                assert check(model) is None, (kind, who, numbers)
                done += refusal is None
                refused += refusal is not None
    assert done >= 300
    assert refused >= 50


@pytest.mark.parametrize("name", MISTAKES)
def test_one_planted_mistake_is_found(name: str) -> None:
    with planted(name):
        assert first_difference() is not None

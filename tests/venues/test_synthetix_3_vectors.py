"""What the contracts of perps v3 showed on recorded walks, replayed through the model: no EVM needed."""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS / "evm"))

from synthetix_bench.figures_3 import model_numbers  # noqa: E402
from synthetix_bench.mistakes_3 import MISTAKES  # noqa: E402
from synthetix_bench.pool_3 import Action, step  # noqa: E402
from synthetix_bench.scene_3 import scene  # noqa: E402


@cache
def recorded() -> dict[str, list[Any]]:
    walks: dict[str, list[Any]] = json.loads((TESTS / "vectors" / "synthetix" / "perps_v3_walks.json").read_text())[
        "walks"
    ]
    return walks


def first_difference() -> str | None:
    """Replay every walk; what did not agree first, or None."""
    for seed, steps in recorded().items():
        pool = scene(int(seed))
        shown = model_numbers(pool)
        for i, (kind, user, asset, amount, price, outcome, changes) in enumerate(steps):
            pool, returned, reason = step(pool, Action(kind, user, asset, amount, price))
            if outcome != (reason or returned):
                return f"seed {seed}, step {i}: recorded {outcome}, model {reason or returned}"
            for place, value in zip(changes[::2], changes[1::2], strict=True):
                shown[place] = value
            if model_numbers(pool) != shown:
                return f"seed {seed}, step {i}: {kind}"
    return None


def test_every_number_that_the_contracts_showed_is_the_model_s() -> None:
    assert sum(map(len, recorded().values())) >= 400
    assert first_difference() is None


@pytest.mark.parametrize("name", MISTAKES)
def test_one_planted_mistake_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*MISTAKES[name], raising=False)
    assert first_difference() is not None

"""The model against Aave's own contracts: every number of every user and reserve, at every step."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from aave_bench.mistakes import MISTAKES
from aave_bench.packages import compiled_3_6, core_3_0, protocol_2
from aave_bench.run import Difference, Tally, compare

from marginbook.venues.aave_v3.versions import AAVE_2, AAVE_3_0, AAVE_3_6, Version

pytestmark = pytest.mark.evm

SEEDS = range(1, 9)
STEPS = 2_000


RUN = {"2": (AAVE_2, protocol_2), "3.0": (AAVE_3_0, core_3_0), "3.6": (AAVE_3_6, compiled_3_6)}
"""Versions whose contracts are on npm."""


@pytest.fixture(scope="module")
def contracts(need: Any) -> Callable[[str], dict[str, Any]]:
    """Version -> its contracts by name, installed and compiled once."""
    return cache(lambda name: need(RUN[name][1]))


def check(tally: Tally, version: Version) -> None:
    """The walk met what it is there for."""
    assert tally.steps >= STEPS
    assert tally.liquidations >= 20
    assert tally.same_asset >= 3
    assert len(tally.refused) >= 15
    if version.position_close_factor:
        assert tally.write_offs >= 2
        assert tally.refused["liquidate: MustNotLeaveDust"] >= 5


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", RUN)
def test_the_model_equals_the_contracts_step_by_step(
    name: str, seed: int, contracts: Callable[[str], dict[str, Any]]
) -> None:
    check(compare(RUN[name][0], contracts(name), seed, STEPS), RUN[name][0])


def compare_all(version: Version, contracts: dict[str, Any], planted: Version) -> None:
    """Every seed in turn."""
    for seed in SEEDS:
        compare(version, contracts, seed, STEPS, model=planted)


@pytest.mark.parametrize("name", [name for name, (version, _) in MISTAKES.items() if version.name in RUN])
def test_planted_mistakes_are_found(name: str, contracts: Callable[[str], dict[str, Any]]) -> None:
    version, changes = MISTAKES[name]
    with pytest.raises(Difference):
        compare_all(version, contracts(version.name), replace(version, **changes))

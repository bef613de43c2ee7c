"""The model against Aave's own contracts: every number of every user and reserve, at every step."""

from dataclasses import replace
from typing import Any

import pytest
from aave_bench.mistakes import MISTAKES
from aave_bench.packages import compiled_3_6, core_3_0
from aave_bench.run import Difference, Tally, compare

from marginbook.venues.aave_v3.versions import AAVE_3_0, AAVE_3_6, Version

pytestmark = pytest.mark.evm

SEEDS = range(1, 9)
STEPS = 2_000


@pytest.fixture(scope="module")
def contracts_3_0(need: Any) -> dict[str, Any]:
    """Name -> artifact of the 3.0 package."""
    return need(core_3_0)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def contracts_3_6(need: Any) -> dict[str, Any]:
    """Name -> artifact of 3.6, compiled once."""
    return need(compiled_3_6)  # type: ignore[no-any-return]


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
def test_3_0_equals_the_contracts_step_by_step(seed: int, contracts_3_0: dict[str, Any]) -> None:
    check(compare(AAVE_3_0, contracts_3_0, seed, STEPS), AAVE_3_0)


@pytest.mark.parametrize("seed", SEEDS)
def test_3_6_equals_the_contracts_step_by_step(seed: int, contracts_3_6: dict[str, Any]) -> None:
    check(compare(AAVE_3_6, contracts_3_6, seed, STEPS), AAVE_3_6)


def compare_all(version: Version, contracts: dict[str, Any], planted: Version) -> None:
    """Every seed in turn."""
    for seed in SEEDS:
        compare(version, contracts, seed, STEPS, model=planted)


@pytest.mark.parametrize("name", MISTAKES)
def test_planted_mistakes_are_found(name: str, contracts_3_0: dict[str, Any], contracts_3_6: dict[str, Any]) -> None:
    version, changes = MISTAKES[name]
    contracts = contracts_3_6 if version.tracked_cash else contracts_3_0
    planted = replace(version, **changes)
    with pytest.raises(Difference):
        compare_all(version, contracts, planted)

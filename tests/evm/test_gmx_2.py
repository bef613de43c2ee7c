"""The rule set against GMX v2's own libraries: every number of the market and its positions, at every step."""

from typing import Any

import pytest
from compound_bench.run import Difference, compare
from gmx_bench.mistakes_2 import MISTAKES, planted
from gmx_bench.packages_2 import contracts as load
from gmx_bench.run_2 import bench

pytestmark = [pytest.mark.evm, pytest.mark.checkout("MARGINBOOK_GMX_2")]

SEEDS = range(1, 9)
STEPS = 2_000


@pytest.fixture(scope="module")
def contracts(need: Any) -> dict[str, Any]:
    """Name -> artifact, compiled once."""
    return need(load)  # type: ignore[no-any-return]


@pytest.mark.parametrize("seed", SEEDS)
def test_2_equals_the_libraries_step_by_step(seed: int, contracts: dict[str, Any]) -> None:
    tally = compare(bench(seed), contracts, seed, STEPS)
    assert tally.steps == STEPS
    assert tally.done["liquidate"] >= 80
    assert tally.done["decrease"] >= 100
    assert len(tally.refused) >= 8


def compare_all(contracts: dict[str, Any]) -> None:
    """The first steps of every seed, which is where the mistakes are seen."""
    for seed in SEEDS:
        compare(bench(seed), contracts, seed, 100)


@pytest.mark.parametrize("name", MISTAKES)
def test_planted_mistakes_are_found(name: str, contracts: dict[str, Any]) -> None:
    with planted(name), pytest.raises((Difference, AssertionError)):
        compare_all(contracts)

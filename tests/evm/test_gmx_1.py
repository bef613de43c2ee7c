"""The rule set against GMX's own vault: every number of the pool and of every position, at every step."""

from typing import Any

import pytest
from gmx_bench.mistakes_1 import MISTAKES, planted
from gmx_bench.packages_1 import contracts as load
from gmx_bench.run_1 import Difference, compare

pytestmark = [pytest.mark.evm, pytest.mark.checkout("MARGINBOOK_GMX_1")]

SEEDS = range(1, 9)
STEPS = 2_000


@pytest.fixture(scope="module")
def contracts(need: Any) -> dict[str, Any]:
    """Name -> artifact, compiled once."""
    return need(load)  # type: ignore[no-any-return]


@pytest.mark.parametrize("seed", SEEDS)
def test_1_equals_the_vault_step_by_step(seed: int, contracts: dict[str, Any]) -> None:
    tally = compare(contracts, seed, STEPS)
    assert tally.steps == STEPS
    assert tally.closed >= 50
    assert tally.deleted >= 20
    assert tally.near >= 100
    assert len(tally.refused) >= 12


def compare_all(contracts: dict[str, Any]) -> None:
    """Every seed in turn."""
    for seed in SEEDS:
        compare(contracts, seed, STEPS)


@pytest.mark.parametrize("name", MISTAKES)
def test_planted_mistakes_are_found(name: str, contracts: dict[str, Any]) -> None:
    with planted(name), pytest.raises(Difference):
        compare_all(contracts)

"""The model against Morpho Blue's own contract: every number of every user, at every step."""

from typing import Any

import pytest
from morpho_bench.mistakes import MISTAKES, planted
from morpho_bench.packages import contracts as load
from morpho_bench.run import Difference, compare

pytestmark = pytest.mark.evm

SEEDS = range(1, 9)
STEPS = 2_000


@pytest.fixture(scope="module")
def contracts(need: Any) -> dict[str, Any]:
    """Name -> artifact, compiled once."""
    return need(load)  # type: ignore[no-any-return]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_model_equals_the_contract_step_by_step(seed: int, contracts: dict[str, Any]) -> None:
    tally = compare(contracts, seed, STEPS)
    assert tally.steps >= STEPS
    assert tally.seizures >= 20
    assert tally.repayments >= 20
    assert tally.bad_debts >= 1
    assert len(tally.refused) >= 10


def compare_all(contracts: dict[str, Any]) -> None:
    """Every seed in turn."""
    for seed in SEEDS:
        compare(contracts, seed, STEPS)


@pytest.mark.parametrize("name", MISTAKES)
def test_planted_mistakes_are_found(name: str, contracts: dict[str, Any]) -> None:
    with planted(name), pytest.raises(Difference):
        compare_all(contracts)

"""The rule set against the contracts of the Euler vault kit: every number of every account, at every step."""

from typing import Any

import pytest
from euler_bench.mistakes import MISTAKES, planted
from euler_bench.packages import contracts as load
from euler_bench.run import Difference, compare

pytestmark = [pytest.mark.evm, pytest.mark.checkout("MARGINBOOK_EULER")]

SEEDS = range(1, 9)
STEPS = 2_000


@pytest.fixture(scope="module")
def contracts(need: Any) -> dict[str, Any]:
    """Name -> artifact, compiled once."""
    return need(load)  # type: ignore[no-any-return]


@pytest.mark.parametrize("seed", SEEDS)
def test_2_equals_the_contracts_step_by_step(seed: int, contracts: dict[str, Any]) -> None:
    tally = compare(contracts, seed, STEPS)
    assert tally.steps == STEPS
    assert tally.done["liquidate"] >= 50
    assert tally.near >= 70
    assert tally.planned >= 40
    assert tally.events >= 500
    assert len(tally.refused) >= 8


def compare_all(contracts: dict[str, Any]) -> None:
    """Every seed in turn, first one with debts of dust that lose all their collateral."""
    for seed in (11, *SEEDS):
        compare(contracts, seed, STEPS)


@pytest.mark.parametrize("name", MISTAKES)
def test_planted_mistakes_are_found(name: str, contracts: dict[str, Any]) -> None:
    with planted(name), pytest.raises(Difference):
        compare_all(contracts)

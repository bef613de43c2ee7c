"""The rule set against Liquity's own contracts: every number of every trove, deposit and pool, at every step."""

from typing import Any

import pytest
from liquity_bench.mistakes import MISTAKES, planted
from liquity_bench.packages import contracts as load
from liquity_bench.run import Difference, compare

pytestmark = [pytest.mark.evm, pytest.mark.checkout("MARGINBOOK_LIQUITY_1")]

SEEDS = range(1, 9)
STEPS = 2_000


@pytest.fixture(scope="module")
def contracts(need: Any) -> dict[str, Any]:
    """Name -> artifact, compiled once."""
    return need(load)  # type: ignore[no-any-return]


@pytest.mark.parametrize("seed", SEEDS)
def test_1_equals_the_contracts_step_by_step(seed: int, contracts: dict[str, Any]) -> None:
    tally = compare(contracts, seed, STEPS)
    assert tally.steps == STEPS
    assert min(tally.troves[kind] for kind in ("liquidate", "batch", "sequence", "redeem")) >= 5
    assert tally.near >= 100
    assert tally.events >= 400
    assert len(tally.refused) >= 15


def compare_all(contracts: dict[str, Any]) -> None:
    """Every seed in turn."""
    for seed in SEEDS:
        compare(contracts, seed, STEPS)


@pytest.mark.parametrize("name", MISTAKES)
def test_planted_mistakes_are_found(name: str, contracts: dict[str, Any]) -> None:
    with planted(name), pytest.raises(Difference):
        compare_all(contracts)

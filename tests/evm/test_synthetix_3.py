"""Perps v3 against the venue's own contracts: every number of markets and accounts, at every step.

The full walks, 2,000 steps of each seed: `python tests/evm/synthetix_bench/run_3.py`.
"""

from typing import Any

import pytest
from synthetix_bench.mistakes_3 import MISTAKES
from synthetix_bench.packages_3 import contracts as load
from synthetix_bench.run_3 import Difference, compare

pytestmark = pytest.mark.evm

SEEDS = range(1, 6)
STEPS = 120


@pytest.fixture(scope="module")
def contracts(need: Any) -> dict[str, Any]:
    """Name -> artifact of the modules at one address and of what stands around them."""
    return need(load)  # type: ignore[no-any-return]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_model_equals_the_contracts_step_by_step(seed: int, contracts: dict[str, Any]) -> None:
    tally = compare(contracts, seed, STEPS)
    assert tally.steps == STEPS
    assert tally.done["settle"] >= 3
    assert len(tally.refused) >= 6


def compare_all(contracts: dict[str, Any]) -> None:
    """Every seed in turn."""
    for seed in SEEDS:
        compare(contracts, seed, STEPS)


@pytest.mark.parametrize("name", ["profits to the nearest unit", "liquidatable at equality"])
def test_planted_mistakes_are_found(name: str, contracts: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*MISTAKES[name], raising=False)
    with pytest.raises(Difference):
        compare_all(contracts)

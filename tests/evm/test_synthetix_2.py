"""The rule set of perps v2 against the venue's own contracts: every number of every account, at every step."""

from typing import Any

import pytest
from synthetix_bench.packages_2 import contracts as load
from synthetix_bench.run_2 import compare

pytestmark = pytest.mark.evm

SEEDS, STEPS = range(1, 4), 400
"""The full walks are seeds 1 to 8 of 2,000 steps: `python tests/evm/synthetix_bench/run_2.py`. The planted mistakes are
found in the recorded walk already (tests/venues/test_synthetix_2.py)."""


@pytest.fixture(scope="module")
def contracts(need: Any) -> dict[str, Any]:
    """Name -> artifact, compiled once."""
    return need(load)  # type: ignore[no-any-return]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_rule_set_equals_the_contracts_step_by_step(seed: int, contracts: dict[str, Any]) -> None:
    tally = compare(contracts, seed, STEPS)
    assert tally.steps == STEPS
    assert tally.liquidations >= 10
    assert tally.near >= 20
    assert len(tally.refused) >= 12

"""The rule set against Perpetual Protocol v2's own contracts: every number of every account shown, at every step."""

from typing import Any

import pytest
from perp_bench.packages import contracts as load
from perp_bench.run import compare

pytestmark = pytest.mark.evm

SEEDS = range(1, 5)
STEPS = 250


@pytest.fixture(scope="module")
def contracts(need: Any) -> dict[str, Any]:
    """Name -> artifact."""
    return need(load)  # type: ignore[no-any-return]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_rule_set_equals_the_contracts_step_by_step(seed: int, contracts: dict[str, Any]) -> None:
    tally = compare(contracts, seed, STEPS, all_users=False)
    assert tally.steps == STEPS
    assert tally.done["liquidate"] >= 5
    assert tally.near >= 5
    assert len(tally.refused) >= 5

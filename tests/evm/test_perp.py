"""The rule set against Perpetual Protocol v2's own contracts: every number of the accounts shown, at every step.

2,000 steps of each seed were run once; the numbers met are on the venue's page.
"""

from typing import Any

import pytest
from perp_bench.packages import contracts as load
from perp_bench.run import compare

pytestmark = pytest.mark.evm

SEEDS = range(1, 5)
STEPS = 400


@pytest.fixture(scope="module")
def contracts(need: Any) -> dict[str, Any]:
    """Name -> artifact."""
    return need(load)  # type: ignore[no-any-return]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_rule_set_equals_the_contracts_step_by_step(seed: int, contracts: dict[str, Any]) -> None:
    tally = compare(contracts, seed, STEPS)
    assert tally.steps == STEPS
    assert tally.done["liquidate"] >= 4
    assert tally.done["sell"] >= 1
    assert tally.near >= 4
    assert len(tally.refused) >= 5


def test_every_account_at_every_step(contracts: dict[str, Any]) -> None:
    tally = compare(contracts, 9, 40, all_users=True)
    assert tally.numbers >= 40 * 8 * 30

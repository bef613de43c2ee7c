"""The rule set against the contracts of makerdao/dss: every number of every vault and auction, at every step."""

from typing import Any

import pytest
from maker_bench.mistakes import MISTAKES, planted
from maker_bench.packages import contracts as load
from maker_bench.run import Difference, compare

pytestmark = [pytest.mark.evm, pytest.mark.checkout("MARGINBOOK_MAKER")]

SEEDS = range(1, 9)
STEPS = 2_000


@pytest.fixture(scope="module")
def contracts(need: Any) -> dict[str, Any]:
    """Name -> artifact, compiled once."""
    return need(load)  # type: ignore[no-any-return]


@pytest.mark.parametrize("seed", SEEDS)
def test_dss_equals_the_contracts_step_by_step(seed: int, contracts: dict[str, Any]) -> None:
    tally = compare(contracts, seed, STEPS)
    assert tally.steps == STEPS
    assert min(tally.done[kind] for kind in ("bark", "take", "redo")) >= 20
    assert min(tally.near, tally.unsafe, tally.events) >= 400
    assert len(tally.refused) >= 10


def compare_all(contracts: dict[str, Any]) -> None:
    """Every seed in turn."""
    for seed in SEEDS:
        compare(contracts, seed, STEPS)


@pytest.mark.parametrize("name", MISTAKES)
def test_planted_mistakes_are_found(name: str, contracts: dict[str, Any]) -> None:
    with planted(name), pytest.raises(Difference):
        compare_all(contracts)

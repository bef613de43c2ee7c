"""The model against Drift's own SDK in node: every margin number of random accounts, and single sums."""

from typing import Any

import pytest
from drift_bench.figures import DEVIATIONS
from drift_bench.mistakes import MISTAKES, planted
from drift_bench.packages import Sdk, load
from drift_bench.questions import KINDS
from drift_bench.run import Difference, compare

pytestmark = pytest.mark.evm


@pytest.fixture(scope="module")
def sdk(need: Any) -> Sdk:
    """The unpacked package."""
    return need(load)  # type: ignore[no-any-return]


@pytest.mark.parametrize("seed", [1, 2])
def test_the_model_equals_the_sdk(seed: int, sdk: Sdk) -> None:
    tally = compare(sdk, seed, 400, 4_000)
    assert tally.high_leverage >= 150
    assert tally.isolated >= 200
    assert tally.liquidatable >= 100
    assert tally.near >= 15
    assert set(tally.sums) == set(KINDS)
    assert all(tally.differs[name] >= 20 for name in DEVIATIONS)


@pytest.mark.parametrize("name", MISTAKES)
def test_planted_mistakes_are_found(name: str, sdk: Sdk) -> None:
    with planted(name), pytest.raises(Difference):
        compare(sdk, 1, 150, 1_500)

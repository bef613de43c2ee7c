"""The models against Compound's own contracts: every number of every market and user, at every step."""

from dataclasses import replace
from typing import Any

import pytest
from compound_bench.benches import BENCH_2, BENCH_3
from compound_bench.mistakes import MISTAKES_2, MISTAKES_3, MISTAKES_VENUS
from compound_bench.packages import compound_2, compound_3
from compound_bench.run import Bench, Difference, compare
from compound_bench.scene_venus import scene
from compound_bench.venus import BENCH_VENUS, artifacts

pytestmark = pytest.mark.evm

SEEDS = range(1, 9)
STEPS = 2_000


@pytest.fixture(scope="module")
def contracts_2(need: Any) -> dict[str, Any]:
    """Name -> artifact of the money market."""
    return need(compound_2)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def contracts_3(need: Any) -> dict[str, Any]:
    """Name -> artifact of Comet."""
    return need(compound_3)  # type: ignore[no-any-return]


@pytest.mark.checkout("MARGINBOOK_COMPOUND_2")
@pytest.mark.parametrize("seed", SEEDS)
def test_2_equals_the_contracts_step_by_step(seed: int, contracts_2: dict[str, Any]) -> None:
    tally = compare(BENCH_2, contracts_2, seed, STEPS)
    assert tally.steps == STEPS
    assert tally.done["liquidate"] >= 20
    assert len(tally.refused) >= 8


@pytest.mark.checkout("MARGINBOOK_COMPOUND_3")
@pytest.mark.parametrize("seed", SEEDS)
def test_3_equals_the_contract_step_by_step(seed: int, contracts_3: dict[str, Any]) -> None:
    tally = compare(BENCH_3, contracts_3, seed, STEPS)
    assert tally.steps == STEPS
    assert tally.done["absorb"] >= 10
    assert tally.done["buy"] >= 10
    assert len(tally.refused) >= 6


@pytest.fixture(scope="module")
def contracts_of_venus(need: Any) -> dict[str, Any]:
    """Name -> artifact of the npm package."""
    return need(artifacts)  # type: ignore[no-any-return]


@pytest.mark.parametrize("seed", SEEDS)
def test_venus_equals_the_contracts_step_by_step(seed: int, contracts_of_venus: dict[str, Any]) -> None:
    tally = compare(BENCH_VENUS, contracts_of_venus, seed, STEPS)
    assert tally.steps == STEPS
    assert tally.done["liquidate"] >= 20
    assert len(tally.refused) >= 6


@pytest.mark.parametrize("name", MISTAKES_VENUS)
def test_mistakes_planted_in_venus_are_found(
    name: str, contracts_of_venus: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    change = MISTAKES_VENUS[name]
    if isinstance(change, dict):
        planted_scene = scene()
        version = replace(planted_scene.version, **change)
        bench = replace(BENCH_VENUS, scene=lambda: replace(planted_scene, version=version))
    else:
        bench = BENCH_VENUS
        monkeypatch.setattr(*change)
    with pytest.raises(Difference):
        compare_all(bench, contracts_of_venus)


def compare_all(bench: Bench, contracts: dict[str, Any]) -> None:
    """Every seed in turn."""
    for seed in SEEDS:
        compare(bench, contracts, seed, STEPS)


def planted(bench: Bench, contracts: dict[str, Any], patch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mistake is seen on some walk."""
    monkeypatch.setattr(*patch)
    with pytest.raises(Difference):
        compare_all(bench, contracts)


@pytest.mark.checkout("MARGINBOOK_COMPOUND_2")
@pytest.mark.parametrize("name", MISTAKES_2)
def test_mistakes_planted_in_2_are_found(
    name: str, contracts_2: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(BENCH_2, contracts_2, MISTAKES_2[name], monkeypatch)


@pytest.mark.checkout("MARGINBOOK_COMPOUND_3")
@pytest.mark.parametrize("name", MISTAKES_3)
def test_mistakes_planted_in_3_are_found(
    name: str, contracts_3: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(BENCH_3, contracts_3, MISTAKES_3[name], monkeypatch)

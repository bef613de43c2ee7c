"""The model against dYdX v3's own circuit in the Cairo machine: every number and refusal of every transaction."""

from collections.abc import Iterator
from typing import Any

import pytest
from starkex_bench import changes
from starkex_bench.market import Circuit, running
from starkex_bench.mistakes import MISTAKES, planted
from starkex_bench.packages import circuit, hashes
from starkex_bench.run import Difference, compare

pytestmark = [pytest.mark.evm, pytest.mark.checkout("MARGINBOOK_STARK_PERPETUAL")]

SEEDS = range(1, 17)
STEPS = 500
CHANGES = 500
PRICES = 100
FOUND_WITHIN = 250
"""Steps in which each mistake is seen on one of the first seeds."""


@pytest.fixture(scope="module")
def machine(need: Any) -> Iterator[Circuit]:
    """A running machine."""
    with running(need(circuit)) as found:
        yield found


def test_the_compiled_program_is_the_published_one(need: Any) -> None:
    stated, found = need(hashes)
    assert stated == found


@pytest.mark.parametrize("seed", SEEDS)
def test_the_model_equals_the_circuit_step_by_step(seed: int, machine: Circuit) -> None:
    tally = compare(machine, seed, STEPS)
    assert tally.steps == STEPS
    assert tally.done["liquidate"] >= 20
    assert tally.plans >= 15
    assert tally.near >= 10
    assert len(tally.refused) >= 10


@pytest.mark.parametrize("seed", SEEDS)
def test_changes_and_prices_asked_directly(seed: int, machine: Circuit) -> None:
    found = changes.compare(machine, seed, CHANGES)
    assert len(found) >= 5
    assert changes.prices(machine, seed, PRICES) == PRICES


def compare_all(machine: Circuit) -> None:
    """The beginnings of some walks."""
    for seed in (1, 2, 4, 7):
        changes.compare(machine, seed, CHANGES)
        compare(machine, seed, FOUND_WITHIN)


@pytest.mark.parametrize("name", MISTAKES)
def test_planted_mistakes_are_found(name: str, machine: Circuit) -> None:
    with planted(name), pytest.raises((Difference, AssertionError)):
        compare_all(machine)

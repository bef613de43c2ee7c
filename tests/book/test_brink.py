"""Accounts within two smallest money units of a border: the book never differs from the exact functions."""

import pytest

from marginbook.benchmarks.crossings import Brink, borrowers_on_the_brink, contracts_on_the_brink, walk


def books(count: int, seed: int) -> dict[str, Brink]:
    return {
        "binance/usdm": contracts_on_the_brink(count, seed),
        "aave/3.6": borrowers_on_the_brink(count, seed),
        "aave/3.0": borrowers_on_the_brink(count, seed, "3.0"),
    }


@pytest.mark.parametrize("rules", ["binance/usdm", "aave/3.6", "aave/3.0"])
def test_none_missed_and_none_invented(rules: str) -> None:
    tally = walk(books(150, 1)[rules], 400, 1)
    assert (tally.missed, tally.invented) == (0, 0)
    assert tally.near > 100


@pytest.mark.long
@pytest.mark.parametrize("rules", ["binance/usdm", "aave/3.6", "aave/3.0"])
def test_none_missed_and_none_invented_at_length(rules: str) -> None:
    tally = walk(books(2_000, 2)[rules], 30_000, 2)
    assert (tally.missed, tally.invented) == (0, 0)
    assert tally.near > 20_000

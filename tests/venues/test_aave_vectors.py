"""What Aave's contracts showed on recorded walks, replayed through the model: no EVM needed."""

import json
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from marginbook.testing.conformance import conform
from marginbook.venues.aave_v3.state import EMode, Pool, RateStrategy, Reserve, ReserveConfig
from marginbook.venues.aave_v3.steps import Action, step
from marginbook.venues.aave_v3.versions import VERSIONS, Version

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS / "evm"))

from aave_bench.figures import model_call, model_numbers, shown_reason  # noqa: E402
from aave_bench.mistakes import MISTAKES  # noqa: E402


@cache
def vectors(version: str) -> dict[str, Any]:
    return json.loads((TESTS / "vectors" / "aave" / f"{version}.json").read_text())


def pool_of(raw: dict[str, Any], version: Version) -> Pool:
    """The empty pool as the file describes it."""
    configs = {
        name: ReserveConfig(**{**config, "rates": RateStrategy(**config["rates"])})
        for name, config in raw["configs"].items()
    }
    sets = ("collateral", "borrowable", "zero_ltv")
    emodes = {
        int(number): EMode(**{key: frozenset(value) if key in sets else value for key, value in emode.items()})
        for number, emode in raw["emodes"].items()
    }
    return Pool(
        version=version,
        configs=configs,
        reserves={name: Reserve(**reserve) for name, reserve in raw["reserves"].items()},
        prices=raw["prices"],
        emodes=emodes,
        time=raw["time"],
    )


def first_difference(raw: dict[str, Any], version: Version) -> str | None:
    """Replay every walk; what did not agree first, or None."""
    recorded_version = VERSIONS[raw["version"]]
    for recorded in raw["walks"]:
        pool = pool_of(raw, version)
        numbers = [0] * len(model_numbers(pool, raw["users"]))
        for i, (kind, user, asset, amount, collateral, outcome, changes) in enumerate(recorded["steps"]):
            action = Action(kind=kind, user=user, asset=asset, amount=amount, collateral=collateral)
            pool, call, reason = step(pool, action)
            moved = model_call(action, call)
            reason = shown_reason(recorded_version, action, reason)
            if outcome != (reason or (list(moved) if moved else None)):
                return f"seed {recorded['seed']}, step {i}, {action}: recorded {outcome}, model {reason or moved}"
            for place, value in zip(changes[::2], changes[1::2], strict=True):
                numbers[place] = value
            ours = model_numbers(pool, raw["users"])
            if ours != numbers:
                wrong = [(at, a, b) for at, (a, b) in enumerate(zip(numbers, ours, strict=True)) if a != b]
                return f"seed {recorded['seed']}, step {i}, {action}: (place, recorded, model) {wrong[:5]}"
    return None


@pytest.mark.parametrize("version", VERSIONS)
def test_every_number_that_the_contracts_showed_is_the_model_s(version: str) -> None:
    raw = vectors(version)
    assert sum(len(w["steps"]) for w in raw["walks"]) >= 700
    assert first_difference(raw, VERSIONS[version]) is None


@pytest.mark.parametrize("name", MISTAKES)
def test_one_planted_rounding_mistake_is_found(name: str) -> None:
    version, changes = MISTAKES[name]
    assert first_difference(vectors(version.name), replace(version, **changes)) is not None


@pytest.mark.parametrize("version", VERSIONS)
def test_recorded_walks_meet_the_rules(version: str) -> None:
    outcomes = [row[5] for w in vectors(version)["walks"] for row in w["steps"]]
    reasons = {outcome for outcome in outcomes if isinstance(outcome, str)}
    assert len(reasons) >= 10
    assert sum(isinstance(outcome, list) for outcome in outcomes) >= 40
    assert ("MustNotLeaveDust" in reasons) == (version >= "3.3")


def test_what_the_contracts_printed_for_accounts_comes_out_of_book_files() -> None:
    """`getUserAccountData`, digit for digit, through files, overlays and the rule set's own quantities."""
    answer = conform([TESTS / "vectors" / "aave" / "accounts.json"])
    assert answer["failures"] == []
    passed = {row["rules"]: row["passed"] for row in answer["results"]}
    assert set(passed) == {f"aave/{version}" for version in VERSIONS}
    assert passed["aave/3.0"] > 200
    assert passed["aave/3.6"] > 200

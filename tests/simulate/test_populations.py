"""Populations: measured concentration and leverage, met and measured again; the same accounts for the same seed."""

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest

from marginbook.domain.errors import BadInput
from marginbook.domain.zones import Zone
from marginbook.simulate.populations import (
    CONTRACT_95,
    CONTRACT_MEDIAN,
    MEASURED_ACCOUNTS,
    MEASURED_TOTAL,
    Population,
    book,
    columns,
    facts,
    sizes,
)


@pytest.mark.parametrize("count", [3_000, 19_337, 200_000])
def test_concentration_is_as_measured_whatever_the_number(count: int) -> None:
    found = sizes(count)
    total = found.sum()
    assert [round(float(found[:n].sum() / total), 4) for n in (1, 10, 100)] == [0.157, 0.458, 0.776]
    assert float(np.median(found)) == pytest.approx(481, rel=2e-3)
    assert total == pytest.approx(MEASURED_TOTAL / MEASURED_ACCOUNTS * count)
    assert (np.diff(found) <= 0).all()


def test_sizes_between_the_figures_that_were_fitted_are_near_the_accounts_themselves(data: Path) -> None:
    """Ranks that were not fitted: within a factor of 1.5 from the 10th to the 15,000th account."""
    with gzip.open(data / "hyperliquid_adl_2025-10-10" / "conejo_adl_by_user_REALTIME.csv.gz", "rt") as text:
        rows = list(csv.DictReader(text))
    column = next(name for name in rows[0] if "notional" in name)
    real = np.sort([float(row[column]) for row in rows])[::-1]
    made = sizes(len(real))
    assert len(real) == MEASURED_ACCOUNTS
    assert real.sum() == pytest.approx(MEASURED_TOTAL, abs=1)
    for rank in (10, 30, 100, 300, 1_000, 3_000, 9_669, 15_000):
        assert made[rank - 1] == pytest.approx(real[rank - 1], rel=0.5), rank


@pytest.mark.parametrize("leverage", [1.4, 1.65, 1.9])
def test_aggregate_leverage_of_lending_is_what_was_asked_for(leverage: float) -> None:
    found = facts(columns(Population(accounts=5_000, kind="lending", leverage=leverage)))
    assert found["leverage"] == pytest.approx(leverage, rel=1e-6)
    assert found["top_10"] == pytest.approx(0.458, abs=1e-6)


def test_larger_borrowers_have_more_leverage() -> None:
    made = book(Population(accounts=20_000, kind="lending"))
    figures = made.columns()
    assets = figures["equity"] + figures["notional"]
    order = np.argsort(assets)
    share = figures["notional"][order] / assets[order]
    assert share[-5_000:].mean() > 1.2 * share[:5_000].mean()


def test_leverage_of_contracts_has_the_measured_quantiles() -> None:
    figures = book(Population(accounts=20_000, kind="contracts")).columns()
    leverage = figures["notional"] / figures["equity"]
    assert float(np.median(leverage)) == pytest.approx(CONTRACT_MEDIAN, rel=0.05)
    assert float(np.quantile(leverage, 0.95)) == pytest.approx(CONTRACT_95, rel=0.07)


def test_nobody_starts_liquidatable_and_every_account_is_accepted() -> None:
    made = book(Population(accounts=10_000, seed=3))
    assert not made.problems
    assert (len(made), int((made.zones() >= Zone.LIQUIDATION).sum())) == (10_000, 0)


def test_the_seed_decides_everything() -> None:
    one, again, other = (book(Population(accounts=3_000, seed=seed)) for seed in (1, 1, 2))
    for name in ("borrower-0000007", "trader-0000007"):
        assert one.account(name) == again.account(name)
        assert one.account(name) != other.account(name)


@pytest.mark.parametrize("more", [{"accounts": 2_999}, {"kind": "stocks"}, {"leverage": 1.0}, {"leverage": 3.1}])
def test_what_cannot_be_generated_is_refused(more: dict[str, object]) -> None:
    with pytest.raises(BadInput, match="bad_population"):
        columns(Population(**({"accounts": 3_000, "kind": "lending"} | more)))  # type: ignore[arg-type]

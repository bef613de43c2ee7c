"""Every rule set's waterfalls keep every law (`testing/waterfalls`), on random accounts, funds and winners."""

from dataclasses import replace
from decimal import Decimal as D

import pytest

from marginbook.domain.risk import Flow
from marginbook.liquidation.fund import Entry
from marginbook.liquidation.venue_stages import STAGES
from marginbook.testing.waterfalls import LAWS, Case, cases, tallied

FEW, MANY = 6, 120


@pytest.mark.parametrize("rules", sorted(STAGES))
def test_laws(rules: str) -> None:
    found = tallied(rules, FEW, seed=11)
    assert found.waterfalls == FEW
    assert not found.violations, found.violations[0]


@pytest.mark.long
@pytest.mark.parametrize("rules", sorted(STAGES))
def test_laws_on_many(rules: str) -> None:
    found = tallied(rules, MANY, seed=12)
    assert not found.violations, found.violations[0]


def broken(case: Case) -> set[str]:
    return {name for name, law in LAWS.items() if law(case)}


@pytest.fixture(scope="module")
def case() -> Case:
    for found in cases("binance/usdm", 200, seed=5):
        if len(found.setting.account.wallet) > 1:
            continue
        if [step.stage for step in found.found.steps] == ["take_over", "insurance"] and found.winners is None:
            assert not broken(found)
            return found
    raise AssertionError("no such case")


def test_a_flow_out_of_nothing_is_caught(case: Case) -> None:
    first, *rest = case.found.steps
    given = replace(first, flows=(*first.flows, Flow("account", next(iter(case.setting.account.wallet)), D(1))))
    found = broken(replace(case, found=replace(case.found, steps=(given, *rest))))
    assert {"flows_cancel", "flows_are_what_happened"} <= found


def test_a_fund_that_pays_more_than_it_has_is_caught(case: Case) -> None:
    fund = case.found.fund
    entries = (*fund.entries, Entry("USDT", -(10**12 + fund.holds("USDT")), "planted"))
    found = broken(replace(case, found=replace(case.found, fund=replace(fund, entries=entries))))
    assert "fund_is_a_ledger" in found


def test_a_step_that_makes_the_account_richer_is_caught(case: Case) -> None:
    first, *rest = case.found.steps
    richer = replace(first, left=replace(first.left, equity=first.left.equity + 10**9))
    assert "equity_does_not_rise" in broken(replace(case, found=replace(case.found, steps=(richer, *rest))))


def test_a_wrong_end_is_caught(case: Case) -> None:
    unpaid = replace(case.found, outcome="deficit", deficit={})
    assert "the_end_is_what_it_says" in broken(replace(case, found=unpaid))
    untouched = replace(case.found, account=case.setting.account, outcome="covered")
    assert {"the_end_is_what_it_says", "events_are_enough"} <= broken(replace(case, found=untouched))

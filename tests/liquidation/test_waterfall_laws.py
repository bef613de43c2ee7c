"""Every rule set's waterfalls keep every law (`testing/waterfalls`), on random accounts, funds and winners."""

from dataclasses import replace
from decimal import Decimal as D
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginbook.domain.account import Account, Position
from marginbook.domain.market import Market, Quote
from marginbook.domain.risk import Flow
from marginbook.liquidation.fund import Entry, Fund
from marginbook.liquidation.venue_stages import STAGES
from marginbook.liquidation.waterfall import Waterfall, run
from marginbook.liquidation.winners import Winner
from marginbook.testing.waterfalls import LAWS, Case, cases, tallied
from marginbook.venues.registry import rule_set

FEW, MANY = 6, 60
TERMS = {"maintenance_rate": "0.05", "liquidation_fee": "0.01", "quantity_step": "0.1", "currency": "USDT"}


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


WALLETS = st.decimals(min_value=-50, max_value=120, places=2)
MARKS = st.decimals(min_value=800, max_value=1200, places=1)
FUNDS = st.decimals(min_value=0, max_value=200, places=2)
SHORTS = st.lists(st.decimals(min_value=D("0.1"), max_value=2, places=1), max_size=4)


def liquidated(wallet: D, mark: D, fund: D, shorts: list[D], side: Literal["long", "short"]) -> Waterfall:
    """One coin entered at 1,000, and winners of the other side."""
    parameters = rule_set("generic/derivatives").module.parameters("derivatives", 0, {"*": TERMS})
    position = Position(market="BTC", side=side, quantity=D(1), entry=D(1000))
    account = Account(id="a", rules="generic/derivatives", wallet={"USDT": wallet}, positions=(position,))
    market = Market(quotes={("generic", "BTC", "mark"): Quote(mark)})
    other: Literal["long", "short"] = "short" if side == "long" else "long"
    winners = [
        Winner(account=str(number), side=other, quantity=quantity, entry=D(1000), equity=D(100))
        for number, quantity in enumerate(shorts)
    ]
    return run(account, "cross:USDT", market, parameters, 0, fund=Fund({"USDT": fund}), counterparties=winners)


@given(WALLETS, MARKS, FUNDS, FUNDS, SHORTS, st.sampled_from(("long", "short")))
def test_more_fund_and_more_winners_never_leave_more_unpaid(
    wallet: D, mark: D, fund: D, more: D, shorts: list[D], side: Literal["long", "short"]
) -> None:
    found = liquidated(wallet, mark, fund, shorts, side)
    unpaid = found.deficit.get("USDT", D(0))
    assert liquidated(wallet, mark, fund + more, shorts, side).deficit.get("USDT", D(0)) <= unpaid
    assert liquidated(wallet, mark, fund, [*shorts, D(1)], side).deficit.get("USDT", D(0)) <= unpaid
    assert sum(shorts, D(0)) < 1 or not unpaid, "as many winners as the position is large pay all of it"


@given(WALLETS, MARKS, FUNDS, st.sampled_from(("long", "short")))
def test_every_unit_of_a_loss_is_somebodys(wallet: D, mark: D, fund: D, side: Literal["long", "short"]) -> None:
    """Wallet and profit before = wallet after + profit after + what the fund gained + what the winners kept."""
    found = liquidated(wallet, mark, fund, [], side)
    sign = 1 if side == "long" else -1
    held = sum((position.quantity for position in found.account.positions), D(0))
    before, after = wallet + sign * (mark - 1000), found.account.wallet["USDT"] + sign * held * (mark - 1000)
    assert after + found.fund.holds("USDT") == before + fund
    assert found.fund.holds("USDT") >= 0
    assert not found.deficit or (
        found.account.wallet["USDT"] == -found.deficit["USDT"] and not found.fund.holds("USDT")
    )

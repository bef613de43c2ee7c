"""The frontier of toxic liquidations: table, brute force, policies; spirals by the exact rule sets."""

from decimal import Decimal as D

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.market import Market, Quote
from marginbook.liquidation.keepers import Chance, Outcome, chance_of, maximum, restore
from marginbook.simulate.spiral import (
    Loan,
    Moved,
    falling_incentive,
    frontier,
    frontier_by_search,
    impact_factor,
    liquidated,
    spiral,
    stop_beyond,
    within,
)
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

AT = parse_time("2024-06-01T12:00:00Z")
FIVE = D("0.05")


@pytest.mark.parametrize(
    ("share", "factor", "formula", "searched"),
    [
        ("0.001", "1.002", "0.95048", "0.950480"),
        ("0.1", "1.20", "0.79365", "0.793651"),
        ("0.5", "2.00", "0.47619", "0.476191"),
    ],
)
def test_the_table_of_frontiers(share: str, factor: str, formula: str, searched: str) -> None:
    """Incentive 5 %; collateral as a share of the pool's reserve. Without impact 0.95238."""
    assert f"{frontier(FIVE):.5f}" == "0.95238"
    assert impact_factor(D(share), D(1)) == D(factor)
    assert f"{frontier(FIVE, D(factor)):.5f}" == formula
    assert abs(frontier_by_search(FIVE, D(share), D(1), D("1e-7")) - D(searched)) < D("1.1e-6")


@given(st.integers(1, 30), st.integers(1, 200))
@settings(max_examples=40)
def test_the_formula_is_the_limit_of_small_sales(incentive: int, share: int) -> None:
    i, c = D(incentive) / 100, D(share) / 100
    assert abs(frontier_by_search(i, c, D(1), D("1e-8")) - frontier(i, impact_factor(c, D(1)))) < D("1e-6")


@given(st.integers(1, 30), st.integers(0, 200), st.integers(1, 99))
def test_either_side_of_the_frontier(incentive: int, share: int, gap: int) -> None:
    """A small liquidation lowers loan-to-value below it and raises it above."""
    i, reserve = D(incentive) / 100, D(10**6) if not share else D(10_000) / share
    collateral = D(100)
    edge = frontier(i, impact_factor(collateral, reserve))
    for side in (-1, 1):
        loan = Loan(collateral, collateral * edge * (1 + side * D(gap) / 1_000))
        after = liquidated(loan, reserve, i, loan.debt * D("1e-7"))
        assert (after.ltv - loan.ltv) * side > 0


def test_a_falling_incentive_leaves_the_frontier_of_impact_alone() -> None:
    assert falling_incentive(FIVE, D(1)) == falling_incentive(FIVE, D("1.2")) == 0
    assert frontier(falling_incentive(FIVE, D(1)), D("1.25")) == D("0.8")
    assert falling_incentive(FIVE, D("0.9")) == D("0.005")


def loan(collateral: str, debt: str, price: str = "1", bonus: str = "0.05", close: str = "0.5") -> Chance:
    rules = rule_set("generic/lending")
    overlay = {
        "C": {"liquidation_threshold": "0.8", "liquidation_bonus": bonus},
        "USD": {"liquidation_threshold": "0", "close_factor": close},
    }
    account = Account(
        id="a",
        rules=rules.name,
        collateral=(Collateral(asset="C", amount=D(collateral)),),
        debt=(Debt(asset="USD", amount=D(debt)),),
    )
    market = Market(quotes={("generic", "C", "oracle"): Quote(D(price)), ("generic", "USD", "oracle"): Quote(D(1))})
    return chance_of(rules, account, "main", market, rules.module.parameters("lending", AT, overlay), AT)


def into_pool(reserve: D) -> Moved:
    """Every sale moves the oracle along a constant product that nobody refills."""

    def moved(market: Market, found: Outcome) -> Market:
        key = ("generic", "C", "oracle")
        price = market.quotes[key].price
        return market.with_prices({key: price * (reserve / (reserve + found.seized)) ** 2})

    return moved


def still(market: Market, found: Outcome) -> Market:
    return market


def test_without_impact_a_loan_is_healed() -> None:
    found = spiral(loan("100", "81"), maximum, still)
    assert found.reason == "healthy"
    assert len(found.steps) == 1
    assert spiral(loan("100", "79"), maximum, still).steps == ()


def test_with_impact_the_same_loan_spirals_into_bad_debt() -> None:
    found = spiral(loan("100", "81"), maximum, into_pool(D(300)))
    risks = [
        c.rules.module.risk(c.account, c.market, c.parameters, AT)["main"]
        for c in (step.chance for step in found.steps)
    ]
    ratios = [risk.liabilities / risk.assets for risk in risks]
    assert ratios == sorted(ratios)  # every step makes it worse
    assert found.reason == "no collateral"
    assert (found.last.account.debt[0].amount or 0) > 0
    paid = sum(step.found.repaid for step in found.steps)
    assert paid + (found.last.account.debt[0].amount or 0) == 81


def test_a_stop_at_the_frontier_keeps_collateral() -> None:
    """Beyond 1 / ((1 + i)·λ) = 0.571 every step makes it worse: stopped before the first one."""
    edge = frontier(FIVE, impact_factor(D(100), D(300)))
    stopped = spiral(loan("100", "81"), stop_beyond(maximum, edge), into_pool(D(300)))
    assert (stopped.reason, stopped.steps) == ("left", ())
    later = spiral(loan("100", "81"), stop_beyond(maximum, D("0.85")), into_pool(D(300)))
    assert later.reason == "left"
    assert len(later.steps) >= 1


def test_smaller_steps_and_the_least_that_restores() -> None:
    small = spiral(loan("100", "81"), within(maximum, lambda chance: D(1)), still)
    assert small.reason == "healthy"
    assert all(step.found.repaid == 1 for step in small.steps)
    assert len(spiral(loan("100", "81"), restore, still).steps) == 1
    assert spiral(loan("100", "81"), within(maximum, lambda chance: D("0.001")), still, 5).reason == "steps"

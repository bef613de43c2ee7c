"""PMRM 2: what netting and scenarios promise, beyond the venue's own cases in test_published."""

from dataclasses import replace
from random import Random

import pytest

from marginbook.domain.errors import BadInput
from marginbook.risk_models.derive_portfolio import (
    Collateral,
    Expiry,
    Margin,
    Option,
    Parameters,
    Portfolio,
    forward_parts,
    margin,
    naked_shorts,
    parameters_at,
)

AT = 1_769_000_000_000_000
COMMITTED, SCENARIOS = parameters_at(AT)
# The venue's own tests discount assets and grow debts; the committed configuration has the two the other way round.
TESTED = replace(COMMITTED, margin={**COMMITTED.margin, "short_discount": 1.04, "long_discount": 0.95})
DAY = 86_400


def held(*options: Option, seconds: int = 20 * DAY, **more: float) -> Portfolio:
    expiry = Expiry(seconds, 3010.0, 0.0, 0.05, 1.0, options)
    return Portfolio(3000.0, 1.0, 1.0, expiries=[expiry] if options else [], **more)  # type: ignore[arg-type]


def required(portfolio: Portfolio, parameters: Parameters = TESTED) -> float:
    found = margin(portfolio, parameters, SCENARIOS)
    return found.mark_to_market - found.initial


def pairwise_naked(options: list[Option]) -> float:
    """The contract's way: every option against the later ones of its strike."""
    naked, seen = 0.0, set()
    for i, one in enumerate(options):
        if i in seen:
            continue
        partner = next((j for j in range(i + 1, len(options)) if options[j].strike == one.strike), None)
        if partner is None:
            naked += max(0.0, -one.amount)
            continue
        seen.add(partner)
        two = options[partner]
        if one.amount * two.amount < 0:
            short, long = min(one.amount, two.amount), max(one.amount, two.amount)
            naked += -short - min(-short, long)
        elif one.amount < 0:
            naked += -one.amount - two.amount
    return naked


def test_naked_shorts_as_the_contract_pairs_them() -> None:
    random = Random(5)
    for _ in range(300):
        kinds = [(strike, call) for strike in (2800.0, 3000.0, 3200.0) for call in (True, False)]
        chosen = random.sample(kinds, random.randint(0, 6))
        options = [Option(strike, call, random.choice([-3.0, -1.0, 2.0, 4.0]), 0.5) for strike, call in chosen]
        assert naked_shorts(options) == pairwise_naked(options)


def test_a_perpetual_with_its_protective_put_needs_no_more_than_the_riskier_of_the_two() -> None:
    put = Option(2800.0, False, 1.0, 0.6)
    both = required(held(put, perps=1.0, perp_price=3000.0))
    assert both <= max(required(held(perps=1.0, perp_price=3000.0)), required(held(put)))


def test_order_does_not_matter_and_cash_adds_itself() -> None:
    options = [Option(2800.0 + 100 * n, n % 2 == 0, (-1.0) ** n * (n + 1), 0.5 + 0.02 * n) for n in range(6)]
    one, two = margin(held(*options), TESTED, SCENARIOS), margin(held(*options[::-1]), TESTED, SCENARIOS)
    assert one.initial == pytest.approx(two.initial, rel=1e-12)
    richer = margin(held(*options, cash=500.0), TESTED, SCENARIOS)
    assert richer.initial - one.initial == pytest.approx(500.0, abs=1e-9)
    assert richer.maintenance - one.maintenance == pytest.approx(500.0, abs=1e-9)


def test_initial_margin_is_the_stricter_one() -> None:
    random = Random(6)
    for _ in range(100):
        options = [
            Option(random.choice([2500.0, 3000.0, 3500.0]), random.random() < 0.5, random.uniform(-5, 5), 0.7)
            for _ in range(random.randint(1, 4))
        ]
        portfolio = held(*options, perps=random.uniform(-3, 3), perp_price=3001.0)
        found = margin(portfolio, TESTED, SCENARIOS)
        assert found.initial <= found.maintenance + 1e-9


def test_a_depeg_and_doubt_cost_initial_margin_only() -> None:
    calm = held(perps=1.0, perp_price=3000.0)
    found = margin(calm, TESTED, SCENARIOS)
    loose = margin(replace(calm, stable_price=0.97), TESTED, SCENARIOS)
    assert loose.initial == pytest.approx(found.initial - 0.18 * 3000 * (0.99 - 0.97) * 4)
    assert loose.maintenance == found.maintenance
    doubted = margin(replace(calm, spot_confidence=0.5), TESTED, SCENARIOS)
    assert doubted.initial == pytest.approx(found.initial - 0.5 * 3000)
    assert margin(replace(calm, spot_confidence=0.55), TESTED, SCENARIOS) == found
    assert doubted.maintenance == found.maintenance


def test_only_risk_cancelling_collateral_moves_with_spot() -> None:
    coin = Collateral(1.0, 3000.0, 1.0, True, 0.0, 0.0)
    short = held(perps=-1.0, perp_price=3000.0)
    hedged = margin(replace(short, collateral=[coin]), TESTED, SCENARIOS)
    apart = margin(replace(short, collateral=[replace(coin, cancels_risk=False)]), TESTED, SCENARIOS)
    assert min(hedged.profits) == 0
    assert hedged.initial > apart.initial
    assert hedged.mark_to_market == apart.mark_to_market == 3000


def test_nothing_held_and_the_worst_scenario_is_named() -> None:
    assert margin(held(cash=7.0), TESTED, SCENARIOS) == Margin(7.0, 7.0, 7.0, 0.0, (0.0,) * 33, None)
    found = margin(held(perps=-1.0, perp_price=3000.0), TESTED, SCENARIOS)
    assert found.worst is not None
    assert SCENARIOS[found.worst].spot == 1.18
    assert found.profits[found.worst] == min(found.profits)


def test_settlement_fixes_the_forward_bit_by_bit() -> None:
    assert forward_parts(3000.0, 0) == (0.0, 3000.0)
    assert sum(forward_parts(3000.0, 777)) == pytest.approx(3000.0)
    moving, settled = forward_parts(3000.0, 0)
    expired = Portfolio(3000.0, 1.0, 1.0, expiries=[Expiry(0, moving, settled, 0.0, 1.0, [Option(2500, True, 1, 0.5)])])
    found = margin(expired, replace(TESTED, margin={**TESTED.margin, "long_discount": 1.0}), SCENARIOS)
    assert found.mark_to_market == found.initial == 500


def test_no_parameters_before_they_were_committed() -> None:
    with pytest.raises(BadInput, match="PMRM 2"):
        parameters_at(1_700_000_000_000_000)

"""Policies of liquidators: the two-step closed form against the exact rule sets, restoring to the last unit, profit."""

from dataclasses import replace
from decimal import Decimal as D
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marginbook.domain.account import Account, Collateral, Debt, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market, Quote
from marginbook.exact import ZERO
from marginbook.liquidation.keepers import (
    Chance,
    Costs,
    Policy,
    chance_of,
    maximum,
    most_profitable,
    net_profit,
    outcome,
    pool_sale,
    restore,
    restoring,
    two_step,
    two_step_closed_form,
    unit_of,
)
from marginbook.testing.worlds import world
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

AT = parse_time("2024-06-01T12:00:00Z")
GENERIC, AAVE = rule_set("generic/lending"), rule_set("aave/3.0")


def generic(
    collateral: D, debt: D, threshold: str = "0.75", bonus: str = "0.08", close: str = "0.5", price: str = "1"
) -> Chance:
    """The reference loan: one collateral at 1, one debt at 1."""
    overlay = {
        "C": {"liquidation_threshold": threshold, "liquidation_bonus": bonus},
        "USD": {"liquidation_threshold": "0", "close_factor": close},
    }
    account = Account(
        id="a",
        rules="generic/lending",
        collateral=(Collateral(asset="C", amount=collateral),),
        debt=(Debt(asset="USD", amount=debt),),
    )
    market = Market(quotes={("generic", "C", "oracle"): Quote(D(price)), ("generic", "USD", "oracle"): Quote(D(1))})
    return chance_of(GENERIC, account, "main", market, GENERIC.module.parameters("lending", AT, overlay), AT)


def aave(ether: str, owed: str, price: str = "2000") -> Chance:
    """Aave 3.0 at its shipped parameters of the day: ether against USDC."""
    account = Account(
        id="a",
        rules="aave/3.0",
        collateral=(Collateral(asset="WETH", amount=D(ether)),),
        debt=(Debt(asset="USDC", amount=D(owed)),),
    )
    market = Market(quotes={("aave", "WETH", "oracle"): Quote(D(price)), ("aave", "USDC", "oracle"): Quote(D(1))})
    return chance_of(AAVE, account, "main", market, AAVE.module.parameters("3.0", AT), AT)


def run(chance: Chance, policies: list[Policy]) -> D:
    """Profit before costs of one policy after the other."""
    profit = ZERO
    for policy in policies:
        found = outcome(chance, policy(chance))
        profit += net_profit(found, Costs())
        chance = chance_of(chance.rules, found.account, chance.pool, found.market, chance.parameters, chance.at)
    return profit


def test_the_two_step_example() -> None:
    """C = 105, D = 80.1, threshold 0.75, bonus 0.08, close factor 0.5 (method of arXiv 2106.06389)."""
    closed = two_step_closed_form(D(105), D("80.1"), D("0.75"), D("0.08"), D("0.5"))
    assert f"{closed.first:.5f}" == "7.10526"
    assert (f"{closed.profit:.5f}", f"{closed.profit_at_once:.5f}") == ("3.48821", "3.20400")
    assert abs(closed.gain - D("0.08870488")) < D("5e-8")  # printed 8.870488 %; 27 / 304.38 is 8.870491 %
    assert abs(closed.gain - D(27) / D("304.38")) < D("1e-25")
    assert abs(closed.profit / closed.profit_at_once - 1 - closed.gain) < D("1e-25")

    chance = generic(D(105), D("80.1"))
    first = two_step(chance)
    assert abs(first - closed.first) <= 2 * unit_of(chance.plan)
    assert outcome(chance, first).liquidatable
    assert abs(run(chance, [two_step, two_step]) - closed.profit) < D("1e-7")
    assert abs(run(chance, [maximum]) - closed.profit_at_once) < D("1e-7")


@settings(max_examples=25, deadline=None)
@given(st.integers(20, 85), st.integers(2, 15), st.integers(20, 60), st.integers(10**4, 10**9), st.integers(1, 1_000))
def test_the_closed_form_is_what_the_exact_rule_set_does(
    threshold: int, bonus: int, close: int, cents: int, beyond: int
) -> None:
    t, b, f = D(threshold) / 100, D(bonus) / 100, D(close) / 100
    collateral = D(cents) / 100
    debt = (collateral * t * (1 + D(beyond) / 20_000)).quantize(D("0.01")) + D("0.01")
    try:
        closed = two_step_closed_form(collateral, debt, t, b, f)
    except BadInput:
        return
    chance = generic(collateral, debt, str(t), str(b), str(f))
    room = D("2e-8") / (1 - t * (1 + b)) + D("1e-7")  # seizing rounds up at 18 decimals, amounts at 8
    if not room < closed.first < f * debt - room:
        return
    assert abs(two_step(chance) - closed.first) <= room
    assert abs(run(chance, [two_step, two_step]) - closed.profit) <= b * 2 * room + room
    assert run(chance, [two_step, two_step]) > run(chance, [maximum])


def test_the_two_step_gain_on_aave() -> None:
    """Half of the debt above a health factor of 0.95: first to just below 1, then half of the rest."""
    chance = aave("10", "17000")
    terms = AAVE.module.parameters("3.0", AT).asset("WETH", "test")
    t, bonus = D(terms.liquidation_threshold) / 10_000, D(terms.liquidation_bonus) / 10_000 - 1
    closed = two_step_closed_form(D(20_000), D(17_000), t, bonus, D("0.5"))
    first = two_step(chance)
    assert abs(first - closed.first) < D("1.5")  # the average threshold is cut at a basis point, health at 10^-18
    before = run(chance, [maximum])
    assert run(chance, [two_step, two_step]) > before
    fee = 1 - D(terms.protocol_fee) / 10_000
    assert abs(before - closed.profit_at_once * fee) < D("0.01")


@pytest.mark.parametrize("seed", range(12))
def test_restoring_is_the_least_to_the_unit(seed: int) -> None:
    draw = Random(seed)
    chance = aave(f"{draw.uniform(5, 50):.6f}", "1")
    ether = chance.account.collateral[0].amount or ZERO
    threshold = AAVE.module.parameters("3.0", AT).asset("WETH", "test").liquidation_threshold
    owed = (ether * 2_000 * threshold / 10_000 * D(f"{draw.uniform(1.0001, 1.04):.6f}")).quantize(D("0.000001"))
    chance = aave(str(ether), str(owed))
    found = restoring(chance)
    assert found is not None
    assert restore(chance) == found
    assert not outcome(chance, found).liquidatable
    assert outcome(chance, found - unit_of(chance.plan)).liquidatable


def test_where_nothing_restores_the_most_is_taken() -> None:
    """Threshold 0.9 and bonus 15 %: seizing costs more support than repaying frees."""
    chance = generic(D(100), D("95"), "0.9", "0.15", "1")
    assert restoring(chance) is None
    assert restore(chance) == two_step(chance) == chance.plan.close_most
    with pytest.raises(BadInput, match="no_two_steps"):
        two_step_closed_form(D(100), D(95), D("0.9"), D("0.15"), D(1))


def test_profit_net_of_gas_slippage_and_flash_fee() -> None:
    """Into a pool of y: the best amount is y·(√((1 + b) / (1 + fee)) − 1) / (1 + b)."""
    chance = generic(D(10_500), D(8_010))
    costs = Costs(gas=D(5), flash_fee=D("0.0009"), sale=pool_sale(D(20_000)))
    amount = most_profitable(costs)(chance)
    best = D(20_000) * ((D("1.08") / D("1.0009")).sqrt() - 1) / D("1.08")
    assert abs(amount - best) < D("0.01")  # flat around the peak
    top = net_profit(outcome(chance, amount), costs)
    for other in (amount / 2, amount * 2, chance.plan.close_most):
        assert net_profit(outcome(chance, other.quantize(D("1e-8"))), costs) < top
    by_hand = 20_000 * amount * D("1.08") / (20_000 + amount * D("1.08")) - amount * D("1.0009") - 5
    assert abs(top - by_hand) < D("1e-6")


def test_gas_above_the_bonus_leaves_the_chance() -> None:
    chance = generic(D(105), D("80.1"))
    assert most_profitable(Costs(gas=D("3.2")))(chance) == chance.plan.close_most  # bonus 3.204
    assert most_profitable(Costs(gas=D("3.21")))(chance) == 0


def test_nothing_may_be_done_to_a_healthy_account() -> None:
    chance = generic(D(110), D("80.1"))
    assert chance.plan.reason is not None
    assert maximum(chance) == restore(chance) == two_step(chance) == most_profitable(Costs())(chance) == 0


def test_a_position_is_closed_by_a_fill() -> None:
    rules = rule_set("binance/usdm")
    account = Account(
        id="a",
        rules=rules.name,
        wallet={"USDT": D("1000")},
        positions=(Position(market="BTCUSDT", side="long", quantity=D("1"), entry=D("60000"), leverage=D("20")),),
    )
    market = Market(quotes={("binance", "BTCUSDT", "mark"): Quote(D("59200"))})
    parameters = rules.module.parameters(rules.version, parse_time("2026-10-01T12:00:00Z"))
    pool = next(iter(rules.module.risk(account, market, parameters, AT)))
    chance = chance_of(rules, account, pool, market, parameters, parse_time("2026-10-01T12:00:00Z"))
    found = outcome(chance, maximum(chance))
    assert chance.plan.reason is None
    assert sum((p.quantity for p in found.account.positions), ZERO) == 1 - chance.plan.close_most
    empty = replace(chance, plan=replace(chance.plan, market="ETHUSDT", price=None))
    with pytest.raises(BadInput, match="nothing_to_close"):
        outcome(empty, D(1))
    with pytest.raises(BadInput, match="no_plan"):
        outcome(replace(chance, plan=replace(chance.plan, price=None)), D(1))


CHOOSES = ("aave/2", "aave/3.0", "aave/3.3", "aave/3.7", "compound/2", "compound/venus", "euler/2", "generic/lending",
           "morpho/blue")  # fmt: skip
"""Rule sets in which the liquidator says how much."""


def still_liquidatable(chance: Chance, amount: D) -> bool:
    """After `amount`, or because the rule set refuses it."""
    try:
        return outcome(chance, amount).liquidatable
    except BadInput:
        return True


@pytest.mark.parametrize("rules", CHOOSES)
def test_policies_on_random_accounts(rules: str) -> None:
    """Restoring: to the last unit, or not at all. The dust rule may refuse what is one unit less."""
    assert policies_tried(rules, range(10)) > 0


@pytest.mark.long
@pytest.mark.parametrize("rules", CHOOSES)
def test_policies_on_many_random_accounts(rules: str) -> None:
    assert policies_tried(rules, range(10, 80)) > 10


def policies_tried(rules: str, seeds: range) -> int:
    """How many accounts were restored."""
    restored = 0
    for seed in seeds:
        setting = world(rules, Random(seed))
        for pool in rule_set(rules).module.risk(setting.account, setting.market, setting.parameters, setting.at):
            chance = chance_of(rule_set(rules), setting.account, pool, setting.market, setting.parameters, setting.at)
            most, unit = chance.plan.close_most, unit_of(chance.plan)
            if not most:
                continue
            everything = outcome(chance, maximum(chance))
            assert everything.repaid > 0 or most <= 10 * unit  # a few units may be worth nothing
            found = restoring(chance)
            if found is None:
                assert everything.liquidatable
                continue
            restored += 1
            assert not outcome(chance, found).liquidatable
            if found > max(chance.plan.close_least, unit):
                assert still_liquidatable(chance, found - unit)
            assert chance.plan.close_least <= two_step(chance) <= most
    return restored

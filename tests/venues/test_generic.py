"""generic/derivatives and generic/lending: what the book's own parameters may say, and what they may not."""

import pickle
from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginbook.domain.account import Account, Collateral, Debt, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import AccountSnapshot, Fill, LendingAction, PriceFrame, Setting, Stamp, Transfer
from marginbook.domain.market import Market, Quote
from marginbook.venues.registry import rule_set

DERIVATIVES = rule_set("generic/derivatives").module
LENDING = rule_set("generic/lending").module
UNIT = D("0.00000001")


def quotes(kind: str, **prices: Any) -> Market:
    return Market(quotes={("generic", name, kind): Quote(D(str(price))) for name, price in prices.items()})


def contract(side: Any = "long", quantity: Any = 1, entry: Any = 100, **more: Any) -> Account:
    position = Position(market="X", side=side, quantity=D(str(quantity)), entry=D(str(entry)), **more)
    return Account(id="a", rules="generic/derivatives", wallet={"USD": D(10)}, positions=(position,))


def derivatives(**terms: Any) -> Any:
    return DERIVATIVES.parameters("derivatives", 0, {"X": {"maintenance_rate": "0.05", **terms}})


def exact_price(account: Account, parameters: Any) -> D:
    [price] = DERIVATIVES.liquidation_prices(account, Market(), parameters, 0)
    assert price.source == "exact"
    return price.price


@pytest.mark.parametrize(("operator", "price"), [("<", "89.9"), ("<=", "90")])
def test_the_operator_belongs_to_the_parameters(operator: str, price: str) -> None:
    """Wallet 10, entry 100, no maintenance: nothing is left at 90; a requirement of 0 demands nothing."""
    table = derivatives(maintenance_rate="0", basis="entry", operator=operator, tick="0.1", taker_fee="0")
    assert not DERIVATIVES.is_liquidatable(contract(), "cross:USD", quotes("mark", X=1), table, 0)
    demanding = derivatives(maintenance_rate="0.05", basis="entry", operator=operator, tick="0.1")
    assert exact_price(contract(), demanding) == D(price) + 5


def test_a_fee_to_close_is_demanded_on_top() -> None:
    # 10 + P − 100 = P · (0.05 + 0.001)
    assert exact_price(contract(), derivatives(taker_fee="0.001")) == D("94.83667017")
    # 10 + P − 100 = 5 + P · 0.001
    assert exact_price(contract(), derivatives(taker_fee="0.001", basis="entry")) == D("95.09509509")


def test_inverse_contracts_are_in_coin_and_their_price_is_a_root_of_one_over_price() -> None:
    table = derivatives(contract="inverse", currency="BTC")
    short = replace(contract("short", 10_000, 50_000, leverage=D(10)), wallet={"BTC": D("0.05")})
    found = DERIVATIVES.quantities(short, quotes("mark", X=40_000), table, 0)["cross:BTC"]
    assert found.notional == D("0.25")
    assert found.unrealized_pnl == D("0.05")
    assert found.maintenance_margin == D("0.0125")
    assert found.initial_margin == D("0.025")
    # N·(1 − m) / (N/EP − W), the published form for a short
    expected = D(10_000) * D("0.95") / (D("0.2") - D("0.05"))
    assert 0 <= exact_price(short, table) - expected < UNIT * 2
    long = replace(contract("long", 10_000, 50_000), wallet={"BTC": D("0.05")})
    expected = D(10_000) * D("1.05") / (D("0.2") + D("0.05"))
    assert exact_price(long, table) == expected - UNIT


@pytest.mark.parametrize(("operator", "price"), [("<=", "12600"), ("<", "12599.99999999")])
def test_an_inverse_price_exactly_on_the_grid_survives_a_quotient_without_end(operator: str, price: str) -> None:
    """10,000 · 1.05 / (10,000 / 30,000 + 0.5) = 12,600, where 10,000 / 30,000 has no last digit."""
    table = derivatives(contract="inverse", currency="BTC", operator=operator)
    long = replace(contract("long", 10_000, 30_000), wallet={"BTC": D("0.5")})
    assert exact_price(long, table) == D(price)


def test_a_position_without_leverage_uses_the_rate_of_its_market() -> None:
    table = derivatives(initial_rate="0.2")
    assert DERIVATIVES.quantities(contract(), quotes("mark", X=100), table, 0)["cross:USD"].initial_margin == 20
    own = contract(leverage=D(4))
    assert DERIVATIVES.quantities(own, quotes("mark", X=100), table, 0)["cross:USD"].initial_margin == 25


def test_numbers_of_our_own_round_toward_danger() -> None:
    account = contract(quantity="0.000000001", entry="3")
    found = DERIVATIVES.quantities(account, quotes("mark", X="10"), derivatives(), 0)["cross:USD"]
    assert (found.unrealized_pnl, found.notional, found.maintenance_margin) == (0, UNIT, UNIT)
    assert found.margin_balance == 10


def test_a_bankruptcy_price_rounds_toward_the_mark() -> None:
    for side, price in (("long", "96.66666667"), ("short", "103.33333333")):
        found = DERIVATIVES.quantities(contract(side, 3), quotes("mark", X=100), derivatives(), 0)["cross:USD"]
        assert found.bankruptcy_price == D(price)


@pytest.mark.parametrize(
    ("overlay", "code"),
    [
        (None, "no_parameters"),
        ({}, "no_parameters"),
        ({"X": {"maintenance_rate": "0.1", "operator": "=<"}}, "bad_parameter"),
        (
            {"X": {"maintenance_rate": "0.1", "operator": "<"}, "Y": {"maintenance_rate": "0.1", "operator": "<="}},
            "bad_parameter",
        ),
        ({"X": {"maintenance_rate": "0.1", "contract": "quanto"}}, "bad_parameter"),
        ({"X": {"maintenance_rate": "0.1", "leverage": "0"}}, "bad_parameter"),
        ({"X": {"maintenance_rate": "0.1", "basis": "last"}}, "bad_parameter"),
    ],
)
def test_derivatives_refuse_what_is_no_rule(overlay: Any, code: str) -> None:
    with pytest.raises(BadInput) as bad:
        DERIVATIVES.parameters("derivatives", 0, overlay)
    assert bad.value.problem.code == code


def test_the_settlement_currency_is_never_guessed_between_two() -> None:
    two = replace(contract(), wallet={"USD": D(1), "EUR": D(1)})
    with pytest.raises(BadInput, match="unknown_currency"):
        DERIVATIVES.risk(two, quotes("mark", X=1), derivatives(), 0)
    assert "cross:EUR" in DERIVATIVES.risk(two, quotes("mark", X=1), derivatives(currency="EUR"), 0)


TERMS = {
    "C": {"liquidation_threshold": "0.8", "ltv": "0.75", "liquidation_bonus": "0.1"},
    "E": {"liquidation_threshold": "0.5", "ltv": "0"},
    "D": {"ltv": "0", "close_factor": "0.5"},
}
PRICES = quotes("oracle", C=2, E=1, D=1)


def loan(c: Any = 100, d: Any = 100, e: Any = 0, **more: Any) -> Account:
    collateral = tuple(Collateral(asset=n, amount=D(str(a)), **more) for n, a in (("C", c), ("E", e)) if D(str(a)))
    debt = (Debt(asset="D", amount=D(str(d))),) if D(str(d)) else ()
    return Account(id="a", rules="generic/lending", collateral=collateral, debt=debt)


def lending(**changes: Any) -> Any:
    return LENDING.parameters("lending", 0, TERMS | changes)


def main(account: Account, market: Market = PRICES, table: Any = None) -> Any:
    return LENDING.quantities(account, market, table or lending(), 0)["main"]


def test_every_number_of_a_loan() -> None:
    found = main(loan())
    assert (found.collateral_value, found.debt_value, found.margin_balance) == (200, 100, 100)
    assert (found.health_factor, found.ltv, found.collateral_ratio) == (D("1.6"), D("0.5"), 2)
    assert (found.borrowable, found.free_margin, found.headroom) == (50, 50, 60)
    assert found.initial_margin == found.margin_balance - found.free_margin == 50
    assert found.maintenance_margin == found.margin_balance - found.headroom == 40
    assert found.withdrawable == D("66.66666666")
    assert found.margin_ratio.value == D("0.625")


def test_without_a_debt_health_is_infinite_and_all_may_leave() -> None:
    found = main(loan(d=0))
    assert found.health_factor == D("Infinity")
    assert found.withdrawable == 200
    assert not LENDING.is_liquidatable(loan(c=0, d=0), "main", PRICES, lending(), 0)


def test_collateral_that_does_not_count_may_leave_and_supports_nothing() -> None:
    assert main(loan(e=30)).withdrawable == D("96.66666666")
    disabled = loan(enabled=False)
    found = main(disabled)
    assert (found.collateral_value, found.account_equity, found.headroom) == (0, 100, -100)
    assert LENDING.is_liquidatable(disabled, "main", PRICES, lending(), 0)


def test_the_collateral_that_supports_least_leaves_first() -> None:
    """Of a spare 75: all 100 of F (25 of limit), then 50 of limit in C; C alone would let only 100 leave."""
    two = loan()
    two = replace(two, collateral=(*two.collateral, Collateral(asset="F", amount=D(100))))
    table = lending(F={"ltv": "0.25"})
    prices = quotes("oracle", C=2, D=1, F=1)
    assert main(two, prices, table).withdrawable == D("166.66666666")


def test_the_operator_decides_at_equality() -> None:
    edge = loan(d=160)
    assert not LENDING.is_liquidatable(edge, "main", PRICES, lending(), 0)
    inclusive = lending(C=TERMS["C"] | {"operator": "<="})
    assert LENDING.is_liquidatable(edge, "main", PRICES, inclusive, 0)


def test_a_liquidation_repays_up_to_the_close_factor_and_no_more_than_the_collateral_is_worth() -> None:
    plan = LENDING.plan_liquidation(loan(d=170), "main", PRICES, lending(), 0)
    assert (plan.market, plan.collateral, plan.close_most, plan.seized) == ("D", "C", 85, D("46.75"))
    short = LENDING.plan_liquidation(loan(d=500), "main", PRICES, lending(), 0)
    assert (short.close_most, short.seized, short.bad_debt) == (D("181.81818182"), 100, 300)
    assert LENDING.plan_liquidation(loan(), "main", PRICES, lending(), 0).reason


@given(owed=st.integers(10**9, 10**12), bonus=st.integers(0, 20), close=st.sampled_from(["0.5", "1"]))
def test_a_planned_liquidation_is_what_happens_to_the_last_digit(owed: int, bonus: int, close: str) -> None:
    rows = {"*": {"liquidation_threshold": "0.8", "liquidation_bonus": f"{bonus / 100}", "close_factor": close}}
    prices = Market(quotes={("generic", n, "oracle"): Quote(D(p)) for n, p in (("C", "1.7"), ("D", "0.3"))})
    account = replace(loan(), debt=(Debt(asset="D", amount=D(owed).scaleb(-8)),))
    table = LENDING.parameters("lending", 0, rows)
    plan = LENDING.plan_liquidation(account, "main", prices, table, 0)
    if plan.reason is not None:
        return
    call = LendingAction(
        stamp=Stamp(), account="a", kind="liquidation", asset="D", amount=plan.close_most, collateral_asset="C"
    )
    after, _ = LENDING.apply(account, prices, call, table, 0)
    own = {flow.asset: flow.amount for flow in plan.flows if flow.party == "account"}
    held, left = account.collateral[0].amount, sum(c.amount or D(0) for c in after.collateral)
    assert held is not None
    assert left - held == own["C"] == -plan.seized
    assert sum(d.amount or D(0) for d in after.debt) == D(owed).scaleb(-8) - own["D"]


def test_prices_of_collateral_and_of_debt_at_which_a_loan_is_liquidated() -> None:
    found = {p.market: p for p in LENDING.liquidation_prices(loan(), PRICES, lending(), 0)}
    assert (found["C"].price, found["C"].when, found["C"].side) == (D("1.24999999"), "at_or_below", "collateral")
    assert (found["D"].price, found["D"].when, found["D"].side) == (D("1.60000001"), "at_or_above", "debt")


def test_the_explanation_sums_to_the_headroom() -> None:
    tree = LENDING.explain(loan(e=30), PRICES, lending(), 0)
    support, debt = tree.inputs
    assert tree.value == support.value - debt.value == D("75")
    assert support.value == sum(node.value for node in support.inputs)
    vault = lending(C={"minimum_collateral_ratio": "1.5"})
    [node] = LENDING.explain(loan(), PRICES, vault, 0).inputs[0].inputs
    assert [given.quantity for given in node.inputs] == ["amount", "price", "minimum_collateral_ratio"]
    assert node.value == D("133.333333333333333333333333")


def act(account: Account, kind: Any, asset: str, amount: Any, **more: Any) -> Account:
    event = LendingAction(stamp=Stamp(), account="a", kind=kind, asset=asset, amount=D(str(amount)), **more)
    return LENDING.apply(account, PRICES, event, lending(), 0)[0]


def test_actions_change_amounts_and_refuse_what_exceeds_a_limit() -> None:
    start = loan()
    assert main(act(start, "supply", "E", 10)).collateral_value == 210
    assert main(act(start, "borrow", "D", 50)).debt_value == 150
    assert act(start, "repay", "D", "Infinity").debt == ()
    assert main(act(start, "withdraw", "C", 33)).collateral_value == 134
    assert act(loan(d=0), "withdraw", "C", "Infinity").collateral == ()
    for arguments, code in (
        (("borrow", "D", "50.01"), "exceeds_borrow_limit"),
        (("withdraw", "C", 34), "exceeds_borrow_limit"),
        (("withdraw", "C", 101), "insufficient_balance"),
        (("repay", "D", 101), "repays_too_much"),
        (("supply", "C", 0), "bad_amount"),
        (("liquidation", "D", 1), "missing_collateral_asset"),
    ):
        with pytest.raises(BadInput) as refused:
            act(start, *arguments)
        assert refused.value.problem.code == code
    after = act(loan(d=170), "liquidation", "D", 85, collateral_asset="C")
    assert {c.asset: c.amount for c in after.collateral} == {"C": D("53.25")}
    assert after.debt[0].amount == 85


def test_other_events_of_a_loan() -> None:
    frame = PriceFrame(stamp=Stamp(), prices={("generic", "C", "oracle"): D(3)})
    account, market = LENDING.apply(loan(), PRICES, frame, lending(), 0)
    assert main(account, market).collateral_value == 300
    snapshot = AccountSnapshot(stamp=Stamp(), account=loan(c=7))
    assert LENDING.apply(loan(), PRICES, snapshot, lending(), 0)[0] == loan(c=7)
    leave = Transfer(stamp=Stamp(), account="a", kind="withdrawal", asset="C", amount=D(-34))
    with pytest.raises(BadInput, match="exceeds_borrow_limit"):
        LENDING.apply(loan(), PRICES, leave, lending(), 0)
    lost = replace(leave, kind="correction")
    assert main(LENDING.apply(loan(), PRICES, lost, lending(), 0)[0]).collateral_value == 132
    fill = Fill(stamp=Stamp(), account="a", market="C", side="buy", quantity=D(1), price=D(1))
    with pytest.raises(BadInput, match="unsupported_event"):
        LENDING.apply(loan(), PRICES, fill, lending(), 0)


def test_bad_debt_without_collateral_and_prices_that_are_missing() -> None:
    nothing = loan(c=0)
    plan = LENDING.plan_liquidation(nothing, "main", PRICES, lending(), 0)
    assert (plan.reason, plan.bad_debt) == ("no collateral is left", 100)
    assert LENDING.liquidation_prices(nothing, PRICES, lending(), 0) == []
    [price] = LENDING.liquidation_prices(loan(), quotes("oracle", D=1), lending(), 0)
    assert price.market == "C"
    with pytest.raises(BadInput, match="missing_price"):
        LENDING.liquidation_prices(loan(), Market(), lending(), 0)
    with pytest.raises(BadInput, match="bad_price"):
        main(loan(), quotes("oracle", C=-1, D=1))
    with pytest.raises(BadInput, match="unknown_pool"):
        LENDING.is_liquidatable(loan(), "cross", PRICES, lending(), 0)


def test_parameters_travel_to_other_processes() -> None:
    for table in (derivatives(), lending(), rule_set("binance/usdm").module.parameters("usdm", 2 * 10**15)):
        assert type(pickle.loads(pickle.dumps(table))) is type(table)


def test_odd_rates_are_warnings() -> None:
    assert "initial rate" in derivatives(initial_rate="0.01").warnings[0]
    falling = derivatives(maintenance_rate="0", brackets=[["0", "10", "0.2"], ["10", "", "0.1"]])
    assert "falls" in falling.warnings[0]


def test_collateral_is_switched_off_only_while_the_rest_carries_the_debt() -> None:
    off = Setting(stamp=Stamp(), account="a", kind="collateral_enabled", market="C", value="false")
    with pytest.raises(BadInput, match="exceeds_borrow_limit"):
        LENDING.apply(loan(), PRICES, off, lending(), 0)
    account, _ = LENDING.apply(loan(d=0), PRICES, off, lending(), 0)
    assert not account.collateral[0].enabled
    deposit = Transfer(stamp=Stamp(), account="a", kind="deposit", asset="E", amount=D(5))
    assert main(LENDING.apply(account, PRICES, deposit, lending(), 0)[0]).account_equity == 205


@pytest.mark.parametrize(
    ("overlay", "code"),
    [
        (None, "no_parameters"),
        ({"C": {"ltv": "1.1"}}, "bad_parameter"),
        ({"C": {"liquidation_threshold": "0.8", "minimum_collateral_ratio": "1.5"}}, "bad_parameter"),
        ({"C": {"minimum_collateral_ratio": "0"}}, "bad_parameter"),
        ({"C": {"treshold": "0.8"}}, "unknown_parameter"),
        ({"C": "0.8"}, "bad_parameters"),
        ({"C": {"ltv": "0.5", "currency": "USD"}, "D": {"ltv": "0", "currency": "EUR"}}, "bad_parameter"),
    ],
)
def test_lending_refuses_what_is_no_rule(overlay: Any, code: str) -> None:
    with pytest.raises(BadInput) as bad:
        LENDING.parameters("lending", 0, overlay)
    assert bad.value.problem.code == code


@pytest.mark.parametrize(
    ("account", "code"),
    [
        (replace(loan(), collateral=(Collateral(asset="C"),)), "missing_amount"),
        (loan(c=-1), "negative_amount"),
        (replace(loan(), collateral=(Collateral(asset="Z", amount=D(1)),)), "no_parameters"),
        (replace(loan(), debt=(Debt(asset="Z", amount=D(1)),)), "missing_price"),
    ],
)
def test_a_broken_loan_is_refused_with_a_code(account: Account, code: str) -> None:
    with pytest.raises(BadInput) as bad:
        LENDING.risk(account, PRICES, lending(), 0)
    assert bad.value.problem.code == code


def test_an_ltv_above_the_threshold_is_a_warning() -> None:
    assert lending(C={"liquidation_threshold": "0.5", "ltv": "0.6"}).warnings
    assert not lending().warnings

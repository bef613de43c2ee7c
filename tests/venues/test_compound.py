"""Compound v2 through accounts of a book: borders, plans, events, parameters."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Fill, IndexUpdate, LendingAction, PriceFrame, Setting, Stamp, Transfer
from marginbook.domain.market import Index, Market, Quote
from marginbook.venues.registry import rule_set

MODULE: Any = rule_set("compound/2").module
OVERLAY: dict[str, Any] = {
    "comptroller": {"close_factor": "0.5", "liquidation_incentive": "1.08"},
    "ETH": {"decimals": 18, "collateral_factor": "0.75"},
    "USDC": {"decimals": 6, "collateral_factor": "0.8"},
}
PARAMETERS = MODULE.parameters("2", 0, OVERLAY)
D = Decimal
RATE = 2 * 10**26  # ETH per cETH, mantissa: 0.02 at 8 cToken decimals


def market(eth: str = "2000", usdc: str = "1", **more: Any) -> Market:
    quotes = {("compound", "ETH", "oracle"): Quote(D(eth)), ("compound", "USDC", "oracle"): Quote(D(usdc))}
    return Market(quotes=quotes, **more)


def account(held: str = "1", owed: str = "1500", **more: Any) -> Account:
    debt = (Debt(asset="USDC", amount=D(owed)),) if D(owed) else ()
    return Account(id="a", rules="compound/2", collateral=(Collateral(asset="ETH", amount=D(held), **more),), debt=debt)


def action(kind: Any, asset: str, amount: str, **more: Any) -> LendingAction:
    return LendingAction(stamp=Stamp(), account="a", kind=kind, asset=asset, amount=D(amount), **more)


def liquidatable(one: Account, prices: Market, parameters: Any = PARAMETERS) -> bool:
    found: bool = MODULE.is_liquidatable(one, "main", prices, parameters, 0)
    return found


def test_what_is_covered_exactly_is_safe_and_one_unit_more_is_not() -> None:
    assert not liquidatable(account(owed="1500"), market())
    assert liquidatable(account(owed="1500.000001"), market())
    assert not liquidatable(account(owed="0"), market("0.00000001"))


def test_liquidity_and_shortfall_are_shown_as_the_comptroller_shows_them() -> None:
    safe = MODULE.quantities(account(owed="1400"), market(), PARAMETERS, 0)["main"]
    assert (safe.venue["liquidity"], safe.venue["shortfall"], safe.borrowable) == (D(100), D(0), D(100))
    assert safe.health_factor == D("1.07142857")
    short = MODULE.quantities(account(owed="1501"), market(), PARAMETERS, 0)["main"]
    assert (short.venue["liquidity"], short.venue["shortfall"], short.withdrawable) == (D(0), D(1), D(0))


def test_a_supply_counts_when_entered_and_a_debt_enters_its_market() -> None:
    assert liquidatable(account(owed="1", enabled=False), market())
    both = Account(
        id="a",
        rules="compound/2",
        collateral=(Collateral(asset="USDC", amount=D(100), enabled=False),),
        debt=(Debt(asset="USDC", amount=D(80)),),
    )
    assert not liquidatable(both, market())
    assert liquidatable(replace(both, debt=(Debt(asset="USDC", amount=D("80.000001")),)), market())


def test_withdrawable_takes_what_does_not_count_first() -> None:
    free = Collateral(asset="USDC", amount=D(7), enabled=False)
    one = account(owed="0")
    one = replace(one, collateral=(*one.collateral, free), debt=())
    assert MODULE.quantities(one, market(), PARAMETERS, 0)["main"].withdrawable == D(2007)


def test_balances_are_ctokens_at_the_stored_rate_and_principal_at_the_stored_index() -> None:
    indices = {
        ("compound", "ETH", "supply"): Index(RATE * 10**9),
        ("compound", "USDC", "borrow"): Index(1_200_000_000_000_000_000 * 10**9),
    }
    one = Account(
        id="a",
        rules="compound/2",
        collateral=(Collateral(asset="ETH", scaled_raw=50 * 10**8),),
        debt=(Debt(asset="USDC", scaled_raw=1_000_000_000, details={"interest_index_raw": "1100000000000000000"}),),
    )
    found = MODULE.risk(one, market(indices=indices), PARAMETERS, 0)["main"]
    assert found.support == 750 * 2 * 10**18
    assert found.demand == 1_090_909_090 * 10**12
    with pytest.raises(BadInput, match="missing_index"):
        MODULE.risk(one, market(), PARAMETERS, 0)


def whole(block: int) -> Market:
    """ETH and USDC with totals; interest of USDC pending since block 100."""
    indices = {
        ("compound", "ETH", "supply"): Index(RATE * 10**9),
        ("compound", "ETH", "borrow"): Index(10**27),
        ("compound", "USDC", "supply"): Index(2 * 10**14 * 10**9),
        ("compound", "USDC", "borrow"): Index(10**27),
    }
    totals = {
        "ETH": (20 * 10**18, 0, 0, 1_000 * 10**8, 100),
        "USDC": (1_000 * 10**6, 9_000 * 10**6, 0, 500_000 * 10**8, 100),
    }
    names = ("cash_raw", "borrows_raw", "reserves_raw", "supply_raw", "accrual_block")
    state = {
        ("compound", asset, name): value
        for asset, row in totals.items()
        for name, value in zip(names, row, strict=True)
    }
    return market(indices=indices, state={**state, ("compound", "chain", "block"): block})


RATES = {"rate_base": "0", "rate_multiplier": "0.04", "rate_jump": "1.09", "rate_kink": "0.8"}
WITH_RATES = MODULE.parameters("2", 0, OVERLAY | {"USDC": OVERLAY["USDC"] | RATES, "ETH": OVERLAY["ETH"] | RATES})
BORROWER = Account(
    id="a",
    rules="compound/2",
    collateral=(Collateral(asset="ETH", scaled_raw=50 * 10**8),),
    debt=(Debt(asset="USDC", scaled_raw=1_499_990_000),),
)


def test_pending_interest_is_invisible_until_a_call_stores_it() -> None:
    prices = whole(100_000)
    shown = MODULE.quantities(BORROWER, prices, WITH_RATES, 0)["main"]
    assert shown.venue["shortfall"] == 0
    assert shown.venue["accrued_shortfall"] > 0
    assert not liquidatable(BORROWER, prices, WITH_RATES)
    after, stored = MODULE.apply(BORROWER, prices, action("repay", "USDC", "0.000001"), WITH_RATES, 0)
    assert liquidatable(after, stored, WITH_RATES)
    assert stored.state["compound", "USDC", "accrual_block"] == 100_000
    assert stored.indices["compound", "USDC", "borrow"].value_raw > 10**27
    plan = MODULE.plan_liquidation(after, "main", stored, WITH_RATES, 0)
    assert plan.reason is None


def test_totals_that_contradict_the_stored_rate_are_refused() -> None:
    prices = whole(100)
    prices = replace(prices, state={**prices.state, ("compound", "ETH", "supply_raw"): 999 * 10**8})
    with pytest.raises(BadInput, match="inconsistent_state"):
        MODULE.risk(BORROWER, prices, WITH_RATES, 0)


def test_a_plan_repays_half_seizes_with_the_incentive_and_shares_with_the_protocol() -> None:
    plan = MODULE.plan_liquidation(account(owed="1600"), "main", market(), PARAMETERS, 0)
    assert (plan.market, plan.collateral, plan.close_most) == ("USDC", "ETH", D(800))
    # 800 · 1.08 / 2000 = 0.432 ETH, of which 2.8 % is the protocol's
    assert (plan.seized, plan.protocol_fee, plan.bonus) == (D("0.419904"), D("0.012096"), D("0.08"))
    assert {(f.party, f.asset): f.amount for f in plan.flows}["account", "ETH"] == D("-0.432")


def test_a_plan_never_seizes_more_than_there_is() -> None:
    plan = MODULE.plan_liquidation(account(held="0.1", owed="1600"), "main", market(), PARAMETERS, 0)
    assert D("185.185185") <= plan.close_most <= D("185.185186")
    assert plan.seized + plan.protocol_fee <= D("0.1")
    assert plan.bad_debt == D(1400)


def test_a_plan_says_why_not() -> None:
    reasons = [
        MODULE.plan_liquidation(one, "main", market(), PARAMETERS, 0).reason
        for one in (account(owed="1500"), account(owed="0"), account(held="0", owed="5"))
    ]
    assert reasons == ["INSUFFICIENT_SHORTFALL", "no debt", "no collateral"]


def test_a_deprecated_market_may_be_repaid_whole_without_a_shortfall() -> None:
    gone = {"decimals": 6, "collateral_factor": "0", "reserve_factor": "1", "borrow_paused": True}
    parameters = MODULE.parameters("2", 0, OVERLAY | {"USDC": gone})
    one = account(owed="100")
    assert not liquidatable(one, market(), parameters)
    assert MODULE.plan_liquidation(one, "main", market(), parameters, 0).close_most == D(100)
    assert "deprecated" in MODULE.warnings(one, market(), parameters, 0)[0]
    assert MODULE.warnings(one, market(), PARAMETERS, 0) == ()


def test_liquidation_prices_need_no_quote_of_their_own() -> None:
    found = MODULE.liquidation_prices(account(), market(), PARAMETERS, 0)
    # both borders: equality is safe
    assert [(p.market, p.price, p.when) for p in found] == [
        ("ETH", D("1999.99999999"), "at_or_below"),
        ("USDC", D("1.00000001"), "at_or_above"),
    ]
    bare = replace(market(), quotes={("compound", "USDC", "oracle"): Quote(D(1))})
    assert MODULE.liquidation_prices(account(), bare, PARAMETERS, 0)[0].price == D("1999.99999999")
    with pytest.raises(BadInput, match="missing_price"):
        MODULE.liquidation_prices(account(), Market(), PARAMETERS, 0)
    assert MODULE.liquidation_prices(account(owed="0"), market(), PARAMETERS, 0) == []


def run(one: Account, prices: Market, *events: Any) -> Account:
    for event in events:
        one, prices = MODULE.apply(one, prices, event, PARAMETERS, 0)
    return one


def test_events_move_balances_as_the_contracts_do() -> None:
    empty = Account(id="a", rules="compound/2")
    enter = Setting(stamp=Stamp(), account="a", kind="collateral_enabled", market="ETH", value="true")
    one = run(empty, market(), action("supply", "ETH", "1"))
    assert not one.collateral[0].enabled
    one = run(one, market(), enter, action("borrow", "USDC", "1500"))
    assert one.collateral[0].enabled
    assert one.debt[0].amount == D(1500)
    one = run(one, market(), action("repay", "USDC", "500"), action("withdraw", "ETH", "0.1"))
    assert {c.asset: c.amount for c in one.collateral} == {"USDC": D(0), "ETH": D("0.9")}
    assert one.debt[0].amount == D(1000)
    one = run(one, market(), action("repay", "USDC", "Infinity"), action("withdraw", "ETH", "Infinity"))
    # markets stay entered: what is supplied later counts at once
    assert [(c.asset, c.amount, c.enabled) for c in one.collateral] == [("USDC", D(0), True), ("ETH", D(0), True)]
    assert one.debt == ()
    deposit = Transfer(stamp=Stamp(), account="a", kind="deposit", asset="ETH", amount=D(2))
    assert run(empty, Market(), deposit).collateral[0].amount == D(2)


def test_a_liquidation_event_takes_what_the_plan_says() -> None:
    one = account(owed="1600")
    after = run(one, market(), action("liquidation", "USDC", "800", collateral_asset="ETH"))
    assert after.debt[0].amount == D(800)
    assert after.collateral[0].amount == D("0.568")


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (action("borrow", "USDC", "0.000001"), "INSUFFICIENT_LIQUIDITY"),
        (action("withdraw", "ETH", "0.000000000000000001"), "INSUFFICIENT_LIQUIDITY"),
        (action("repay", "USDC", "1500.000001"), "MATH"),
        (action("liquidation", "USDC", "1", collateral_asset="ETH"), "INSUFFICIENT_SHORTFALL"),
        (action("liquidation", "USDC", "1"), "missing_value"),
        (action("supply", "USDC", "0.0000001"), "too_many_decimals"),
        (action("supply", "WBTC", "1"), "unknown_market"),
        (action("supply", "ETH", "1", pool="other"), "unknown_pool"),
        (Setting(stamp=Stamp(), account="a", kind="collateral_enabled", market="ETH", value="false"), "LIQUIDITY"),
        (Setting(stamp=Stamp(), account="a", kind="collateral_enabled", market="USDC", value="false"), "NONZERO"),
        (Setting(stamp=Stamp(), account="a", kind="collateral_enabled", market="ETH", value="maybe"), "bad_value"),
        (
            Fill(stamp=Stamp(), account="a", market="ETH", side="buy", quantity=D(1), price=D(1)),
            "unsupported_event",
        ),
    ],
)
def test_what_the_contracts_refuse_is_bad_input(event: Any, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        MODULE.apply(account(), market(), event, PARAMETERS, 0)


def test_prices_and_indices_are_events_too() -> None:
    frame = PriceFrame(stamp=Stamp(), prices={("compound", "ETH", "oracle"): D(1)})
    _, after = MODULE.apply(account(), market(), frame, PARAMETERS, 0)
    assert after.price("compound", "ETH", "oracle") == 1
    update = IndexUpdate(stamp=Stamp(), venue="compound", asset="ETH", kind="supply", value=D(RATE * 10**9))
    _, after = MODULE.apply(account(), market(), update, PARAMETERS, 0)
    assert after.indices["compound", "ETH", "supply"].value_raw == RATE * 10**9


@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        (None, "no_parameters"),
        ({"ETH": {"collateral_factor": "0.7"}}, "missing_parameter"),
        ({**OVERLAY, "ETH": {"ltv": "0.7"}}, "unknown_parameter"),
        ({**OVERLAY, "ETH": {"collateral_factor": "1.1"}}, "bad_parameter"),
        ({**OVERLAY, "ETH": {"decimals": 40}}, "bad_parameter"),
        ({**OVERLAY, "ETH": {"rate_kink": "0"}}, "bad_parameter"),
        ({**OVERLAY, "ETH": "0.7"}, "bad_parameters"),
    ],
)
def test_a_bad_overlay_names_its_place(overlay: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        MODULE.parameters("2", 0, overlay)


def test_one_pool_and_each_asset_once_per_side() -> None:
    with pytest.raises(BadInput, match="unknown_pool"):
        MODULE.is_liquidatable(account(), "other", market(), PARAMETERS, 0)
    twice = replace(account(), collateral=account().collateral * 2)
    with pytest.raises(BadInput, match="duplicate_asset"):
        MODULE.risk(twice, market(), PARAMETERS, 0)
    elsewhere = account(pool="other")
    with pytest.raises(BadInput, match="unknown_pool"):
        MODULE.risk(elsewhere, market(), PARAMETERS, 0)


def test_the_explanation_ends_in_the_headroom() -> None:
    root = MODULE.explain(account(owed="1400"), market(), PARAMETERS, 0)
    assert (root.quantity, root.value) == ("headroom", D(100))


VENUS: Any = MODULE.parameters(
    "venus",
    0,
    {
        "comptroller": {"close_factor": "0.5", "liquidation_incentive": "1.1"},
        "ETH": {
            "decimals": 18,
            "collateral_factor": "0.75",
            "liquidation_threshold": "0.8",
            "liquidation_incentive": "1.05",
        },
        "USDC": {"decimals": 6, "collateral_factor": "0.8"},
    },
)


def on_venus(owed: str, **more: Any) -> Account:
    return replace(account(owed=owed, **more), rules="compound/venus")


def test_venus_liquidates_by_a_threshold_of_its_own() -> None:
    assert not liquidatable(on_venus("1600"), market(), VENUS)
    assert liquidatable(on_venus("1600.000001"), market(), VENUS)
    found = MODULE.quantities(on_venus("1550"), market(), VENUS, 0)["main"]
    assert (found.headroom, found.free_margin, found.borrowable) == (D(50), D(-50), D(0))
    assert VENUS.assets["USDC"].liquidation_threshold == VENUS.assets["USDC"].collateral_factor


def test_venus_gives_all_that_is_seized_to_the_liquidator_at_the_collaterals_incentive() -> None:
    plan = MODULE.plan_liquidation(on_venus("1700"), "main", market(), VENUS, 0)
    assert (plan.close_most, plan.seized, plan.protocol_fee, plan.bonus) == (D(850), D("0.44625"), D(0), D("0.05"))
    outside = on_venus("1", enabled=False)
    assert MODULE.plan_liquidation(outside, "main", market(), VENUS, 0).reason == "no collateral"


def test_venus_caps_a_repayment_at_the_debt() -> None:
    after, _ = MODULE.apply(on_venus("1500"), market(), action("repay", "USDC", "2000"), VENUS, 0)
    assert after.debt == ()


def test_a_threshold_below_the_collateral_factor_is_refused() -> None:
    row = {"decimals": 18, "collateral_factor": "0.75", "liquidation_threshold": "0.7"}
    with pytest.raises(BadInput, match="bad_parameter"):
        MODULE.parameters("venus", 0, OVERLAY | {"ETH": row})

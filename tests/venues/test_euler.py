"""Euler vaults: both sides of equality, bid and ask, ramps, cool-off, plans, events, and what is refused."""

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.events import IndexUpdate, LendingAction, Stamp
from marginbook.domain.market import Index, Market, Quote
from marginbook.exact import RAY
from marginbook.venues.euler.holdings import holdings_of, loan_of
from marginbook.venues.euler.parameters import CollateralTerms, Terms
from marginbook.venues.euler.risk import borrowable, most_out
from marginbook.venues.euler.vault import Loan, Prices, Revert, largest, liquidated, redeemed, withdrawn
from marginbook.venues.registry import rule_set

AT = 1_790_856_000_000_000
NOW = AT // 10**6
MODULE = rule_set("euler/2").module
TABLE: dict[str, Any] = {
    "asset": "USDC",
    "max_liquidation_discount": "0.15",
    "cool_off": 10,
    "collateral": {
        "WETH": {"borrow_ltv": "0.8", "liquidation_ltv": "0.82"},
        "WBTC": {"borrow_ltv": "0.7", "liquidation_ltv": "0.75"},
    },
}


def terms(**changes: Any) -> Any:
    return MODULE.parameters("2", AT, {"v": {**TABLE, **changes}})


PARAMETERS = terms()


def account(weth: str = "10", usdc: str = "15000", **more: Any) -> Account:
    collateral = (Collateral(asset="WETH", amount=D(weth), pool="v"),)
    debt = (Debt(asset="USDC", amount=D(usdc), pool="v", **more),) if D(usdc) else ()
    return Account(id="e", rules="euler/2", collateral=collateral, debt=debt)


def market(weth: str = "3000", usdc: str = "1", **more: str) -> Market:
    prices = {("WETH", "oracle"): weth, ("USDC", "oracle"): usdc}
    prices |= {(name.upper(), kind): price for key, price in more.items() for name, kind in [key.split("_")]}
    return Market(quotes={("euler", asset, kind): Quote(D(price)) for (asset, kind), price in prices.items()})


def liquidatable(a: Account, m: Market, parameters: Any = PARAMETERS, at: int = AT) -> bool:
    return MODULE.is_liquidatable(a, "main:v", m, parameters, at)


def act(a: Account, m: Market, kind: Any, asset: str, amount: str, parameters: Any = PARAMETERS, **more: Any) -> Any:
    event = LendingAction(stamp=Stamp(), account="e", kind=kind, asset=asset, amount=D(amount), **more)
    return MODULE.apply(a, m, event, parameters, AT)


def refused(a: Account, m: Market, kind: str, asset: str, amount: str, **more: Any) -> str:
    with pytest.raises(BadInput) as error:
        act(a, m, kind, asset, amount, **more)
    assert error.value.problem.code == "refused"
    return error.value.problem.value


def test_equality_is_liquidatable() -> None:
    assert liquidatable(account(usdc="24600"), market())  # 30000 · 0.82
    assert not liquidatable(account(usdc="24599.999999"), market())
    assert not liquidatable(account(usdc="0"), market())
    prices = {p.market: p for p in MODULE.liquidation_prices(account(), market(), PARAMETERS, AT)}
    assert prices["WETH"].price == D("1829.268292682926829268")
    assert prices["USDC"].price == D("1.64")
    assert liquidatable(account(), market(weth="1829.268292682926829268"))
    assert not liquidatable(account(), market(weth="1829.268292682926829269"))


def test_quantities_and_the_largest_loan() -> None:
    found = MODULE.quantities(account(), market(), PARAMETERS, AT)["main:v"]
    assert found.currency == "USD"
    assert found.collateral_value == 30_000
    assert found.debt_value == 15_000
    assert found.health_factor == D("1.64")
    assert found.headroom == 9_600
    assert found.free_margin == 9_000
    assert found.borrowable == D("8999.999999")  # support must stay above the debt
    act(account(), market(), "borrow", "USDC", "8999.999999")
    assert refused(account(), market(), "borrow", "USDC", "9000") == "E_AccountLiquidity"
    # 10 WETH less what supports 15000 strictly: 15000 / 0.8 / 3000 = 6.25
    act(account(), market(), "withdraw", "WETH", "3.749999999999999999")
    assert refused(account(), market(), "withdraw", "WETH", "3.75") == "E_AccountLiquidity"


def test_the_largest_loan_and_withdrawal_at_odd_prices() -> None:
    m = market("3123.4567", "0.99987654321", weth_min="3120.1", usdc_max="1.0002", weth_max="3130", usdc_min="0.99")
    parameters = terms(two_sided=True)
    (h,) = holdings_of(account(), parameters)
    loan = loan_of(account(), h, m, AT)
    most = D(borrowable(loan)).scaleb(-6)
    act(account(), m, "borrow", "USDC", str(most), parameters)
    with pytest.raises(BadInput):
        act(account(), m, "borrow", "USDC", str(most + D("0.000001")), parameters)
    out = D(most_out(loan, "WETH")).scaleb(-18)
    act(account(), m, "withdraw", "WETH", str(out), parameters)
    with pytest.raises(BadInput):
        act(account(), m, "withdraw", "WETH", str(out + D("1e-18")), parameters)


def test_borrowing_is_judged_at_bid_and_ask_liquidation_at_mid() -> None:
    parameters = terms(two_sided=True)
    m = market("3000", "1", weth_min="2900", weth_max="3100", usdc_min="0.98", usdc_max="1.02")
    found = MODULE.risk(account(), m, parameters, AT)["main:v"]
    assert found.support == 24_600
    assert found.demand == 15_000
    assert found.support_initial == 23_200
    assert found.demand_initial == 15_300
    with pytest.raises(BadInput, match="min price"):
        MODULE.risk(account(), market(), parameters, AT)


def test_a_ramp_falls_in_a_straight_line() -> None:
    weth = {"borrow_ltv": "0.5", "liquidation_ltv": "0.6", "initial_liquidation_ltv": "0.8"}
    parameters = terms(collateral={"WETH": {**weth, "ramp_end": NOW + 1_000, "ramp_seconds": 2_000}})
    support = MODULE.risk(account(), market(), parameters, AT)["main:v"].support
    assert support == 21_000  # half way: 0.7
    assert not liquidatable(account(usdc="20000"), market(), parameters)
    assert liquidatable(account(usdc="20000"), market(), parameters, AT + 500 * 10**6)
    assert MODULE.lower(account(), market(), parameters).pools[0].opaque
    later = MODULE.parameters("2", AT + 10**9, {"v": {**TABLE, "collateral": {"WETH": weth}}})
    assert not MODULE.lower(account(), market(), later).pools[0].opaque


def test_a_stored_debt_grows_with_the_accumulator() -> None:
    debt = Debt(asset="USDC", scaled_raw=15_000_000_000 << 31, index_raw=RAY, pool="v")
    a = replace(account(), debt=(debt,))
    m = replace(market(), indices={("euler", "v", "borrow"): Index(RAY, 10**18, NOW - 100)})
    found = MODULE.risk(a, m, PARAMETERS, AT)["main:v"].demand
    assert found == D("15000.001501")  # 100 seconds at 10^-9, rounded up to the unit
    assert MODULE.accrued_index(m.indices["euler", "v", "borrow"], "borrow", PARAMETERS, AT) > RAY  # type: ignore[attr-defined]
    after, stored = act(a, m, "repay", "USDC", "5000.001501")
    assert after.debt[0].scaled_raw == 10_000_000_000 << 31
    assert stored.indices["euler", "v", "borrow"].time == NOW
    with pytest.raises(BadInput, match="missing_index"):
        MODULE.risk(a, market(), PARAMETERS, AT)
    early = replace(a, debt=(replace(debt, index_raw=2 * RAY),))
    with pytest.raises(BadInput, match="bad_value"):
        MODULE.risk(early, m, PARAMETERS, AT)


def test_shares_of_the_collateral_s_vault() -> None:
    a = replace(account(), collateral=(Collateral(asset="WETH", scaled_raw=10**19, pool="v"),))
    totals = {("euler", "WETH", "assets_raw"): 22 * 10**18, ("euler", "WETH", "shares_raw"): 2 * 10**19}
    m = replace(market(), state=totals)
    assert MODULE.quantities(a, m, PARAMETERS, AT)["main:v"].collateral_value == D("32999.99999999")
    after, moved = act(a, m, "supply", "WETH", "1")
    assert after.collateral[0].scaled_raw > 10**19 + 9 * 10**17
    assert moved.state["euler", "WETH", "assets_raw"] == 23 * 10**18
    with pytest.raises(BadInput, match="shares"):
        MODULE.risk(a, market(), PARAMETERS, AT)


def test_the_discount_grows_with_the_violation() -> None:
    plan = MODULE.plan_liquidation(account(usdc="26000"), "main:v", market(), PARAMETERS, AT)
    # factor 24600 / 26000 = 0.94615…: all of the debt, for 26000 / factor of collateral
    assert plan.close_most == 26_000
    assert plan.bonus == D("0.053846153846153847")
    assert plan.seized == D("9.159891598915989168")
    deep = MODULE.plan_liquidation(account(usdc="40000"), "main:v", market(), PARAMETERS, AT)
    assert deep.bonus == D("0.15")
    assert deep.close_most == 25_500  # 30000 · 0.85, all of the collateral
    assert deep.bad_debt == 14_500
    kept = MODULE.plan_liquidation(account(usdc="40000"), "main:v", market(), terms(socialize=False), AT)
    assert kept.bad_debt == 0
    assert MODULE.plan_liquidation(account(), "main:v", market(), PARAMETERS, AT).reason == "account is healthy"


def test_the_cool_off_stops_liquidations_only() -> None:
    a = account(usdc="26000", details={"last_status_check": str(NOW - 9)})
    assert liquidatable(a, market())
    assert MODULE.plan_liquidation(a, "main:v", market(), PARAMETERS, AT).reason == "E_LiquidationCoolOff"
    assert MODULE.plan_liquidation(a, "main:v", market(), PARAMETERS, AT + 10**6).reason is None
    after, _ = act(account(), market(), "borrow", "USDC", "1")
    assert after.debt[0].details["last_status_check"] == str(NOW)


def test_where_no_collateral_is_left() -> None:
    a = replace(account(), collateral=())
    assert liquidatable(a, market())
    assert MODULE.plan_liquidation(a, "main:v", market(), PARAMETERS, AT).reason == "no collateral is left"
    worthless = Terms(
        asset="X",
        decimals=18,
        collaterals={"C": CollateralTerms(asset="C", decimals=18, borrow_ltv=1, liquidation_ltv=1)},
    )
    prices = {"X": Prices(10**18, 10**18, 10**18), "C": Prices(1, 1, 1)}
    loan = Loan(terms=worthless, time=0, owed=10**18 << 31, balances={"C": 10}, prices=prices)
    assert largest(loan, "C").taken == 10
    assert liquidated(loan, "C")[2] == 10**18
    for name, reason in (("D", "E_BadCollateral"), ("C", "E_CollateralDisabled")):
        with pytest.raises(Revert) as error:
            largest(replace(loan, balances={}), name)
        assert error.value.reason == reason


def test_the_last_unit_of_a_debt_that_has_a_fraction_is_refused() -> None:
    known = {"C": CollateralTerms(asset="C", decimals=0, borrow_ltv=9_000, liquidation_ltv=9_000)}
    loan = Loan(
        terms=Terms(asset="X", decimals=0, unit="X", unit_decimals=0, collaterals=known, max_discount=0),
        time=0,
        owed=(2_000_000 << 31) + 1,
        balances={"C": 2_000_000},
        prices={"C": Prices(10**18, 10**18, 10**18)},
    )
    assert largest(loan, "C").repaid == 2_000_000
    with pytest.raises(Revert) as error:
        liquidated(loan, "C")
    assert error.value.reason == "E_RepayTooMuch"


def test_events() -> None:
    a, m = act(account(usdc="0"), market(), "borrow", "USDC", "20000")
    a, m = act(a, m, "repay", "USDC", "5000")
    assert a.debt[0].amount == 15_000
    assert refused(a, m, "repay", "USDC", "15000.000001") == "E_RepayTooMuch"
    a, m = act(a, m, "supply", "WBTC", "0.5", pool="v")
    assert [c.asset for c in a.collateral] == ["WETH", "WBTC"]
    m = m.with_prices({("euler", "WBTC", "oracle"): D(60_000)})
    a, m = act(a, m, "withdraw", "WBTC", "Infinity")
    a, m = act(a, m, "repay", "USDC", "Infinity")
    assert not a.debt
    assert refused(a, m, "withdraw", "WETH", "11") == "E_InsufficientBalance"
    a, m = act(a, m, "withdraw", "WETH", "Infinity", pool="v")
    assert not a.collateral
    event = IndexUpdate(stamp=Stamp(time=AT), venue="euler", asset="v", kind="borrow", value=D(RAY), rate=D(7))
    assert MODULE.apply(a, m, event, PARAMETERS, AT)[1].indices["euler", "v", "borrow"].rate_raw == 7


def test_a_liquidation() -> None:
    bad = account(usdc="26000")
    a, _ = act(bad, market(), "liquidation", "USDC", "13000")
    assert a.debt[0].amount == 13_000
    assert a.collateral[0].amount == D("5.420054200542005416")
    a, _ = act(account(usdc="40000"), market(), "liquidation", "USDC", "Infinity", collateral_asset="WETH")
    assert not a.debt
    assert not a.collateral
    assert refused(bad, market(), "liquidation", "USDC", "26001") == "E_ExcessiveRepayAmount"
    assert refused(account(), market(), "liquidation", "USDC", "1") == "account is healthy"


def test_cash_limits_loans() -> None:
    m = replace(market(), state={("euler", "v", "cash_raw"): 5_000_000})
    assert MODULE.quantities(account(), m, PARAMETERS, AT)["main:v"].borrowable == 5
    assert refused(account(), m, "borrow", "USDC", "5.000001") == "E_InsufficientCash"
    _, after = act(account(), m, "borrow", "USDC", "2")
    assert after.state["euler", "v", "cash_raw"] == 3_000_000


def test_loops_are_judged_by_distance() -> None:
    collateral = {"WETH": {"borrow_ltv": "0.9", "liquidation_ltv": "0.93"}}
    (pool,) = MODULE.lower(account(), market(), terms(collateral=collateral)).pools
    assert pool.family == "loop"
    assert MODULE.lower(account(), market(), PARAMETERS).pools[0].family == "lending"
    assert pool.liquidatable_at_equality


def test_the_unit_of_account_itself_needs_no_price() -> None:
    m = Market(quotes={("euler", "WETH", "oracle"): Quote(D(3_000))})
    parameters = terms(unit="USDC", unit_decimals=6)
    found = MODULE.quantities(account(), m, parameters, AT)["main:v"]
    assert found.currency == "USDC"
    assert found.borrowable == D("8999.999999")
    with pytest.raises(BadInput, match="missing_price"):
        MODULE.quantities(account(), m, PARAMETERS, AT)
    assert MODULE.quantities(account(usdc="0"), m, PARAMETERS, AT)["main:v"].borrowable == 24_000


def test_what_a_vault_does_not_know() -> None:
    a = account()
    for wrong in (
        replace(a, collateral=(Collateral(asset="DAI", amount=D(1), pool="v"),)),
        replace(a, debt=(Debt(asset="DAI", amount=D(1), pool="v"),)),
        replace(a, collateral=(Collateral(asset="WETH", amount=D(1)),)),
        replace(a, collateral=(Collateral(asset="WETH", amount=D(1), pool="none"),)),
        replace(a, collateral=2 * a.collateral),
        account(usdc="0.0000001"),
        account(details={"last_status_check": "now"}),
    ):
        with pytest.raises(BadInput):
            MODULE.risk(wrong, market(), PARAMETERS, AT)
    with pytest.raises(BadInput, match="unknown_pool"):
        liquidatable(replace(a, collateral=(), debt=()), market())


def test_shipped_vaults() -> None:
    found = MODULE.parameters("2", AT).vaults["USDC-prime"]
    assert found.collaterals["wstETH"].liquidation_ltv == 8_400
    assert found.collaterals["wstETH"].borrow_ltv == 8_200
    assert found.max_discount == 1_500
    early = MODULE.parameters("2", 1_740_000_000_000_000).vaults["USDC-prime"]
    assert early.collaterals["wstETH"].liquidation_ltv < 8_400
    assert "USDC-prime" not in MODULE.parameters("2", AT, network="base").vaults
    mine = MODULE.parameters("2", AT, {"USDC-prime": {"collateral": {"WETH": {"liquidation_ltv": "0.9"}}}})
    assert mine.vaults["USDC-prime"].collaterals["WETH"].liquidation_ltv == 9_000
    assert mine.vaults["USDC-prime"].collaterals["wstETH"].liquidation_ltv == 8_400


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"asset": "UNKNOWN"},
        {"asset": "USDC", "max_liquidation_discount": "1"},
        {"asset": "USDC", "unknown": "1"},
        {"asset": "USDC", "collateral": {"WETH": {"borrow_ltv": "0.8"}}},
        {"asset": "USDC", "collateral": {"WETH": {"borrow_ltv": "0.8", "liquidation_ltv": "0.7"}}},
        {"asset": "USDC", "collateral": {"WETH": {"borrow_ltv": "0.8", "liquidation_ltv": "0.80001"}}},
        {"asset": "USDC", "collateral": {"WETH": {"borrow_ltv": "0.8", "liquidation_ltv": "0.9", "ramp_end": 9}}},
        {"asset": "USDC", "collateral": "WETH"},
        {"asset": "USDC", "collateral": {"WETH": "0.8"}},
        "USDC",
    ],
)
def test_parameters_that_are_refused(row: Any) -> None:
    with pytest.raises(BadInput):
        MODULE.parameters("2", AT, {"w": row})


def test_nothing_becomes_no_share_and_no_share_becomes_nothing() -> None:
    def shares(assets: int, total: int) -> Market:
        return replace(
            market(), state={("euler", "WETH", "assets_raw"): assets, ("euler", "WETH", "shares_raw"): total}
        )

    one = Collateral(asset="WETH", scaled_raw=1, pool="v")
    a = Account(id="e", rules="euler/2", collateral=(one,))
    least = "0.000000000000000001"
    assert refused(a, shares(2 * 10**18, 10**18), "supply", "WETH", least) == "E_ZeroShares"
    assert refused(a, shares(10**18, 2 * 10**18), "withdraw", "WETH", "Infinity") == "E_ZeroAssets"


def test_what_may_leave_counts_the_rest_that_other_shares_gain() -> None:
    wad = Prices(10**18, 10**18, 10**18)
    only = {"C": CollateralTerms(asset="C", decimals=6, borrow_ltv=8_000, liquidation_ltv=8_500)}
    loan = Loan(
        terms=Terms(asset="USDC", decimals=6, collaterals=only),
        time=0,
        owed=10_126 << 31,
        balances={"C": 33_237},
        totals={"C": (46_264, 33_949)},
        prices={"C": wad, "USDC": wad},
    )
    assert most_out(loan, "C") == 20_728
    redeemed(loan, "C", 20_728)
    with pytest.raises(Revert):
        redeemed(loan, "C", 20_729)
    with pytest.raises(Revert):
        withdrawn(loan, "C", 20_728)  # at totals that stay

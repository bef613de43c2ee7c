"""Comet through accounts of a book: borders, absorption, events, parameters."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Fill, IndexUpdate, LendingAction, Stamp, Transfer
from marginbook.domain.market import Index, Market, Quote
from marginbook.exact import RAY, WAD
from marginbook.units import parse_time
from marginbook.venues.compound.comet.absorption import buy, quote
from marginbook.venues.compound.comet.state import AssetConfig, Config, Pool, Revert
from marginbook.venues.registry import rule_set

MODULE: Any = rule_set("compound/3").module
AT = parse_time("2025-06-01T00:00:00Z")
PARAMETERS = MODULE.parameters("3", AT)
POOL = "main:cUSDCv3"
D = Decimal
YEAR = 31_536_000


def market(weth: str = "2000", usdc: str = "1", **more: Any) -> Market:
    prices = {"WETH": weth, "USDC": usdc, "WBTC": "60000", "wstETH/ETH": "1.2"}
    return Market(quotes={("compound", name, "oracle"): Quote(D(price)) for name, price in prices.items()}, **more)


def account(held: str = "1", owed: str = "1790", asset: str = "WETH", **more: Any) -> Account:
    collateral = (Collateral(asset=asset, amount=D(held), pool="cUSDCv3"),) if D(held) else ()
    debt = (Debt(asset="USDC", amount=D(owed), pool="cUSDCv3"),) if D(owed) else ()
    return Account(id="a", rules="compound/3", collateral=collateral, debt=debt, **more)


def action(kind: Any, asset: str, amount: str, pool: str = "cUSDCv3") -> LendingAction:
    return LendingAction(stamp=Stamp(), account="a", kind=kind, asset=asset, amount=D(amount), pool=pool)


def liquidatable(one: Account, prices: Market, at: int = AT) -> bool:
    found: bool = MODULE.is_liquidatable(one, POOL, prices, PARAMETERS, at)
    return found


def test_covered_exactly_is_safe_and_one_unit_more_is_not() -> None:
    # 1 · 2000 · 0.895 = 1790
    assert not liquidatable(account(owed="1790"), market())
    assert liquidatable(account(owed="1790.000001"), market())
    assert not liquidatable(account(owed="0"), market("0.00000001"))


def test_the_debts_value_is_cut_toward_zero() -> None:
    # 1 unit of base at 0.5 is 0.5 · 10^-6, at 0.00000999 nothing at all in 8 decimals
    tiny = account(held="0", owed="0.000001")
    assert not liquidatable(tiny, market(usdc="0.00000999"))
    assert liquidatable(tiny, market(usdc="0.01"))


def test_borrowing_has_a_factor_of_its_own() -> None:
    found = MODULE.quantities(account(owed="1000"), market(), PARAMETERS, AT)[POOL]
    assert (found.borrowable, found.headroom, found.free_margin) == (D(650), D(790), D(650))
    assert found.withdrawable == D("787.87878787")
    least = MODULE.quantities(account(held="0.05", owed="0"), market(), PARAMETERS, AT)[POOL]
    assert least.borrowable == 0  # 82.5 would stay below the least borrow of 100


def test_interest_runs_per_second_and_the_views_do_not_see_it() -> None:
    rate = 1_600_000_000  # per second
    index = Index(RAY, rate * YEAR * 10**9, AT // 10**6 - 86_400)
    prices = market(indices={("compound", "cUSDCv3", "borrow"): index})
    one = replace(account(), debt=(Debt(asset="USDC", scaled_raw=1_789_900_000, pool="cUSDCv3"),))
    assert MODULE.accrued_index(index, "borrow", PARAMETERS, AT) == 1_000_138_240_000_000 * 10**12
    assert MODULE.risk(one, prices, PARAMETERS, AT)[POOL].demand == 179_014_743_500
    assert liquidatable(one, prices)
    assert not liquidatable(one, prices, AT - 86_400 * 10**6)
    assert MODULE.quantities(one, prices, PARAMETERS, AT)[POOL].venue["stored_headroom"] == D("0.1")


def test_absorption_takes_everything_and_credits_the_liquidation_factor() -> None:
    plan = MODULE.plan_liquidation(account(owed="1800"), POOL, market(), PARAMETERS, AT)
    assert (plan.collateral, plan.close_least, plan.close_most) == ("WETH", D(1800), D(1800))
    assert (plan.seized, plan.price, plan.bonus, plan.bad_debt) == (D(1), D(2000), D("0.025"), D(0))
    flows = {(f.party, f.asset): f.amount for f in plan.flows}
    # 2000 · 0.95 = 1900: 1800 repay the debt, 100 become a supply
    assert flows["protocol", "USDC"] == D(-1900)
    assert flows["account", "USDC"] == D(1900)  # relieved of 1,800, and 100 supplied
    assert (flows["account", "WETH"], flows["protocol", "WETH"]) == (D(-1), D(1))


def test_what_the_credit_does_not_cover_is_the_reserves_loss() -> None:
    plan = MODULE.plan_liquidation(account(owed="2500"), POOL, market(), PARAMETERS, AT)
    assert plan.bad_debt == D(600)
    bare = MODULE.plan_liquidation(account(held="0", owed="5"), POOL, market(), PARAMETERS, AT)
    assert (bare.collateral, bare.bad_debt) == (None, D(5))
    assert MODULE.plan_liquidation(account(), POOL, market(), PARAMETERS, AT).reason == "NotLiquidatable"


def run(one: Account, prices: Market, *events: Any) -> Account:
    for event in events:
        one, prices = MODULE.apply(one, prices, event, PARAMETERS, AT)
    return one


def test_events_move_balances_as_the_contract_does() -> None:
    empty = Account(id="a", rules="compound/3")
    one = run(empty, market(), action("supply", "WETH", "1"), action("borrow", "USDC", "1650"))
    assert (one.collateral[0].amount, one.debt[0].amount) == (D(1), D(1650))
    one = run(one, market(), action("repay", "USDC", "650"), action("withdraw", "WETH", "0.25"))
    assert (one.collateral[0].amount, one.debt[0].amount) == (D("0.75"), D(1000))
    one = run(one, market(), action("supply", "USDC", "1200"))
    assert one.debt == ()
    assert {c.asset: c.amount for c in one.collateral} == {"WETH": D("0.75"), "USDC": D(200)}
    one = run(one, market(), action("withdraw", "USDC", "Infinity"), action("withdraw", "WETH", "Infinity"))
    assert one.collateral == one.debt == ()
    deposit = Transfer(stamp=Stamp(), account="a", kind="deposit", asset="WETH", amount=D(2), pool="cUSDCv3")
    assert run(empty, Market(), deposit).collateral[0].amount == D(2)


def test_a_liquidation_event_absorbs_the_account() -> None:
    after = run(account(owed="1800"), market(), action("liquidation", "USDC", "1800"))
    assert after.debt == ()
    assert [(c.asset, c.amount) for c in after.collateral] == [("USDC", D(100))]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (action("borrow", "USDC", "1"), "NotCollateralized"),
        (action("withdraw", "WETH", "0.000000000000000001"), "NotCollateralized"),
        (action("withdraw", "WETH", "2"), "MATH"),
        (action("liquidation", "USDC", "1"), "NotLiquidatable"),
        (action("borrow", "WETH", "1"), "unknown_market"),
        (action("supply", "DAI", "1"), "unknown_market"),
        (action("supply", "WETH", "1", pool="cDAIv3"), "unknown_pool"),
        (
            Fill(stamp=Stamp(), account="a", market="WETH", side="buy", quantity=D(1), price=D(1)),
            "unsupported_event",
        ),
    ],
)
def test_what_the_contract_refuses_is_bad_input(event: Any, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        MODULE.apply(account(owed="1700"), market(), event, PARAMETERS, AT)


def test_the_least_borrow_holds_for_every_borrow() -> None:
    one = account(held="1", owed="0")
    with pytest.raises(BadInput, match="BorrowTooSmall"):
        run(one, market(), action("borrow", "USDC", "99.999999"))
    assert run(one, market(), action("borrow", "USDC", "100")).debt[0].amount == D(100)


def test_a_whole_comet_stores_indices_rates_and_totals() -> None:
    now = AT // 10**6
    indices = {("compound", "cUSDCv3", kind): Index(RAY, 0, now - 3_600) for kind in ("supply", "borrow")}
    names = {"cash_raw": 10**12, "supply_principal_raw": 2 * 10**12, "borrow_principal_raw": 10**12}
    state = {("compound", "cUSDCv3", name): value for name, value in names.items()}
    prices = market(indices=indices, state=state)
    one, after = MODULE.apply(account(owed="0"), prices, action("borrow", "USDC", "100"), PARAMETERS, AT)
    borrow = after.indices["compound", "cUSDCv3", "borrow"]
    # 0.015 + 0.035 · 0.5 a year, each cut per second: 475646879 + 1109842719 · 0.5, over 3600 s
    assert borrow.value_raw == (10**15 + 10**15 * (475_646_879 + 554_921_359) * 3_600 // WAD) * 10**12
    assert after.state["compound", "cUSDCv3", "cash_raw"] == 10**12 - 100 * 10**6
    assert one.debt[0].scaled_raw == after.state["compound", "cUSDCv3", "borrow_principal_raw"] - 10**12
    assert borrow.rate_raw > 0
    capped = replace(prices, state={**prices.state, ("compound", "cUSDCv3:WETH", "total_raw"): 5 * 10**18})
    _, fuller = MODULE.apply(account(owed="0"), capped, action("supply", "WETH", "2"), PARAMETERS, AT)
    assert fuller.state["compound", "cUSDCv3:WETH", "total_raw"] == 7 * 10**18
    tight = MODULE.parameters("3", AT, {"cUSDCv3:WETH": {"supply_cap": "6"}})
    with pytest.raises(BadInput, match="SupplyCapExceeded"):
        MODULE.apply(account(owed="0"), capped, action("supply", "WETH", "2"), tight, AT)
    with pytest.raises(BadInput, match="InsufficientLiquidity"):
        MODULE.apply(account(held="1000", owed="0"), prices, action("borrow", "USDC", "1000001"), PARAMETERS, AT)


def test_the_store_front_sells_while_reserves_are_below_target() -> None:
    asset = AssetConfig(decimals=18, borrow_factor=0, liquidate_factor=WAD, liquidation_factor=95 * 10**16)
    config = Config(base="USDC", decimals=6, assets={"WETH": asset}, store_front=5 * 10**17, target_reserves=100)
    pool = Pool(config=config, prices={"USDC": 10**8, "WETH": 2_000 * 10**8}, cash=99, collateral_cash={"WETH": 10**18})
    # 2000 · (1 − 0.5 · 0.05) = 1950
    assert quote(pool, "WETH", 1_950 * 10**6) == 10**18
    after, bought = buy(pool, "WETH", 195 * 10**6)
    assert bought == 10**17
    with pytest.raises(Revert, match="NotForSale"):
        buy(after, "WETH", 1)
    with pytest.raises(Revert, match="InsufficientReserves"):
        buy(pool, "WETH", 1_951 * 10**6)


def test_one_pool_per_comet_and_prices_in_its_currency() -> None:
    ether = Account(
        id="a",
        rules="compound/3",
        collateral=(Collateral(asset="wstETH", amount=D(1), pool="cWETHv3"), *account().collateral),
        debt=(Debt(asset="WETH", amount=D(1), pool="cWETHv3"), *account().debt),
    )
    found = MODULE.quantities(ether, market(), PARAMETERS, AT)
    assert {name: q.currency for name, q in found.items()} == {"main:cWETHv3": "ETH", POOL: "USD"}
    assert found["main:cWETHv3"].headroom == D("0.116")
    prices = MODULE.liquidation_prices(ether, market(), PARAMETERS, AT)
    assert [(p.pool, p.market, p.price) for p in prices] == [
        ("main:cWETHv3", "wstETH/ETH", D("1.07526881")),
        (POOL, "USDC", D("1.00000001")),
        (POOL, "WETH", D("1999.99999999")),
    ]


def test_holdings_without_a_pool_belong_to_the_accounts_comet() -> None:
    bare = Collateral(asset="WETH", amount=D(1))
    one = Account(id="a", rules="compound/3", collateral=(bare,), details={"comet": "cUSDCv3"})
    assert list(MODULE.risk(one, market(), PARAMETERS, AT)) == [POOL]
    with pytest.raises(BadInput, match="missing_pool"):
        MODULE.risk(replace(one, details={}), market(), PARAMETERS, AT)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"collateral": (Collateral(asset="DAI", amount=D(1), pool="cUSDCv3"),)}, "unknown_market"),
        ({"collateral": (Collateral(asset="WETH", amount=D(1), pool="cUSDCv3", enabled=False),)}, "bad_value"),
        ({"collateral": (Collateral(asset="USDC", amount=D(1), pool="cUSDCv3"),)}, "not both"),
        ({"debt": (Debt(asset="WETH", amount=D(1), pool="cUSDCv3"),)}, "unknown_market"),
        ({"debt": (Debt(asset="USDC", scaled_raw=1, pool="cUSDCv3"),)}, "missing_index"),
        ({"debt": (Debt(asset="USDC", scaled_raw=1, index_raw=1, pool="cUSDCv3"),)}, "bad_value"),
    ],
)
def test_holdings_that_no_comet_has_are_bad_input(change: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        MODULE.risk(replace(account(), **change), market(), PARAMETERS, AT)


def test_parameters_are_dated() -> None:
    with pytest.raises(BadInput, match="no_parameters"):
        MODULE.parameters("3", parse_time("2022-01-01T00:00:00Z"))
    early = MODULE.parameters("3", parse_time("2022-09-01T00:00:00Z"))
    assert list(early.comets) == ["cUSDCv3"]
    assert "wstETH" in PARAMETERS.comets["cUSDCv3"].config.assets
    assert PARAMETERS.comets["cWETHv3"].config.assets["wstETH"].liquidate_factor == 93 * 10**16


@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        ({"cUSDCv3:WETH": {"liquidate_collateral_factor": "0.8"}}, "bad_parameter"),
        ({"cUSDCv3:WETH": {"liquidate_collateral_factor": "0.89501"}}, "at most 4 decimals"),
        ({"cDAIv3:WETH": {"decimals": 18}}, "missing_parameter"),
        ({"cDAIv3": {"base": "DAI"}}, "missing_parameter"),
        ({"cUSDCv3": {"borrow_min": "0.0000001"}}, "bad_parameter"),
        ({"cUSDCv3": {"ltv": "1"}}, "unknown_parameter"),
    ],
)
def test_a_bad_overlay_names_its_place(overlay: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        MODULE.parameters("3", AT, overlay)


def test_an_index_update_is_stored() -> None:
    update = IndexUpdate(
        stamp=Stamp(time=AT), venue="compound", asset="cUSDCv3", kind="borrow", value=D(2 * RAY), rate=D(5)
    )
    _, after = MODULE.apply(account(), market(), update, PARAMETERS, AT)
    assert after.indices["compound", "cUSDCv3", "borrow"] == Index(2 * RAY, 5, AT // 10**6)


def test_the_explanation_ends_in_the_headroom() -> None:
    root = MODULE.explain(account(owed="1000"), market(), PARAMETERS, AT)
    assert (root.quantity, root.value) == ("headroom", D(790))

"""Aave v2: half of a debt at most, prices in ETH, no e-mode; and one book of every version."""

from dataclasses import replace
from decimal import Decimal as D
from random import Random
from typing import Any

import pytest

from marginbook.book.book import Book
from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.events import LendingAction, Setting, Stamp
from marginbook.domain.market import Market, Quote
from marginbook.domain.zones import Zone
from marginbook.testing.worlds import aave
from marginbook.units import MICROSECONDS, parse_time
from marginbook.venues.aave_v3 import actions_2
from marginbook.venues.aave_v3.account_data import owed
from marginbook.venues.aave_v3.state import Pool, Position, RateStrategy, Reserve, ReserveConfig, Revert, User
from marginbook.venues.aave_v3.versions import AAVE_2, VERSIONS
from marginbook.venues.registry import rule_set

AT = parse_time("2021-02-01T12:00:00Z")
STAMP = Stamp(time=AT)
WEI = D("0.000000000000000001")
MODULE = rule_set("aave/2").module
LAUNCH = MODULE.parameters("2", AT)


def market(**prices: str) -> Market:
    return Market(quotes={("aave-v2", name, "oracle"): Quote(D(price)) for name, price in prices.items()})


def account(collateral: dict[str, str], debt: dict[str, str]) -> Account:
    return Account(
        id="a",
        rules="aave/2",
        collateral=tuple(Collateral(asset=name, amount=D(amount)) for name, amount in collateral.items()),
        debt=tuple(Debt(asset=name, amount=D(amount)) for name, amount in debt.items()),
    )


ETHER = account({"WETH": "10"}, {"USDC": "8000"})
PRICES = market(WETH="1", USDC="0.001", DAI="0.001")


def test_numbers_are_in_ether_by_the_launch_parameters() -> None:
    numbers = MODULE.quantities(ETHER, PRICES, LAUNCH, AT)["main"]
    assert (numbers.currency, numbers.collateral_value, numbers.debt_value) == ("ETH", 10, 8)
    assert (numbers.health_factor, numbers.borrowable) == (D("1.03125"), 0)  # 10 × 0.825 / 8, 10 × 0.8 − 8
    assert (numbers.venue["ltv"], numbers.venue["liquidation_threshold"]) == (D("0.8"), D("0.825"))
    # 10 − 8 / 0.825, and what the half-up quotient of the health factor lets pass
    assert numbers.withdrawable == D("0.303030303030303030") + 5 * WEI
    step(ETHER, kind="withdraw", asset="WETH", amount=numbers.withdrawable)
    with pytest.raises(BadInput, match="TransferNotAllowed"):
        step(ETHER, kind="withdraw", asset="WETH", amount=numbers.withdrawable + WEI)
    node = MODULE.explain(ETHER, PRICES, LAUNCH, AT)
    assert (node.value, node.unit) == (D("0.25"), "ETH")


def test_a_liquidation_price_sits_on_a_grid_of_18_decimals() -> None:
    prices = {p.market: p for p in MODULE.liquidation_prices(ETHER, PRICES, LAUNCH, AT)}
    usdc = prices["USDC"]
    assert (usdc.price, usdc.when) == (D("0.00103125") + WEI, "at_or_above")
    for price, expected in ((usdc.price, True), (usdc.price - WEI, False)):
        moved = PRICES.with_prices({("aave-v2", "USDC", "oracle"): price})
        assert MODULE.is_liquidatable(ETHER, "main", moved, LAUNCH, AT) is expected
    weth = prices["WETH"]
    assert weth.when == "at_or_below"
    assert D("0.96969696") < weth.price < D("0.96969697")


@pytest.mark.parametrize("usdc", ["0.00104", "0.0013", "0.0016"])
def test_half_of_a_debt_may_be_closed_however_low_the_health(usdc: str) -> None:
    plan = MODULE.plan_liquidation(ETHER, "main", market(WETH="1", USDC=usdc), LAUNCH, AT)
    assert (plan.close_most, plan.protocol_fee, plan.bonus, plan.bad_debt) == (4000, 0, D("0.05"), 0)
    assert plan.seized == 4000 * D(usdc) * D("1.05")
    assert {(f.party, f.asset, f.amount) for f in plan.flows} == {
        ("liquidator", "USDC", D(-4000)),
        ("account", "USDC", D(4000)),
        ("account", "WETH", -plan.seized),
        ("liquidator", "WETH", plan.seized),
    }


def test_the_bonus_enters_before_the_division() -> None:
    terms = {"C": {"decimals": 0, "ltv": "0.5", "liquidation_threshold": "0.6", "liquidation_bonus": "0.1"}}
    parameters = MODULE.parameters("2", AT, terms)
    state = account({"C": "1000"}, {"USDC": "2000"})
    plan = MODULE.plan_liquidation(state, "main", market(C="0.0013", USDC="0.001"), parameters, AT)
    assert plan.seized == 846  # 846.15 cut; ⌊769.23⌋ × 1.1 = 845.9
    other = MODULE.plan_liquidation(state, "main", market(C="0.00131", USDC="0.001"), parameters, AT)
    assert other.seized == 839  # 839.69 cut; ⌊763.36⌋ × 1.1 = 839.3


def step(state: Account, **action: Any) -> Account:
    event = LendingAction(stamp=STAMP, account="a", **action)
    after: Account = MODULE.apply(state, PRICES, event, LAUNCH, AT)[0]
    return after


def test_events_by_the_steps_of_version_2() -> None:
    more = step(ETHER, kind="supply", asset="USDT", amount=D(5))
    assert more.collateral[-1] == Collateral(asset="USDT", amount=D(5), enabled=True)  # whatever its threshold
    assert step(ETHER, kind="withdraw", asset="WETH", amount=D("0.3")).collateral[0].amount == D("9.7")
    assert step(ETHER, kind="repay", asset="USDC", amount=D("Infinity")).debt == ()
    half = step(account({"WETH": "9.6"}, {"USDC": "8000"}), kind="liquidation", asset="USDC", amount=D(4000),
                collateral_asset="WETH")  # fmt: skip
    assert (half.collateral[0].amount, half.debt[0].amount) == (D("5.4"), 4000)
    for kind, asset, amount, reason in (
        ("withdraw", "WETH", "0.31", "TransferNotAllowed"),
        ("withdraw", "WETH", "11", "NotEnoughAvailableUserBalance"),
        ("borrow", "USDC", "1", "CollateralCannotCoverNewBorrow"),
        ("borrow", "AAVE", "1", "BorrowingNotEnabled"),
        ("repay", "DAI", "1", "NoDebtOfSelectedType"),
        ("supply", "WETH", "0", "InvalidAmount"),
    ):
        with pytest.raises(BadInput, match=reason):
            MODULE.apply(
                ETHER,
                market(WETH="1", USDC="0.001", AAVE="0.1", DAI="0.001"),
                LendingAction(stamp=STAMP, account="a", kind=kind, asset=asset, amount=D(amount)),
                LAUNCH,
                AT,
            )
    for setting, reason in (
        (Setting(stamp=STAMP, account="a", kind="emode", value="1"), "NoEMode"),
        (
            Setting(stamp=STAMP, account="a", kind="collateral_enabled", value="false", market="WETH"),
            "DepositAlreadyInUse",
        ),
    ):
        with pytest.raises(BadInput, match=reason):
            MODULE.apply(ETHER, PRICES, setting, LAUNCH, AT)


def test_a_debt_without_income_for_suppliers_shrinks_when_it_is_touched() -> None:
    """Reserve factor 100 %: the borrow index that is shown is never stored."""
    config = ReserveConfig(decimals=18, reserve_factor=10_000, rates=RateStrategy(optimal=10**27, slope_1=10**26))
    reserve = Reserve(borrow_rate=5 * 10**25, scaled_debt=10**18, scaled_supply=2 * 10**18, cash=10**18)
    user = User(positions={"X": Position(scaled_debt=10**18, borrowing=True)})
    pool = Pool(
        version=AAVE_2, configs={"X": config}, reserves={"X": reserve}, prices={"X": 1}, users={"u": user}, time=10**7
    )
    shown = owed(pool, "u", "X")
    assert shown > 1_015 * 10**15
    with pytest.raises(Revert, match="BurnExceedsBalance"):
        actions_2.repay(pool, "u", "X", shown)
    after = actions_2.repay(pool, "u", "X", 10**17)
    assert owed(after, "u", "X") == 9 * 10**17


def test_parameters_of_the_launch_and_what_version_2_does_not_know() -> None:
    assert len(MODULE.parameters("2", parse_time("2020-12-04")).assets) == 20
    weth = LAUNCH.assets["WETH"]
    assert (weth.ltv, weth.liquidation_threshold, weth.liquidation_bonus) == (8000, 8250, 10500)
    assert LAUNCH.assets["USDT"].liquidation_threshold == 0
    for time, as_of, crv in (("2023-02-10", "2023-02-01", 5800), ("2023-09-01", "2023-07-05", 5500)):
        later = MODULE.parameters("2", parse_time(time))
        assert (later.as_of, later.assets["CRV"].liquidation_threshold) == (parse_time(as_of), crv)
        assert (later.assets["WETH"].liquidation_threshold, later.assets["KNC"].frozen) == (8600, True)
    later = MODULE.parameters("2", parse_time("2022-06-01"))  # of what came since the launch, only bonuses are recorded
    assert (later.as_of, later.assets["WBTC"].liquidation_bonus) == (parse_time("2020-12-03"), 10650)
    amm = MODULE.parameters("2", parse_time("2022-06-01"), network="ethereum_amm")
    assert (amm.assets["AmmBptBALWETH"].liquidation_bonus, amm.assets["AmmUSDT"].liquidation_threshold) == (11500, 0)
    with pytest.raises(BadInput, match="no_parameters"):
        MODULE.parameters("2", parse_time("2020-12-02"))
    for overlay in ({"WETH": {"protocol_fee": "0.1"}}, {"emode:1": {"ltv": "0.9", "liquidation_threshold": "0.93"}}):
        with pytest.raises(BadInput, match="unknown_key"):
            MODULE.parameters("2", AT, overlay)
    for version, key in (("3.6", "isolated"), ("3.6", "price_source"), ("3.1", "isolated"), ("3.7", "price_source")):
        terms = {"ltv": "0.9", "liquidation_threshold": "0.93", key: True}
        with pytest.raises(BadInput, match="unknown_key"):
            rule_set(f"aave/{version}").module.parameters(version, parse_time("2025-01-01"), {"emode:1": terms})


def test_in_an_isolated_category_nothing_else_backs_a_loan() -> None:
    module = rule_set("aave/3.7").module
    at = parse_time("2026-01-01")
    terms = {"ltv": "0.9", "liquidation_threshold": "0.93", "collateral": ["WETH"], "borrowable": ["USDC"]}
    state = replace(account({"WETH": "1", "WBTC": "1"}, {"USDC": "10"}), rules="aave/3.7", emode=9)
    prices = Market(quotes={("aave", n, "oracle"): Quote(D(p)) for n, p in (("WETH", 1), ("WBTC", 1), ("USDC", 0))})
    prices = prices.with_prices({("aave", "USDC", "oracle"): D("0.01")})
    found = []
    for isolated in (False, True):
        parameters = module.parameters("3.7", at, {"emode:9": terms | {"isolated": isolated}})
        found.append(module.quantities(state, prices, parameters, at)["main"])
    # LTV of WBTC: 0.73 outside the category, nothing in an isolated one; its threshold counts in both
    assert found[0].borrowable - found[1].borrowable == D("0.73")
    assert found[0].health_factor == found[1].health_factor


@pytest.mark.parametrize("version", VERSIONS)
def test_a_book_keeps_accounts_of_the_version_and_decides_as_the_rule_set(version: str) -> None:
    random = Random(f"book {version}")
    first = aave.world(f"aave/{version}", random)
    accounts = [replace(aave.world(f"aave/{version}", random).account, id=f"a{n}") for n in range(60)]
    book = Book.from_accounts(accounts, first.market, lambda account: first.parameters, first.at)
    module, market_now, at = rule_set(f"aave/{version}").module, first.market, first.at
    assert all(book.account(account.id) == account for account in accounts)
    for _ in range(4):
        key = random.choice(sorted(market_now.quotes))
        places = first.parameters.version.base_decimals
        moved = round(market_now.quotes[key].price * random.randint(60, 150) / 100, places)
        at += 12 * MICROSECONDS
        book.prices({key: moved}, at)
        market_now = market_now.with_prices({key: moved})
        for account in accounts:
            expected = module.is_liquidatable(account, "main", market_now, first.parameters, at)
            assert (book.zone(account.id) in (Zone.LIQUIDATION, Zone.BANKRUPT)) == expected, account

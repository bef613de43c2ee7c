"""Aave accounts through the rule set: worked examples, edges one unit either side, planner, prices."""

from dataclasses import replace
from decimal import Decimal as D
from random import Random
from typing import Any

import pytest

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Index, Market, Quote
from marginbook.exact import RAY, WAD
from marginbook.units import parse_time
from marginbook.venues.aave_v3.account_data import health_factor
from marginbook.venues.aave_v3.holdings import USER, pool_of
from marginbook.venues.aave_v3.liquidation import cover_range, liquidate, plan, plan_or_reason
from marginbook.venues.aave_v3.math import binomial_interest_3_0, taylor_interest_3_4
from marginbook.venues.aave_v3.reserve import accrue, normalized_debt, normalized_income
from marginbook.venues.aave_v3.state import NO_DEBT, Pool, Reserve, ReserveConfig, Revert
from marginbook.venues.aave_v3.versions import AAVE_3_0, AAVE_3_6, VERSIONS
from marginbook.venues.registry import rule_set

AT = parse_time("2026-10-01T12:00:00Z")
BOTH = pytest.mark.parametrize("version", [name for name in VERSIONS if name != "2"])
TERMS = {
    "C": {"ltv": "0.75", "liquidation_threshold": "0.80", "liquidation_bonus": "0.05", "decimals": 18},
    "D": {"decimals": 6},
}


def market(**prices: Any) -> Market:
    return Market(quotes={("aave", name, "oracle"): Quote(D(str(price))) for name, price in prices.items()})


def account(collateral: dict[str, Any], debt: dict[str, Any], **more: Any) -> Account:
    return Account(
        id="a",
        rules="aave/3.6",
        collateral=tuple(Collateral(asset=name, amount=D(str(amount))) for name, amount in collateral.items()),
        debt=tuple(Debt(asset=name, amount=D(str(amount))) for name, amount in debt.items()),
        **more,
    )


class Case:
    """One account under one version."""

    def __init__(self, version: str, account: Account, market: Market, overlay: dict[str, Any] | None = None) -> None:
        self.module = rule_set(f"aave/{version}").module
        self.parameters = self.module.parameters(version, AT, overlay or TERMS)
        self.account, self.market = account, market

    @property
    def numbers(self) -> Any:
        return self.module.quantities(self.account, self.market, self.parameters, AT)["main"]

    def liquidatable(self, **prices: Any) -> bool:
        moved = self.market.with_prices({("aave", k, "oracle"): D(str(v)) for k, v in prices.items()})
        return bool(self.module.is_liquidatable(self.account, "main", moved, self.parameters, AT))

    @property
    def prices(self) -> dict[str, Any]:
        found = self.module.liquidation_prices(self.account, self.market, self.parameters, AT)
        return {price.market: price for price in found}

    @property
    def plan(self) -> Any:
        return self.module.plan_liquidation(self.account, "main", self.market, self.parameters, AT)

    @property
    def pool(self) -> Pool:
        return pool_of(self.account, self.market, self.parameters, AT)


@BOTH
def test_a_treasury_with_ether_and_a_dollar_debt(version: str) -> None:
    held = (Collateral(asset="WETH", amount=D(10)), Collateral(asset="USDC", amount=D(5000), enabled=False))
    treasury = replace(account({}, {"USDC": 15000}), collateral=held)
    overlay = {"WETH": {"ltv": D("0.805"), "liquidation_threshold": D("0.83")}}
    case = Case(version, treasury, market(WETH=3000, USDC=1), overlay)
    numbers = case.numbers
    assert numbers.health_factor == D("1.66")
    assert (numbers.margin_balance, numbers.account_equity, numbers.borrowable) == (15000, 20000, 9150)
    assert (numbers.free_margin, numbers.headroom) == (9150, 9900)
    assert (numbers.maintenance_margin, numbers.initial_margin) == (5100, 5850)
    assert (numbers.ltv, numbers.collateral_ratio, numbers.effective_leverage) == (D("0.5"), 2, 2)
    weth, usdc = case.prices["WETH"], case.prices["USDC"]
    assert (weth.price, weth.when, weth.source) == (D("1807.22891566"), "at_or_below", "exact")
    assert (usdc.price, usdc.when, usdc.side) == (D("1.66000001"), "at_or_above", "debt")
    assert case.liquidatable(WETH="1807.22891566")
    assert not case.liquidatable(WETH="1807.22891567")


@BOTH
def test_the_price_of_an_asset_is_found_without_its_own_quote(version: str) -> None:
    known = Case(version, account({"C": 10}, {"D": 15000}), market(C=3000, D=1))
    alone = Case(version, known.account, market(D=1))
    assert alone.prices["C"].price == known.prices["C"].price
    assert list(alone.prices) == ["C"]
    with pytest.raises(BadInput, match="missing_price"):
        assert Case(version, known.account, Market()).prices


@BOTH
def test_collateral_13750_at_80_percent_against_10000_and_the_way_to_one_and_a_half(version: str) -> None:
    def health(collateral: Any, debt: Any) -> D:
        return D(Case(version, account({"C": collateral}, {"D": debt}), market(C=1, D=1)).numbers.health_factor)

    assert health(13750, 10000) == D("1.1")
    assert health(18750, 10000) == D("1.5")
    assert health("18749.99999999", 10000) < D("1.5")
    assert health(13750, "7333.333333") >= D("1.5") > health(13750, "7333.333334")
    sold = D("5714.285715")
    assert (
        health(13750 - sold, 10000 - sold)
        >= D("1.5")
        > health(13750 - sold + D("0.00001"), 10000 - sold + D("0.00001"))
    )


@BOTH
def test_health_one_is_safe_and_one_unit_below_is_not(version: str) -> None:
    edge = Case(version, account({"C": 10000}, {"D": 8000}), market(C=1, D=1))
    assert edge.numbers.health_factor == 1
    assert not edge.liquidatable()
    assert edge.liquidatable(C="0.99999999")
    more = Case(version, account({"C": 10000}, {"D": "8000.000001"}), market(C=1, D=1))
    assert more.liquidatable()
    assert more.plan.reason is None
    assert edge.plan.reason == "HealthFactorNotBelowThreshold"


@BOTH
def test_without_debt_health_is_infinite_and_nothing_is_missing(version: str) -> None:
    case = Case(version, account({"C": 5}, {}), market(C=1000))
    numbers = case.numbers
    assert numbers.health_factor == D("Infinity")
    assert numbers.margin_ratio.value == D("Infinity")
    assert numbers.collateral_ratio == D("Infinity")
    assert (numbers.ltv, numbers.debt_value, numbers.withdrawable, numbers.borrowable) == (0, 0, 5000, 3750)
    assert not case.liquidatable(C="0.00000001")
    assert case.prices == {}
    assert case.plan.reason == "NoDebt"
    empty = Case(version, account({}, {}), Market())
    assert empty.numbers.health_factor == D("Infinity")
    assert (empty.numbers.ltv, empty.numbers.effective_leverage) == (None, None)


@BOTH
def test_a_debt_whose_collateral_is_disabled_cannot_be_liquidated_for_the_contracts_reason(version: str) -> None:
    given = account({"C": 100}, {"D": 50})
    disabled = replace(given, collateral=tuple(replace(held, enabled=False) for held in given.collateral))
    for owner in (disabled, replace(given, collateral=())):
        case = Case(version, owner, market(C=1, D=1))
        assert case.liquidatable()
        assert case.plan.reason == "CollateralCannotBeLiquidated"


def test_the_average_threshold_is_truncated_in_3_0_only() -> None:
    terms = TERMS | {"E": {"ltv": "0.5", "liquidation_threshold": "0.6123", "decimals": 18}}
    two = account({"C": 1000, "E": 333}, {"D": "1003.8"})
    old, new = (Case(v, two, market(C=1, E=1, D=1), terms) for v in ("3.0", "3.6"))
    # Σ c·l = 800·10⁴ + 203.8959·10⁴ over 1333 is 7531.1 bp: 3.0 counts 7531
    assert old.numbers.health_factor == D("1.000081988443913130")  # 1003.8823 / 1003.8
    assert new.numbers.health_factor == D("1.000095536959553695")  # 1003.8959 / 1003.8
    assert old.numbers.health_factor < new.numbers.health_factor


@BOTH
@pytest.mark.parametrize(("extra", "half_only"), [(D("0.0001"), True), (D(0), False)])
def test_half_may_be_closed_above_health_0_95_and_all_at_it(version: str, extra: D, half_only: bool) -> None:
    # 100,000 of debt against 118,750 at 80 %: exactly 0.95; 0.0001 more of collateral lifts it above
    case = Case(version, account({"C": D(118_750) + extra}, {"D": 100_000}), market(C=1, D=1))
    assert (case.numbers.health_factor > D("0.95")) == half_only
    _, most = cover_range(case.pool, USER, "C", "D")
    assert most == (50_000 if half_only else 100_000) * 10**6


def test_small_positions_may_be_closed_in_full_from_3_3_on() -> None:
    def most(debt: Any, collateral: Any) -> D:
        return D(Case("3.6", account({"C": collateral}, {"D": debt}), market(C=1, D=1)).plan.close_most)

    assert most(2000, 2450) == 1000  # both sides worth 2000: half, and 1000 is left on both
    assert most("1999.99", 2450) == D("1999.99")  # one unit under 2000: all
    assert most("1999.999999", "2450") == D("1999.999999")


def test_a_partial_liquidation_must_leave_1000_on_both_sides() -> None:
    case = Case("3.6", account({"C": 3600}, {"D": 2900}), market(C=1, D=1))
    pool, unit = case.pool, 10**6
    assert plan(pool, USER, "C", "D", 1450 * unit).repaid == 1450 * unit
    small = Case("3.6", account({"C": 2300}, {"D": 1900}), market(C=1, D=1)).pool
    assert plan(small, USER, "C", "D", 900 * unit).repaid == 900 * unit
    with pytest.raises(Revert, match="MustNotLeaveDust"):
        plan(small, USER, "C", "D", 900 * unit + 1)
    with pytest.raises(Revert, match="MustNotLeaveDust"):
        plan(small, USER, "C", "D", 1900 * unit - 1)
    assert plan(small, USER, "C", "D", 1900 * unit).repaid == 1900 * unit
    tiny = Case("3.6", account({"C": 1000}, {"D": 900}), market(C=1, D=1))
    assert tiny.plan.close_least == tiny.plan.close_most == 900
    old = Case("3.0", tiny.account, tiny.market)
    assert old.plan.close_most == 900 if old.numbers.health_factor <= D("0.95") else 450


def test_the_most_that_leaves_no_dust_where_half_would() -> None:
    # pair 2100 of a whole debt of 3900: half is 1950, which would leave 150; so at most 1100 may be covered
    terms = TERMS | {"F": {"decimals": 6}}
    case = Case("3.6", account({"C": 4800}, {"D": 2100, "F": 1800}), market(C=1, D=1, F=1), terms)
    assert D("0.95") < case.numbers.health_factor < 1
    least, most = cover_range(case.pool, USER, "C", "D")
    assert most == 1_100 * 10**6
    assert plan(case.pool, USER, "C", "D", most).repaid == most
    with pytest.raises(Revert, match="MustNotLeaveDust"):
        plan(case.pool, USER, "C", "D", most + 1)
    assert liquidate(case.pool, USER, "C", "D", least)[1].repaid == least
    with pytest.raises(Revert):
        liquidate(case.pool, USER, "C", "D", least - 1)


def test_what_no_collateral_covers_becomes_a_deficit() -> None:
    terms = TERMS | {"F": {"decimals": 6}}
    case = Case("3.6", account({"C": 1000}, {"D": 1500, "F": 700}), market(C=1, D=1, F=1), terms)
    after, call = liquidate(case.pool, USER, "C", "D", 2**256 - 1)
    assert call.takes_everything
    assert call.repaid == 952_380_953  # 1000 / 1.05, up
    assert after.reserves["D"].deficit == 1_500_000_000 - 952_380_953
    assert after.reserves["F"].deficit == 700_000_000
    assert not after.user(USER).borrows
    assert case.plan.bad_debt == D("1247.619047")
    old, _ = liquidate(Case("3.0", case.account, case.market, terms).pool, USER, "C", "D", 2**256 - 1)
    assert old.user(USER).borrows
    assert old.reserves["F"].deficit == 0


@BOTH
def test_without_a_bonus_the_liquidator_gets_what_was_paid(version: str) -> None:
    terms = {"C": {"ltv": "0.7", "liquidation_threshold": "0.8"}, "D": {"decimals": 6}}
    plan_ = Case(version, account({"C": 11}, {"D": 10}), market(C=1, D=1), terms).plan
    assert (plan_.bonus, plan_.seized, plan_.close_most) == (0, 10, 10)
    worthless = Case(version, account({"C": 11}, {"D": 10}), market(C="0.000000001", D=1), terms)
    assert worthless.liquidatable()
    assert worthless.plan.reason == "DivisionByZero"


@BOTH
def test_bonus_and_protocol_fee(version: str) -> None:
    terms = {"C": TERMS["C"] | {"protocol_fee": "0.1"}, "D": TERMS["D"]}
    plan_ = Case(version, account({"C": 100}, {"D": 100_000}), market(C=1100, D=1), terms).plan
    assert (plan_.market, plan_.collateral, plan_.bonus) == ("D", "C", D("0.05"))
    seized = plan_.seized + plan_.protocol_fee
    assert abs(seized * 1100 - plan_.close_most * D("1.05")) < D("0.000001")
    assert abs(plan_.protocol_fee - seized / D("1.05") * D("0.005")) < D("1e-15")


def test_stored_and_accrued_views_differ_until_the_reserve_is_touched() -> None:
    reserve = Reserve(
        liquidity_rate=RAY // 20, borrow_rate=RAY // 10, scaled_supply=10**9, scaled_debt=10**8, updated_at=100
    )
    later = 100 + 31_536_000 // 2
    for version in (AAVE_3_0, AAVE_3_6):
        assert normalized_income(reserve, later) == RAY + RAY // 40
        stored = accrue(version, ReserveConfig(decimals=6, reserve_factor=1000), reserve, later)
        assert (stored.liquidity_index, stored.borrow_index) == (
            normalized_income(reserve, later),
            normalized_debt(version, reserve, later),
        )
        assert reserve.liquidity_index == RAY
        assert stored.accrued_to_treasury > 0
    idle = replace(reserve, scaled_debt=0)
    touched = accrue(AAVE_3_6, ReserveConfig(decimals=6), idle, later)
    assert touched.borrow_index == RAY  # nobody owes: not stored
    assert normalized_debt(AAVE_3_6, idle, later) > RAY  # the view compounds all the same


def test_interest_formulas() -> None:
    year, rate, n = 31_536_000, 7 * 10**25, 86_400
    p2 = (rate * rate + RAY // 2) // RAY // year**2
    p3 = (p2 * rate + RAY // 2) // RAY // year
    expected = RAY + rate * n // year + n * (n - 1) * p2 // 2 + n * (n - 1) * (n - 2) * p3 // 6
    assert binomial_interest_3_0(rate, n) == expected
    assert binomial_interest_3_0(rate, 0) == taylor_interest_3_4(rate, 0) == RAY
    assert binomial_interest_3_0(rate, 1) == RAY + rate // year
    x = rate * n // year
    inner = (x * (x // 6) + RAY // 2) // RAY
    assert taylor_interest_3_4(rate, n) == RAY + x + (x * (x // 2 + inner) + RAY // 2) // RAY
    assert taylor_interest_3_4(rate, year) != binomial_interest_3_0(rate, year)


def test_scaled_balances_follow_the_market_s_index() -> None:
    stored = Index(value_raw=RAY * 11 // 10, rate_raw=RAY // 10, time=AT // 10**6 - 31_536_000)
    held = (Collateral(asset="C", scaled_raw=10**20),)
    case = Case("3.6", replace(account({}, {"D": 100}), collateral=held), market(C=1, D=1))
    with pytest.raises(BadInput, match="missing_index"):
        assert case.numbers
    case.market = replace(case.market, indices={("aave", "C", "supply"): stored})
    assert case.numbers.collateral_value == D("121")
    fixed = replace(case.account, collateral=(Collateral(asset="C", scaled_raw=10**20, index_raw=2 * RAY),))
    assert Case("3.6", fixed, case.market).numbers.collateral_value == 200


@BOTH
def test_withdrawable_is_what_may_leave_at_health_one(version: str) -> None:
    case = Case(version, account({"C": 20_000}, {"D": 8_000}), market(C=1, D=1))
    assert case.numbers.withdrawable == 10_000
    left = Case(version, account({"C": 10_000}, {"D": 8_000}), market(C=1, D=1))
    assert left.numbers.withdrawable == 0
    capped = replace(case.market, state={("aave", "C", "cash_raw"): 7 * 10**20})
    assert Case(version, case.account, capped).numbers.withdrawable == 700


@BOTH
def test_zero_ltv_collateral_leaves_first(version: str) -> None:
    terms = TERMS | {"Z": {"ltv": "0", "liquidation_threshold": "0.9"}}
    case = Case(version, account({"C": 10_000, "Z": 1_000}, {"D": 8_800}), market(C=1, Z=1, D=1), terms)
    least = "110" if VERSIONS[version].truncated_threshold else "111.1"  # to 3.4 the average threshold is cut
    assert D(least) < case.numbers.withdrawable < D("111.2")  # only of Z: 0.9·w ≤ 100


def test_emode_raises_threshold_and_ltv_of_its_members_only() -> None:
    terms = TERMS | {"E": TERMS["C"] | {"emode": 1}, "D": {"decimals": 18, "emode": 1}}
    terms["emode:1"] = {"ltv": "0.9", "liquidation_threshold": "0.93", "liquidation_bonus": "0.01"}
    inside = account({"E": 1000, "C": 1000}, {"D": 1000}, emode=1)
    case = Case("3.6", inside, market(C=1, E=1, D=1), terms)
    assert case.numbers.health_factor == D("1.73")
    assert case.numbers.borrowable == 650
    assert Case("3.6", replace(inside, emode=0), case.market, terms).numbers.health_factor == D("1.6")
    with pytest.raises(BadInput, match="unknown_emode"):
        assert Case("3.6", replace(inside, emode=99), case.market, terms).numbers


def test_a_price_source_moves_every_member_of_its_category_in_3_0() -> None:
    terms = {
        "E": TERMS["C"] | {"emode": 1},
        "D": {"decimals": 18, "emode": 1},
        "emode:1": {"ltv": "0.9", "liquidation_threshold": "0.93", "price_source": "SRC"},
    }
    case = Case("3.0", account({"E": 1000}, {"D": 900}, emode=1), market(SRC=2000, E=1, D=1), terms)
    assert case.numbers.collateral_value == 2_000_000
    assert case.numbers.health_factor == D("1.033333333333333333")
    assert case.prices == {}  # both sides move together


@BOTH
def test_an_empty_holding_needs_no_price(version: str) -> None:
    case = Case(version, account({"C": 10, "F": 0}, {"D": 5}), market(C=1, D=1), TERMS | {"F": {"decimals": 6}})
    assert case.numbers.health_factor == D("1.6")
    assert set(case.prices) == {"C", "D"}


@BOTH
def test_bad_input_names_the_place(version: str) -> None:
    prices = market(C=1, D=1)
    for wrong, code in (
        (account({"C": 1}, {"D": "0.0000001"}), "too_many_decimals"),
        (account({"C": -1}, {}), "bad_value"),
        (account({"X": 1}, {}), "unknown_market"),
        (replace(account({}, {}), collateral=(Collateral(asset="C", amount=D(1)),) * 2), "duplicate_asset"),
        (replace(account({}, {}), collateral=(Collateral(asset="C"),)), "missing_value"),
    ):
        with pytest.raises(BadInput) as caught:
            assert Case(version, wrong, prices).numbers
        assert caught.value.problem.code == code
        assert "account a" in caught.value.problem.place
    with pytest.raises(BadInput, match="bad_price"):
        assert Case(version, account({"C": 1}, {}), market(C=0)).numbers


@BOTH
def test_explanation_adds_up(version: str) -> None:
    case = Case(version, account({"C": 10}, {"D": 7}), market(C=1, D=1))
    node = case.module.explain(case.account, case.market, case.parameters, AT)
    support, demand, health = node.inputs
    assert node.value == support.value - demand.value == case.numbers.headroom
    assert support.value == sum(part.value for part in support.inputs)
    assert demand.value == sum(part.value for part in demand.inputs)
    assert health.value == case.numbers.health_factor


def test_health_factor_of_nothing() -> None:
    assert health_factor(AAVE_3_0, 0, 0, 0) == NO_DEBT
    assert health_factor(AAVE_3_0, 0, 0, 5) == health_factor(AAVE_3_6, 0, 0, 5) == 0
    assert health_factor(AAVE_3_6, 10, 80_000, 8) == WAD


@BOTH
def test_least_and_most_cover_against_every_cover(version: str) -> None:
    """Whole units worth tens of dollars, so that every cover can be tried."""
    random, seen = Random(2), 0
    for _ in range(40):
        terms = {"C": TERMS["C"] | {"decimals": 0, "protocol_fee": "0.1"}, "D": {"decimals": 0}, "F": {"decimals": 0}}
        debt = random.randrange(1, 90)
        worth = 50 * debt * D(str(random.choice([1.05, 1.15, 1.2, 1.22])))
        held = {"C": max(int(worth / 37), 1)}
        case = Case(version, account(held, {"D": debt, "F": random.randrange(1, 30)}), market(C=37, D=50, F=1), terms)
        covers = {c: plan_or_reason(case.pool, USER, "C", "D", c) for c in range(1, debt + 1)}
        done = {c: call for c, call in covers.items() if not isinstance(call, Revert)}
        if not done:
            with pytest.raises(Revert):
                cover_range(case.pool, USER, "C", "D")
            continue
        least, most = cover_range(case.pool, USER, "C", "D")
        assert done[most].repaid == max(call.repaid for call in done.values())
        assert least == min(done)
        assert case.plan.close_most >= case.plan.close_least > 0
        seen += 1
    assert seen > 12

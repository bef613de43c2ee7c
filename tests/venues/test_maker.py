"""Maker vaults: the edges of safety, dust and room, events, plans, auctions, and what is refused."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.events import LendingAction, Stamp, Transfer
from marginbook.domain.market import Index, Market, Quote
from marginbook.exact import RAY, WAD
from marginbook.units import parse_time
from marginbook.venues.maker import MODULE, parameters
from marginbook.venues.maker.auction import Sale, price_at, redo, take
from marginbook.venues.maker.vat import Revert

AT = parse_time("2024-06-01T12:00:00Z")
PARAMETERS = parameters("dss", AT)
ETH_A = PARAMETERS.ilk("ETH-A", "test")
POOL = "main:ETH-A"
RAD = 10**45
FIVE_PERCENT = 1000000001547125957863212448
D = Decimal


def account(held: str = "10", owed: str = "10000") -> Account:
    return Account(
        id="a",
        rules="maker/dss",
        collateral=(Collateral(asset="ETH", amount=D(held), pool="ETH-A"),),
        debt=(Debt(asset="DAI", amount=D(owed), pool="ETH-A"),),
    )


def market(price: str = "3000", **more: Any) -> Market:
    return Market(quotes={("maker", "ETH", "oracle"): Quote(D(price))}, **more)


def act(kind: Any, asset: str, amount: str, pool: str = "ETH-A") -> LendingAction:
    return LendingAction(stamp=Stamp(), account="a", kind=kind, asset=asset, amount=D(amount), pool=pool)


def ask(name: str, a: Account, m: Market, *more: Any, at: int = AT) -> Any:
    return getattr(MODULE, name)(a, *more, m, PARAMETERS, at)


def apply(a: Account, m: Market, event: Any, at: int = AT) -> tuple[Account, Market]:
    return MODULE.apply(a, m, event, PARAMETERS, at)


def test_numbers_of_a_vault() -> None:
    found = ask("quantities", account(), market())[POOL]
    assert (found.currency, found.collateral_value, found.debt_value) == ("DAI", 30_000, 10_000)
    assert found.collateral_ratio == 3
    assert found.borrowable == D("10689.65517241")  # 30,000 / 1.45 − 10,000
    assert found.withdrawable == D("15499.99999999")  # 30,000 − 1.45 · 10,000, spot being rounded down
    (price,) = ask("liquidation_prices", account(), Market())
    assert (price.market, price.when) == ("ETH", "at_or_below")
    assert price.price == D("1449.999999999999999999")  # 1.45 · 10,000 / 10 is still safe


@pytest.mark.parametrize(("price", "expected"), [("1450", False), ("1449.999999999999999999", True)])
def test_at_the_minimum_ratio_a_vault_is_safe(price: str, expected: bool) -> None:
    assert ask("is_liquidatable", account(), market(price), POOL) is expected


def test_recorded_parameters_by_date() -> None:
    def ratio(day: str, ilk: str) -> D:
        return D(parameters("dss", parse_time(day)).ilk(ilk, "test").mat).scaleb(-27)

    assert ratio("2021-06-01", "ETH-A") == D("1.5")
    assert ratio("2021-09-01", "ETH-A") == D("1.45")
    assert ratio("2024-10-20", "WBTC-A") == D("1.5")
    summer = parameters("dss", parse_time("2021-06-12"))
    assert [summer.ilk(n, "test").hole for n in ("ETH-A", "ETH-B", "ETH-C")] == [n * 10**6 * RAD for n in (30, 15, 20)]
    assert summer.ilk("ETH-B", "test").step == 60
    assert ETH_A.tail == 7_200
    with pytest.raises(BadInput, match="no_parameters"):
        parameters("dss", parse_time("2020-03-12"))
    with pytest.raises(BadInput, match="no_parameters"):
        PARAMETERS.ilk("BAT-A", "test")


def scaled(art: int = 9_500 * WAD) -> Account:
    return replace(account(), debt=(Debt(asset="DAI", scaled_raw=art, pool="ETH-A"),))


def test_the_stored_rate_stands_until_it_is_dripped() -> None:
    stored = Index(RAY * 11 // 10, 0, AT // 10**6 - 31_536_000)
    still = market(indices={("maker", "ETH-A", "borrow"): stored})
    assert ask("quantities", scaled(), still)[POOL].debt_value == 10_450
    growing = market(indices={("maker", "ETH-A", "borrow"): replace(stored, rate_raw=FIVE_PERCENT)})
    assert ask("quantities", scaled(), growing)[POOL].debt_value == D("10972.5")  # 10,450 · 1.05, less than 10^-8
    with pytest.raises(BadInput, match="missing_index"):
        ask("risk", scaled(), market())


def test_drawing_takes_normalized_debt_up_and_repaying_down() -> None:
    key = ("maker", "ETH-A", "borrow")
    m = market(indices={key: Index(RAY * 3, FIVE_PERCENT, AT // 10**6)}, state={("maker", "ETH-A", "total_art_raw"): 7})
    after, moved = apply(scaled(3_000 * WAD), m, act("borrow", "DAI", "0.000000000000000001"))
    assert after.debt[0].scaled_raw == 3_000 * WAD + 1
    assert moved.state["maker", "ETH-A", "total_art_raw"] == 8
    after, _ = apply(scaled(3_000 * WAD), m, act("repay", "DAI", "0.000000000000000005"))
    assert after.debt[0].scaled_raw == 3_000 * WAD - 1
    later = AT + 86_400 * 10**6
    _, moved = apply(scaled(3_000 * WAD), m, act("repay", "DAI", "1"), at=later)
    assert moved.indices[key].time == later // 10**6
    assert moved.indices[key].value_raw > RAY * 3


@pytest.mark.parametrize(
    ("event", "refusal"),
    [
        (act("borrow", "DAI", "10689.7"), "Vat/not-safe"),
        (act("withdraw", "ETH", "5.17"), "Vat/not-safe"),
        (act("withdraw", "ETH", "10.1"), "arithmetic"),
        (act("repay", "DAI", "2500.1"), "Vat/dust"),
        (act("liquidation", "DAI", "10000"), "Dog/not-unsafe"),
    ],
)
def test_what_the_contracts_refuse(event: LendingAction, refusal: str) -> None:
    with pytest.raises(BadInput, match=refusal):
        apply(account(), market(), event)


def test_a_new_vault_and_its_end() -> None:
    empty = Account(id="a", rules="maker/dss")
    deposit = Transfer(stamp=Stamp(), account="a", kind="deposit", asset="ETH", amount=D(10), pool="ETH-A:31039")
    after, m = apply(empty, market(), deposit)
    after, m = apply(after, m, act("borrow", "DAI", "7500", pool="ETH-A:31039"))
    assert set(ask("risk", after, m)) == {"main:ETH-A:31039"}
    with pytest.raises(BadInput, match="Vat/dust"):
        apply(replace(after, debt=()), m, act("borrow", "DAI", "7499.99", pool="ETH-A:31039"))
    after, m = apply(after, m, act("repay", "DAI", "Infinity", pool="ETH-A:31039"))
    after, m = apply(after, m, act("withdraw", "ETH", "Infinity", pool="ETH-A:31039"))
    assert (after.collateral, after.debt) == ((), ())


def test_a_debt_ceiling_counts_where_it_is_known() -> None:
    table = {"ETH-A": {"line": "1000000"}}
    state = {("maker", "ETH-A", "total_art_raw"): 999_999 * WAD}
    with pytest.raises(BadInput, match="Vat/ceiling-exceeded"):
        MODULE.apply(account(), market(state=state), act("borrow", "DAI", "2"), parameters("dss", AT, table), AT)


def test_a_plan_moves_the_vault_into_an_auction() -> None:
    plan = ask("plan_liquidation", account(), market("1400"), POOL)
    assert (plan.close_least, plan.close_most, plan.seized) == (10_000, 10_000, 10)
    assert (plan.fee, plan.bonus) == (1_300, D("0.13"))
    assert plan.price == 1_540  # 1,400 · 1.1
    keeper = {flow.asset: flow.amount for flow in plan.flows if flow.party == "liquidator"}
    assert keeper == {"DAI": D("261.3")}  # 250 + 0.1 % of 11,300
    after, _ = apply(account(), market("1400"), act("liquidation", "DAI", "Infinity"))
    assert (after.collateral, after.debt) == ((), ())


@pytest.mark.parametrize("art", [9_500 * WAD, 9_500 * WAD + 1, 8_123_456_789_012_345_678_901])
def test_a_plan_of_normalized_debt_is_applicable_as_it_is(art: int) -> None:
    index = Index(1_123_456_789_012_345_678_901_234_567, 0, AT // 10**6)
    low = market("1300", indices={("maker", "ETH-A", "borrow"): index})
    plan = ask("plan_liquidation", scaled(art), low, POOL)
    assert plan.reason is None
    after, _ = apply(scaled(art), low, act("liquidation", "DAI", str(plan.close_most)))
    assert after == apply(scaled(art), low, act("liquidation", "DAI", "Infinity"))[0]
    less = str(plan.close_most - D("2e-18"))
    assert apply(scaled(art), low, act("liquidation", "DAI", less))[0].debt


def with_room(room: int, price: str = "1400") -> Market:
    return market(price, state={("maker", "ETH-A", "dirt_raw"): ETH_A.hole - room})


def test_the_limit_decides_between_a_part_all_and_nothing() -> None:
    large = account("100", "100000")
    part = ask("plan_liquidation", large, with_room(22_600 * RAD), POOL)
    assert (part.close_most, part.seized) == (20_000, 20)
    after, _ = apply(large, with_room(22_600 * RAD), act("liquidation", "DAI", "20000"))
    assert (after.collateral[0].amount, after.debt[0].amount) == (80, 80_000)
    rest_is_dust = ask("plan_liquidation", large, with_room(104_600 * RAD), POOL)
    assert rest_is_dust.close_most == 100_000  # 92,566 would leave 7,434, below 7,500
    part_is_dust = ask("plan_liquidation", large, with_room(8_000 * RAD), POOL)
    assert part_is_dust.reason == "Dog/dusty-auction-from-partial-liquidation"
    full = ask("plan_liquidation", large, with_room(0), POOL)
    assert full.reason == "Dog/liquidation-limit-hit"


def test_collateral_worth_less_than_a_unit_has_no_auction() -> None:
    plan = ask("plan_liquidation", replace(account(), collateral=()), market(), POOL)
    assert plan.reason == "Dog/null-auction"
    off = parameters("dss", AT, {"ETH-A": {"liquidations": False}})
    assert MODULE.plan_liquidation(account(), POOL, market("1"), off, AT).reason == "Clipper/stopped-incorrect"


SALE = Sale(tab=11_300 * RAD, lot=10 * WAD, top=1_540 * RAY, tic=1_000)


def test_one_purchase_raises_the_whole_tab_and_returns_the_rest() -> None:
    found = take(SALE, ETH_A, 10 * WAD, 2**255, 1_000)
    assert (found.owe, found.sale, found.digs) == (11_300 * RAD, None, 11_300 * RAD)
    assert found.slice == 11_300 * RAD // (1_540 * RAY)
    assert found.returned == 10 * WAD - found.slice
    below = take(replace(SALE, top=1_000 * RAY), ETH_A, 10 * WAD, 2**255, 1_000)
    assert (below.owe, below.returned, below.digs) == (10_000 * RAD, 0, 11_300 * RAD)


def test_a_part_leaves_enough_to_raise_or_is_refused() -> None:
    least = 8_475 * RAD  # 7,500 · 1.13
    found = take(SALE, ETH_A, 5 * WAD, 2**255, 1_000)
    assert found.sale is not None
    assert found.sale.tab == least
    assert found.slice == 2_825 * RAD // (1_540 * RAY)
    with pytest.raises(Revert, match="no-partial-purchase"):
        take(found.sale, ETH_A, WAD, 2**255, 1_000)


def test_prices_fall_and_auctions_end() -> None:
    linear = replace(ETH_A, curve="linear", tau=100)
    assert [price_at(linear, 1_000 * RAY, t) // RAY for t in (0, 25, 100, 101)] == [1_000, 750, 0, 0]
    smooth = replace(ETH_A, curve="exponential", cut=RAY // 2)
    assert [price_at(smooth, 1_000 * RAY, t) // RAY for t in (0, 1, 2)] == [1_000, 500, 250]
    assert take(SALE, ETH_A, WAD, 1_540 * RAY, 1_089).price == 1_540 * RAY
    with pytest.raises(Revert, match="too-expensive"):
        take(SALE, ETH_A, WAD, 1_540 * RAY - 1, 1_089)
    assert take(SALE, ETH_A, WAD, 2**255, 1_000 + 7_109).price < 712 * RAY  # 0.99^78, above 45 %
    with pytest.raises(Revert, match="needs-reset"):
        take(SALE, ETH_A, WAD, 2**255, 1_000 + 7_200)  # 0.99^80 < 45 %
    again, coin = redo(SALE, ETH_A, 1_000 * WAD, RAY, 9_000)
    assert (again.top, again.tic, coin) == (1_100 * RAY, 9_000, 261 * RAD + 3 * RAD // 10)
    small, coin = redo(replace(SALE, tab=8_474 * RAD), ETH_A, 1_000 * WAD, RAY, 9_000)
    assert (small.tab, coin) == (8_474 * RAD, 0)
    with pytest.raises(Revert, match="cannot-reset"):
        redo(SALE, ETH_A, 1_000 * WAD, RAY, 1_001)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"pool": None}, "missing_value"),
        ({"pool": "XYZ-A"}, "no_parameters"),
        ({"asset": "USDC"}, "unknown_asset"),
        ({"amount": D("0.0000000000000000001")}, "too_many_decimals"),
        ({"amount": D(-1)}, "bad_value"),
        ({"amount": None, "scaled_raw": 5, "index_raw": 5}, "bad_value"),
    ],
)
def test_bad_holdings_name_their_place(changed: dict[str, Any], code: str) -> None:
    bad = replace(account(), debt=(replace(account().debt[0], **changed),))
    with pytest.raises(BadInput) as error:
        ask("risk", bad, market())
    assert error.value.problem.code == code


@pytest.mark.parametrize(
    ("name", "row", "code"),
    [
        ("ETH-A", {"chop": "0.13"}, "bad_parameter"),
        ("ETH-A", {"cut": "1.01"}, "bad_parameter"),
        ("ETH-A", {"curve": "linear"}, "missing_parameter"),
        ("ETH-A", {"curve": "steep"}, "bad_parameter"),
        ("GNO-A", {"dust": "7500"}, "missing_parameter"),
        ("system", {"par": "0"}, "bad_parameter"),
        ("system", {"hole": "1"}, "unknown_parameter"),
    ],
)
def test_bad_parameters_name_their_place(name: str, row: dict[str, Any], code: str) -> None:
    with pytest.raises(BadInput) as error:
        parameters("dss", AT, {name: row})
    assert error.value.problem.code == code


def test_an_overlay_adds_a_vault_type() -> None:
    own = parameters("dss", parse_time("2020-03-12"), {"GNO-A": {"mat": "3.5"}})
    gno = own.ilk("GNO-A", "test")
    assert (gno.collateral, gno.chop, own.as_of) == ("GNO", WAD, None)


def test_what_may_be_drawn_ends_at_the_ceiling_of_the_type() -> None:
    parameters_with = replace(PARAMETERS, ilks={"ETH-A": replace(ETH_A, line=1_000_000 * RAD)})
    used = Market(quotes=market().quotes, state={("maker", "ETH-A", "total_art_raw"): 999_000 * WAD})
    found = MODULE.quantities(account(), used, parameters_with, AT)[POOL]
    assert found.borrowable == 1_000
    with pytest.raises(BadInput, match="ceiling"):
        MODULE.apply(account(), used, act("borrow", "DAI", "1000.000000000000000001"), parameters_with, AT)
    MODULE.apply(account(), used, act("borrow", "DAI", "1000"), parameters_with, AT)


def test_nothing_leaves_a_vault_whose_debt_has_become_dust() -> None:
    raised = replace(PARAMETERS, ilks={"ETH-A": replace(ETH_A, dust=10_001 * RAD)})
    assert MODULE.quantities(account(), market(), raised, AT)[POOL].withdrawable == 0
    with pytest.raises(BadInput, match="Vat/dust"):
        MODULE.apply(account(), market(), act("withdraw", "ETH", "0.000000000000000001"), raised, AT)

"""Perpetual Protocol v2: the venue's own liquidation numbers, edges, events, refusals."""

import json
from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from marginbook.domain.account import Account, Collateral, Order, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Fill, IndexUpdate, Stamp, Transfer
from marginbook.domain.market import Index, Market, Quote
from marginbook.exact import from_raw, to_raw_exact
from marginbook.testing.laws import LAWS, kernel_sums, settings
from marginbook.testing.vectors import Setting
from marginbook.units import parse_time
from marginbook.venues.perp import parameters
from marginbook.venues.perp.collateral import free_of
from marginbook.venues.perp.model import figures, positions_of
from marginbook.venues.perp.steps import liquidatable_size, settled_bad_debt
from marginbook.venues.registry import rule_set

AT = parse_time("2024-06-01")
CASES = json.loads((Path(__file__).parent.parent / "vectors" / "perp" / "liquidations.json").read_text())[
    "liquidations"
]
STAMP = Stamp(time=AT)
WETH = {"WETH": {"collateral_ratio": "0.7"}}


def setting_of(case: dict[str, Any]) -> Setting:
    given = case["position"]
    position = Position(
        market="vETH",
        side=given["side"],
        quantity=D(given["size"]),
        entry=D(1000),
        details={"open_notional": given["open_notional"]},
    )
    account = Account(id="a", rules="perp/2", wallet={"USDC": D(given["wallet"])}, positions=(position,))
    market = Market(quotes={("perp", "vETH", "oracle"): Quote(D(case["price"]))})
    return Setting(account, market, parameters("2", AT), AT)


def raw(value: D) -> int:
    return to_raw_exact(value, 18)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_liquidation_takes_over_what_the_venue_took_over(case: dict[str, Any]) -> None:
    setting = setting_of(case)
    assert setting.call("is_liquidatable", "cross:USDC")
    plan = setting.call("plan_liquidation", "cross:USDC")
    flows = {(flow.party, flow.asset): raw(flow.amount) for flow in plan.flows}
    sign = 1 if case["position"]["side"] == "long" else -1
    assert raw(plan.close_most) == int(case["size_raw"])
    assert raw(plan.fee) == int(case["penalty_raw"])
    assert flows["account", "vETH"] == -sign * int(case["size_raw"])
    assert flows["account", "USDC"] == sign * int(case["notional_raw"]) - int(case["penalty_raw"])
    assert flows.get(("insurance", "USDC"), 0) == int(case["to_insurance_raw"])
    if "liquidator_notional_raw" in case:
        assert flows["liquidator", "USDC"] == int(case["liquidator_notional_raw"])


@pytest.mark.parametrize("case", [case for case in CASES if "left_raw" in case], ids=lambda case: case["id"])
def test_a_fill_leaves_what_the_venue_left(case: dict[str, Any]) -> None:
    setting = setting_of(case)
    side = "sell" if case["position"]["side"] == "long" else "buy"
    fill = Fill(
        stamp=STAMP,
        account="a",
        market="vETH",
        side=side,
        quantity=from_raw(int(case["size_raw"]), 18),
        price=D(case["price"]),
        kind="liquidation",
    )
    account, _ = _applied(setting, fill)
    left = positions_of(account)
    assert (left[0].size if left else 0) == int(case["left_raw"])
    assert (left[0].open_notional if left else 0) == int(case["left_open_notional_raw"])
    if "realized_raw" in case:
        assert raw(D(account.details["owed_realized_pnl"])) == int(case["realized_raw"])


def _applied(setting: Setting, event: Any) -> tuple[Account, Market]:
    from marginbook.venues.perp.steps import apply

    return apply(setting.account, setting.market, event, setting.parameters, setting.at)


def with_wallet(setting: Setting, usdc: D) -> Setting:
    return replace(setting, account=replace(setting.account, wallet={"USDC": usdc}))


def test_the_account_value_is_floored_at_six_decimals_before_it_is_compared() -> None:
    """1 vETH at 900 asks 56.25; with open notional −1000 that is a balance of 156.25."""
    case = {"position": {"side": "long", "size": "1", "open_notional": "-1000", "wallet": "0"}, "price": "900"}
    setting = setting_of(case)
    assert not with_wallet(setting, D("156.25")).call("is_liquidatable", "cross:USDC")
    assert with_wallet(setting, D("156.249999")).call("is_liquidatable", "cross:USDC")
    account = replace(
        setting.account, wallet={"USDC": D("156.25")}, details={"owed_realized_pnl": "-0.000000000000000001"}
    )
    assert replace(setting, account=account).call("is_liquidatable", "cross:USDC")


def test_half_the_requirement_decides_between_a_part_and_all() -> None:
    case = {"position": {"side": "long", "size": "1", "open_notional": "-1000", "wallet": "0"}, "price": "900"}
    setting = setting_of(case)
    half = with_wallet(setting, D("128.125")).call("plan_liquidation", "cross:USDC")
    all_of_it = with_wallet(setting, D("128.124999")).call("plan_liquidation", "cross:USDC")
    assert (half.close_most, all_of_it.close_most) == (D("0.5"), 1)


def test_a_small_position_is_taken_whole() -> None:
    case = {"position": {"side": "long", "size": "0.1", "open_notional": "-100", "wallet": "15.3"}, "price": "900"}
    plan = setting_of(case).call("plan_liquidation", "cross:USDC")
    assert plan.close_most == D("0.1")


def test_free_collateral_as_the_venue_prints_it() -> None:
    """10 WETH at 3000 and 70 %, a long bought for 100: 20,990 free, which is 9.995238095238095238 WETH."""
    position = Position(
        market="vETH",
        side="long",
        quantity=D("0.651895044478514505"),
        entry=D(150),
        details={"open_notional": "-100"},
    )
    account = Account(
        id="a", rules="perp/2", positions=(position,), collateral=(Collateral(asset="WETH", amount=D(10)),)
    )
    quotes = {("perp", "vETH", "oracle"): Quote(D(200)), ("perp", "WETH", "oracle"): Quote(D(3000))}
    setting = Setting(account, Market(quotes=quotes), parameters("2", AT, WETH), AT)
    assert setting.call("quantities")["cross:USDC"].venue["free_collateral"] == 20990

    def withdrawal(amount: str) -> Transfer:
        return Transfer(stamp=STAMP, account="a", kind="withdrawal", asset="WETH", amount=-D(amount))

    _applied(setting, withdrawal("9.995238095238095238"))
    with pytest.raises(BadInput, match="not_enough_free_collateral"):
        _applied(setting, withdrawal("9.995238095238095239"))
    lower = replace(setting, market=setting.market.with_prices({("perp", "vETH", "oracle"): D(100)}))
    with pytest.raises(BadInput, match="not_enough_free_collateral"):
        _applied(lower, withdrawal("0.000000000000000001"))
    funded = replace(lower, account=replace(account, wallet={"USDC": D(40)}))
    assert funded.call("quantities")["cross:USDC"].withdrawable == 40


def test_open_orders_come_first_and_the_fund_must_be_able_to_pay() -> None:
    setting = setting_of(CASES[0])
    order = Order(market="vETH", side="buy", quantity=D(1), price=D(1))
    waiting = replace(setting, account=replace(setting.account, orders=(order,)))
    assert "orders" in waiting.call("plan_liquidation", "cross:USDC").reason
    setting = setting_of(CASES[2])
    plan = setting.call("plan_liquidation", "cross:USDC")
    assert plan.bad_debt > 750
    assert plan.reason is None
    poor = replace(setting.market, state={("perp", "USDC", "insurance_fund_capacity"): D(700)})
    assert "fund" in replace(setting, market=poor).call("plan_liquidation", "cross:USDC").reason


def test_funding_grows_with_the_premium_and_a_fill_settles_it() -> None:
    setting = setting_of(CASES[0])
    day = 2**96 * 86_400
    market = replace(setting.market, indices={("perp", "vETH", "funding"): Index(3 * day)})
    account = replace(setting.account, positions=(replace(setting.account.positions[0], funding_index_raw=day),))
    found = figures(account, market, setting.parameters)
    assert found.settlement == 150 * 10**18 - 2 * 989984344318166945
    fill = Fill(stamp=STAMP, account="a", market="vETH", side="sell", quantity=D("0.1"), price=D(900))
    funded = replace(account, wallet={"USDC": D(200)})
    after, _ = _applied(replace(setting, account=funded, market=market), fill)
    assert after.positions[0].funding_index_raw == 3 * day
    event = IndexUpdate(stamp=STAMP, venue="perp", asset="vETH", kind="funding", value=from_raw(day, 18))
    _, moved = _applied(setting, event)
    assert moved.indices["perp", "vETH", "funding"].value_raw == day


def test_a_flip_realises_the_whole_position_and_a_fee_is_part_of_what_is_exchanged() -> None:
    """Long 20 for 252.53, sell 30 for 337.5: 225 close it, 112.5 stay open; −27.53 is realised. With a fee: 337."""
    position = Position(market="vETH", side="long", quantity=D(20), entry=D("12.6265"))
    account = Account(id="a", rules="perp/2", wallet={"USDC": D(1000)}, positions=(position,))
    market = Market(quotes={("perp", "vETH", "oracle"): Quote(D("11.25"))})
    setting = Setting(account, market, parameters("2", AT), AT)
    for fee, notional, pnl in (
        ("0", "112.5", "-27.53"),
        ("0.5", "112.333333333333333334", "-27.863333333333333334"),
    ):
        fill = Fill(stamp=STAMP, account="a", market="vETH", side="sell", quantity=D(30), price=D("11.25"), fee=D(fee))
        after, _ = _applied(setting, fill)
        assert (after.positions[0].side, after.positions[0].quantity) == ("short", 10)
        assert D(after.positions[0].details["open_notional"]) == D(notional)
        assert D(after.details["owed_realized_pnl"]) == D(pnl)


def long_of(setting: Setting, wallet: str, **details: str) -> Setting:
    """1 vETH bought for 1000, at 900: unrealised −100, requirement 56.25, initial margin of the debt 100."""
    position = Position(market="vETH", side="long", quantity=D(1), entry=D(1000), details=details)
    account = Account(id="a", rules="perp/2", wallet={"USDC": D(wallet)}, positions=(position,))
    return replace(setting, account=account)


def test_a_reduction_is_held_to_the_maintenance_ratio_and_a_turn_to_the_initial_one() -> None:
    """Half sold at 900: −50 stays unrealised, −50 is owed; of the debt of 500, 31.25 or 50 is asked."""
    setting = setting_of(CASES[0])

    def sold(wallet: str, quantity: str) -> Account:
        fill = Fill(stamp=STAMP, account="a", market="vETH", side="sell", quantity=D(quantity), price=D(900))
        return _applied(long_of(setting, wallet), fill)[0]

    assert sold("131.25", "0.5").positions[0].quantity == D("0.5")
    with pytest.raises(BadInput, match="not_enough_free_collateral"):
        sold("131.249999", "0.5")
    assert sold("190", "2").positions[0].side == "short"
    with pytest.raises(BadInput, match="not_enough_free_collateral"):
        sold("189.999999", "2")


def test_a_withdrawal_settles_funding_first_and_floors_the_sum_once() -> None:
    """Owed 0.0000015 less funding of 0.0000006 is 0.0000009: nothing of it reaches the wallet."""
    setting = long_of(setting_of(CASES[0]), "300")
    account = replace(setting.account, details={"owed_realized_pnl": "0.0000015"})
    growth = 2**96 * 86_400 * 6 // 10**7 + 1
    market = replace(setting.market, indices={("perp", "vETH", "funding"): Index(growth)})
    out = Transfer(stamp=STAMP, account="a", kind="withdrawal", asset="USDC", amount=-D(1))
    after, _ = _applied(replace(setting, account=account, market=market), out)
    assert after.wallet["USDC"] == 299
    assert "owed_realized_pnl" not in after.details
    assert after.positions[0].funding_index_raw == growth
    nothing = Transfer(stamp=STAMP, account="a", kind="deposit", asset="USDC", amount=D(0))
    with pytest.raises(BadInput, match="bad_amount"):
        _applied(setting, nothing)


def test_tokens_leave_by_the_contract_s_own_rounding() -> None:
    """1 WETH counts 2100, a debt of 20990 asks 2099: 1 is free, ⌈1 / 3000⌉ of a token; over 0.7, ⌊ ⌋."""
    position = Position(market="vETH", side="long", quantity=D(1), entry=D(20_990))
    held = (Collateral(asset="WETH", amount=D(1)),)
    account = Account(id="a", rules="perp/2", positions=(position,), collateral=held)
    market = Market(quotes={("perp", "vETH", "oracle"): Quote(D(20_990)), ("perp", "WETH", "oracle"): Quote(D(3000))})
    terms = parameters("2", AT, WETH)
    assert free_of(account, "WETH", market, terms) == 333_333_333_333_334 * 10**6 // 700_000
    owing = replace(account, details={"owed_realized_pnl": "-0.000000000000000001"})
    assert free_of(owing, "WETH", market, terms) == 0  # the settlement token is owed: nothing leaves


def test_dust_is_kept_owed_and_funded_but_has_no_size() -> None:
    setting = setting_of(CASES[0])
    position = Position(
        market="vETH", side="short", quantity=from_raw(9, 18), entry=D(1000), details={"open_notional": "100"}
    )
    account = Account(id="a", rules="perp/2", wallet={"USDC": D(0)}, positions=(position,))
    found = figures(account, setting.market, setting.parameters)
    assert (found.absolute, found.debt, found.unrealized) == (0, 9 * 900, 100 * 10**18)
    fill = Fill(stamp=STAMP, account="a", market="vETH", side="buy", quantity=D(1), price=D(900))
    after, _ = _applied(replace(setting, account=replace(account, wallet={"USDC": D(5000)})), fill)
    assert positions_of(after)[0].kept == 10**18 - 9
    assert "owed_realized_pnl" not in after.details


def test_range_orders_count_as_they_are_stated_and_must_be_cancelled_first() -> None:
    """The order lost 0.2 vETH and gained 100 of quote; its debts of 1 vETH and 500 count in full."""
    sums = {"order_base": "0.8", "order_base_debt": "1", "order_quote": "600", "order_quote_debt": "500"}
    setting = long_of(setting_of(CASES[0]), "10", **sums, order_funding="8640")
    found = figures(setting.account, setting.market, setting.parameters)
    assert positions_of(setting.account)[0].size == 8 * 10**17
    assert found.unrealized == (720 - 1000 + 100) * 10**18
    assert found.settlement == (10 * 10**18) - 10**17  # 8640 of quote · seconds over a day
    assert found.debt == 1500 * 10**18
    assert "orders" in setting.call("plan_liquidation", "cross:USDC").reason


def test_laws_hold_with_range_orders_and_dust() -> None:
    for number, setting in enumerate(settings("perp/2", 60, 7)):
        sums = {"order_base": 3, "order_base_debt": 4, "order_quote": 500, "order_quote_debt": 900, "order_funding": -7}
        details = {name: str(value * (number % 7 + 1)) for name, value in sums.items()}
        positions = (
            replace(setting.account.positions[0], details=details),
            *(replace(one, quantity=from_raw(9, 18)) for one in setting.account.positions[1:2]),
            *setting.account.positions[2:],
        )
        changed = replace(setting, account=replace(setting.account, positions=positions))
        for law in ("identities", "decision_follows_the_sums", "kernel_stays_in_its_envelope"):
            assert LAWS[law](changed) is None
        assert LAWS["explanation_ends_in_the_headroom"](changed) is None
        (pool,) = rule_set("perp/2").module.lower(changed.account, changed.market, changed.parameters).pools
        ours, exact = kernel_sums(pool, changed)[0], changed.call("risk")["cross:USDC"]
        free = float(from_raw(exact.support_initial - exact.demand_initial, 18))
        assert ours.support_initial - ours.demand_initial == pytest.approx(free, rel=1e-9, abs=1e-5)


def test_a_small_position_beside_a_large_one_cannot_be_divided() -> None:
    """All over twice the position fits 24 bits of millionths up to 33.55 times: 900 beside 29,298, not 29,299."""
    setting = setting_of(CASES[0])
    for price, most in ((29_298, 10**18), (29_299, 0)):
        large = Position(market="vBTC", side="long", quantity=D(1), entry=D(100_000))
        small = Position(market="vETH", side="long", quantity=D(1), entry=D(900))
        account = Account(id="a", rules="perp/2", wallet={"USDC": D(100_000 - price + 1_500)}, positions=(large, small))
        quotes = {("perp", "vBTC", "oracle"): Quote(D(price)), ("perp", "vETH", "oracle"): Quote(D(900))}
        found = figures(account, Market(quotes=quotes), setting.parameters)
        asked = liquidatable_size(positions_of(account)[1], Market(quotes=quotes), found, setting.parameters)
        assert asked == most


def test_an_account_that_owes_and_holds_nothing_is_no_liquidator_s() -> None:
    setting = setting_of(CASES[0])
    account = Account(id="a", rules="perp/2", details={"owed_realized_pnl": "-5.0000001"})
    empty = replace(setting, account=account)
    assert empty.call("plan_liquidation", "cross:USDC").reason is not None
    assert settled_bad_debt(account, setting.market, setting.parameters) == 5_000_001 * 10**12
    kept = replace(account, collateral=(Collateral(asset="WETH", amount=D(1)),))
    assert settled_bad_debt(kept, setting.market, setting.parameters) == 0


def test_the_fund_s_part_of_the_penalty_counts_before_it_pays() -> None:
    """1 vETH at 900, account value 1: the penalty of 22.5 leaves 21.5 lacking, and 11.25 of it is the fund's."""
    setting = long_of(setting_of(CASES[0]), "101")

    def reason(capacity: str) -> str | None:
        state = {("perp", "USDC", "insurance_fund_capacity"): D(capacity)}
        plan = replace(setting, market=replace(setting.market, state=state)).call("plan_liquidation", "cross:USDC")
        assert plan.bad_debt == D("21.5")
        return plan.reason

    assert reason("10.25") is None
    assert reason("10.249999") is not None


def test_what_is_refused() -> None:
    setting = setting_of(CASES[0])
    cases: list[tuple[str, Account]] = [
        ("unsupported_mode", replace(setting.account, mode="isolated")),
        ("unknown_collateral", replace(setting.account, wallet={"WETH": D(1)})),
        ("duplicate_position", replace(setting.account, positions=setting.account.positions * 2)),
        ("no_parameters", replace(setting.account, collateral=(Collateral(asset="OP", amount=D(1)),))),
    ]
    for code, account in cases:
        with pytest.raises(BadInput, match=code):
            replace(setting, account=account).call("risk")
    fill = Fill(stamp=STAMP, account="a", market="vETH", side="buy", quantity=D(10), price=D(900))
    with pytest.raises(BadInput, match="not_enough_free_collateral"):
        _applied(setting, fill)
    for overlay in ({"*": {"mm_ratio": "2.1234567"}}, {"*": {"x": "1"}}, {"WETH": {"decimals": "18"}}):
        with pytest.raises(BadInput):
            parameters("2", AT, overlay)
    with pytest.raises(BadInput, match="no_parameters"):
        parameters("2", parse_time("2021-01-01"))

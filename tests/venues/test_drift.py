"""Drift: the program's own numbers first, then edges, events, plans and parameters."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from marginbook.domain.account import Account, Collateral, Debt, Order, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Fill, IndexUpdate, LendingAction, OrderChange, Stamp, Transfer
from marginbook.domain.events import Setting as SettingEvent
from marginbook.domain.market import Market, Quote
from marginbook.exact import from_raw
from marginbook.testing.conformance import conform
from marginbook.testing.vectors import Setting
from marginbook.testing.worlds.drift import OVERLAY
from marginbook.units import parse_time
from marginbook.venues.drift import shortage
from marginbook.venues.drift.account import book_of, funding_due
from marginbook.venues.drift.liquidation import is_bankrupt
from marginbook.venues.drift.margin import Context, calculate
from marginbook.venues.drift.parameters import PerpTerms, SpotTerms, parameters
from marginbook.venues.drift.weights import asset_weight, liability_weight, profit_weight
from marginbook.venues.registry import rule_set

AT = parse_time("2026-04-02T00:00:00Z")
VECTORS = Path(__file__).parent.parent / "vectors" / "drift"
STAMP = Stamp()
FEE = shortage.FEE
USD = shortage.QUOTE


def prices(**more: str) -> Market:
    known = {"USDC": "1", "SOL": "150", "SOL-PERP": "150", "BTC-PERP": "84000", **more}
    quotes = {("drift", name, kind): Quote(Decimal(price)) for name, price in known.items() for kind in KINDS}
    return Market(quotes=quotes)


KINDS = ("oracle", "twap")


def trader(usdc: str = "1000", quantity: str = "60", **more: object) -> Account:
    position = Position(market="SOL-PERP", side="long", quantity=Decimal(quantity), entry=Decimal(150))
    return Account(
        id="a",
        rules="drift/2",
        wallet={"USDC": Decimal(usdc)},
        positions=(position,),
        **more,  # type: ignore[arg-type]
    )


def setting(account: Account, market: Market | None = None, overlay: object = OVERLAY) -> Setting:
    return Setting(account, market or prices(), parameters("2", AT, overlay), AT)  # type: ignore[arg-type]


def after(before: Setting, event: object) -> Setting:
    account, market = rule_set("drift/2").module.apply(
        before.account,
        before.market,
        event,  # type: ignore[arg-type]
        before.parameters,
        AT,
    )
    return replace(before, account=account, market=market)


def test_the_programs_own_numbers() -> None:
    answer = conform([VECTORS])
    assert not answer["failures"]
    assert sum(row["passed"] for row in answer["results"]) == 42


def test_weights_by_size() -> None:
    small = SpotTerms(decimals=6, initial_asset_weight=9000, initial_liability_weight=11_000, imf_factor=10)
    assert asset_weight(small, 1000 * USD, "initial") == 9000
    assert asset_weight(small, 10**6 * 1000 * USD, "initial") == 8357
    large = replace(small, imf_factor=10_000)
    assert asset_weight(large, 1000 * USD, "initial") == 8357
    assert liability_weight(large, 1000 * USD, "initial") == 11_962
    terms = PerpTerms(unrealized_pnl_imf_factor=1000)
    profit = 24_282_786_896
    expected = {1: 9516, 10: 7368, 100: 4299, 1000: 1855, 10_000: 663, 800_000: 78}
    assert {n: profit_weight(terms, profit * n, "initial") for n in expected} == expected
    limited = replace(terms, unrealized_pnl_imf_factor=0, unrealized_pnl_max_imbalance=100)
    assert profit_weight(limited, 5, "initial", net_profit=400) == 2500


def test_what_covers_a_shortage() -> None:
    arguments = (10 * USD, 8000, FEE, 12_000, FEE, 9, 10**8, 10_000)
    assert shortage.liability_to_cover(*arguments) == 257_731_958
    both = (10 * USD, 8000, 1_100_000, 12_000, 900_000, 9, 10**8, 10_000)
    assert shortage.liability_to_cover(*both) == 475_669_504
    assert shortage.liability_to_cover(10 * USD, 10_000, FEE, 10_000, 750_000, 6, 10**8, 0) == shortage.ALL_TOKENS
    assert shortage.liability_for_asset(10 * USD, 1_010_000, 6, USD, 990_000, 9, 10**8) == 98_019_802
    assert shortage.asset_for_liability(200 * USD, 1_010_000, 6, USD, 10**9, 990_000, 9, 10**8) == 102_020_202
    assert shortage.asset_for_liability(200 * 10**5, FEE, 5, USD, 10**6, FEE, 6, USD) == 100_000
    assert shortage.asset_for_liability(200 * 10**6, FEE, 6, USD, 10**5, FEE, 5, USD) == 10**6
    assert shortage.asset_for_liability(10**6 + 5, FEE, 6, USD, 10**6, FEE, 6, USD) == 10**6 + 5
    assert shortage.base_to_cover(10 * USD, 1000, 0, 0, 10**8, 990_000) == 1_010_101_010
    assert shortage.base_to_cover(10 * USD, 100, 10_000, 0, 10**8, USD) == shortage.EVERYTHING


def test_fees_of_insurance_and_bankruptcies() -> None:
    perp = (10 * 10**9, 500, 10_000, 10**8, USD, 50_000)
    assert [shortage.insurance_fee(n * USD, *perp) for n in (20, 1, 1000)] == [19_000, 37_050, 0]
    spot = (10**9, 10_000, 1_010_000, 11_000, FEE, 9, 10**8, 50_000)
    assert [shortage.spot_insurance_fee(n * USD, *spot) for n in (5, 100, 1)] == [36_363, 0, 50_000]
    assert shortage.funding_to_socialise(-100 * USD, 11 * 10**9) == 9_090_910_000
    assert shortage.deposit_interest_to_socialise(11 * USD, 10**10, 120 * USD) == 916_666_667
    with pytest.raises(BadInput, match="missing_state"):
        shortage.funding_to_socialise(-1, 0)


def test_the_buffer_counts_losses() -> None:
    account = Account(
        id="a",
        rules="drift/2",
        wallet={"USDC": Decimal(100)},
        positions=(
            Position(
                market="SOL-PERP",
                side="long",
                quantity=Decimal(0),
                entry=Decimal(1),
                details={"quote_asset_amount": "-100"},
            ),
        ),
    )
    case = setting(account)
    book = book_of(account, case.market, case.parameters)
    found = calculate(book, case.market, case.parameters, Context("maintenance", buffer=100))["cross"]
    assert (found.total_collateral, found.collateral_buffer) == (0, -USD)


def test_liquidation_is_strict_and_ends_with_the_buffer() -> None:
    case = setting(trader())
    risk = case.call("risk")["cross"]
    exact = Decimal(1000) + from_raw(risk.demand - risk.support, 6)
    for offset, expected in ((0, False), (-1, True)):
        account = trader(str(exact + from_raw(offset, 6)))
        assert setting(account).call("is_liquidatable", "cross") is expected
    entered = {"being_liquidated": "true"}
    # 2 % of 9,000 on top of 5 %.
    for offset, expected in ((0, False), (-1, True)):
        account = trader(str(exact + 180 + from_raw(offset, 6)), details=entered)
        assert setting(account).call("is_liquidatable", "cross") is expected


def test_initial_margin_is_strict_and_needs_averages() -> None:
    account = trader(collateral=(Collateral(asset="SOL", amount=Decimal(10)),))
    market = prices()
    worse = market.with_prices({("drift", "SOL", "twap"): Decimal(140)})
    plain, strict = (setting(account, found).call("quantities")["cross"] for found in (market, worse))
    assert plain.free_margin - strict.free_margin == 80
    assert plain.headroom == strict.headroom
    bare = Market(quotes={key: quote for key, quote in market.quotes.items() if key[2] == "oracle"})
    assert setting(account, bare).call("is_liquidatable", "cross") is False
    with pytest.raises(BadInput, match="twap"):
        setting(account, bare).call("risk")
    relaxed = {**OVERLAY, "system": {"strict": False}}
    assert setting(account, bare, relaxed).call("quantities")["cross"].free_margin == plain.free_margin


def test_modes_and_own_ratios() -> None:
    def demand(**more: object) -> tuple[Decimal, Decimal]:
        found = setting(trader(**more)).call("quantities")["cross"].venue  # type: ignore[arg-type]
        return found["margin_requirement"], found["margin_requirement_initial"]

    usual = demand()
    assert usual == (450, 900)
    high = demand(details={"margin_mode": "high_leverage"})
    assert high[0] == Decimal("102.6")  # 80 % of 1 %, and 0.34 % by size
    assert 178 < high[1] < 900
    assert demand(details={"margin_mode": "high_leverage_maintenance"}) == (Decimal("102.6"), 900)
    assert demand(details={"max_margin_ratio": "0.5"}) == (450, 4500)


def test_a_plan_covers_the_shortage() -> None:
    case = setting(trader("440"))
    plan = case.call("plan_liquidation", "cross")
    # Shortage 630 − 440 = 190; ratio with buffer 7 %, fee 1 %, insurance 95 % of what is left, at most 1 %.
    assert plan.reason is None
    assert plan.close_most == Decimal("25.34")
    assert plan.fee == 2 * plan.seized == Decimal("76.02")
    flows = {(flow.party, flow.asset): flow.amount for flow in plan.flows}
    assert flows["account", "SOL-PERP"] == -plan.close_most
    assert flows["account", "USDC"] == plan.close_most * 150 - plan.fee
    ramp = {**OVERLAY, "system": {"initial_pct_to_liquidate": "0.1", "liquidation_duration": "150"}}
    entered = {"last_active_slot": "100", "being_liquidated": "true"}
    slow = setting(trader("440", details=entered), overlay=ramp)
    state = {("drift", "system", "slot"): 115}
    slow = replace(slow, market=replace(slow.market, state=state))
    assert slow.call("plan_liquidation", "cross").close_most == Decimal("5.07")  # 20 % of it, rounded up to the step
    assert setting(trader()).call("plan_liquidation", "cross").reason is not None


PERP = {
    "margin_ratio_initial": "0.1",
    "margin_ratio_maintenance": "0.05",
    "liquidator_fee": "0.01",
    "if_liquidation_fee": "0.01",
    "order_step_size": "0.01",
}
BORROWED = {
    "decimals": "6",
    "initial_asset_weight": "0.8",
    "maintenance_asset_weight": "0.9",
    "initial_liability_weight": "1.2",
    "maintenance_liability_weight": "1.1",
    "imf_factor": "0",
    "liquidator_fee": "0.001",
    "if_liquidation_fee": "0.001",
}


@pytest.mark.parametrize(
    ("usdc", "price", "side", "quantity", "quote", "buffer", "bid", "closed", "insured"),
    [
        ("5", "100", "long", "2", "-200", "0.02", "1", "1.8", "1.8"),
        ("1.5", "100", "short", "1", "100", "0.001", None, None, "0.475"),
        ("113.838792", "23.244136", "short", "299.4", "6959.294318", "0.02", None, None, "41.787043"),
    ],
)
def test_liquidations_of_the_programs_tests(
    usdc: str,
    price: str,
    side: str,
    quantity: str,
    quote: str,
    buffer: str,
    bid: str | None,
    closed: str | None,
    insured: str,
) -> None:
    position = Position(
        market="SOL-PERP",
        side=side,  # type: ignore[arg-type]
        quantity=Decimal(quantity),
        entry=Decimal(price),
        details={"quote_asset_amount": quote},
    )
    order = Order(id="1", market="SOL-PERP", side="buy", quantity=Decimal(bid or 1), price=Decimal(price))
    account = Account(
        id="a",
        rules="drift/2",
        wallet={"USDC": Decimal(usdc)},
        positions=(position,),
        orders=(order,) if bid else (),
    )
    overlay = {"SOL-PERP": PERP, "system": {"liquidation_margin_buffer_ratio": buffer, "initial_pct_to_liquidate": "1"}}
    plan = setting(account, prices(**{"SOL-PERP": price}), overlay).call("plan_liquidation", "cross")
    assert plan.protocol_fee == Decimal(insured)
    if closed is not None:
        assert plan.close_most == Decimal(closed)
        assert plan.flows[2].amount == Decimal("-23.6") - Decimal(quote)


def test_a_liquidation_over_many_slots_of_the_programs_tests() -> None:
    system = {"initial_pct_to_liquidate": "0.1", "liquidation_duration": "150"}
    overlay = {"SOL-PERP": PERP, "system": system}
    order = Order(id="1", market="SOL-PERP", side="buy", quantity=Decimal(10), price=Decimal(100))
    position = Position(
        market="SOL-PERP",
        side="long",
        quantity=Decimal(20),
        entry=Decimal(100),
        details={"quote_asset_amount": "-2000"},
    )
    account = Account(id="a", rules="drift/2", wallet={"USDC": Decimal(50)}, positions=(position,), orders=(order,))
    market = prices(**{"SOL-PERP": "100"})
    plan = setting(account, market, overlay).call("plan_liquidation", "cross")
    assert plan.close_most == 0
    assert plan.reason == "nothing more may be liquidated in this slot"
    quote, left = Decimal(-2000), Decimal(20)
    for slot, freed, remaining in (
        (76, "70.01", "14.8"),
        (76, "95.802", "14.76"),
        (101, "96.0004", "9.42"),
        (136, "122.4868", "1.91"),
    ):
        details = {"being_liquidated": "true", "last_active_slot": "1", "liquidation_margin_freed": freed}
        position = replace(position, quantity=left, details={"quote_asset_amount": str(quote)})
        account = replace(account, positions=(position,), orders=(), details=details)
        now = replace(market, state={("drift", "system", "slot"): slot})
        plan = setting(account, now, overlay).call("plan_liquidation", "cross")
        left, quote = left - plan.close_most, quote + plan.flows[2].amount
        assert left == Decimal(remaining)


def test_a_borrow_of_the_programs_tests() -> None:
    account = Account(
        id="a",
        rules="drift/2",
        wallet={"USDC": Decimal(105)},
        debt=(Debt(asset="SOL", amount=Decimal(1)),),
    )
    overlay = {"SOL": BORROWED, "system": {"initial_pct_to_liquidate": "1", "liquidation_duration": "150"}}
    plan = setting(account, prices(SOL="100"), overlay).call("plan_liquidation", "cross")
    assert plan.close_most == Decimal("0.593824")
    assert plan.seized == 105 - Decimal("45.558159")
    assert plan.protocol_fee == Decimal("0.000593")
    assert plan.flows[0].amount == 1 - Decimal("0.406769")


def test_orders_are_cancelled_first() -> None:
    orders = (Order(id="1", market="SOL-PERP", side="buy", quantity=Decimal(60), price=Decimal(140)),)
    case = setting(trader("700", orders=orders))
    assert case.call("is_liquidatable", "cross")
    assert "cancelling" in case.call("plan_liquidation", "cross").reason


def test_a_borrow_is_taken_over_against_a_deposit() -> None:
    account = Account(
        id="a",
        rules="drift/2",
        collateral=(Collateral(asset="USDC", amount=Decimal(1700)),),
        debt=(Debt(asset="SOL", amount=Decimal(10)),),
    )
    case = setting(account, prices(SOL="160"))
    plan = case.call("plan_liquidation", "cross")
    assert (plan.market, plan.collateral) == ("SOL", "USDC")
    assert 0 < plan.close_most <= 10
    assert abs(plan.close_most * 160 - plan.seized) < Decimal("0.00001")


def test_bankruptcy() -> None:
    lost = Account(id="a", rules="drift/2", debt=(Debt(asset="USDC", amount=Decimal(5)),))
    case = setting(lost)
    assert is_bankrupt(book_of(lost, case.market, case.parameters), "cross")
    plan = case.call("plan_liquidation", "cross")
    assert plan.bad_debt == 5
    assert "bankrupt" in plan.reason
    book = book_of(trader(), case.market, case.parameters)
    assert not is_bankrupt(book, "cross")


def test_fills_average_reduce_flip_and_settle() -> None:
    case = setting(trader(quantity="10"))
    fill = Fill(
        stamp=STAMP,
        account="a",
        market="SOL-PERP",
        side="buy",
        quantity=Decimal(10),
        price=Decimal(160),
        fee=Decimal(1),
    )
    grown = after(case, fill)
    (position,) = grown.account.positions
    assert position.entry == 155
    assert position.details["quote_asset_amount"] == "-3101"
    reduced = after(grown, replace(fill, side="sell", quantity=Decimal(5), fee=Decimal(0)))
    (position,) = reduced.account.positions
    assert position.entry == 155
    assert position.details["quote_asset_amount"] == "-2301"
    flipped = after(reduced, replace(fill, side="sell", quantity=Decimal(20), fee=Decimal(0)))
    (position,) = flipped.account.positions
    assert position.side == "short"
    assert position.entry == 160
    assert position.details["quote_asset_amount"] == "899"
    closed = after(flipped, replace(fill, quantity=Decimal(5), fee=Decimal(0)))
    assert closed.account.positions == ()
    assert closed.account.wallet["USDC"] == 1000 + 99


def test_a_lost_position_leaves_a_borrow() -> None:
    case = setting(trader("10", quantity="1"))
    fill = Fill(stamp=STAMP, account="a", market="SOL-PERP", side="sell", quantity=Decimal(1), price=Decimal(100))
    closed = after(case, fill).account
    assert closed.debt == (Debt(asset="USDC", amount=Decimal("40.000000")),)


def test_isolated_positions_have_their_own_pool() -> None:
    position = Position(
        market="BTC-PERP",
        side="short",
        quantity=Decimal("0.1"),
        entry=Decimal(84_000),
        mode="isolated",
        isolated_wallet=Decimal(300),
    )
    case = setting(Account(id="a", rules="drift/2", positions=(position,)))
    pool = "isolated:BTC-PERP:short"
    assert list(case.call("risk")) == [pool]
    assert case.call("quantities")[pool].headroom == 300 - 252
    (price,) = case.call("liquidation_prices")
    assert (price.pool, price.when) == (pool, "at_or_above")
    deposit = Transfer(stamp=STAMP, account="a", kind="deposit", asset="USDC", amount=Decimal(50), pool=pool)
    assert after(case, deposit).account.positions[0].isolated_wallet == 350
    worse = replace(case, market=prices(**{"BTC-PERP": "85000"}))
    assert worse.call("plan_liquidation", pool).close_most > 0
    fill = Fill(stamp=STAMP, account="a", market="BTC-PERP", side="buy", quantity=Decimal("0.1"), price=Decimal(83_000))
    assert after(case, fill).account.wallet["USDC"] == 400


def test_deposits_borrows_and_withdrawals() -> None:
    case = setting(trader())

    def act(kind: str, asset: str, amount: str) -> LendingAction:
        return LendingAction(stamp=STAMP, account="a", kind=kind, asset=asset, amount=Decimal(amount))  # type: ignore[arg-type]

    owing = after(case, act("borrow", "SOL", "1"))
    assert owing.account.debt[0].amount == 1
    assert after(owing, act("repay", "SOL", "Infinity")).account.debt == ()
    with pytest.raises(BadInput, match="repays_too_much"):
        after(owing, act("repay", "SOL", "2"))
    assert after(case, act("supply", "JUP", "10")).account.collateral[0].amount == 10
    out = Transfer(stamp=STAMP, account="a", kind="withdrawal", asset="USDC", amount=Decimal(-100))
    assert after(case, out).account.wallet["USDC"] == 900
    with pytest.raises(BadInput, match="insufficient_margin"):
        after(case, replace(out, amount=Decimal(-101)))


def test_scaled_balances_are_cut_for_a_deposit_and_rounded_up_for_a_borrow() -> None:
    index = 10**27 + 10**17
    held = (Collateral(asset="JUP", scaled_raw=10**9, index_raw=index),)
    owed = (Debt(asset="SOL", scaled_raw=10**9, index_raw=index),)
    case = setting(trader(collateral=held, debt=owed))
    book = book_of(case.account, case.market, case.parameters)
    assert {spot.asset: spot.amount for spot in book.spots} == {"USDC": 1000 * USD, "JUP": 10**6, "SOL": -(10**9) - 1}
    more = LendingAction(stamp=STAMP, account="a", kind="supply", asset="JUP", amount=Decimal(1))
    assert after(case, more).account.collateral == (Collateral(asset="JUP", amount=Decimal("2.000000")),)


def test_orders_settings_and_funding() -> None:
    case = setting(trader())
    change = OrderChange(
        stamp=STAMP,
        account="a",
        order_id="1",
        market="SOL-PERP",
        side="buy",
        quantity=Decimal(10),
        price=Decimal(140),
    )
    ordered = after(case, change)
    requirement = ordered.call("quantities")["cross"].venue["margin_requirement"]
    assert requirement == 450 + 75 + Decimal("0.01")
    reducing = after(case, replace(change, reduce_only=True)).call("quantities")["cross"].venue["margin_requirement"]
    assert reducing == 450 + Decimal("0.01")
    assert after(ordered, replace(change, quantity=Decimal(0))).account.orders == ()
    mode = SettingEvent(stamp=STAMP, account="a", kind="margin_mode", value="high_leverage")
    assert after(case, mode).account.details["margin_mode"] == "high_leverage"
    update = IndexUpdate(stamp=STAMP, venue="drift", asset="SOL-PERP", kind="funding", value=Decimal("0.5"))
    assert after(case, update).call("quantities")["cross"].unrealized_pnl == -30
    assert funding_due(-(2 * 10**9), 1_500_000_000, 0) == 3 * USD


def test_parameters() -> None:
    shipped = parameters("2", AT)
    assert shipped.asset("SOL").imf_factor == 3000
    with pytest.raises(BadInput, match="no_parameters"):
        shipped.terms_of("SOL-PERP")
    with pytest.raises(BadInput, match="no_parameters"):
        parameters("2", parse_time("2022-01-01T00:00:00Z"))
    with pytest.raises(BadInput, match="missing_parameter"):
        parameters("2", AT, {"SOL-PERP": {"margin_ratio_initial": "0.1"}})
    with pytest.raises(BadInput, match="unknown_parameter"):
        parameters("2", AT, {"SOL": {"decimals": "9", "ltv": "0.1"}})
    with pytest.raises(BadInput, match="bad_parameter"):
        parameters("2", AT, {"*": {"margin_ratio_initial": "0.1", "margin_ratio_maintenance": "0.2"}})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"wallet": {"XYZ": Decimal(1)}}, "no_parameters"),
        ({"debt": (Debt(asset="JUP", amount=Decimal(1)),)}, "no_parameters"),
        ({"collateral": (Collateral(asset="SOL", scaled_raw=5),)}, "missing_index"),
        ({"collateral": (Collateral(asset="SOL"),)}, "bad_amount"),
        ({"details": {"margin_mode": "wild"}}, "bad_detail"),
        ({"wallet": {"USDC": Decimal("0.0000001")}}, "too_many_decimals"),
    ],
)
def test_what_the_venue_has_not_is_refused(change: dict[str, object], code: str) -> None:
    with pytest.raises(BadInput, match=code):
        setting(replace(trader(), **change)).call("risk")  # type: ignore[arg-type]

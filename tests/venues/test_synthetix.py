"""Synthetix perps: the venue's own numbers first, then edges, events, plans and parameters."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from marginbook.domain.account import Account, Collateral, Debt, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Fill, IndexUpdate, LendingAction, Stamp, Transfer
from marginbook.domain.market import Market, Quote
from marginbook.exact import WAD, from_raw, round_floor
from marginbook.testing.conformance import conform
from marginbook.testing.vectors import Setting
from marginbook.units import MICROSECONDS, parse_time
from marginbook.venues.registry import rule_set
from marginbook.venues.synthetix.funding import unrecorded, velocity
from marginbook.venues.synthetix.margins import Window, keeper_reward, liquidatable_amount
from marginbook.venues.synthetix.orders import check_order
from marginbook.venues.synthetix.parameters import Guards, MarketTerms, parameters
from marginbook.venues.synthetix.risk import Costs, liquidation_reward
from marginbook.venues.synthetix.v2.parameters import System
from marginbook.venues.synthetix.v2.parameters import parameters as parameters_v2
from marginbook.venues.synthetix.v2.risk import liquidation_fee

AT = parse_time("2025-03-01T12:00:00Z")
VECTORS = Path(__file__).parent.parent / "vectors" / "synthetix"
POOL = "cross:snxUSD"
STAMP = Stamp()


def at_prices(**prices: str) -> Market:
    return Market(quotes={("synthetix", name, "oracle"): Quote(Decimal(price)) for name, price in prices.items()})


def trader(wallet: str = "3000", **more: object) -> Account:
    position = Position(market="ETH", side="long", quantity=Decimal(10), entry=Decimal(2200))
    return Account(
        id="a",
        rules="synthetix/3",
        wallet={"snxUSD": Decimal(wallet)},
        positions=(position,),
        **more,  # type: ignore[arg-type]
    )


def setting(account: Account, market: Market) -> Setting:
    make = parameters_v2 if account.rules == "synthetix/2" else parameters
    return Setting(account, market, make(account.rules[-1], AT), AT)


def after(before: Setting, event: object) -> Setting:
    account, market = rule_set(before.account.rules).module.apply(
        before.account,
        before.market,
        event,  # type: ignore[arg-type]
        before.parameters,
        AT,
    )
    return replace(before, account=account, market=market)


def test_the_venues_own_numbers() -> None:
    answer = conform([VECTORS / "perps_v3.json"])
    assert not answer["failures"]
    assert sum(row["passed"] for row in answer["results"]) == 17


def test_funding_follows_the_published_table() -> None:
    # Skew after each trade, days until the next, and what 20 ETH at 2,000 have paid by then.
    table = [
        (20, "1", "120"),
        (-40, "1", "120"),
        (-25, "0.25", "50.625"),
        (12, "2", "-291.375"),
        (-5, "0.2", "-297.975"),
        (150, "0.1", "-292.875"),
        (0, "0.1", "-278.775"),
        (-15, "0.03", "-274.626"),
        (-19, "3", "-893.826"),
    ]
    rate = value = 0
    for skew, days, paid in table:
        seconds = int(Decimal(days) * 86_400)
        speed = velocity(skew * WAD, 10_000 * WAD, 3 * WAD)
        value += unrecorded(rate, speed, seconds, 2000 * WAD)
        rate += speed * seconds // 86_400
        assert abs(from_raw(-20 * value, 18) - Decimal(paid)) < Decimal("1e-9")


@pytest.mark.parametrize(
    ("price", "least", "ratio", "fee"),
    [(500, 20, "0.0035", "20"), (500, 1, "0.0035", "3.5"), (1500, 1, "0.0035", "10.5"), (1500, 30, "0.02", "60")],
)
def test_liquidation_fee_of_v2(price: int, least: int, ratio: str, fee: str) -> None:
    system = System(least * WAD, 1000 * WAD, int(Decimal(ratio) * WAD), 2 * WAD, 100 * WAD)
    assert from_raw(liquidation_fee(system, 2 * price * WAD), 18) == Decimal(fee)


def test_reward_before_and_after_two_fixes() -> None:
    guards = Guards(WAD, 0, 1000 * WAD, WAD, WAD // 100)
    before = replace(guards, collateral_reward=False, first_window_cost=False)
    costs = Costs(3 * WAD, 2 * WAD)
    assert liquidation_reward(before, 10 * WAD, 5000 * WAD, costs, 3) == (10 + 3 + 2 * 3) * WAD
    assert liquidation_reward(guards, 10 * WAD, 5000 * WAD, costs, 3) == (50 + 3 + 2 + 2 * 3) * WAD
    assert keeper_reward(guards, 0, 0, 0) == WAD
    assert parameters("3", parse_time("2024-10-20T00:00:00Z")).guards.first_window_cost is False
    assert parameters("3", parse_time("2024-11-02T00:00:00Z")).guards.first_window_cost is True


def test_liquidation_is_strict_in_v3_and_not_in_v2() -> None:
    case = setting(trader(), at_prices(ETH="2200"))
    (risk,) = case.call("risk").values()
    exact = from_raw(3000 * WAD + risk.demand - risk.support, 18)
    for offset, expected in ((0, False), (-1, True)):
        wallet = {"snxUSD": exact + from_raw(offset, 18)}
        moved = replace(case, account=replace(case.account, wallet=wallet))
        assert moved.call("is_liquidatable", POOL) is expected
    position = Position(
        market="ETH", side="short", quantity=Decimal(3), entry=Decimal(2200), isolated_wallet=Decimal(500)
    )
    held = Account(id="b", rules="synthetix/2", positions=(position,))
    case = setting(held, at_prices(ETH="2200"))
    pool = "isolated:ETH:short"
    risk = case.call("risk")[pool]
    exact = from_raw(500 * WAD + risk.demand - risk.support, 18)
    for offset, expected in ((1, False), (0, True)):
        margin = exact + from_raw(offset, 18)
        moved = replace(case, account=replace(held, positions=(replace(position, isolated_wallet=margin),)))
        assert moved.call("is_liquidatable", pool) is expected


def test_withdrawable() -> None:
    market = at_prices(ETH="2200", sWETH="2000")
    case = setting(trader(), market)
    found = case.call("quantities")[POOL]
    required = found.venue["required_initial_margin"] + found.venue["liquidation_reward"]
    assert found.withdrawable == round_floor(Decimal(3000) - required, 8)
    assert setting(trader(details={"debt": "1"}), market).call("quantities")[POOL].withdrawable == 0
    idle = Account(id="c", rules="synthetix/3", collateral=(Collateral(asset="sWETH", amount=Decimal(1)),))
    found = setting(idle, market).call("quantities")[POOL]
    assert (found.withdrawable, found.collateral_value) == (2000, 1980)


def test_margin_only_liquidation() -> None:
    debt = (Debt(asset="snxUSD", amount=Decimal(100)),)
    for wallet, expected in (("101", False), ("100.9", True)):
        account = Account(id="c", rules="synthetix/3", wallet={"snxUSD": Decimal(wallet)}, debt=debt)
        case = setting(account, Market())
        assert case.call("is_liquidatable", POOL) is expected
    plan = case.call("plan_liquidation", POOL)
    assert plan.reason is None
    assert plan.seized == Decimal("100.9")
    assert plan.fee == 1


def test_one_call_of_liquidate_takes_what_the_window_allows() -> None:
    market = at_prices(BTC="84000")
    position = Position(market="BTC", side="long", quantity=Decimal(500), entry=Decimal(84500))
    account = Account(id="a", rules="synthetix/3", wallet={"snxUSD": Decimal(300_000)}, positions=(position,))
    case = setting(account, market)
    plan = case.call("plan_liquidation", POOL)
    assert plan.close_most == plan.close_least == Decimal("281.8125")  # 5.01 bp · 12,500 · 1.5 · 30 s
    assert plan.seized == 300_000
    assert plan.fee == 30
    assert plan.bad_debt == 0
    used = replace(market, state={("synthetix", "BTC", "liquidated_in_window"): Decimal("281.8125")})
    plan = replace(case, market=used).call("plan_liquidation", POOL)
    assert plan.close_most == Decimal("281.8125")  # the premium is low: one more window
    tense = {**used.state, ("synthetix", "BTC", "skew"): Decimal(7)}
    plan = replace(case, market=replace(used, state=tense)).call("plan_liquidation", POOL)
    assert plan.close_most == 0
    assert plan.reason is not None
    just_now = {**used.state, ("synthetix", "BTC", "last_liquidation_time"): AT // MICROSECONDS}
    plan = replace(case, market=replace(used, state=just_now)).call("plan_liquidation", POOL)
    assert plan.close_most == 0


def test_a_window_without_limit_takes_all() -> None:
    assert liquidatable_amount(MarketTerms(), 7, Window(0, False, 0)) == 7


def test_a_fill_settles_the_whole_position_at_its_price() -> None:
    case = setting(trader(), at_prices(ETH="2200"))
    sell = Fill(
        stamp=STAMP, account="a", market="ETH", side="sell", quantity=Decimal(4), price=Decimal(2100), fee=Decimal(5)
    )
    left = after(case, sell).account
    assert left.wallet["snxUSD"] == 3000 - 10 * 100 - 5
    assert left.positions[0].quantity == 6
    assert left.positions[0].entry == 2100
    flip = replace(sell, quantity=Decimal(12), price=Decimal(1800), fee=Decimal(0))
    left = after(case, flip).account
    assert left.wallet["snxUSD"] == 0
    assert left.details["debt"] == "1000"
    assert left.positions[0].side == "short"
    assert left.positions[0].quantity == 2
    repaid = after(replace(case, account=left), _repay("400")).account
    assert repaid.details["debt"] == "600"
    buy = replace(sell, side="buy", quantity=Decimal(2), price=Decimal(1400), fee=Decimal(0))
    assert after(replace(case, account=repaid), buy).account.wallet["snxUSD"] == 200
    closed = after(replace(case, account=repaid), buy).account
    assert not closed.positions
    assert "debt" not in closed.details


def _repay(amount: str) -> LendingAction:
    return LendingAction(stamp=STAMP, account="a", kind="repay", asset="snxUSD", amount=Decimal(amount))


def test_a_liquidation_fill_seizes_everything() -> None:
    account = trader(collateral=(Collateral(asset="sWETH", amount=Decimal(1)),), details={"debt": "7"})
    case = setting(account, at_prices(ETH="2200", sWETH="2200"))
    fill = Fill(
        stamp=STAMP,
        account="a",
        market="ETH",
        side="sell",
        quantity=Decimal(4),
        price=Decimal(2000),
        kind="liquidation",
    )
    left = after(case, fill)
    assert (left.account.wallet, left.account.collateral, dict(left.account.details)) == ({}, (), {"flagged": "true"})
    assert left.call("is_liquidatable", POOL)
    with pytest.raises(BadInput, match="account_flagged"):
        after(left, _deposit("1"))


def _deposit(amount: str, asset: str = "snxUSD", pool: str | None = None) -> Transfer:
    kind = "withdrawal" if amount.startswith("-") else "deposit"
    return Transfer(
        stamp=STAMP,
        account="a",
        kind=kind,  # type: ignore[arg-type]
        asset=asset,
        amount=Decimal(amount),
        pool=pool,
    )


def test_deposits_and_withdrawals() -> None:
    case = setting(trader(), at_prices(ETH="2200", sWETH="2200"))
    richer = after(after(case, _deposit("1", "sWETH")), _deposit("500")).account
    assert richer.wallet["snxUSD"] == 3500
    assert richer.collateral[0].amount == 1
    for wrong, code in (
        (_deposit("-4000"), "insufficient_balance"),
        (_deposit("-2999"), "insufficient_margin"),
        (_deposit("1", "WBTC"), "no_parameters"),
        (_deposit("1", pool="isolated:ETH:long"), "unknown_pool"),
    ):
        with pytest.raises(BadInput, match=code):
            after(case, wrong)
    assert after(case, _deposit("-10")).account.wallet["snxUSD"] == 2990


def test_funding_by_index() -> None:
    case = setting(trader(), at_prices(ETH="2200"))
    update = IndexUpdate(stamp=STAMP, venue="synthetix", asset="ETH", kind="funding", value=Decimal("1.5"))
    paid = after(case, update)
    assert paid.call("quantities")[POOL].unrealized_pnl == -15


def test_the_order_check_of_v3() -> None:
    market = at_prices(ETH="2200")
    case = setting(trader(), market)
    fine = check_order(case.account, "ETH", 5 * WAD, market, case.parameters, AT)
    assert fine.reason is None
    assert fine.fill_price > 2200 * WAD
    assert fine.fees == 5 * fine.fill_price * 5 // 10_000
    large = check_order(case.account, "ETH", 500 * WAD, market, case.parameters, AT)
    assert large.reason is not None
    assert large.margin < large.required
    reduce = check_order(case.account, "ETH", -5 * WAD, market, case.parameters, AT)
    assert reduce.reason is None
    assert reduce.required == reduce.fees
    flip = check_order(case.account, "ETH", -15 * WAD, market, case.parameters, AT)
    assert flip.required > flip.fees
    broke = check_order(trader("1"), "ETH", -5 * WAD, at_prices(ETH="2200"), case.parameters, AT)
    assert broke.reason == "the account is liquidatable"


def test_displayed_and_true_price_of_v2() -> None:
    position = Position(
        market="ETH", side="long", quantity=Decimal(10), entry=Decimal(2000), isolated_wallet=Decimal(500)
    )
    case = setting(Account(id="b", rules="synthetix/2", positions=(position,)), at_prices(ETH="2000"))
    exact, displayed = case.call("liquidation_prices")
    assert (exact.source, displayed.source) == ("exact", "venue_displayed")
    # At 2,000: buffer 150 + fee 70 + keeper 2 + premium 0.3125; the true price asks a little less.
    assert displayed.price == 2000 - (500 - Decimal("222.3125")) / 10
    assert exact.price < displayed.price
    plan = replace(case, market=at_prices(ETH="1960")).call("plan_liquidation", "isolated:ETH:long")
    assert plan.close_most == 10
    assert plan.fee == Decimal("70.6")
    assert plan.protocol_fee == Decimal("29.4")
    crowded = replace(at_prices(ETH="1960"), state={("synthetix", "ETH", "skew"): Decimal(2000)})
    plan = replace(case, market=crowded).call("plan_liquidation", "isolated:ETH:long")
    assert plan.reason is not None
    assert plan.fee == Decimal("68.6")


def test_a_flagged_position_of_v2_is_lost() -> None:
    position = Position(
        market="ETH",
        side="long",
        quantity=Decimal(10),
        entry=Decimal(2000),
        isolated_wallet=Decimal(5000),
        details={"flagged": "true"},
    )
    case = setting(Account(id="b", rules="synthetix/2", positions=(position,)), at_prices(ETH="2000"))
    pool = "isolated:ETH:long"
    assert case.call("is_liquidatable", pool)
    assert case.call("liquidation_prices") == []
    assert case.call("plan_liquidation", pool).protocol_fee == 5000 - 72


def test_events_of_v2() -> None:
    account = Account(id="a", rules="synthetix/2", wallet={"sUSD": Decimal(600)})
    case = setting(account, at_prices(ETH="2000"))
    buy = Fill(
        stamp=STAMP, account="a", market="ETH", side="buy", quantity=Decimal(5), price=Decimal(2000), fee=Decimal(6)
    )
    opened = after(case, buy)
    (position,) = opened.account.positions
    assert position.isolated_wallet == 594
    assert opened.account.wallet["sUSD"] == 0
    pool = "isolated:ETH:long"
    assert after(opened, _deposit("10", "sUSD", pool)).account.positions[0].isolated_wallet == 604
    with pytest.raises(BadInput, match="Position can be liquidated"):
        after(opened, _deposit("-590", "sUSD", pool))
    sold = after(opened, replace(buy, side="sell", price=Decimal(2100), fee=Decimal(0)))
    assert sold.account.positions == ()
    assert sold.account.wallet["sUSD"] == 594 + 500
    with pytest.raises(BadInput, match="Insufficient margin"):
        after(opened, replace(buy, side="sell", price=Decimal(1800)))


def test_parameters_are_dated_and_overlaid() -> None:
    early, late = (parameters("3", parse_time(day)) for day in ("2024-10-08T00:00:00Z", "2025-05-01T00:00:00Z"))
    assert early.terms_of("BTC").skew_scale == 35_000 * WAD
    assert late.terms_of("BTC").skew_scale == 12_500 * WAD
    own = parameters("3", AT, {"ETH": {"minimum_position_margin": "50"}})
    assert own.terms_of("ETH").minimum_position_margin == 50 * WAD
    assert own.terms_of("ETH").skew_scale == 300_000 * WAD
    with pytest.raises(BadInput, match="no_parameters"):
        parameters("3", parse_time("2024-01-01T00:00:00Z"))
    with pytest.raises(BadInput, match="no_parameters"):
        parameters("3", AT, network="arbitrum")
    with pytest.raises(BadInput, match="no_parameters"):
        late.terms_of("NOTHING")
    with pytest.raises(BadInput, match="unknown_parameter"):
        parameters("3", AT, {"ETH": {"leverage": "5"}})
    with pytest.raises(BadInput, match="missing_parameter"):
        parameters("3", AT, {"NEW": {"skew_scale": "5"}})
    with pytest.raises(BadInput, match="no_parameters"):
        parameters_v2("2", parse_time("2023-01-01T00:00:00Z"))
    assert parameters_v2("2", AT).terms_of("ETH").max_leverage == 55 * WAD


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"wallet": {"USDC": Decimal(1)}}, "unknown_asset"),
        ({"wallet": {"snxUSD": Decimal(-1)}}, "negative_amount"),
        ({"mode": "isolated"}, "unsupported_mode"),
        ({"details": {"flagged": "maybe"}}, "bad_detail"),
        ({"debt": (Debt(asset="ETH", amount=Decimal(1)),)}, "bad_debt"),
        ({"collateral": (Collateral(asset="WBTC", amount=Decimal(1)),)}, "no_parameters"),
    ],
)
def test_what_the_venue_has_not_is_refused(change: dict[str, object], code: str) -> None:
    with pytest.raises(BadInput, match=code):
        setting(replace(trader(), **change), at_prices(ETH="2200")).call("risk")  # type: ignore[arg-type]

"""Waterfalls: the venue's own numbers first, then each kind of stage by hand, then funds, policies and refusals."""

import json
from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from marginbook.domain.account import Account, Collateral, Debt, Order, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market, Quote
from marginbook.exact import to_raw_exact
from marginbook.liquidation.fund import Fund
from marginbook.liquidation.keepers import restore
from marginbook.liquidation.stages import Stage
from marginbook.liquidation.venue_stages import STAGES, stages_of
from marginbook.liquidation.waterfall import Waterfall, run
from marginbook.liquidation.winners import Winner
from marginbook.units import MICROSECONDS, parse_time
from marginbook.venues.registry import all_rule_sets, rule_set

AT = parse_time("2024-06-01")
VECTORS = Path(__file__).parents[1] / "vectors"
PERP = json.loads((VECTORS / "perp" / "liquidations.json").read_text())["liquidations"]
TERMS = {"maintenance_rate": "0.05", "liquidation_fee": "0.01", "quantity_step": "0.1", "currency": "USDT"}


def stages(found: Waterfall) -> list[str]:
    return [step.stage for step in found.steps]


def got(found: Waterfall, party: str, asset: str) -> D:
    """What a party got of an asset over all steps."""
    flows = [flow for step in found.steps for flow in step.flows]
    return sum((flow.amount for flow in flows if (flow.party, flow.asset) == (party, asset)), D(0))


def contract(wallet: Any, mark: Any, quantity: Any = 1, side: Any = "long", **more: Any) -> Any:
    """Arguments of `run` for one position entered at 1,000 under generic/derivatives."""
    parameters = rule_set("generic/derivatives").module.parameters("derivatives", 0, {"*": TERMS})
    position = Position(market="BTC", side=side, quantity=D(quantity), entry=D(1000), **more)
    account = Account(id="a", rules="generic/derivatives", wallet={"USDT": D(wallet)}, positions=(position,))
    market = Market(quotes={("generic", "BTC", "mark"): Quote(D(mark))})
    return account, "cross:USDT", market, parameters, 0


def test_every_rule_set_has_a_waterfall_and_every_stage_a_source() -> None:
    assert set(STAGES) == {rules.name for rules in all_rule_sets()}
    for rules in STAGES:
        found = stages_of(rules)
        optional = (found.cancel, found.exchange, found.forced, found.written_off)
        every: list[Stage] = [*found.closing, *found.losses, *(stage for stage in optional if stage is not None)]
        assert all(stage.source and stage.says for stage in every)
        assert all(stage.act for stage in found.closing)
        assert found.closing[-1].from_cover is None, "the last closing stage has no condition"
    with pytest.raises(BadInput, match="no_waterfall"):
        stages_of("nobody/1")


@pytest.mark.parametrize("case", PERP, ids=lambda case: case["id"])
def test_the_first_step_is_what_the_venue_took_over(case: dict[str, Any]) -> None:
    """Numbers of Perpetual Protocol's own tests: size, penalty, what the fund gets, what is left."""
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
    parameters = rule_set("perp/2").module.parameters("2", AT)
    found = run(account, "cross:USDC", market, parameters, AT, fund=Fund({"USDC": D(10_000)}))
    first = found.steps[0]
    assert to_raw_exact(first.quantity, 18) == int(case["size_raw"])
    fund = sum((flow.amount for flow in first.flows if flow.party == "insurance"), D(0))
    assert to_raw_exact(fund, 18) == int(case["to_insurance_raw"])
    left = first.account.positions[0].quantity if first.account.positions else D(0)
    if "left_raw" in case:
        assert to_raw_exact(left, 18) == abs(int(case["left_raw"]))
    # what is missing is paid: the fund keeps what it had, its halves of penalties, less the account's deficit
    assert found.outcome in ("covered", "empty")
    assert found.fund.holds("USDC") == 10_000 + got(found, "insurance", "USDC")


def test_only_the_part_that_cures_is_closed_and_its_fee_is_the_funds() -> None:
    """Equity 36 of 950 asks 47.5; closing x at 950 leaves 36 − 9.5·x against 47.5·(1 − x): x = 0.303, 0.4 by steps."""
    found = run(*contract(86, 950))
    (step,) = found.steps
    assert (step.stage, step.quantity, step.price) == ("reduce", D("0.4"), D(950))
    assert got(found, "insurance", "USDT") == D("3.8") == found.fund.holds("USDT")
    assert got(found, "account", "USDT") == D("-23.8")  # 20 lost, 3.8 fee
    assert got(found, "counterparties", "BTC") == D("0.4")
    assert found.outcome == "covered"
    assert not step.left.liquidatable


def test_where_no_part_cures_the_fund_takes_all_at_the_bankruptcy_price_and_what_is_left_with_it() -> None:
    """Wallet 58, mark 950: 8 of equity pay less than the fee of 9.5. Bankruptcy is at 942; 950 brings the fund 8."""
    found = run(*contract(58, 950))
    (step,) = found.steps
    assert (step.stage, step.price) == ("take_over", D(942))
    assert got(found, "account", "USDT") == -58
    assert got(found, "counterparties", "USDT") == 50
    assert found.fund.holds("USDT") == 8
    assert (found.outcome, found.account.positions) == ("empty", ())


@pytest.mark.parametrize(
    ("fund", "paid", "kept"), [("0", "0", "0"), ("9.99999999", "9.99999999", "0"), ("10", "10", "0"), ("11", "10", "1")]
)
def test_the_fund_pays_what_it_has_and_no_more(fund: str, paid: str, kept: str) -> None:
    found = run(*contract(60, 930), fund=Fund({"USDT": D(fund)}), counterparties=())
    assert got(found, "insurance", "USDT") == -D(paid)
    assert found.fund.holds("USDT") == D(kept)
    assert found.deficit == ({"USDT": 10 - D(paid)} if D(paid) < 10 else {})
    assert found.outcome == ("deficit" if D(paid) < 10 else "empty")


def test_deleveraging_takes_from_ranked_winners_what_the_fund_lacks() -> None:
    """A deficit of 6 on one coin: shorts of 0.25 and 0.5 at the bankruptcy price give up 1.5 and 3; 1.5 stays."""
    winners = [
        Winner(account=name, side="short", quantity=D(quantity), entry=D(1000), equity=D(equity))
        for name, quantity, equity in (("calm", "0.25", 900), ("keen", "0.5", 60))
    ]
    longs = [Winner(account="long", side="long", quantity=D(9), entry=D(1000), equity=D(9))]
    found = run(*contract(60, 930), fund=Fund({"USDT": D(4)}), counterparties=[*winners, *longs])
    step = next(step for step in found.steps if step.stage == "deleverage")
    assert [(one.account, one.quantity, one.given_up) for one in step.closings] == [
        ("keen", D("0.5"), D(3)),
        ("calm", D("0.25"), D("1.5")),
    ]
    assert step.quantity == D("4.5")
    assert found.deficit == {"USDT": D("1.5")}
    whole = run(*contract(60, 930), fund=Fund({"USDT": D(4)}))
    assert (whole.outcome, got(whole, "counterparties", "USDT")) == ("empty", D(70 - 6))


def test_an_isolated_position_keeps_its_margin_and_its_loss_is_not_the_wallets() -> None:
    account, _, market, parameters, at = contract(500, 950, mode="isolated", isolated_wallet=D(86), leverage=D(10))
    part = run(account, "isolated:BTC:long", market, parameters, at)
    assert stages(part) == ["reduce"]
    assert part.account.wallet == {"USDT": D(500)}
    assert part.account.positions[0].isolated_wallet == D("62.2")  # 86 − 20 − 3.8
    lost = market.with_prices({("generic", "BTC", "mark"): D(800)})
    whole = run(account, "isolated:BTC:long", lost, parameters, at, fund=Fund({"USDT": D(200)}))
    assert stages(whole) == ["take_over", "insurance"]
    assert whole.account.wallet == {"USDT": D(500)}
    assert whole.fund.holds("USDT") == 86  # 200 − (200 − 86)


def test_orders_go_first_and_that_may_be_enough() -> None:
    """On Deribit margin of orders counts; without them the account stands."""
    account, pool, market, parameters, at = contract(60, 1000)
    order = Order(id="o", market="BTC", side="buy", quantity=D(1), price=D(990))
    busy = replace(account, orders=(order,))
    found = run(busy, pool, market.with_prices({("generic", "BTC", "mark"): D(950)}), parameters, at)
    assert stages(found)[0] == "cancel_orders"
    assert found.account.orders == ()
    safe = run(busy, pool, market, parameters, at)
    assert (stages(safe), safe.outcome, safe.account) == (["stop"], "covered", busy)
    assert "covers" in safe.steps[0].reason


def hyperliquid(balance: Any) -> Waterfall:
    """10 BTC at 50,000 asks 6,250 (25x: 1.25 %)."""
    module = rule_set("hyperliquid/perps").module
    parameters = module.parameters("perps", AT)
    position = Position(market="BTC", side="long", quantity=D(10), entry=D(50_000), leverage=D(5))
    account = Account(id="h", rules="hyperliquid/perps", wallet={"USDC": D(balance)}, positions=(position,))
    market = Market(quotes={("hyperliquid", "BTC", "mark"): Quote(D(50_000))})
    demand = module.risk(account, market, parameters, AT)["cross:USDC"].demand
    scaled = replace(account, wallet={"USDC": demand * D(balance)})
    return run(scaled, "cross:USDC", market, parameters, AT)


def test_hyperliquid_orders_a_fifth_then_hands_over_below_two_thirds() -> None:
    cured = hyperliquid("0.9")
    assert [(step.stage, step.quantity) for step in cured.steps] == [("reduce", D(2))]
    assert cured.outcome == "covered"
    second = hyperliquid("0.7")
    assert [step.quantity for step in second.steps] == [D(2), D(8)], "in the cooldown the order is for all of it"
    assert second.outcome == "covered"
    assert second.account.wallet["USDC"] > 0, "what is left stays"
    taken = hyperliquid("0.6")
    assert stages(taken) == ["hand_over"]
    assert taken.account.wallet["USDC"] == 0
    assert got(taken, "liquidator", "BTC") == 10
    bankrupt = hyperliquid("-0.1")
    assert stages(bankrupt) == ["deleverage", "deleverage"]
    assert bankrupt.outcome == "empty"


def borrower(rules: str, collateral: Any, debt: Any, price: Any) -> Any:
    rule = rule_set(rules)
    overlay = {"WETH": {"decimals": 18, "ltv": "0.8", "liquidation_threshold": "0.83", "liquidation_bonus": "0.05"}}
    parameters = rule.module.parameters(rule.version, AT, overlay)
    account = Account(
        id="b",
        rules=rules,
        collateral=(Collateral(asset="WETH", amount=D(collateral)),),
        debt=(Debt(asset="USDC", amount=D(debt)),),
    )
    prices = {("aave", "WETH", "oracle"): Quote(D(price)), ("aave", "USDC", "oracle"): Quote(D(1))}
    return account, "main", Market(quotes=prices), parameters, AT


def test_half_is_repaid_then_the_rest_and_bad_debt_is_written_off_or_stays() -> None:
    healthy = run(*borrower("aave/3.0", 10, 20_000, 2400))
    assert [step.quantity for step in healthy.steps] == [D(10_000)], "half above a health factor of 0.95"
    assert healthy.outcome == "covered"
    old, new = run(*borrower("aave/3.0", 10, 20_000, 1500)), run(*borrower("aave/3.3", 10, 20_000, 1500))
    assert (old.outcome, new.outcome) == ("deficit", "empty")
    assert stages(new) == ["seize", "socialise"]
    assert new.account.debt == ()
    assert old.account.debt[0].amount == 20_000 - got(old, "account", "USDC")
    assert old.deficit["USD"] == old.account.debt[0].amount


def test_a_policy_chooses_within_the_plans_bounds() -> None:
    given = borrower("aave/3.0", 10, 20_000, 2400)
    least, most = run(*given, policy=restore), run(*given)
    assert least.outcome == most.outcome == "covered"
    assert least.steps[0].quantity < most.steps[0].quantity
    assert run(*given, policy=lambda chance: D(10**9)).steps[0].quantity == most.steps[0].quantity
    left = run(*given, policy=lambda chance: D(0))
    assert (left.outcome, left.steps[-1].reason) == ("refused", "the liquidator leaves it")


def test_makers_auction_is_bought_when_its_price_meets_the_oracles() -> None:
    rule = rule_set("maker/dss")
    parameters = rule.module.parameters("dss", AT)
    account = Account(
        id="m",
        rules="maker/dss",
        collateral=(Collateral(asset="ETH", amount=D(10), pool="ETH-A"),),
        debt=(Debt(asset="DAI", amount=D(20_000), pool="ETH-A"),),
    )
    market = Market(quotes={("maker", "ETH", "oracle"): Quote(D(2800))})
    found = run(account, "main:ETH-A", market, parameters, AT)
    assert stages(found) == ["auction"]
    (step,) = found.steps
    assert step.price is not None
    assert D(2700) < step.price <= 2800
    assert got(found, "liquidator", "DAI") < -20_000, "the debt and the penalty"
    assert got(found, "account", "ETH") == -got(found, "liquidator", "ETH")
    assert found.outcome == "empty"


def test_the_events_are_numbered_and_give_the_same_account() -> None:
    account, pool, market, parameters, at = contract(60, 930)
    found = run(account, pool, market, parameters, at, fund=Fund({"USDT": D(4)}))
    assert [event.stamp.source_sequence for event in found.events] == [1, 2, 3]
    for event in found.events:
        account, market = rule_set(account.rules).module.apply(account, market, event, parameters, at)
    assert account == found.account


def test_windows_make_it_wait() -> None:
    """Synthetix v3: a position of three windows goes in three parts, a window's length apart."""
    rule = rule_set("synthetix/3")
    terms = {"maker_fee": "0.0002", "taker_fee": "0.0005", "skew_scale": "1000", "accumulation_multiplier": "1"}
    terms |= {"window_seconds": 30, "initial_margin_ratio": "1", "minimum_initial_margin_ratio": "0.02"}
    terms |= {"maintenance_margin_scalar": "0.5", "flag_reward_ratio": "0.0003", "minimum_position_margin": "10"}
    parameters = rule.module.parameters("3", AT, {"XYZ": terms})
    position = Position(market="XYZ", side="long", quantity=D(50), entry=D(100))
    account = Account(id="s", rules="synthetix/3", wallet={"snxUSD": D(20)}, positions=(position,))
    market = Market(quotes={("synthetix", "XYZ", "oracle"): Quote(D(99))})
    found = run(account, "cross:snxUSD", market, parameters, AT)
    assert stages(found)[:4] == ["seize", "socialise", "wait", "seize"]
    assert found.account.positions == ()
    assert found.at == AT + 2 * 30 * MICROSECONDS


def test_block_limits_make_it_wait() -> None:
    """dYdX v4: a tenth of the position per block, at 49,250; bankruptcy is at 49,000, and the fund gets the gap."""
    rule = rule_set("dydx/4")
    parameters = rule.module.parameters(rule.version, AT)
    position = Position(market="BTC-USD", side="long", quantity=D(5), entry=D(50_000))
    account = Account(id="d", rules="dydx/4", wallet={"USDC": D(-245_000)}, positions=(position,))
    market = Market(quotes={("dydx", "BTC-USD", "oracle"): Quote(D(50_000))})
    found = run(account, "cross:USDC", market, parameters, AT, fund=Fund({"USDC": D(1_000)}))
    assert [(step.stage, step.quantity) for step in found.steps[:4]] == [
        ("reduce", D("0.5")),
        ("wait", D(0)),
        ("reduce", D("0.45")),
        ("wait", D(0)),
    ]
    assert found.steps[1].at == AT + MICROSECONDS
    assert {step.price for step in found.steps if step.price is not None} == {D(49_250)}
    assert sum((step.quantity for step in found.steps), D(0)) == 5
    assert (found.outcome, found.fund.holds("USDC")) == ("empty", 1_000 + 5 * (49_250 - 49_000))
    assert not set(found.account.details) & {"liquidated_markets", "notional_liquidated_raw"}


def test_unknown_pools_and_impossible_funds_are_refused() -> None:
    account, _, market, parameters, at = contract(60, 930)
    with pytest.raises(BadInput, match="unknown_pool"):
        run(account, "cross:EUR", market, parameters, at)
    with pytest.raises(BadInput, match="bad_amount"):
        Fund({"USDT": D(-1)})
    with pytest.raises(BadInput, match="fund_overdrawn"):
        Fund({"USDT": D(1)}).received("USDT", D(-2), "x")

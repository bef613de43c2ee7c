"""binance/usdm: what the venue prints, which of its rules peers get wrong, and what it refuses."""

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest

from marginbook.domain.account import Account, Fixed, Order, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Index, Market, Quote
from marginbook.domain.risk import LiquidationPrice
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

RULES = rule_set("binance/usdm")
MODULE = RULES.module
AT = parse_time("2026-10-01T12:00:00Z")


def parameters(overlay: dict[str, Any] | None = None, at: int = AT) -> Any:
    return MODULE.parameters("usdm", at, overlay)


def market(**prices: Any) -> Market:
    return Market(quotes={("binance", name, "mark"): Quote(D(str(price))) for name, price in prices.items()})


def position(name: str, side: Any, quantity: Any, entry: Any, leverage: Any = "10", **more: Any) -> Position:
    return Position(
        market=name, side=side, quantity=D(str(quantity)), entry=D(str(entry)), leverage=D(str(leverage)), **more
    )


def account(*positions: Position, usdt: Any = 0, **more: Any) -> Account:
    return Account(id="a", rules="binance/usdm", wallet={"USDT": D(str(usdt))}, positions=positions, **more)


def shown(held: Account, at: Market, table: Any, source: str = "venue_displayed") -> dict[tuple[str, str], D]:
    found: list[LiquidationPrice] = MODULE.liquidation_prices(held, at, table, AT)
    return {(price.market, price.side): price.price for price in found if price.source == source}


TRADER = account(position("BTCUSDT", "long", "0.5", 62000, 20), position("ETHUSDT", "short", 4, 2500, 10), usdt=10_000)
PRICES = market(BTCUSDT=60000, ETHUSDT=2600)

FAQ = {
    "ETHUSDT": {"brackets": [["0", "Infinity", "0.10", "", "135365"]]},
    "BTCUSDT": {"brackets": [["0", "Infinity", "0.025", "", "16300"]]},
}
FAQ_ETH = position("ETHUSDT", "long", "3683.979", "1456.84")
FAQ_BTC = position("BTCUSDT", "long", "109.488", "32481.980")
FAQ_PRICES = market(ETHUSDT="1335.18", BTCUSDT="31967.27")


def test_the_cross_account_of_the_book_format_example() -> None:
    found = MODULE.quantities(TRADER, PRICES, parameters(), AT)["cross:USDT"]
    assert found.unrealized_pnl == -1400
    assert found.margin_balance == 8600
    assert found.initial_margin == 2540
    assert found.free_margin == 6060
    assert found.maintenance_margin == D("161.6")
    assert found.margin_ratio is not None
    assert round(found.margin_ratio.value, 6) == D("0.018791")
    assert found.margin_ratio.bad == "high"
    assert found.venue == {}
    prices = shown(TRADER, PRICES, parameters(), "exact")
    assert {name: round(price, 4) for (name, _), price in prices.items()} == {
        "BTCUSDT": D("43055.4217"),
        "ETHUSDT": D("4701.1952"),
    }


def test_the_published_two_position_example_from_its_own_positions() -> None:
    """The article prints 1,153.26 and 26,316.89; here from both positions rather than from printed sums."""
    held = account(FAQ_ETH, FAQ_BTC, usdt="1535443.01")
    prices = shown(held, FAQ_PRICES, parameters(FAQ))
    assert abs(prices["ETHUSDT", "long"] - D("1153.26")) < D("0.01")
    assert abs(prices["BTCUSDT", "long"] - D("26316.89")) < D("0.01")


def test_other_positions_enter_with_the_sign_of_their_side() -> None:
    """A peer leaves the sign out and shows 1,153.26 here, too: 3 % farther away than 1,119.26."""
    short = replace(FAQ_BTC, side="short")
    prices = shown(account(FAQ_ETH, short, usdt="1535443.01"), FAQ_PRICES, parameters(FAQ))
    assert round(prices["ETHUSDT", "long"], 2) == D("1119.26")


def test_the_bracket_is_that_of_the_notional_not_of_the_collateral() -> None:
    """1,000,000 of BTC at 100x has 10,000 of collateral, which would be bracket 1 (0.4 %)."""
    held = account(position("BTCUSDT", "long", 20, 50000, 100), usdt=10_000)
    found = MODULE.quantities(held, market(BTCUSDT=50000), parameters(), AT)["cross:USDT"]
    assert found.maintenance_margin == D("1000000") * D("0.0065") - 1500 == 5000


def test_the_maintenance_amount_is_not_dropped() -> None:
    """4,918,775 of ETH in the 2021 table: 356,512.51; without the amount 491,877.5, 38 % more."""
    held = account(FAQ_ETH, usdt=10**6)
    found = MODULE.quantities(held, FAQ_PRICES, parameters(FAQ), AT)["cross:USDT"]
    assert found.maintenance_margin == D("356512.50812200")


@pytest.mark.parametrize("leverage", [1, 20, 125])
def test_maintenance_does_not_depend_on_leverage(leverage: int) -> None:
    held = account(position("BTCUSDT", "long", "0.009", "67000", leverage), usdt=100)
    found = MODULE.quantities(held, market(BTCUSDT="67502.6851"), parameters(), AT)["cross:USDT"]
    assert found.maintenance_margin == D("2.43009666")  # cut, not rounded: 2.4300966636
    assert found.initial_margin == (D("0.009") * D("67502.6851") / leverage).quantize(D("1e-8"), rounding="ROUND_DOWN")


def test_the_bracket_is_taken_again_at_the_liquidation_price() -> None:
    """A short's notional grows on the way: bracket 1 at entry, bracket 3 where it is liquidated."""
    held = account(position("BTCUSDT", "short", 5, 50000), usdt=600_000)
    [price] = shown(held, Market(), parameters(), "exact").values()
    # 600,000 + 5·50,000 − 5P = 5P·0.0065 − 1,500
    assert price == D("169200.19870840")
    assert (D(851_500) / (5 * D("1.0065"))).quantize(D("1e-8"), rounding="ROUND_CEILING") == price
    first_bracket_only = D(850_000) / (5 * D("1.004"))
    assert abs(first_bracket_only - price) > 80


def test_longs_display_up_and_shorts_down_while_the_exact_price_is_liquidatable() -> None:
    for side, displayed, exact in (("long", "90.36144579", "90.36144578"), ("short", "109.56175298", "109.56175299")):
        held = account(position("XUSDT", side, 1, 100), usdt=10)
        table = parameters({"XUSDT": {"maintenance_rate": "0.004"}})
        assert list(shown(held, Market(), table).values()) == [D(displayed)]
        assert list(shown(held, Market(), table, "exact").values()) == [D(exact)]
        assert MODULE.is_liquidatable(held, "cross:USDT", market(XUSDT=exact), table, AT)
        assert not MODULE.is_liquidatable(held, "cross:USDT", market(XUSDT=displayed), table, AT)


def test_liquidation_starts_at_equality_and_needs_a_demand() -> None:
    table = parameters({"XUSDT": {"maintenance_rate": "0.1", "tick": "0.5"}})
    held = account(position("XUSDT", "long", 1, 100), usdt=10)
    assert list(shown(held, Market(), table, "exact").values()) == [D(100)]
    assert MODULE.is_liquidatable(held, "cross:USDT", market(XUSDT=100), table, AT)
    assert not MODULE.is_liquidatable(held, "cross:USDT", market(XUSDT="100.5"), table, AT)
    empty = account(usdt=0)
    assert not MODULE.is_liquidatable(empty, "cross:USDT", Market(), table, AT)


def test_both_legs_of_a_hedge_share_one_liquidation_price_and_keep_their_own_brackets() -> None:
    legs = (position("BTCUSDT", "long", 10, 60000), position("BTCUSDT", "short", 4, 61000))
    held = account(*legs, usdt=100_000, position_mode="hedge")
    prices = shown(held, market(BTCUSDT=60000), parameters(), "exact")
    assert list(prices) == [("BTCUSDT", "both")]
    found = MODULE.quantities(held, market(BTCUSDT=60000), parameters(), AT)["cross:USDT"]
    # 600,000 in bracket 2 and 240,000 in bracket 1
    assert found.maintenance_margin == (600_000 * D("0.005") - 300) + 240_000 * D("0.004")
    isolated = [replace(leg, mode="isolated", isolated_wallet=D(60_000)) for leg in legs]
    apart = shown(account(*isolated, position_mode="hedge"), Market(), parameters(), "exact")
    assert set(apart) == {("BTCUSDT", "long"), ("BTCUSDT", "short")}


def test_a_lopsided_hedge_may_be_liquidated_on_both_sides() -> None:
    legs = (position("XUSDT", "long", 100, 100), position("XUSDT", "short", 99, 100))
    table = parameters({"XUSDT": {"maintenance_rate": "0.01"}})
    [price] = MODULE.liquidation_prices(account(*legs, usdt=300, position_mode="hedge"), Market(), table, AT)[:1]
    # slope 1 − 199·0.01 < 0: it falls as the price rises
    assert (price.when, price.side) == ("at_or_above", "both")


def test_isolated_margin_belongs_to_its_position_alone() -> None:
    isolated = position("BTCUSDT", "long", 1, 60000, mode="isolated", isolated_wallet=D(6000))
    held = account(isolated, position("ETHUSDT", "long", 10, 2600), usdt=5000)
    pools = MODULE.quantities(held, PRICES, parameters(), AT)
    assert list(pools) == ["cross:USDT", "isolated:BTCUSDT:long"]
    assert pools["isolated:BTCUSDT:long"].margin_balance == 6000
    assert pools["cross:USDT"].wallet_balance == 5000
    assert pools["cross:USDT"].notional == 26000
    assert pools["isolated:BTCUSDT:long"].bankruptcy_price == 54000


def test_usdc_markets_settle_in_their_own_pool() -> None:
    held = account(position("BTCUSDC", "long", 1, 60000), usdt=10)
    held = replace(held, wallet={"USDT": D(10), "USDC": D(7000)})
    pools = MODULE.quantities(held, market(BTCUSDC=60000), parameters(), AT)
    assert {name: pool.margin_balance for name, pool in pools.items()} == {"cross:USDT": 10, "cross:USDC": 7000}


def test_constant_sums_known_from_elsewhere_stand_for_the_other_positions() -> None:
    held = account(FAQ_ETH, usdt="1535443.01", fixed=Fixed(support=D("-56354.57"), demand=D("71200.81144")))
    [price] = shown(held, Market(), parameters(FAQ)).values()
    assert round(price, 4) == D("1153.2565")


def test_a_markets_own_quote_is_not_needed_but_another_ones_is() -> None:
    alone = account(position("BTCUSDT", "long", 1, 60000), usdt=10_000)
    assert shown(alone, Market(), parameters())
    both = shown(TRADER, market(ETHUSDT=2600), parameters())
    assert [name for name, _ in both] == ["BTCUSDT"]
    with pytest.raises(BadInput) as bad:
        shown(TRADER, Market(), parameters())
    assert bad.value.problem.code == "missing_price"


def test_a_position_that_its_wallet_covers_has_no_liquidation_price() -> None:
    assert shown(account(position("BTCUSDT", "long", 1, 60000), usdt=60_000), Market(), parameters()) == {}


def test_the_venue_prints_profit_from_an_entry_cut_at_8_decimals() -> None:
    held = account(
        position("DOGEUSDT", "short", 30, "0.175896779661", 4, mode="isolated", isolated_wallet=D("1.32708230"))
    )
    found = MODULE.quantities(held, market(DOGEUSDT="0.17876815"), parameters(), AT)["isolated:DOGEUSDT:short"]
    assert found.venue == {"unrealized_pnl": D("-0.08614140"), "margin_balance": D("1.24094090")}
    assert found.unrealized_pnl == D("-0.08614111")


@pytest.mark.parametrize(
    ("orders", "initial"),
    [
        ([("buy", 1, 50000)], 11000),  # 60,000 + 50,000
        ([("sell", 1, 70000)], 6000),  # |60,000 − 70,000| is less than the position
        ([("sell", 3, 60000)], 12000),  # |60,000 − 180,000|
        ([("buy", 1, 50000), ("sell", 3, 60000)], 12000),
    ],
)
def test_open_orders_add_what_they_could_add_on_one_side(orders: list[tuple[Any, int, int]], initial: int) -> None:
    resting = tuple(
        Order(id=str(i), market="BTCUSDT", side=side, quantity=D(size), price=D(price))
        for i, (side, size, price) in enumerate(orders)
    )
    held = account(position("BTCUSDT", "long", 1, 60000), usdt=50_000, orders=resting)
    assert MODULE.risk(held, PRICES, parameters(), AT)["cross:USDT"].demand_initial == initial
    closing = tuple(replace(order, reduce_only=True) for order in resting)
    assert MODULE.risk(replace(held, orders=closing), PRICES, parameters(), AT)["cross:USDT"].demand_initial == 6000


def test_orders_without_a_position_ask_for_the_larger_side() -> None:
    resting = (
        Order(id="1", market="BTCUSDT", side="buy", quantity=D(1), price=D(50000), leverage=D(10)),
        Order(id="2", market="BTCUSDT", side="sell", quantity=D(1), price=D(70000), leverage=D(10)),
    )
    held = account(usdt=50_000, orders=resting)
    assert MODULE.quantities(held, Market(), parameters(), AT)["cross:USDT"].initial_margin == 7000
    hedged = replace(held, position_mode="hedge", orders=(replace(resting[0], position_side="long"), resting[1]))
    with pytest.raises(BadInput, match="missing_position_side"):
        MODULE.risk(hedged, Market(), parameters(), AT)
    closing = replace(resting[1], position_side="long")
    only_opening = replace(hedged, orders=(hedged.orders[0], closing))
    assert MODULE.risk(only_opening, Market(), parameters(), AT)["cross:USDT"].demand_initial == 5000


def test_without_a_leverage_initial_margin_is_left_out_and_maintenance_is_not() -> None:
    held = account(replace(position("BTCUSDT", "long", 1, 60000), leverage=None), usdt=10_000)
    found = MODULE.quantities(held, PRICES, parameters(), AT)["cross:USDT"]
    assert found.initial_margin is None
    assert found.free_margin is None
    assert found.maintenance_margin == 240


def test_leverage_and_notional_beyond_the_brackets_are_warnings() -> None:
    held = account(position("BTCUSDT", "long", 20, 60000, 125), usdt=10**5)
    [warning] = MODULE.warnings(held, PRICES, parameters(), AT)  # type: ignore[attr-defined]
    assert "125 is above 75" in warning
    assert MODULE.warnings(TRADER, PRICES, parameters(), AT) == []  # type: ignore[attr-defined]
    whale = account(position("BTCUSDT", "long", 40_000, 60000, 1), usdt=10**10)
    [warning] = MODULE.warnings(whale, PRICES, parameters(), AT)  # type: ignore[attr-defined]
    assert "above the last bracket" in warning


def test_unrealised_profit_cannot_be_withdrawn() -> None:
    held = account(position("BTCUSDT", "long", 1, 50000), usdt=10_000)
    found = MODULE.quantities(held, PRICES, parameters(), AT)["cross:USDT"]
    assert (found.free_margin, found.withdrawable) == (14_000, 4_000)


def test_a_liquidation_closes_the_least_that_cures_and_pays_its_fee() -> None:
    table = parameters({"XUSDT": {"maintenance_rate": "0.05", "liquidation_fee": "0.01", "quantity_step": "0.001"}})
    held = account(position("XUSDT", "long", 10, 100), usdt=40)
    at = market(XUSDT=100)
    plan = MODULE.plan_liquidation(held, "cross:USDT", at, table, AT)
    # Closing x leaves 40 − x against (10 − x)·5: equal, still liquidatable, at x = 2.5.
    assert (plan.close_least, plan.close_most, plan.fee) == (D("2.501"), 10, 10)
    paid = {(flow.party, flow.asset): flow.amount for flow in plan.flows}
    assert paid["insurance", "USDT"] == plan.fee
    assert plan.price == 96
    assert plan.bad_debt == 0
    assert plan.reason is None
    hopeless = MODULE.plan_liquidation(account(position("XUSDT", "long", 10, 100), usdt=5), "cross:USDT", at, table, AT)
    assert hopeless.close_least == hopeless.close_most == 10
    bankrupt = MODULE.plan_liquidation(held, "cross:USDT", market(XUSDT=95), table, AT)
    assert bankrupt.bad_debt == 10
    assert MODULE.plan_liquidation(held, "cross:USDT", market(XUSDT=110), table, AT).reason


def test_the_explanation_ends_in_the_headroom_and_starts_from_inputs() -> None:
    tree = MODULE.explain(TRADER, PRICES, parameters(), AT)
    assert tree.value == D("8438.4")
    balance, demand = tree.inputs
    assert balance.value == sum(node.value for node in balance.inputs)
    assert demand.value == sum(node.value for node in demand.inputs)
    rates = {node.quantity: node for node in demand.inputs[0].inputs}
    assert rates["rate"].value == D("0.004")
    assert "2026.9" in rates["rate"].source


def test_several_pools_explain_to_the_sum_of_their_headrooms_or_side_by_side() -> None:
    isolated = position("BTCUSDT", "long", 1, 60000, mode="isolated", isolated_wallet=D(6000))
    held = account(isolated, position("ETHUSDT", "long", 10, 2600), usdt=5000)
    at = replace(PRICES, indices={("binance", "ETHUSDT", "funding"): Index(10**18)})
    tree = MODULE.explain(held, at, parameters(), AT)
    risks = MODULE.risk(held, at, parameters(), AT)
    assert [node.value for node in tree.inputs] == [risk.support - risk.demand for risk in risks.values()]
    assert tree.value == sum(node.value for node in tree.inputs)
    assert "funding" in tree.inputs[0].inputs[0].inputs[1].formula
    known = account(usdt=10, fixed=Fixed(support=D(5), demand=D(7)))
    assert MODULE.explain(known, PRICES, parameters(), AT).value == 8
    two = replace(held, wallet={"USDT": D(1), "USDC": D(2)})
    assert MODULE.explain(two, at, parameters(), AT).quantity == "pools"


def test_a_pool_without_positions_has_nothing_to_close() -> None:
    known = account(usdt=5, fixed=Fixed(demand=D(7)))
    assert MODULE.is_liquidatable(known, "cross:USDT", PRICES, parameters(), AT)
    assert MODULE.plan_liquidation(known, "cross:USDT", PRICES, parameters(), AT).reason == "no position to close"


def test_funding_is_an_index_and_not_a_write_per_account() -> None:
    at = replace(PRICES, indices={("binance", "BTCUSDT", "funding"): Index(25 * 10**18)})
    settled = replace(TRADER.positions[0], funding_index_raw=5 * 10**18)
    held = replace(TRADER, positions=(settled, TRADER.positions[1]))
    before = MODULE.risk(held, PRICES, parameters(), AT)["cross:USDT"]
    after = MODULE.risk(held, at, parameters(), AT)["cross:USDT"]
    assert after.support - before.support == D("-0.5") * 20
    assert len(MODULE.lower(held, at, parameters()).pools[0].legs) == 3


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (account(position("NOSUCHUSDT", "long", 1, 1)), "no_parameters"),
        (account(position("BTCUSDT", "long", -1, 1)), "negative_quantity"),
        (account(position("BTCUSDT", "long", 1, 0)), "bad_price"),
        (account(position("BTCUSDT", "long", 1, 1, 0)), "bad_leverage"),
        (account(position("BTCUSDT", "long", 1, 1, mode="isolated")), "missing_isolated_wallet"),
        (account(position("BTCUSDT", "long", 1, 1), position("BTCUSDT", "short", 1, 1)), "duplicate_position"),
        (replace(account(fixed=Fixed()), wallet={"USDT": D(1), "USDC": D(1)}), "ambiguous_fixed"),
    ],
)
def test_a_broken_account_is_refused_with_a_code(broken: Account, code: str) -> None:
    with pytest.raises(BadInput) as bad:
        MODULE.risk(broken, PRICES, parameters(), AT)
    assert bad.value.problem.code == code


def test_a_price_that_is_not_above_zero_or_of_another_kind_is_an_error() -> None:
    with pytest.raises(BadInput, match="bad_price"):
        MODULE.risk(TRADER, market(BTCUSDT=0, ETHUSDT=1), parameters(), AT)
    last = Market(quotes={("binance", name, "last"): Quote(D(1)) for name in ("BTCUSDT", "ETHUSDT")})
    with pytest.raises(BadInput, match="missing_price"):
        MODULE.risk(TRADER, last, parameters(), AT)
    with pytest.raises(BadInput, match="unknown_pool"):
        MODULE.is_liquidatable(TRADER, "cross:USDC", PRICES, parameters(), AT)

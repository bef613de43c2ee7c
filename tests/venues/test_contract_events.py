"""Fills, transfers, orders, settings and funding on accounts of contracts."""

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import (
    AccountSnapshot,
    Fill,
    IndexUpdate,
    LendingAction,
    OrderChange,
    PriceFrame,
    Setting,
    Stamp,
    Transfer,
)
from marginbook.domain.market import Market, Quote
from marginbook.venues.registry import rule_set

MODULE = rule_set("binance/usdm").module
GENERIC = rule_set("generic/derivatives").module
PARAMETERS = MODULE.parameters("usdm", 0, {"*": {"maintenance_rate": "0.01"}})
STAMP = Stamp()
EMPTY = Account(id="a", rules="binance/usdm", wallet={"USDT": D(1000)})


def apply(account: Account, *events: Any, market: Market | None = None) -> Account:
    market = market or Market()
    for event in events:
        account, market = MODULE.apply(account, market, event, PARAMETERS, 0)
    return account


def fill(side: Any, quantity: Any, price: Any, **more: Any) -> Fill:
    return Fill(
        stamp=STAMP, account="a", market="XUSDT", side=side, quantity=D(str(quantity)), price=D(str(price)), **more
    )


def transfer(amount: Any, kind: Any = "deposit", **more: Any) -> Transfer:
    return Transfer(stamp=STAMP, account="a", kind=kind, asset="USDT", amount=D(str(amount)), **more)


def held(account: Account) -> list[tuple[str, D, D]]:
    return [(p.side, p.quantity, p.entry) for p in account.positions]


def test_a_fill_opens_averages_reduces_closes_and_flips() -> None:
    opened = apply(EMPTY, fill("buy", 2, 100, fee=D("0.1"), leverage=D(10)))
    assert held(opened) == [("long", 2, 100)]
    assert opened.wallet["USDT"] == D("999.9")
    grown = apply(opened, fill("buy", 1, 130))
    assert held(grown) == [("long", 3, 110)]
    reduced = apply(grown, fill("sell", 1, 120))
    assert held(reduced) == [("long", 2, 110)]
    assert reduced.wallet["USDT"] == D("1009.9")
    flipped = apply(reduced, fill("sell", 5, 105))
    assert held(flipped) == [("short", 3, 105)]
    assert flipped.wallet["USDT"] == D("999.9")
    assert flipped.positions[0].leverage == 10
    assert held(apply(flipped, fill("buy", 3, 100))) == []
    assert apply(flipped, fill("buy", 3, 100)).wallet["USDT"] == D("1014.9")


def test_an_average_that_does_not_end_rounds_against_the_holder() -> None:
    assert held(apply(EMPTY, fill("buy", 1, 100), fill("buy", 2, 101))) == [("long", 3, D("100.6666666666666667"))]
    assert held(apply(EMPTY, fill("sell", 1, 100), fill("sell", 2, 101))) == [("short", 3, D("100.6666666666666666"))]


@settings(max_examples=60, deadline=None)
@given(
    fills=st.lists(
        st.tuples(st.sampled_from(("buy", "sell")), st.integers(1, 50), st.integers(50, 200), st.integers(0, 3)),
        max_size=12,
    ),
    isolated=st.booleans(),
    last=st.integers(50, 200),
)
def test_what_an_account_is_worth_is_cash_in_and_out(
    fills: list[tuple[Any, int, int, int]], isolated: bool, last: int
) -> None:
    """wallet + unrealised profit = deposit − what was bought + what was sold − fees, up to the rounding of averages."""
    account = replace(EMPTY, mode="isolated" if isolated else "cross")
    cash, size = D(1000), D(0)
    for side, quantity, price, fee in fills:
        account = apply(account, fill(side, quantity, price, fee=D(fee), leverage=D(7)))
        signed = quantity if side == "buy" else -quantity
        cash -= signed * price + fee
        size += signed
    market = Market(quotes={("binance", "XUSDT", "mark"): Quote(D(last))})
    worth = sum(risk.assets for risk in MODULE.risk(account, market, PARAMETERS, 0).values())
    assert 0 <= cash + size * last - worth <= D("1e-12")
    assert sum(p.sign * p.quantity for p in account.positions) == size


def test_isolated_margin_comes_from_the_wallet_and_returns_in_proportion() -> None:
    opened = apply(replace(EMPTY, mode="isolated"), fill("buy", 3, 100, leverage=D(7)))
    margin = D("42.85714286")
    assert opened.positions[0].isolated_wallet == margin
    assert opened.wallet["USDT"] == 1000 - margin
    reduced = apply(opened, fill("sell", 1, 90))
    freed = D("14.28571428")
    assert reduced.positions[0].isolated_wallet == margin - freed
    assert reduced.wallet["USDT"] == 1000 - margin + freed - 10
    lossy = apply(opened, fill("sell", 1, 80))
    assert lossy.wallet["USDT"] == 1000 - margin
    assert lossy.positions[0].isolated_wallet == margin - 20
    closed = apply(opened, fill("sell", 3, 90))
    assert closed.wallet["USDT"] == 970


@pytest.mark.parametrize("price", [96, 80])
def test_a_liquidation_of_a_part_of_an_isolated_position_stays_in_its_margin_as_planned(price: int) -> None:
    module, overlay = GENERIC, {"maintenance_rate": "0.05", "liquidation_fee": "0.01", "quantity_step": "0.1"}
    parameters = module.parameters("derivatives", 0, {"*": {**overlay, "currency": "USDT"}})
    position = Position(market="X", side="long", quantity=D(10), entry=D(100), mode="isolated", isolated_wallet=D(80))
    account = Account(id="a", rules="generic/derivatives", wallet={"USDT": D(1000)}, positions=(position,))
    market = Market(quotes={("generic", "X", "mark"): Quote(D(price))})
    pool = "isolated:X:long"
    plan = module.plan_liquidation(account, pool, market, parameters, 0)
    sale = replace(fill("sell", plan.close_least, price, kind="liquidation"), market="X")
    fee = plan.close_least * price / 100
    after, _ = module.apply(account, market, replace(sale, fee=fee), parameters, 0)
    if price == 96:  # closing x leaves 40 − 0.96·x against (10 − x)·4.8, above it from 2.1 on
        assert plan.close_least == D("2.1")
        assert (after.wallet["USDT"], after.positions[0].isolated_wallet) == (1000, 80 - D("8.4") - fee)
        assert not module.is_liquidatable(after, pool, market, parameters, 0)
        less = replace(sale, quantity=D(2), fee=2 * D("0.96"))
        assert module.is_liquidatable(
            module.apply(account, market, less, parameters, 0)[0], pool, market, parameters, 0
        )
    else:  # all of it: the loss beyond the margin is the fund's, in an event of its own
        missing = -sum(flow.amount for flow in plan.flows if flow.party == "insurance")
        assert plan.close_least == 10
        assert after.wallet["USDT"] == 1000 - missing - fee
    traded, _ = module.apply(account, market, replace(sale, fee=fee, kind="trade"), parameters, 0)
    assert price == 80 or traded.wallet["USDT"] > 1000  # a trade frees margin


def test_isolated_funding_is_settled_in_the_isolated_wallet_and_margin_needs_a_leverage() -> None:
    isolated = replace(EMPTY, mode="isolated")
    with pytest.raises(BadInput, match="missing_leverage"):
        apply(isolated, fill("buy", 1, 100))
    account, market = apply(isolated, fill("buy", 1, 100, leverage=D(10))), Market()
    index = IndexUpdate(stamp=STAMP, venue="binance", asset="XUSDT", kind="funding", value=D(3))
    for event in (index, fill("buy", 1, 100)):
        account, market = MODULE.apply(account, market, event, PARAMETERS, 0)
    assert (account.wallet["USDT"], account.positions[0].isolated_wallet) == (980, 17)


def test_hedge_mode_keeps_two_legs_and_refuses_to_close_what_is_not_there() -> None:
    hedge = replace(EMPTY, position_mode="hedge")
    both = apply(hedge, fill("buy", 2, 100, position_side="long"), fill("sell", 1, 110, position_side="short"))
    assert held(both) == [("long", 2, 100), ("short", 1, 110)]
    assert held(apply(both, fill("buy", 1, 100, position_side="short"))) == [("long", 2, 100)]
    for bad, code in (
        (fill("buy", 2, 100, position_side="short"), "closes_too_much"),
        (fill("buy", 1, 100), "missing_position_side"),
    ):
        with pytest.raises(BadInput) as refused:
            apply(both, bad)
        assert refused.value.problem.code == code
    with pytest.raises(BadInput, match="nothing_to_close"):
        apply(hedge, fill("sell", 1, 100, position_side="long"))


def test_inverse_contracts_average_by_value_and_realise_in_coin() -> None:
    parameters = GENERIC.parameters("derivatives", 0, {"X": {"maintenance_rate": "0.01", "contract": "inverse"}})
    account = Account(id="a", rules="generic/derivatives", wallet={"BTC": D(1)})
    for side, quantity, price in (("buy", 100, 100), ("buy", 100, 300), ("sell", 200, 200)):
        event = Fill(
            stamp=STAMP,
            account="a",
            market="X",
            side=side,
            quantity=D(quantity),
            price=D(price),  # type: ignore[arg-type]
        )
        account, _ = GENERIC.apply(account, Market(), event, parameters, 0)
        if price == 300:
            assert account.positions[0].entry == 150
    # 200 · (1/150 − 1/200)
    assert account.positions == ()
    assert round(account.wallet["BTC"], 12) == D("1.333333333333")


def test_orders_are_placed_changed_filled_and_cancelled() -> None:
    placed = OrderChange(stamp=STAMP, account="a", order_id="1", market="XUSDT", side="buy", quantity=D(5), price=D(90))
    account = apply(EMPTY, placed, fill("buy", 2, 90, order_id="1"))
    assert [(order.id, order.quantity) for order in account.orders] == [("1", 3)]
    assert apply(account, replace(placed, price=D(80))).orders[0].price == 80
    assert apply(account, replace(placed, quantity=D(0))).orders == ()
    assert apply(account, fill("buy", 3, 90, order_id="1")).orders == ()


@pytest.mark.parametrize(
    ("market", "mode", "code"),
    [("XUSDT", "hedge", "missing_position_side"), ("YUSDT", "one-way", "no_parameters")],
)
def test_an_order_that_no_account_could_be_evaluated_with_is_refused(market: str, mode: Any, code: str) -> None:
    parameters = MODULE.parameters("usdm", 0, {"XUSDT": {"maintenance_rate": "0.01"}})
    order = OrderChange(stamp=STAMP, account="a", order_id="1", market=market, side="buy", quantity=D(5), price=D(90))
    account = replace(EMPTY, position_mode=mode)
    with pytest.raises(BadInput) as refused:
        MODULE.apply(account, Market(), order, parameters, 0)
    assert refused.value.problem.code == code
    assert MODULE.apply(account, Market(), replace(order, quantity=D(0)), parameters, 0)[0] == account


def test_transfers_move_money_between_pools_and_never_below_zero_by_choice() -> None:
    account = apply(replace(EMPTY, mode="isolated"), fill("buy", 1, 100, leverage=D(10)))
    pool = "isolated:XUSDT:long"
    moved = apply(account, transfer(90, "transfer", pool="cross:USDT", to_pool=pool))
    assert (moved.wallet["USDT"], moved.positions[0].isolated_wallet) == (900, 100)
    assert apply(moved, transfer(-30, "withdrawal", pool=pool)).positions[0].isolated_wallet == 70
    assert apply(account, transfer(-2000, "fee")).wallet["USDT"] == -1010
    for bad, code in (
        (transfer(-2000, "withdrawal"), "insufficient_balance"),
        (transfer(101, "transfer", pool=pool, to_pool="cross"), "insufficient_balance"),
        (transfer(-1, "transfer", pool=pool, to_pool="cross"), "bad_transfer"),
        (transfer(1, pool="isolated:YUSDT:long"), "unknown_pool"),
        (fill("buy", 0, 1), "bad_fill"),
        (LendingAction(stamp=STAMP, account="a", kind="supply", asset="USDT", amount=D(1)), "unsupported_event"),
    ):
        with pytest.raises(BadInput) as refused:
            apply(account, bad)
        assert refused.value.problem.code == code


def test_settings_change_leverage_and_modes_only_when_nothing_is_open() -> None:
    account = apply(EMPTY, fill("buy", 1, 100, leverage=D(10)))
    leverage = Setting(stamp=STAMP, account="a", kind="leverage", market="XUSDT", value="20")
    assert apply(account, leverage).positions[0].leverage == 20
    hedge = Setting(stamp=STAMP, account="a", kind="position_mode", value="hedge")
    isolated = Setting(stamp=STAMP, account="a", kind="margin_mode", value="isolated")
    assert apply(EMPTY, hedge).position_mode == "hedge"
    assert apply(EMPTY, isolated).mode == "isolated"
    per_market = replace(isolated, market="YUSDT")
    assert apply(account, per_market) is account
    order = OrderChange(stamp=STAMP, account="a", order_id="1", market="XUSDT", side="buy", quantity=D(1), price=D(0))
    wrong = (replace(leverage, value="0"), replace(leverage, value="x"), replace(leverage, kind="emode"), order)
    for bad in (hedge, isolated, *wrong):
        with pytest.raises(BadInput):
            apply(account, bad)


def test_funding_accrues_by_index_and_is_settled_by_a_fill() -> None:
    def index(value: str) -> IndexUpdate:
        return IndexUpdate(stamp=STAMP, venue="binance", asset="XUSDT", kind="funding", value=D(value))

    market = Market(quotes={("binance", "XUSDT", "mark"): Quote(D(100))})
    account = EMPTY
    for event in (index("0.5"), fill("buy", 10, 100), index("0.75"), fill("sell", 4, 100), index("0.85")):
        account, market = MODULE.apply(account, market, event, PARAMETERS, 0)
    # 10 · 0.25 paid when the fill came, 6 · 0.10 still due
    assert account.wallet["USDT"] == D("997.5")
    assert MODULE.risk(account, market, PARAMETERS, 0)["cross:USDT"].support == D("996.9")
    snapshot = AccountSnapshot(stamp=STAMP, account=replace(account, wallet={"USDT": D(5)}))
    known, market = MODULE.apply(account, market, snapshot, PARAMETERS, 0)
    assert MODULE.risk(known, market, PARAMETERS, 0)["cross:USDT"].support == 5


def test_a_frame_of_prices_changes_the_market_only() -> None:
    frame = PriceFrame(stamp=STAMP, prices={("binance", "XUSDT", "mark"): D(7)})
    account, market = MODULE.apply(EMPTY, Market(), frame, PARAMETERS, 0)
    assert account is EMPTY
    assert market.price("binance", "XUSDT", "mark") == 7


def test_the_positions_of_other_markets_are_left_alone() -> None:
    other = Position(market="YUSDT", side="long", quantity=D(1), entry=D(5))
    account = apply(replace(EMPTY, positions=(other,)), fill("buy", 1, 100), fill("sell", 1, 100))
    assert account.positions == (other,)

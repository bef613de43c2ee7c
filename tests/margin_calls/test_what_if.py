"""What-if: equal to doing it and looking, refused where initial margin lacks, and the largest that passes."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marginbook.domain.account import Account, Collateral, Debt, Order, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Fill, LendingAction, OrderChange, Setting, Stamp, Transfer
from marginbook.domain.market import Market, Quote
from marginbook.domain.zones import Zone
from marginbook.margin_calls.what_if import (
    carried_out,
    largest_borrow,
    largest_order,
    largest_withdrawal,
    what_if,
)
from marginbook.venues.registry import rule_set

D = Decimal
AT = 1_790_856_000_000_000
STAMP = Stamp(time=AT)
BINANCE, LENDING, AAVE = rule_set("binance/usdm"), rule_set("generic/lending"), rule_set("aave/3.6")
MARKET = Market(
    quotes={
        ("binance", "BTCUSDT", "mark"): Quote(D(60_000)),
        ("binance", "ETHUSDT", "mark"): Quote(D(2600)),
        ("generic", "ETH", "oracle"): Quote(D(3000)),
        ("generic", "USDC", "oracle"): Quote(D(1)),
        ("aave", "WETH", "oracle"): Quote(D(3000)),
        ("aave", "USDC", "oracle"): Quote(D("0.9999")),
    }
)
TERMS = {"ETH": {"liquidation_threshold": "0.83", "ltv": "0.8"}, "USDC": {"liquidation_threshold": "0.8"}}
AAVE_TERMS = {
    "WETH": {"ltv": "0.805", "liquidation_threshold": "0.83", "decimals": 18},
    "USDC": {"ltv": "0.75", "liquidation_threshold": "0.78", "decimals": 6},
}


def parameters_of(rules: Any) -> Any:
    overlay = {"generic/lending": TERMS, "aave/3.6": AAVE_TERMS}.get(rules.name)
    return rules.module.parameters(rules.version, AT, overlay)


def trader(wallet: str = "10000", *positions: Position) -> Account:
    return Account(id="t", rules="binance/usdm", wallet={"USDT": D(wallet)}, positions=positions)


def borrower(rules: str, asset: str, debt: str) -> Account:
    owed = (Debt(asset="USDC", amount=D(debt)),) if D(debt) else ()
    return Account(id="b", rules=rules, collateral=(Collateral(asset=asset, amount=D(10)),), debt=owed)


def fill(side: str, quantity: Any, market: str = "BTCUSDT", leverage: Any = 20) -> Fill:
    return Fill(
        stamp=STAMP,
        account="t",
        market=market,
        side=side,  # type: ignore[arg-type]
        quantity=D(quantity),
        price=MARKET.price("binance", market, "mark"),
        leverage=D(leverage),
    )


LONG = Position(market="BTCUSDT", side="long", quantity=D("0.5"), entry=D(62_000), leverage=D(20))


def test_an_order_that_fits_shows_both_sides() -> None:
    found = what_if(BINANCE, trader(), MARKET, parameters_of(BINANCE), AT, fill("buy", "3"))
    assert (found.allowed, found.why_not) == (True, None)
    assert found.before.quantities["cross:USDT"].initial_margin == 0
    assert found.after is not None
    assert found.after.quantities["cross:USDT"].initial_margin == 9000
    assert found.before.liquidation_prices == ()
    assert [p.market for p in found.after.liquidation_prices][:1] == ["BTCUSDT"]


def test_one_that_lacks_margin_is_refused_with_the_amount() -> None:
    found = what_if(BINANCE, trader(), MARKET, parameters_of(BINANCE), AT, fill("buy", "4"))
    assert not found.allowed
    assert found.why_not == "cross:USDT would lack 2000 of initial margin"
    with pytest.raises(BadInput, match="2000"):
        carried_out(BINANCE, trader(), MARKET, parameters_of(BINANCE), AT, fill("buy", "4"))


def test_a_trade_that_closes_is_never_refused_for_margin() -> None:
    poor = trader("1300", LONG)
    assert what_if(BINANCE, poor, MARKET, parameters_of(BINANCE), AT, fill("sell", "0.5")).allowed
    dear = replace(fill("sell", "0.5"), price=D(56_000))  # far below the mark: less is free after it than before
    assert what_if(BINANCE, poor, MARKET, parameters_of(BINANCE), AT, dear).allowed
    hedged = replace(poor, position_mode="hedge")
    leg = replace(dear, position_side="long")
    assert what_if(BINANCE, hedged, MARKET, parameters_of(BINANCE), AT, leg).allowed
    assert not what_if(BINANCE, poor, MARKET, parameters_of(BINANCE), AT, fill("sell", "1.1")).allowed
    assert not what_if(BINANCE, poor, MARKET, parameters_of(BINANCE), AT, fill("buy", "0.001")).allowed


def test_margin_that_just_suffices_is_enough() -> None:
    parameters = parameters_of(BINANCE)
    assert largest_order(BINANCE, trader("9000"), MARKET, parameters, AT, "BTCUSDT", "buy", leverage=D(20)) == 3


def test_in_hedge_mode_the_leg_tells_what_closes() -> None:
    poor = Account(id="t", rules="binance/usdm", position_mode="hedge", wallet={"USDT": D(1300)}, positions=(LONG,))
    for side, leg, allowed in (("sell", "long", True), ("sell", "short", False), ("buy", "long", False)):
        action = replace(fill(side, "0.3"), position_side=leg)
        assert what_if(BINANCE, poor, MARKET, parameters_of(BINANCE), AT, action).allowed is allowed


def test_an_isolated_position_is_judged_by_the_wallet_that_it_is_paid_from() -> None:
    parameters = parameters_of(BINANCE)
    action = replace(fill("buy", "1"), mode="isolated", price=D(60_500))
    assert what_if(BINANCE, trader("3025"), MARKET, parameters, AT, action).allowed
    assert not what_if(BINANCE, trader("3024.99"), MARKET, parameters, AT, action).allowed


def test_orders_come_in_steps_of_the_market() -> None:
    parameters = BINANCE.module.parameters("usdm", AT, {"BTCUSDT": {"quantity_step": "0.001"}})
    assert largest_order(BINANCE, trader("9999"), MARKET, parameters, AT, "BTCUSDT", "buy", leverage=D(20)) == D(
        "3.333"
    )


def test_a_resting_order_takes_initial_margin() -> None:
    order = OrderChange(
        stamp=STAMP, account="t", order_id="1", market="BTCUSDT", side="buy", quantity=D(4), price=D(50_000)
    )
    account = trader("10000", LONG)
    found = what_if(BINANCE, account, MARKET, parameters_of(BINANCE), AT, order)
    assert not found.allowed  # (30,000 + 200,000) / 20 = 11,500 against 9,000
    assert found.account is not None
    assert [o.id for o in found.account.orders] == ["1"]
    assert isinstance(found.account.orders[0], Order)


def test_a_withdrawal_takes_no_unrealised_profit() -> None:
    winning = trader(
        "2000", Position(market="BTCUSDT", side="long", quantity=D("0.5"), entry=D(50_000), leverage=D(20))
    )
    parameters = parameters_of(BINANCE)
    assert largest_withdrawal(BINANCE, winning, MARKET, parameters, AT, "USDT") == 500
    for amount, allowed in ((D(500), True), (D("500.00000001"), False)):
        out = Transfer(stamp=STAMP, account="t", kind="withdrawal", asset="USDT", amount=-amount)
        assert what_if(BINANCE, winning, MARKET, parameters, AT, out).allowed is allowed
    more = Transfer(stamp=STAMP, account="t", kind="deposit", asset="USDT", amount=D(5))
    assert what_if(BINANCE, winning, MARKET, parameters, AT, more).allowed


def test_a_protocol_refuses_by_itself() -> None:
    account, parameters = borrower("generic/lending", "ETH", "15000"), parameters_of(LENDING)
    borrow = LendingAction(stamp=STAMP, account="b", kind="borrow", asset="USDC", amount=D("9000.01"))
    found = what_if(LENDING, account, MARKET, parameters, AT, borrow)
    assert (found.allowed, found.after) == (False, None)
    assert "24000" in str(found.why_not)
    off = Setting(stamp=STAMP, account="b", kind="collateral_enabled", market="ETH", value="false")
    assert not what_if(LENDING, account, MARKET, parameters, AT, off).allowed
    repay = LendingAction(stamp=STAMP, account="b", kind="repay", asset="USDC", amount=D(15_000))
    after = what_if(LENDING, account, MARKET, parameters, AT, repay).after
    assert after is not None
    assert after.zone == Zone.SAFE


def test_an_unknown_emode_is_refused() -> None:
    setting = Setting(stamp=STAMP, account="b", kind="emode", value="77")
    found = what_if(AAVE, borrower("aave/3.6", "WETH", "100"), MARKET, parameters_of(AAVE), AT, setting)
    assert not found.allowed


@pytest.mark.parametrize("rules", [LENDING, AAVE])
@pytest.mark.parametrize("debt", ["0", "1", "15000.01", "23000"])
def test_the_largest_borrow_and_withdrawal_in_lending(rules, debt) -> None:
    asset = "ETH" if rules is LENDING else "WETH"
    account, parameters = borrower(rules.name, asset, debt), parameters_of(rules)
    unit = D(1).scaleb(-6 if rules is AAVE else -8)
    most = largest_borrow(rules, account, MARKET, parameters, AT, "USDC")
    out = largest_withdrawal(rules, account, MARKET, parameters, AT, asset)

    def allowed(kind: Any, of: str, amount: Decimal) -> bool:
        action = LendingAction(stamp=STAMP, account="b", kind=kind, asset=of, amount=amount)
        return what_if(rules, account, MARKET, parameters, AT, action).allowed

    assert most > 900
    assert allowed("borrow", "USDC", most)
    assert not allowed("borrow", "USDC", most + unit)
    wei = D(1).scaleb(-18 if rules is AAVE else -8)
    assert out == 10 if debt == "0" else 0 < out < 10
    assert allowed("withdraw", asset, out)
    assert not allowed("withdraw", asset, out + wei)


@settings(max_examples=40, deadline=None)
@given(
    wallet=st.decimals(10, 20_000, places=2),
    held=st.decimals(0, 2, places=3),
    held_side=st.sampled_from(["long", "short"]),
    side=st.sampled_from(["buy", "sell"]),
    leverage=st.sampled_from([1, 3, 20, 100]),
    entry=st.sampled_from([55_000, 60_000, 64_000]),
)
def test_the_largest_order_passes_and_one_step_more_does_not(wallet, held, held_side, side, leverage, entry) -> None:
    own = Position(market="BTCUSDT", side=held_side, quantity=held, entry=D(entry), leverage=D(leverage))
    account, parameters = trader(str(wallet), *([own] if held else [])), parameters_of(BINANCE)
    most = largest_order(BINANCE, account, MARKET, parameters, AT, "BTCUSDT", side, leverage=D(leverage))

    def allowed(quantity: Decimal) -> bool:
        return what_if(BINANCE, account, MARKET, parameters, AT, fill(side, quantity, leverage=leverage)).allowed

    assert most == 0 or allowed(most)
    assert not allowed(most + D("1E-8"))
    if held and (held_side == "long") == (side == "sell"):
        assert most >= held


@settings(max_examples=25, deadline=None)
@given(quantity=st.decimals("0.001", 1, places=3), side=st.sampled_from(["buy", "sell"]))
def test_what_if_is_doing_it_and_looking(quantity, side) -> None:
    account, parameters = trader("9000", LONG), parameters_of(BINANCE)
    action = fill(side, quantity)
    found = what_if(BINANCE, account, MARKET, parameters, AT, action)
    done, market = BINANCE.module.apply(account, MARKET, action, parameters, AT)
    assert found.account == done
    assert found.after is not None
    assert found.after.quantities == BINANCE.module.quantities(done, market, parameters, AT)
    assert found.before.quantities == BINANCE.module.quantities(account, MARKET, parameters, AT)

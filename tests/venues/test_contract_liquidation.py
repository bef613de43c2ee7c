"""The least quantity that cures: it does, one step less does not, and straight lines need three trials."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginbook.domain.account import Account, Position, Side
from marginbook.domain.events import Fill, Stamp
from marginbook.domain.market import Market, Quote
from marginbook.exact import round_ceil
from marginbook.liquidation.waterfall import run
from marginbook.venues.contracts.liquidation import _least
from marginbook.venues.registry import rule_set

STEPS = [Decimal("0.001"), Decimal("0.01"), Decimal(1), Decimal("0.00000001")]
SLOPES = st.integers(1, 10**9).map(lambda n: Decimal(n).scaleb(-6))


@given(
    whole=st.integers(1, 10**9).map(lambda n: Decimal(n).scaleb(-3)),
    step=st.sampled_from(STEPS),
    short=st.integers(0, 10**9).map(lambda n: Decimal(n).scaleb(-3)),
    slopes=st.tuples(SLOPES, SLOPES),
    kink=st.integers(0, 100),
)
def test_the_least_quantity_cures_and_one_step_less_does_not(
    whole: Decimal, step: Decimal, short: Decimal, slopes: tuple[Decimal, Decimal], kink: int
) -> None:
    bend = whole * kink / 100
    trials = 0

    def room(quantity: Decimal) -> Decimal:
        return min(quantity, bend) * slopes[0] + max(Decimal(0), quantity - bend) * slopes[1] - short

    def closing(quantity: Decimal) -> tuple[bool, Decimal]:
        nonlocal trials
        trials += 1
        return room(quantity) > 0, room(quantity)

    least = _least(whole, step, room(Decimal(0)), closing)
    if room(whole) <= 0:
        assert least == whole
        return
    assert room(least) > 0
    assert least <= whole
    below = (least / step).to_integral_value(rounding="ROUND_CEILING") * step - step
    assert below <= 0 or room(below) <= 0
    if slopes[0] == slopes[1]:
        assert trials <= 5


@pytest.mark.parametrize(("rules", "table"), [("binance/usdm", "usdm"), ("binance/portfolio", "portfolio")])
@pytest.mark.parametrize("side", ["long", "short"])
def test_in_hedge_mode_a_plan_says_which_side_it_closes_and_that_one_is_closed(
    rules: str, table: str, side: Side
) -> None:
    module = rule_set(rules).module
    terms = {"USDT": {"collateral_rate": "1"}} if rules == "binance/portfolio" else {}
    parameters = module.parameters(table, 0, {"XUSDT": {"maintenance_rate": "0.05"}, **terms})
    other: Side = "short" if side == "long" else "long"
    legs = [(other, Decimal(9)), (side, Decimal(10))]
    positions = tuple(
        Position(market="XUSDT", side=which, quantity=size, entry=Decimal(100), leverage=Decimal(10))
        for which, size in legs
    )
    account = Account(id="a", rules=rules, position_mode="hedge", wallet={"USDT": Decimal(94)}, positions=positions)
    market = Market(
        quotes={("binance", "XUSDT", "mark"): Quote(Decimal(100)), ("binance", "USDT", "index"): Quote(Decimal(1))}
    )
    pool = next(iter(module.risk(account, market, parameters, 0)))
    plan = module.plan_liquidation(account, pool, market, parameters, 0)
    assert (plan.side, plan.close_most) == (side, 10)
    closed = next(step for step in run(account, pool, market, parameters, 0).steps if step.quantity)
    left = {position.side: position.quantity for position in closed.account.positions}
    assert left[other] == 9
    assert left.get(side, Decimal(0)) == 10 - closed.quantity < 10


@pytest.mark.parametrize(("spare", "steps"), [("0", 4), ("-0.000000003", 5)])
def test_the_least_close_cures_with_the_fee_that_is_charged(spare: str, steps: int) -> None:
    """0.4 of 1 at 933.3333333 costs a fee of 3.7333333332, which is charged as 3.73333334: that must be there."""
    module, price, fee = rule_set("generic/derivatives").module, Decimal("933.3333333"), Decimal("3.73333334")
    terms = {"maintenance_rate": "0.05", "liquidation_fee": "0.01", "quantity_step": "0.1", "currency": "USDT"}
    parameters = module.parameters("derivatives", 0, {"*": terms})
    needed = Decimal("0.05") * Decimal("0.6") * price
    wallet = Decimal(1000) - price + fee + needed + Decimal(spare)
    position = Position(market="BTC", side="long", quantity=Decimal(1), entry=Decimal(1000))
    account = Account(id="a", rules="generic/derivatives", wallet={"USDT": wallet}, positions=(position,))
    market = Market(quotes={("generic", "BTC", "mark"): Quote(price)})
    plan = module.plan_liquidation(account, "cross:USDT", market, parameters, 0)
    assert plan.close_least == Decimal(steps) / 10
    for quantity, cured in ((plan.close_least, True), (plan.close_least - Decimal("0.1"), False)):
        charged = round_ceil(quantity * price * Decimal("0.01"), 8)
        fill = Fill(stamp=Stamp(), account="a", market="BTC", side="sell", quantity=quantity, price=price, fee=charged)
        after, _ = module.apply(account, market, fill, parameters, 0)
        assert module.is_liquidatable(after, "cross:USDT", market, parameters, 0) is not cured

"""HTX coin-margined swaps: printed numbers, the margin ratio and adjustment factors."""

from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from marginbook.domain.account import Account, Order, Position, Side
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market, Quote
from marginbook.testing.conformance import conform
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

VECTORS = Path(__file__).parent.parent / "vectors" / "htx"
MODULE = rule_set("htx/coin-swap").module
PRICES = Market(quotes={("htx", "BTC-USD", "mark"): Quote(D(50000))})


def account(wallet: str, leverage: str | None = "5", quantity: str = "1000") -> Account:
    held = Position(
        market="BTC-USD",
        side="long",
        quantity=D(quantity),
        entry=D(50000),
        leverage=None if leverage is None else D(leverage),
    )
    return Account(id="a", rules="htx/coin-swap", wallet={"BTC": D(wallet)}, positions=(held,))


def test_every_number_that_was_printed_comes_out() -> None:
    answer = conform([VECTORS])
    assert answer["failures"] == []
    assert sum(row["passed"] for row in answer["results"]) == 7


def test_the_printed_liquidation_price_is_the_border_to_its_last_digit() -> None:
    """(200 + 10 · 0.4) USD / (723.92… + 200 / 0.65931) THETA, as printed with 18 decimals; liquidation at it."""
    parameters = MODULE.parameters("coin-swap", parse_time("2020-10-28T06:32:27Z"))
    held = Position(market="THETA-USD", side="long", quantity=D(20), entry=D("0.65931"), leverage=D(20))
    owner = Account(id="a", rules="htx/coin-swap", wallet={"THETA": D("723.922949859047086468")}, positions=(held,))
    for price, expected in (("0.198584522842823399", False), ("0.198584522842823398", True)):
        at = Market(quotes={("htx", "THETA-USD", "mark"): Quote(D(price))})
        assert MODULE.is_liquidatable(owner, "cross:THETA", at, parameters, 0) is expected


@pytest.mark.parametrize(
    ("leg", "side", "initial"),
    [("long", "buy", "0.05"), ("short", "sell", "0.05"), ("long", "sell", "0.04"), ("short", "buy", "0.04")],
)
def test_an_order_adds_to_its_own_leg_of_a_hedge(leg: Side, side: Any, initial: str) -> None:
    """Legs of 10,000 USD at 50,000 and 10x ask 0.02 BTC each, an opening order of 5,000 another 0.01."""
    parameters = MODULE.parameters("coin-swap", 0, {"*": {"adjustment_factor": "0.1"}})
    sides: tuple[Side, Side] = ("long", "short")
    legs = tuple(Position(market="BTC-USD", side=one, quantity=D(100), entry=D(50000), leverage=D(10)) for one in sides)
    order = Order(market="BTC-USD", side=side, quantity=D(50), price=D(50000), position_side=leg, leverage=D(10))
    owner = Account(
        id="a", rules="htx/coin-swap", position_mode="hedge", wallet={"BTC": D(1)}, positions=legs, orders=(order,)
    )
    assert MODULE.quantities(owner, PRICES, parameters, 0)["cross:BTC"].initial_margin == D(initial)


def test_liquidation_where_the_margin_ratio_reaches_the_adjustment_factor() -> None:
    """100,000 USD at 50,000 and 5x: position margin 0.4 BTC; factor 0.1: 0.04 BTC."""
    parameters = MODULE.parameters("coin-swap", 0, {"*": {"adjustment_factor": "0.1"}})
    for wallet, expected in (("0.04", True), ("0.04000001", False)):
        assert MODULE.is_liquidatable(account(wallet), "cross:BTC", PRICES, parameters, 0) is expected
    (sums,) = MODULE.risk(account("1"), PRICES, parameters, 0).values()
    assert (sums.demand_initial, sums.demand) == (D("0.4"), D("0.04"))


def test_factors_by_leverage_and_size() -> None:
    ladder = [["5", "0", "0.1"], ["5", "1000", "0.2"], ["10", "0", "0.05"]]
    parameters = MODULE.parameters("coin-swap", 0, {"BTC-USD": {"adjustment_factors": ladder}})
    for quantity, leverage, expected in (("999", "5", "0.1"), ("1000", "5", "0.2"), ("1000", "10", "0.05")):
        (sums,) = MODULE.risk(account("1", leverage, quantity), PRICES, parameters, 0).values()
        assert sums.demand == sums.demand_initial * D(expected)
    for problem, held in (("no_parameters", account("1", "20")), ("missing_leverage", account("1", None))):
        with pytest.raises(BadInput, match=problem):
            MODULE.risk(held, PRICES, parameters, 0)
    with pytest.raises(BadInput, match="no_parameters"):
        MODULE.risk(account("1"), PRICES, MODULE.parameters("coin-swap", 0), 0)
    with pytest.raises(BadInput, match="bad_parameter"):
        MODULE.parameters("coin-swap", 0, {"BTC-USD": {"adjustment_factors": [["5", "0"]]}})

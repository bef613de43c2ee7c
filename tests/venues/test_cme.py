"""Futures by fixed amounts: dated tables, margin call, expiries, overlays."""

from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path

import pytest

from marginbook.domain.account import Account, Order, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market, Quote
from marginbook.testing.conformance import conform
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

MODULE = rule_set("cme/fixed").module
PRICES = Market(quotes={("cme", name, "mark"): Quote(D(1700)) for name in ("ESZ3", "ESH4", "NEW")})


def account(wallet: str, *positions: Position) -> Account:
    return Account(id="a", rules="cme/fixed", wallet={"USD": D(wallet)}, positions=positions)


def future(name: str, side: str, quantity: str) -> Position:
    return Position(market=name, side="long" if side == "long" else "short", quantity=D(quantity), entry=D(1700))


@pytest.mark.parametrize(
    ("day", "initial", "maintenance"),
    [
        ("2012-03-26", "4375", "3500"),
        ("2013-10-03", "4180", "3800"),
        ("2013-10-15", "4510", "4100"),
        ("2022-01-21", "11880", "10800"),
        ("2026-01-01", "11880", "10800"),
    ],
)
def test_amounts_are_those_of_their_date(day: str, initial: str, maintenance: str) -> None:
    parameters = MODULE.parameters("fixed", parse_time(day))
    (sums,) = MODULE.risk(account("0", future("ESZ3", "long", "3")), PRICES, parameters, 0).values()
    assert (sums.demand_initial, sums.demand) == (3 * D(initial), 3 * D(maintenance))


def test_figures_of_others() -> None:
    answer = conform([Path(__file__).parent.parent / "vectors" / "cme"])
    assert not answer["failures"]
    assert sum(row["passed"] for row in answer["results"]) == 3


def test_a_call_below_maintenance_and_the_contracts_that_cure_it() -> None:
    parameters = MODULE.parameters("fixed", parse_time("2013-11-01"))
    held = account("20500", future("ESZ3", "long", "5"))
    moved = PRICES.with_prices({("cme", "ESZ3", "mark"): D("1699.75")})  # 5 · 50 · 0.25 = 62.5
    amount = parameters.amounts_of("ESZ3").maintenance
    assert not MODULE.is_liquidatable(account(str(5 * amount), *held.positions), "cross:USD", PRICES, parameters, 0)
    short = account(str(5 * amount), *held.positions)
    assert MODULE.is_liquidatable(short, "cross:USD", moved, parameters, 0)
    plan = MODULE.plan_liquidation(short, "cross:USD", moved, parameters, 0)
    assert (plan.close_least, plan.close_most) == (1, 5)
    (price,) = MODULE.liquidation_prices(short, PRICES, parameters, 0)
    assert (price.price, price.when) == (D("1699.75"), "at_or_below")


def test_expiries_of_one_root_do_not_offset_and_orders_count() -> None:
    parameters = MODULE.parameters("fixed", parse_time("2013-11-01"))
    both = account("50000", future("ESZ3", "long", "2"), future("ESH4", "short", "2"))
    (sums,) = MODULE.risk(both, PRICES, parameters, 0).values()
    amounts = parameters.amounts_of("ES")
    assert sums.demand == 4 * amounts.maintenance
    order = Order(market="ESZ3", side="buy", quantity=D(3), price=D(1690))
    (more,) = MODULE.risk(replace(both, orders=(order,)), PRICES, parameters, 0).values()
    assert more.demand_initial - sums.demand_initial == 3 * amounts.initial


def test_two_sides_of_one_contract_are_no_position() -> None:
    parameters = MODULE.parameters("fixed", parse_time("2013-11-01"))
    both = replace(account("9", future("ESZ3", "long", "2"), future("ESZ3", "short", "2")), position_mode="hedge")
    for function in (lambda: MODULE.risk(both, PRICES, parameters, 0), lambda: MODULE.lower(both, PRICES, parameters)):
        with pytest.raises(BadInput, match="hedge_mode_not_offered"):
            function()


def test_a_book_brings_its_own_amounts() -> None:
    row = {"NEW": {"maintenance": "1000", "contract_size": "10"}, "ES": {"maintenance": "5000"}}
    parameters = MODULE.parameters("fixed", parse_time("2013-11-01"), row)
    assert parameters.amounts_of("NEW").initial == 1100  # a speculator's 110 %
    assert parameters.amounts_of("ESZ3").initial == 5500
    for overlay, problem in (
        ({"X": {"maintenance": "1"}}, "no_parameters"),
        ({"ES": {"rate": "1"}}, "unknown_parameter"),
    ):
        with pytest.raises(BadInput, match=problem):
            MODULE.parameters("fixed", parse_time("2013-11-01"), overlay)
    with pytest.raises(BadInput, match="no_parameters"):
        parameters.terms_of("XYZ")
    with pytest.raises(BadInput, match="no_parameters"):
        MODULE.parameters("fixed", parse_time("1999-01-01"))
    with pytest.raises(BadInput, match="unexpected_currency"):
        MODULE.risk(replace(account("1"), wallet={"EUR": D(1)}), PRICES, parameters, 0)

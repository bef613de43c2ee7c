"""The curve of what a fall makes liquidatable: sorted thresholds equal judging every account, by exact rule sets."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal as D
from random import Random
from typing import Any

import pytest

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.market import Market, Quote
from marginbook.simulate.price_sensitivity import Falling, curve, first_fall, naive_curve, thresholds
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

AT = parse_time("2024-06-01T12:00:00Z")
PRICES = {"WETH": "3000", "WBTC": "60000", "USDC": "1", "DAI": "0.9998"}
FALLING = ("WETH", "WBTC")
FALLS = [100 * percent for percent in range(61)]


def world(rules: str) -> tuple[Falling, Callable[[Account], Any]]:
    found = rule_set(rules)
    market = Market(quotes={(found.venue, name, "oracle"): Quote(D(price)) for name, price in PRICES.items()})
    overlay = {name: {"liquidation_threshold": "0.8", "liquidation_bonus": "0.05"} for name in PRICES}
    parameters = found.module.parameters(found.version, AT, overlay if found.venue == "generic" else None)
    return Falling(market, frozenset((found.venue, name, "oracle") for name in FALLING)), lambda account: parameters


def book(rules: str, size: int, seed: int) -> list[Account]:
    """Loans of every kind: volatile and stable collateral and debt, some already liquidatable, some at the border."""
    draw, accounts = Random(seed), []
    for number in range(size):
        collateral = draw.sample(sorted(PRICES), draw.randint(1, 3))
        debt = draw.choice([name for name in PRICES if name not in collateral] or ["DAI"])
        held = {name: D(f"{draw.lognormvariate(9, 2):.2f}") for name in collateral}
        share = D(f"{draw.uniform(0.05, 0.95):.4f}")
        accounts.append(
            Account(
                id=f"{number}",
                rules=rules,
                collateral=tuple(
                    Collateral(asset=name, amount=(value / D(PRICES[name])).quantize(D("1e-6")))
                    for name, value in held.items()
                ),
                debt=(Debt(asset=debt, amount=(sum(held.values()) * share / D(PRICES[debt])).quantize(D("1e-6"))),),
            )
        )
    return accounts


@pytest.mark.parametrize("rules", ["generic/lending", "aave/3.0", "aave/3.6"])
def test_sorted_thresholds_equal_judging_every_account(rules: str) -> None:
    falling, parameters_of = world(rules)
    accounts = book(rules, 40, 7)
    naive = naive_curve(accounts, falling, FALLS[::6], parameters_of, AT)
    found = thresholds(accounts, falling, parameters_of, AT)
    assert curve(found, FALLS[::6]) == naive
    assert {border.leaves for border in found} == {True, False}
    assert naive[0].accounts > 0


def test_a_threshold_is_the_first_step() -> None:
    """100 WETH at 3,000 against 200,000 at a threshold of 0.8: 240,000·(1 − x) < 200,000 from x = 1667 steps on."""
    falling, parameters_of = world("generic/lending")
    loan = Account(
        id="a",
        rules="generic/lending",
        collateral=(Collateral(asset="WETH", amount=D(100)),),
        debt=(Debt(asset="USDC", amount=D(200_000)),),
    )
    (border,) = thresholds([loan], falling, parameters_of, AT)
    assert (border.steps, border.leaves, border.collateral, border.debt) == (1_667, False, D(300_000), D(200_000))
    points = curve([border], [1_666, 1_667])
    assert [point.accounts for point in points] == [0, 1]
    assert (points[1].fall, points[1].debt) == (D("0.1667"), D(200_000))
    assert (first_fall(points, D(200_000)), first_fall(points, D(200_001))) == (D("0.1667"), None)


def test_a_short_leaves_liquidation_as_prices_fall() -> None:
    falling, parameters_of = world("generic/lending")
    short = Account(
        id="a",
        rules="generic/lending",
        collateral=(Collateral(asset="USDC", amount=D(3_000)),),
        debt=(Debt(asset="WETH", amount=D(1)),),
    )
    (border,) = thresholds([short], falling, parameters_of, AT)
    assert (border.steps, border.leaves) == (2_000, True)  # at 2,400 it is just enough
    assert [point.accounts for point in curve([border], [1_999, 2_000])] == [1, 0]
    healthy = replace(short, debt=(Debt(asset="WETH", amount=D("0.5")),))
    assert thresholds([healthy], falling, parameters_of, AT) == []


@pytest.mark.long
def test_larger_books_agree_too() -> None:
    for rules in ("generic/lending", "aave/3.6"):
        falling, parameters_of = world(rules)
        accounts = book(rules, 400, 11)
        naive = naive_curve(accounts, falling, FALLS[::4], parameters_of, AT)
        assert curve(thresholds(accounts, falling, parameters_of, AT), FALLS[::4]) == naive

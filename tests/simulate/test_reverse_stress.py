"""The smallest move that costs so much: by hand, one step either side, and on random books."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marginbook.domain.account import Account, Collateral, Debt, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market, Quote
from marginbook.simulate.reverse_stress import Found, Goal, parse_direction, parse_goal, reverse_stress
from marginbook.simulate.shocks import Shock, shocked
from marginbook.simulate.stress import stress
from marginbook.venues.registry import rule_set

MARKET = Market(
    quotes={
        ("generic", "ETH", "oracle"): Quote(Decimal(3000)),
        ("generic", "BTC", "oracle"): Quote(Decimal(60000)),
        ("generic", "USDC", "oracle"): Quote(Decimal(1)),
    }
)
TERMS = rule_set("generic/lending").module.parameters("lending", 0, {"*": {"liquidation_threshold": "0.8"}})


def loan(name: str, debt: int | str, asset: str = "ETH", amount: int | str = 10) -> Account:
    return Account(
        id=name,
        rules="generic/lending",
        collateral=(Collateral(asset=asset, amount=Decimal(amount)),),
        debt=(Debt(asset="USDC", amount=Decimal(debt)),),
    )


def found(accounts: list[Account], goal: str, direction: str = "all") -> Found:
    return reverse_stress(
        accounts, MARKET, lambda account: TERMS, 0, parse_goal(goal), parse_direction(direction, MARKET)
    )


def test_one_loan_is_liquidated_one_step_beyond_its_border() -> None:
    """24,000·(1 − s) < 19,000 first at s = 0.20833334."""
    answer = found([loan("a", 19000)], "accounts=1")
    assert answer.size == Decimal("0.20833334")
    assert (answer.reached, answer.one_less) == (1, 0)
    assert answer.moved[0].after < answer.moved[0].before


def test_bad_debt_of_a_thousand_is_reached_to_the_step() -> None:
    """19,000 − 30,000·(1 − s) = 1,000 at s = 0.4; a step less leaves 0.0003 less."""
    answer = found([loan("a", 19000)], "bad_debt=1000")
    assert answer.size == Decimal("0.4")
    assert (answer.reached, answer.one_less) == (Decimal(1000), Decimal("999.9997"))


def test_notional_is_the_debt_before() -> None:
    """The second loan, of 15,000, falls at 1 − 15,000 / 24,000 = 0.375, exactly on the border: one step beyond."""
    answer = found([loan("a", 19000), loan("b", 15000)], "notional=34000")
    assert (answer.size, answer.reached, answer.one_less) == (Decimal("0.37500001"), 34000, 19000)


def test_only_the_direction_moves() -> None:
    accounts = [loan("eth", 19000), loan("btc", 19000, "BTC", "0.5")]
    answer = found(accounts, "accounts=1", "BTC")
    assert [move.market for move in answer.moved] == ["BTC"]
    assert found(accounts, "accounts=2", "BTC").size is None


def test_weights_share_the_move() -> None:
    """ETH falls half as much as BTC: 24,000·(1 − s/2) < 19,000 first at s = 0.41666667."""
    answer = found([loan("eth", 19000), loan("btc", 100, "BTC", 1)], "accounts=1", "ETH=-1,BTC=-2")
    assert answer.size == Decimal("0.41666667")


def test_a_short_falls_when_prices_rise() -> None:
    """Short 1 at 3,000 with 300 behind it and maintenance 5 %: 3,300 − p < 0.05·p first above 3,142.857142…"""
    terms = rule_set("generic/derivatives").module.parameters("derivatives", 0, {"*": {"maintenance_rate": "0.05"}})
    short = Position(market="ETH", side="short", quantity=Decimal(1), entry=Decimal(3000))
    account = Account(id="s", rules="generic/derivatives", wallet={"USD": Decimal(300)}, positions=(short,))
    market = Market(quotes={("generic", "ETH", "mark"): Quote(Decimal(3000))})
    goal, weights = parse_goal("accounts=1"), parse_direction("+ETH", market)
    answer = reverse_stress([account], market, lambda account: terms, 0, goal, weights)
    assert answer.size == Decimal("0.04761905")
    assert answer.one_less == 0
    down = reverse_stress([account], market, lambda account: terms, 0, goal, parse_direction("ETH", market))
    assert down.size is None


def test_what_is_reached_before_any_move_is_a_move_of_nothing() -> None:
    answer = found([loan("a", 25000)], "accounts=1")
    assert (answer.size, answer.reached, answer.one_less, answer.moved) == (0, 1, None, ())


@settings(max_examples=5, deadline=None)
@given(st.lists(st.integers(1000, 40000), min_size=1, max_size=6), st.integers(1, 60000))
def test_the_stress_of_the_move_costs_it_and_of_one_step_less_does_not(debts: list[int], amount: int) -> None:
    accounts = [loan(str(n), debt) for n, debt in enumerate(debts)]
    answer = reverse_stress(
        accounts, MARKET, lambda account: TERMS, 0, Goal("bad_debt", Decimal(amount)), {"ETH": Decimal(-1)}
    )

    def cost(move: Decimal) -> Decimal:
        told = stress(accounts, MARKET, lambda account: TERMS, [Shock(target="ETH", move=-move)], 0)
        return Decimal(told["after"]["bad_debt"])

    if answer.size is None:
        assert cost(Decimal("0.99999998")) < amount
    elif answer.size:
        assert cost(answer.size) >= amount > cost(answer.size - Decimal("0.00000001"))
    else:
        assert cost(Decimal(0)) >= amount


def test_a_scenario_is_a_direction() -> None:
    weights = parse_direction("black-thursday-2020", MARKET)
    assert weights["ETH"] == -1
    assert weights["BTC"] == pytest.approx(Decimal("-0.4645") / Decimal("0.4778"))
    then = shocked(MARKET, [Shock(target=name, move=move) for name, move in weights.items() if move > -1])[0]
    assert then.price("generic", "USDC", "oracle") == 1


@pytest.mark.parametrize("text", ["bad_debt", "profit=1", "accounts=0", "accounts=many"])
def test_a_goal_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="bad_goal"):
        parse_goal(text)


@pytest.mark.parametrize("text", ["ETH=0", "=1", "ETH=x"])
def test_a_direction_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="bad_direction"):
        parse_direction(text, MARKET)

"""Keepers against each other: who is there, who wins, what the winner pays."""

from decimal import Decimal as D

from hypothesis import given
from hypothesis import strategies as st

from marginbook.liquidation.gas import Keeper, gas_auction, present

ANN = Keeper(name="ann", gas_cap=D(50))
BOB = Keeper(name="bob", gas_cap=D(200), latency=12)
CAT = Keeper(name="cat")


def test_a_cap_and_a_latency_hold_to_the_unit() -> None:
    assert [k.name for k in present((ANN, BOB, CAT), D(50), 12)] == ["ann", "bob", "cat"]
    assert [k.name for k in present((ANN, BOB, CAT), D("50.01"), 11)] == ["cat"]


def test_the_winner_pays_the_second_highest_and_a_tenth() -> None:
    found = gas_auction((ANN, CAT), D(100_000), 500, D(10))
    assert (found.winner, found.gas_price, found.profit) == ("cat", D(55), D(100_000 - 55 * 500))


def test_alone_the_base_price_is_enough() -> None:
    found = gas_auction((ANN, CAT), D(100_000), 500, D(51))
    assert (found.winner, found.gas_price, found.present) == ("cat", D(51), ("cat",))


def test_a_profit_that_does_not_pay_the_gas_is_left() -> None:
    assert gas_auction((CAT,), D(499), 500, D(1)).winner is None
    assert gas_auction((CAT,), D(500), 500, D(1)).profit == 0
    assert gas_auction((), D(10**6), 500, D(1)).winner is None


def test_the_others_pay_for_their_failed_transactions() -> None:
    found = gas_auction((ANN, BOB, CAT), D(100_000), 400, D(10), elapsed=12, failed_gas=20)
    assert found.winner == "cat"  # willing to pay 250, bob his cap of 200
    assert (found.gas_price, found.lost) == (D(220), D(250 * 20))


@given(
    st.lists(st.tuples(st.integers(1, 300), st.integers(0, 60), st.integers(0, 99)), min_size=1, max_size=6),
    st.integers(1, 10**6),
    st.integers(1, 100),
)
def test_the_winner_never_loses_and_never_breaks_its_cap(
    rows: list[tuple[int, int, int]], profit: int, base: int
) -> None:
    keepers = tuple(
        Keeper(name=f"k{n}", gas_cap=D(cap), latency=latency, margin=D(margin) / 100)
        for n, (cap, latency, margin) in enumerate(rows)
    )
    found = gas_auction(keepers, D(profit), 300, D(base), elapsed=30)
    again = gas_auction(tuple(reversed(keepers)), D(profit), 300, D(base), elapsed=30)
    assert found == again or (found.winner, found.gas_price) == (again.winner, again.gas_price)
    if found.winner is not None:
        winner = next(k for k in keepers if k.name == found.winner)
        assert found.profit >= profit * winner.margin - D("1e-30")
        assert base <= found.gas_price <= (winner.gas_cap or 0)
        assert winner.latency <= 30

"""Distances: the smallest move that liquidates, proved on both sides of the reported figure."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marginbook.domain.account import Account, Position
from marginbook.domain.market import Market
from marginbook.margin_calls.distance import Distances, distances

D = Decimal
STEP = D("1E-8")


def account_of(wallet: str, *positions: tuple[str, str, str, str]) -> Account:
    made = tuple(
        Position(market=m, side=s, quantity=D(q), entry=D(e), leverage=D(5))  # type: ignore[arg-type]
        for m, s, q, e in positions
    )
    return Account(id="a", rules="toy/1", wallet={"USDT": D(wallet)}, positions=made)


def moved(market: Market, signs: dict[str, int], move: Decimal) -> Market:
    return market.with_prices({key: q.price * (1 + signs.get(key[1], 0) * move) for key, q in market.quotes.items()})


def find(toy, market, account) -> Distances:
    return distances(toy, account, "cross:USDT", market, None, 0)


def test_a_long_falls_and_never_rises_into_liquidation(toy, toy_market) -> None:
    # 20 + 1·(p − 100) < 0.05·p at p < 80 / 0.95
    found = find(toy, toy_market, account_of("20", ("BTCUSDT", "long", "1", "100")))
    assert found == Distances(D("0.15789473"), None, D("0.15789473"))


def test_a_short_rises_into_it(toy, toy_market) -> None:
    # 20 − (p − 100) < 0.05·p at p > 120 / 1.05
    found = find(toy, toy_market, account_of("20", ("BTCUSDT", "short", "1", "100")))
    assert found == Distances(None, D("0.14285714"), D("0.14285714"))


def test_a_border_on_the_grid_is_the_distance_itself_whichever_operator(toy, toy_market) -> None:
    # 5 + ... = 0.05·p at p = 100: strictly below it the account is liquidatable, so it has no room at all
    on_the_border = account_of("5", ("BTCUSDT", "long", "1", "100"))
    assert find(toy, toy_market, on_the_border) == Distances(D(0), None, D(0))
    # 24 + (p − 100) = 0.05·p at p = 80, a fall of exactly 0.2
    assert find(toy, toy_market, account_of("24", ("BTCUSDT", "long", "1", "100"))).down == D("0.2")


def test_already_liquidatable_is_zero(toy, toy_market) -> None:
    assert find(toy, toy_market, account_of("4", ("BTCUSDT", "long", "1", "100"))) == Distances(D(0), D(0), D(0))


def test_without_positions_no_move_matters(toy, toy_market) -> None:
    assert find(toy, toy_market, account_of("4")) == Distances(None, None, None)


def test_stable_markets_stay(toy, toy_market) -> None:
    pegged = account_of("0.06", ("USDCUSDT", "long", "1", "1"))
    assert find(toy, toy_market, pegged) == Distances(None, None, None)
    free = distances(toy, pegged, "cross:USDT", toy_market, None, 0, frozenset())
    assert free.down == D("0.01052631")


def test_worst_moves_each_price_against_the_account(toy, toy_market) -> None:
    # long BTC and short ETH of the same size hedge a common move: 30 + 100·a − 100·b < 0.05·(200 + …)
    hedge = account_of("30", ("BTCUSDT", "long", "1", "100"), ("ETHUSDT", "short", "10", "10"))
    found = find(toy, toy_market, hedge)
    assert found.down is None
    assert found.up == D(2)  # 30 = 0.05·200·(1 + u) at u = 2
    assert found.worst == D("0.1")  # 30 − 200·d = 0.05·200


BOOKS = dict(  # noqa: C408
    wallet=st.decimals(1, 200_000, places=2),
    legs=st.lists(
        st.tuples(
            st.sampled_from(["BTCUSDT", "ETHUSDT"]),
            st.sampled_from(["long", "short"]),
            st.decimals("0.01", 5000, places=2),
            st.decimals(5, 150, places=2),
        ),
        min_size=1,
        max_size=3,
    ),
)


@settings(max_examples=60, deadline=None)
@given(**BOOKS)
def test_one_step_either_side_of_a_distance(toy, toy_market, wallet, legs) -> None:
    account = account_of(str(wallet), *[(m, s, str(q), str(e)) for m, s, q, e in legs])

    def liquidatable(signs: dict[str, int], move: Decimal) -> bool:
        return bool(toy.module.is_liquidatable(account, "cross:USDT", moved(toy_market, signs, move), None, 0))

    found = find(toy, toy_market, account)
    if liquidatable({}, D(0)):
        assert found == Distances(D(0), D(0), D(0))
        return
    down, up = {"BTCUSDT": -1, "ETHUSDT": -1}, {"BTCUSDT": 1, "ETHUSDT": 1}
    for signs, distance in ((down, found.down), (up, found.up)):
        if distance is None:
            assert not liquidatable(signs, D("0.99999999") if signs is down else D(10) ** 6)
        else:
            assert liquidatable(signs, distance + STEP)
            assert distance == 0 or not liquidatable(signs, distance - STEP)
    every = [{"BTCUSDT": a, "ETHUSDT": b} for a in (-1, 1) for b in (-1, 1)]
    if found.worst is None:
        assert not any(liquidatable(signs, D("0.99999999")) for signs in every)
    elif found.worst < 1:
        assert found.worst <= min(d for d in (found.down, found.up, D(1)) if d is not None)
        assert any(liquidatable(signs, found.worst + STEP) for signs in every)
        assert found.worst == 0 or not any(liquidatable(signs, found.worst - STEP) for signs in every)


@pytest.mark.parametrize(("more", "less"), [("30", "29"), ("1000", "20")])
def test_more_margin_is_never_nearer(toy, toy_market, more, less) -> None:
    legs = (("BTCUSDT", "long", "1", "100"), ("ETHUSDT", "short", "2", "10"))
    rich, poor = (find(toy, toy_market, account_of(w, *legs)) for w in (more, less))
    assert (rich.down or 9) >= (poor.down or 9)
    assert (rich.worst or 9) >= (poor.worst or 9)


@pytest.mark.long
@settings(max_examples=2000, deadline=None)
@given(case=st.fixed_dictionaries(BOOKS))
def test_one_step_either_side_of_a_distance_with_a_long_budget(toy, toy_market, case) -> None:
    test_one_step_either_side_of_a_distance.hypothesis.inner_test(toy=toy, toy_market=toy_market, **case)

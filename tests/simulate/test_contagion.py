"""Fire sales, overlap and clearing: by hand, by laws, and against plain iteration."""

from itertools import pairwise

import numpy as np
import pytest

from marginbook.domain.errors import BadInput
from marginbook.simulate.contagion import (
    cleared_by_name,
    clearing,
    exponential_depth,
    fire_sales,
    holders,
    linear_depth,
    overlap,
)


def random_network(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    rng = np.random.default_rng(seed)
    debts = np.floor(rng.exponential(50, (n, n))) * (rng.random((n, n)) < 0.4)
    np.fill_diagonal(debts, 0.0)
    return debts, np.floor(rng.exponential(40, n)) * (rng.random(n) < 0.7)


@pytest.mark.parametrize("seed", range(60))
def test_clearing_is_the_greatest_fixed_point(seed: int) -> None:
    """Iteration down from full payment ends at the greatest p = min(p̄, e + Πᵀp); ours is that, in at most n rounds."""
    debts, cash = random_network(seed, 2 + seed % 12)
    total = debts.sum(axis=1)
    shares = np.divide(debts, total[:, None], out=np.zeros_like(debts), where=total[:, None] > 0)
    payments = total
    for _ in range(20_000):
        payments = np.minimum(total, cash + shares.T @ payments)
    found = clearing(debts, cash)
    assert np.allclose(found.payments, payments, rtol=1e-7, atol=1e-7)
    assert len(found.defaults) <= len(cash)
    assert (found.equity >= -1e-9).all()  # limited liability
    failed = found.payments < total * (1 - 1e-9)
    assert np.allclose(found.equity[failed], 0.0, atol=1e-9)  # absolute priority
    assert found.equity.sum() == pytest.approx(cash.sum())  # what is there is shared out, no more and no less


def test_more_cash_never_lowers_a_payment() -> None:
    for seed in range(30):
        debts, cash = random_network(seed, 8)
        assert (clearing(debts, cash + 10).payments >= clearing(debts, cash).payments - 1e-9).all()


def test_a_chain_of_defaults_takes_a_round_each_and_a_circle_pays() -> None:
    chain = np.diag([10.0] * 5, 1)
    found = clearing(chain, [9, 0, 0, 0, 0, 0])
    assert found.defaults == ((0,), (1,), (2,), (3,), (4,))
    assert found.payments.tolist() == [9.0] * 5 + [0.0]
    circle = clearing([[0, 5], [5, 0]], [0, 0])  # nobody has cash, and everybody can pay
    assert (circle.payments.tolist(), circle.defaults) == ([5.0, 5.0], ())


def test_a_fund_shared_by_two_venues_passes_on_what_it_lacks() -> None:
    debts = {
        ("fund", "venue a"): 300,
        ("fund", "venue b"): 100,
        ("venue a", "traders a"): 300,
        ("venue b", "traders b"): 100,
    }
    told = cleared_by_name(debts, {"fund": 200})
    assert told["venue b"]["shortfall"] == pytest.approx(50)  # a's hole has halved what b gets
    assert cleared_by_name(debts, {"fund": 200, "venue b": 60})["venue b"]["equity"] == pytest.approx(10)


def test_fire_sales_by_hand() -> None:
    first, second = fire_sales(holders([[80.0], [100.0]], [4.0, 20.0]), linear_depth([1000.0]), 16.0, 15.0)[:2]
    assert first.shares.tolist() == [0.25, 0.0]
    assert (first.sold.tolist(), first.falls.tolist()) == ([20.0], [0.02])
    assert first.losses.tolist() == pytest.approx([1.4, 2.0])  # half of 2 % on 20, all of it on 60 and on 100
    assert first.after.capital.tolist() == pytest.approx([2.6, 18.0])
    assert first.after.holdings.ravel().tolist() == pytest.approx([58.8, 98.0])
    assert second.sold[0] == pytest.approx(58.8 - 15 * 2.6)


def test_fire_sales_end_and_lose_less_in_deeper_markets() -> None:
    rng = np.random.default_rng(5)
    held = rng.exponential(100, (12, 4))
    capital = held.sum(axis=1) / rng.uniform(5, 20, 12)
    losses = []
    for depth in (3e3, 1e4, 1e5):
        for falls in (linear_depth([depth] * 4), exponential_depth([depth] * 4, 0.2)):
            rounds = fire_sales(holders(held, capital, held[:, 0]), falls, 18.0, 16.0)
            left = rounds[-1].after
            assert ((left.leverage <= 18.0 + 1e-9) | (left.holdings.sum(axis=1) < 1e-9)).all()
            assert all((b.after.capital <= a.after.capital + 1e-12).all() for a, b in pairwise(rounds))
        losses.append(sum(float(sale.losses.sum()) for sale in rounds))
    assert losses == sorted(losses, reverse=True)
    assert not fire_sales(holders(held, held.sum(axis=1), None), falls, 18.0, 16.0)  # nobody is above: nobody sells


def test_overlap_is_the_first_order_of_fire_sales() -> None:
    held, depth = np.array([[10.0, 0.0], [20.0, 5.0], [0.0, 7.0]]), [1e7, 1e6]
    matrix = overlap(held, depth)
    assert np.allclose(matrix, matrix.T, rtol=1e-15)
    assert matrix[0, 2] == 0.0  # nothing in common
    # Holder 1 sells all; what 0 loses is Ω[0, 1], all of the impact on what it keeps.
    (sale,) = fire_sales(holders(held, [10.0, 1.0, 7.0]), linear_depth(depth), 20.0, 1.0)[:1]
    assert sale.shares[1] == pytest.approx(24 / 25)
    assert sale.losses[0] == pytest.approx(matrix[0, 1] * sale.shares[1])


def test_bad_networks_are_refused() -> None:
    for make in (
        lambda: clearing([[0, 1]], [1, 2]),
        lambda: clearing([[1.0]], [1.0]),
        lambda: clearing([[0, -1], [0, 0]], [1, 2]),
        lambda: holders([[1.0, 2.0]], [1.0, 2.0]),
        lambda: overlap([[1.0]], [0.0]),
        lambda: fire_sales(holders([[1.0]], [1.0]), linear_depth([1.0]), 5.0, 5.0),
    ):
        with pytest.raises(BadInput, match="bad_network"):
            make()

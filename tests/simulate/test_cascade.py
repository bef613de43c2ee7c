"""The one-pass cascade against the rounds it stands for, on random books."""

from random import Random
from typing import Any

import numpy as np
import pytest

from marginbook.domain.errors import BadInput
from marginbook.simulate import cascade as module
from marginbook.simulate.cascade import cascade, slices
from marginbook.simulate.impact import Impact, book, constant_product, linear, none, square_root


def rounds(levels: Any, sizes: Any, price: float, impact: Impact, side: str) -> tuple[float, float, int]:
    """Frozen: mark, liquidate everything that is reached, mark again, until nothing falls."""
    sign = 1.0 if side == "long" else -1.0
    gone = np.zeros(len(levels), bool)
    now = price
    while True:
        reached = sign * levels >= sign * now
        if (reached == gone).all():
            return now, float(sizes[gone].sum()), int(gone.sum())
        gone = reached | gone
        now = float(price * impact(sign * sizes[gone].sum()))


def random_book(random: Random) -> tuple[Any, Any, float, Impact, str]:
    n = random.randrange(0, 60)
    price = 100.0
    side = random.choice(["long", "short"])
    spread = random.choice([0.01, 0.05, 0.3, 1.0])
    moves = [random.random() * spread - 0.005 for _ in range(n)]
    if random.random() < 0.5:  # many ties, and thresholds that prices hit exactly
        moves = [round(move, 2) for move in moves]
    levels = np.array([price * (1 - move if side == "long" else 1 + move) for move in moves])
    sizes = np.array([float(random.choice([0, 1, 1, 2, 5, 50, random.randrange(1, 300)])) for _ in range(n)])
    depth = 10.0 ** random.uniform(0, 3)
    impact = random.choice(
        [
            linear(depth),
            square_root(0.05, 100 * depth),
            constant_product(100 * depth),
            book([(0.01, depth), (0.02, 1.5 * depth), (0.1, 20 * depth)]),
            none,
        ]
    )
    return levels, sizes, price, impact, side


@pytest.mark.parametrize("most", [0, 30, 20_000])
def test_one_pass_ends_where_the_rounds_end_on_random_books(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SORTED_MOST", most)  # small books by bands too, and few bands
    monkeypatch.setattr(module, "BANDS", 8 if most else 50)
    random = Random(most)
    falls = whole = 0
    for _ in range(3400):
        levels, sizes, price, impact, side = random_book(random)
        found = cascade(levels, sizes, price, impact, side)  # type: ignore[arg-type]
        expected = rounds(levels, sizes, price, impact, side)
        assert (found.price, found.sold, found.count) == expected
        falls += found.count > 0
        whole += found.count == len(levels) > 0
    assert falls > 1000
    assert 50 < whole < falls


def test_ties_fall_together_and_the_edge_is_included() -> None:
    levels, sizes = [99.0, 99.0, 99.0, 96.0], [1.0, 1.0, 2.0, 1.0]
    assert cascade(levels, sizes, 99.0, linear(1.0)).count == 4  # to 95.04, past 96
    assert cascade(levels, sizes, 99.0, linear(1.33)).count == 3  # to 96.0226, short of 96
    assert cascade(levels, sizes, 99.000001, linear(1.0)).count == 0


def test_a_deeper_market_or_a_smaller_shock_never_falls_further() -> None:
    random = Random(7)
    for _ in range(300):
        levels, sizes, price, _, _ = random_book(random)
        ends = [cascade(levels, sizes, price, linear(depth)) for depth in (10.0, 20.0, 80.0)]
        assert [end.price for end in ends] == sorted(end.price for end in ends)
        assert ends[0].count >= ends[1].count >= ends[2].count
        lower = cascade(levels, sizes, 0.97 * price, linear(20.0))
        assert lower.count >= ends[1].count


def test_parts_of_a_position_fall_one_by_one() -> None:
    levels, parts = slices(100.0, 1000.0, 0.02, 4, 0.25)
    assert parts.sum() == pytest.approx(1000.0)
    half = cascade(levels, parts, 100.0, linear(200.0))
    assert 0 < half.count < 4
    assert half.price > cascade([100.0], [1000.0], 100.0, linear(200.0)).price


def test_bad_books_are_refused() -> None:
    bad = (([1.0], [1.0, 2.0], 1.0), ([np.nan], [1.0], 1.0), ([1.0], [-1.0], 1.0), ([1.0], [1.0], 0.0))
    for levels, sizes, price in bad:
        with pytest.raises(BadInput, match="bad_cascade"):
            cascade(levels, sizes, price, none)
    assert cascade([], [], 5.0, none).price == 5.0

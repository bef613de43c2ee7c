"""The scenario engine against plain NumPy, and the properties that it promises."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marginbook.domain.errors import BadInput
from marginbook.risk_models import historical
from marginbook.risk_models.reducers import (
    Probabilities,
    kth_loss,
    quantile,
    requirement,
    tail_mean,
    weighted_worst,
    worst,
)
from marginbook.risk_models.scenarios import (
    Positions,
    RiskArrays,
    profits,
    requirements,
    what_if,
    worst_losses,
)

TAIL, MEAN = Decimal("0.99"), Decimal("0.975")


def book(accounts: int, contracts: int, scenarios: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    held = random.standard_normal((accounts, contracts)) * (random.random((accounts, contracts)) < 0.3)
    return held, random.standard_normal((contracts, scenarios)) * 0.02


def rows(held: np.ndarray) -> Positions:
    account, contract = np.nonzero(held)
    return Positions.of(len(held), account, contract, held[account, contract])


@pytest.mark.parametrize("scenarios", [1, 16, 250, 511, 2500])
def test_order_statistics_are_those_of_sorted_profits(scenarios: int) -> None:
    held, arrays = book(40, 50, scenarios, scenarios)
    wanted = [
        worst(),
        kth_loss(max(1, scenarios // 40)),
        *(quantile(scenarios, TAIL, convention) for convention in ("ceiling", "floor", "linear")),
        *(tail_mean(scenarios, MEAN, convention) for convention in ("inclusive", "acerbi_tasche")),
    ]
    found = requirements(rows(held), arrays, wanted)
    for account, line in enumerate(found):
        simulated = [Decimal(p) for p in profits(rows(held), arrays, account)]
        losses = sorted((-p for p in simulated), reverse=True)
        expected = [
            losses[0],
            losses[max(1, scenarios // 40) - 1],
            *(-historical.quantile(simulated, 1 - TAIL, c) for c in ("ceiling", "floor", "linear")),
            *(-historical.tail_mean(simulated, 1 - MEAN, c) for c in ("inclusive", "acerbi_tasche")),
        ]
        assert line == pytest.approx([float(x) for x in expected], rel=1e-13, abs=1e-16)


KINDS = {
    "plain": lambda random, shape: random.standard_normal(shape),
    "nearer than float32 can tell": lambda random, shape: 1 + 1e-8 * random.standard_normal(shape),
    "at the grain of float32": lambda random, shape: 1 + 3e-8 * random.permutation(shape[1]) * np.ones(shape),
    "few values": lambda random, shape: random.integers(-30, 3, shape) / 8.0,
    "of every size": lambda random, shape: random.standard_normal(shape) * 10.0 ** random.integers(-40, 40, shape),
    "heavy tails": lambda random, shape: random.standard_cauchy(shape) ** 3,
    "contracts of every size": lambda random, shape: (
        random.standard_normal(shape) * 10.0 ** random.integers(-120, 120, (shape[0], 1))
    ),
    "too small to scale": lambda random, shape: random.standard_normal(shape) * 1e-290,
    "subnormal": lambda random, shape: random.integers(-90, 90, shape) * 5e-324,
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_screen_in_float32_never_changes_a_bit(kind: str) -> None:
    random = np.random.default_rng(len(kind))
    for scenarios in (32, 60, 333, 1000):
        arrays = KINDS[kind](random, (9, scenarios))
        held = random.standard_normal((200, 9)) * (random.random((200, 9)) < 0.9)
        held[100:] *= 10.0 ** random.integers(-6, 6, (100, 9))
        need = scenarios // 12
        found = requirements(rows(held), arrays, [kth_loss(k) for k in range(1, need + 1)])
        for account in range(200):
            expected = -np.sort(profits(rows(held), arrays, account))[:need]
            assert found[account].tolist() == expected.tolist(), (kind, scenarios, account)


def test_profits_are_those_of_a_matrix_product() -> None:
    held, arrays = book(30, 50, 700, 3)
    for account in range(30):
        bound = 50 * 2.0**-53 * (abs(held[account]) @ abs(arrays))
        assert (abs(profits(rows(held), arrays, account) - held[account] @ arrays) <= 2 * bound).all()


def test_bits_do_not_depend_on_threads_order_of_accounts_or_order_of_positions() -> None:
    held, arrays = book(301, 50, 2500, 4)
    wanted = [quantile(2500, TAIL, "ceiling"), tail_mean(2500, MEAN, "acerbi_tasche")]
    one = requirements(rows(held), arrays, wanted, threads=1)
    assert one.tobytes() == requirements(rows(held), arrays, wanted, threads=2).tobytes()
    assert one.tobytes() == requirements(rows(held), arrays, wanted).tobytes()
    order = np.random.default_rng(5).permutation(301)
    assert one[order].tobytes() == requirements(rows(held[order]), arrays, wanted).tobytes()
    account, contract = np.nonzero(held)
    mixed = np.random.default_rng(6).permutation(account.size)
    account, contract = account[mixed], contract[mixed]
    shuffled = Positions.of(301, account, contract, held[account, contract])
    assert one.tobytes() == requirements(shuffled, arrays, wanted).tobytes()
    alone = [requirements(rows(held).only(n), arrays, wanted)[0] for n in (0, 150, 300)]
    assert np.array(alone).tobytes() == one[[0, 150, 300]].tobytes()
    losses, active = worst_losses(rows(held), arrays, threads=1)
    others = worst_losses(rows(held[order]), arrays)
    assert losses[order].tobytes() == others[0].tobytes()
    assert active[order].tobytes() == others[1].tobytes()


def test_ties_empty_accounts_and_lots_of_one_contract() -> None:
    nothing = Positions.of(2, [1, 1, 1], [0, 0, 0], [1.0, 2.0, -3.0])
    arrays = np.ones((1, 3000))
    assert requirements(nothing, arrays, [kth_loss(30), tail_mean(3000, MEAN, "inclusive")]).tolist() == [[0, 0]] * 2
    steps = np.repeat([-2.0, -1.0, 1.0], 1000)[None, :]
    one = Positions.of(1, [0], [0], [1.0])
    found = requirements(one, steps, [kth_loss(1000), kth_loss(1001), kth_loss(3000)])
    assert found.tolist() == [[2.0, 1.0, -1.0]]


def test_a_book_without_accounts_or_positions() -> None:
    assert requirements(Positions.of(0, [], [], []), np.ones((2, 30)), [worst(), kth_loss(3)]).shape == (0, 2)
    wanted = [worst(), kth_loss(3), Probabilities((0.5, 0.5, 0.0), 0.1, True)]
    found = requirements(Positions.of(2, [], [], []), np.ones((2, 3), np.float32), wanted)
    assert [str(x) for x in found.ravel()] == ["0.0"] * 6


def test_weighted_worst_and_scenarios_of_unequal_probability() -> None:
    one = Positions.of(1, [0], [0], [1.0])
    arrays = [[-10.0, -4.0, -6.0, 5.0]]
    assert requirements(one, arrays, [weighted_worst((0.3, 1.0, 1.0, 1.0))]).tolist() == [[6.0]]
    probability = (0.1, 0.3, 0.2, 0.4)
    for tail, loss, mean in ((0.1, 10.0, 10.0), (0.2, 6.0, 8.0), (0.45, 4.0, (1.0 + 1.2 + 0.15 * 4) / 0.45)):
        wanted = [Probabilities(probability, tail, mean) for mean in (False, True)]
        assert requirements(one, arrays, wanted)[0] == pytest.approx([loss, mean], rel=1e-15)


def test_equal_probabilities_give_the_plain_tail_mean() -> None:
    held, arrays = book(20, 50, 400, 8)
    equal = Probabilities((1 / 400,) * 400, 0.025, True)
    found = requirements(rows(held), arrays, [equal, tail_mean(400, MEAN, "acerbi_tasche")])
    assert found[:, 0] == pytest.approx(found[:, 1], rel=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(50, 400))
def test_expected_shortfall_is_sub_additive_and_scales(seed: int, scenarios: int) -> None:
    held, arrays = book(2, 8, scenarios, seed)
    both = np.vstack([held, held.sum(0), 3 * held[0]])
    wanted = [tail_mean(scenarios, MEAN, "acerbi_tasche"), worst()]
    first, second, together, tripled = requirements(rows(both), arrays, wanted)
    slack = 1e-12 * (abs(held) @ abs(arrays)).sum()
    assert (together <= first + second + slack).all()
    assert tripled == pytest.approx(3 * first, abs=slack)


def test_tails_are_counted_exactly() -> None:
    for n in range(1, 3000):
        assert len(quantile(n, TAIL, "floor").weights) == int(n * Fraction(1, 100)) + 1
    assert len(quantile(2500, Decimal("0.99"), "ceiling").weights) == 25
    assert sum(tail_mean(2500, MEAN, "acerbi_tasche").weights) == pytest.approx(1.0, rel=1e-13)


def test_what_if_has_the_bits_of_the_book_with_the_trade() -> None:
    held, arrays = book(3, 50, 300, 9)
    wanted = [worst(), tail_mean(300, MEAN, "acerbi_tasche")]
    before, table = rows(held), RiskArrays.of(arrays)
    answer = what_if(before, table, 1, [7, 9], [2.5, -1.0], wanted)
    assert answer[0].tobytes() == requirements(before, arrays, wanted)[1].tobytes()
    held[1, 7] += 2.5
    held[1, 9] -= 1.0
    assert answer[1].tobytes() == requirements(rows(held), table, wanted)[1].tobytes()
    assert answer[1, 0] <= answer[0, 0] + 2.5 * abs(arrays[7]).max() + abs(arrays[9]).max()


def test_money_is_never_negative_and_rounded_up() -> None:
    assert [requirement(x, Decimal("0.01")) for x in (0.001, -3.0, 2.0)] == [Decimal("0.01"), 0, 2]


def test_bad_input_is_named() -> None:
    one = Positions.of(1, [0], [3], [1.0])
    for action in (
        lambda: requirements(one, np.zeros((3, 4)), [worst()]),
        lambda: requirements(one, np.full((4, 4), np.nan), [worst()]),
        lambda: requirements(one, np.zeros((4, 4)), [kth_loss(5)]),
        lambda: requirements(one, np.zeros((4, 4)), [weighted_worst((1.0,))]),
        lambda: Positions.of(1, [1], [0], [1.0]),
        lambda: Positions.of(1, [0], [0], [np.inf]),
        lambda: requirements(Positions.of(1, [0], [0], [1e300]), np.full((1, 4), 10.0), [worst()]),
        lambda: kth_loss(0),
        lambda: weighted_worst((-1.0,)),
        lambda: quantile(100, Decimal(1), "floor"),
        lambda: tail_mean(0, MEAN, "inclusive"),
        lambda: requirement(float("nan"), Decimal(1)),
        lambda: profits(one, np.zeros((4, 4)), 1),
        lambda: what_if(one, np.zeros((4, 4)), -1, [0], [1.0], [worst()]),
    ):
        with pytest.raises(BadInput):
            action()

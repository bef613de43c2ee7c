"""Sharing a deficit out: a paper's numbers, borders one unit either side, laws over random winners."""

from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginbook.domain.errors import BadInput
from marginbook.liquidation.allocators import (
    allocate,
    cap,
    capped_pro_rata,
    filled,
    queue,
    risk_aware_pro_rata,
    water_filling,
)
from marginbook.liquidation.whole_contracts import Holder, floor_pro_rata, least_largest

ONE = Decimal(1)
UNIT = Decimal("0.00000001")
amounts = st.integers(0, 10**12).map(lambda units: units * UNIT)
rates = st.integers(0, 1000).map(lambda thousandths: Decimal(thousandths).scaleb(-3))
winners = st.lists(st.tuples(amounts, rates, rates), min_size=1, max_size=9)


def decimals(*texts: str) -> list[Decimal]:
    return [Decimal(text) for text in texts]


# arXiv 2512.01112, numerical example of section 3: five accounts, profits (8, 4, 0.5, 0, 0), budget half of 15.


def test_the_queue_of_the_paper() -> None:
    second, first, third = queue(Decimal("7.5"), decimals("4", "8", "0.5"))
    assert (first, second, third) == (Decimal("3.5"), 4, 0)
    assert first / 8 == Decimal("0.4375")


def test_the_pro_rata_rule_of_the_paper() -> None:
    assert allocate(Decimal("7.5"), decimals("8", "4", "0.5", "0", "0")) == decimals("4.8", "2.4", "0.3", "0", "0")


def test_the_rate_of_the_paper_at_t_2() -> None:
    equities = decimals("1.2613", "5.6214", "0.8397")
    paid = allocate(Decimal("0.7054"), equities)  # the deficit of B and D
    assert {str(round(amount / own, 4)) for amount, own in zip(paid, equities, strict=True)} == {"0.0913"}


@pytest.mark.parametrize(
    ("weight", "printed"),
    [
        (lambda leverage: leverage * leverage, "0.164 0.589 0.246"),
        (lambda leverage: leverage**3, "0.155 0.498 0.348"),
        (lambda leverage: leverage * max(Decimal(0), leverage - Decimal("0.9")), "0.149 0.114 0.737"),
    ],
    ids=["linear", "power", "tail"],
)
def test_the_risk_aware_shares_of_the_paper(weight, printed) -> None:  # type: ignore[no-untyped-def]
    # Winners A, C, E at t = 2: equities and notionals as printed, so that leverages carry four digits.
    equity = decimals("1.2613", "5.6214", "0.8397")
    leverage = [n / e for n, e in zip(decimals("1.3", "5.2", "1.3"), equity, strict=True)]
    shares = risk_aware_pro_rata(Decimal("0.001"), equity, [ONE] * 3, [weight(each) for each in leverage], places=12)
    for share, text in zip(shares, printed.split(), strict=True):
        assert abs(share * 1000 - Decimal(text)) <= Decimal("0.0008")  # they print A and C from rounded leverages


def test_a_cap_binds_from_its_own_unit_on() -> None:
    caps = decimals("10", "100", "100")
    assert water_filling(Decimal(30), caps, [ONE] * 3, 0) == [10, 10, 10]
    assert water_filling(Decimal(31), caps, [ONE] * 3, 0) == [10, 11, 10]
    assert water_filling(Decimal(29), caps, [ONE] * 3, 0) == [10, 10, 9]
    assert water_filling(Decimal(209), caps, [ONE] * 3, 0) == [10, 100, 99]
    assert water_filling(Decimal(210), caps, [ONE] * 3, 0) == [10, 100, 100]
    assert water_filling(Decimal(211), caps, [ONE] * 3, 0) == [10, 100, 100]


def test_fractions_of_a_unit_go_to_the_largest_remainders_then_to_the_first() -> None:
    caps = decimals("99", "99", "99")
    assert water_filling(Decimal(10), caps, decimals("1", "2", "0"), 0) == [3, 7, 0]
    assert water_filling(Decimal(10), caps, decimals("2", "1", "0"), 0) == [7, 3, 0]
    assert water_filling(Decimal(5), caps, decimals("1", "1", "1"), 0) == [2, 2, 1]
    assert water_filling(Decimal(10), decimals("8", "99"), decimals("1", "2"), 0) == [3, 7]


def test_who_has_no_weight_pays_nothing() -> None:
    assert water_filling(Decimal(30), decimals("20", "20"), decimals("1", "0"), 0) == [20, 0]


@pytest.mark.parametrize("bad", ["-1", "NaN", "Infinity"])
def test_amounts_that_make_no_sense_are_refused(bad: str) -> None:
    for call in (queue, allocate):
        with pytest.raises(BadInput, match="bad_amount"):
            call(Decimal(bad), [ONE])
        with pytest.raises(BadInput, match="bad_amount"):
            call(ONE, [Decimal(bad)])
    with pytest.raises(BadInput, match="bad_weights"):
        water_filling(ONE, [ONE], [Decimal(bad)])
    with pytest.raises(BadInput, match="bad_weights"):
        water_filling(ONE, [ONE, ONE], [ONE])


def shared(budget: Decimal, rows: list[tuple[Decimal, Decimal, Decimal]]) -> dict[str, tuple[list[Decimal], ...]]:
    """Every rule on the same winners (endowment, cap, weight): what each pays and could pay at most."""
    endowments, caps, weights = ([row[i] for row in rows] for i in range(3))
    most = [(e * cap).quantize(UNIT, "ROUND_FLOOR") for e, cap in zip(endowments, caps, strict=True)]
    willing = [each if weight else Decimal(0) for each, weight in zip(most, weights, strict=True)]
    return {
        "queue": (queue(budget, endowments), endowments),
        "pro-rata": (allocate(budget, endowments), endowments),
        "capped": (capped_pro_rata(budget, endowments, caps), most),
        "risk-aware": (risk_aware_pro_rata(budget, endowments, caps, weights), willing),
    }


@given(amounts, winners)
def test_the_amounts_add_up_and_nobody_pays_more_than_its_capacity(budget, rows) -> None:  # type: ignore[no-untyped-def]
    for rule, (paid, most) in shared(budget, rows).items():
        assert sum(paid) == min(budget, sum(most)), rule
        assert all(0 <= each <= bound for each, bound in zip(paid, most, strict=True)), rule


@given(amounts, amounts, winners)
def test_nobody_pays_less_of_a_larger_budget(budget, more, rows) -> None:  # type: ignore[no-untyped-def]
    before, after = shared(budget, rows), shared(budget + more, rows)
    for rule in before:
        for then, now in zip(before[rule][0], after[rule][0], strict=True):
            assert now >= then - UNIT, rule


@given(amounts, winners)
def test_the_shares_are_the_water_level(budget, rows) -> None:  # type: ignore[no-untyped-def]
    """Nobody below its cap pays a smaller share of its endowment than anybody else (to the unit)."""
    endowments, caps = [row[0] for row in rows], [row[1] for row in rows]
    paid = capped_pro_rata(budget, endowments, caps)
    for mine, e, share in zip(paid, endowments, caps, strict=True):
        if e and mine < e * share - UNIT:
            level = (mine + UNIT) / e
            assert all(other - UNIT <= level * f for other, f in zip(paid, endowments, strict=True))


@given(amounts, winners, st.integers(0, 8), st.integers(1, 999))
def test_splitting_an_account_changes_nothing_by_more_than_a_unit_each(budget, rows, which, part) -> None:  # type: ignore[no-untyped-def]
    which %= len(rows)
    endowment, cap, weight = rows[which]
    piece = (endowment * part / 1000).quantize(UNIT, "ROUND_FLOOR")
    split = [*rows[:which], (piece, cap, weight), (endowment - piece, cap, weight), *rows[which + 1 :]]
    for rule in ("pro-rata", "capped", "risk-aware"):
        whole, apart = shared(budget, rows)[rule][0], shared(budget, split)[rule][0]
        assert abs(apart[which] + apart[which + 1] - whole[which]) <= 4 * UNIT, rule


@given(amounts, winners, st.integers(2, 10**6))
def test_scale_changes_nothing(budget, rows, scale) -> None:  # type: ignore[no-untyped-def]
    """To the unit of everybody's cap: what caps below a unit do not pay, one of the others may have to."""
    slack = (len(rows) + 3) * scale * UNIT
    larger = [(endowment * scale, cap, weight) for endowment, cap, weight in rows]
    for rule in ("pro-rata", "capped", "risk-aware"):
        small, large = shared(budget, rows)[rule][0], shared(budget * scale, larger)[rule][0]
        assert all(abs(a * scale - b) <= slack for a, b in zip(small, large, strict=True)), rule


@given(amounts, st.lists(st.tuples(amounts, amounts, amounts, rates), min_size=1, max_size=9))
def test_nobody_is_left_with_less_than_was_guaranteed(budget, rows) -> None:  # type: ignore[no-untyped-def]
    endowments = [row[0] for row in rows]
    caps = [cap(limit, endowment, endowment + cash, least) for endowment, cash, least, limit in rows]
    for paid, (endowment, cash, least, limit) in zip(capped_pro_rata(budget, endowments, caps), rows, strict=True):
        assert paid == 0 or endowment + cash - paid >= least
        assert paid <= limit * endowment


def test_the_queue_is_not_invariant_to_splitting() -> None:
    # The head of the queue moves half of its account to one that ranks last, and pays half.
    assert queue(Decimal(8), decimals("8", "8")) == [8, 0]
    assert queue(Decimal(8), decimals("4", "8", "4")) == [4, 4, 0]


@given(st.integers(0, 40), st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5)), min_size=1, max_size=4))
def test_water_filling_is_the_least_sum_of_squares(budget, rows) -> None:  # type: ignore[no-untyped-def]
    """The convex optimum of the paper's proposition (Σ x²/w), found by trying every integer allocation."""
    caps, weights = [row[0] for row in rows], [row[1] for row in rows]
    paid = filled(budget, caps, weights)
    target = min(budget, sum(cap for cap, weight in rows if weight))
    assert sum(paid) == target

    def cost(shares: tuple[int, ...] | list[int]) -> Decimal:
        return sum((Decimal(x * x) / w for x, w in zip(shares, weights, strict=True) if w), Decimal(0))

    allowed = (range(cap + 1 if weight else 1) for cap, weight in rows)
    best = min(cost(shares) for shares in product(*allowed) if sum(shares) == target)
    # The unique real optimum, rounded: another integer allocation can be better by the rounding only.
    assert cost(paid) <= best + 2 * len(rows)


@given(st.integers(1, 99), st.lists(st.integers(1, 10**6), min_size=1, max_size=9))
def test_squared_capacities_are_the_euclidean_projection(percent, capacities) -> None:  # type: ignore[no-untyped-def]
    """The nearest shares x in [0, 1] to zero with Σ c·x = B are clip(λ·c), λ by bisection in floats."""
    budget = sum(capacities) * percent / 100
    low, high = 0.0, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        enough = sum(c * min(1.0, middle * c) for c in capacities) >= budget
        low, high = (low, middle) if enough else (middle, high)
    exact = [Decimal(c) for c in capacities]
    paid = water_filling(Decimal(budget), exact, [c * c for c in exact])
    for amount, c in zip(paid, capacities, strict=True):
        assert abs(float(amount) - c * min(1.0, high * c)) <= 1e-6 * c


# Whole contracts


def test_rounding_down_collects_too_little() -> None:
    assert sum(floor_pro_rata(10, [7, 7, 7])) == 9
    assert sum(floor_pro_rata(12, [7, 7, 7])) == 12


@given(st.integers(0, 300), st.lists(st.integers(0, 50), max_size=9))
def test_rounding_down_lacks_less_than_one_contract_each(needed, held) -> None:  # type: ignore[no-untyped-def]
    closed = floor_pro_rata(needed, held)
    assert all(0 <= k <= q for k, q in zip(closed, held, strict=True))
    assert min(needed, sum(held)) - len(held) <= sum(closed) <= needed


holders = st.lists(
    st.builds(
        Holder,
        st.integers(0, 5),
        st.integers(0, 40).map(lambda cents: Decimal(cents).scaleb(-1)),
        st.integers(-2, 30).map(Decimal),
    ),
    min_size=1,
    max_size=4,
)


@given(st.integers(0, 500).map(lambda cents: Decimal(cents).scaleb(-1)), holders)
def test_the_least_largest_rate_is_that_of_trying_everything(budget, rows) -> None:  # type: ignore[no-untyped-def]
    able = [row if row.equity > 0 and row.gap > 0 else Holder(0, ONE, ONE) for row in rows]

    def largest(counts: tuple[int, ...] | list[int]) -> Decimal:
        return max(k * row.gap / row.equity for k, row in zip(counts, able, strict=True))

    def collected(counts: tuple[int, ...] | list[int]) -> Decimal:
        return sum((k * row.gap for k, row in zip(counts, able, strict=True)), Decimal(0))

    found = least_largest(budget, rows)
    everything = [row.contracts for row in able]
    assert all(0 <= k <= most for k, most in zip(found, everything, strict=True))
    if collected(everything) < budget:
        assert found == everything
        return
    assert collected(found) >= budget
    tried = product(*(range(row.contracts + 1) for row in able))
    assert largest(found) == min(largest(counts) for counts in tried if collected(counts) >= budget)
    spare = [row.gap for k, row in zip(found, able, strict=True) if k]
    assert not spare or collected(found) - budget < min(spare)


def test_a_contract_more_or_less() -> None:
    pair = [Holder(9, Decimal(2), Decimal(100)), Holder(9, Decimal(3), Decimal(50))]
    assert least_largest(Decimal(0), pair) == [0, 0]
    assert least_largest(UNIT, pair) == [1, 0]
    assert least_largest(Decimal(2), pair) == [1, 0]
    assert least_largest(Decimal(2) + UNIT, pair) == [2, 0]
    assert least_largest(Decimal(45), pair) == [9, 9]
    assert least_largest(Decimal(46), pair) == [9, 9]


def test_contracts_that_are_not_needed_are_given_back() -> None:
    pair = [Holder(1, Decimal(1), Decimal(100)), Holder(1, Decimal(5), Decimal(100))]
    assert least_largest(Decimal(5), pair) == [0, 1]
    assert least_largest(Decimal(5) + UNIT, pair) == [1, 1]

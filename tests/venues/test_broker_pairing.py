"""The cheapest pairing is the best of all divisions, says so, and is fast."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal as D
from fractions import Fraction
from functools import cache
from random import Random
from time import perf_counter

import pytest

from marginbook.risk_models.matching import cheapest_matching
from marginbook.risk_models.partition import Group, cheapest_partition, is_bound
from marginbook.units import parse_time
from marginbook.venues.broker.pairing import Pairing, cheapest_pairing
from marginbook.venues.broker.parameters import parameters
from marginbook.venues.broker.strategies import Costs, Kind, Leg, Strategy, greatest_loss

RATES = parameters("reg-t", parse_time("2026-10-01")).of("X")
OPTIONS: tuple[Kind, ...] = ("long call", "short call", "long put", "short put")


def book(random: Random, options: int, units: int) -> tuple[Leg, ...]:
    """Options and perhaps lots of shares, some with a loan value."""
    legs = {}
    for _ in range(options):
        kind, strike = random.choice(OPTIONS), D(random.choice((85, 90, 95, 100, 105, 110, 120)))
        expiry = random.choice((1, 1, 1, 2))
        price = D(random.randint(10, 2500)).scaleb(-2)
        loan = price * D("0.25") if kind.startswith("long") and random.random() < 0.2 else D(0)
        name = f"{expiry} {strike} {kind[-4:]}"
        legs[name] = Leg(name, kind, random.randint(1, units), strike, price, expiry, loan)
    if random.random() < 0.6:
        legs["X"] = Leg("X", random.choice(("long stock", "short stock")), random.randint(1, units))
    return tuple(legs.values())


def best_of_all(pairing: Pairing) -> D:
    """The least cost over all divisions, by trying every strategy for the first leg that is left."""

    @cache
    def best(left: tuple[int, ...]) -> D:
        first = next((number for number, units in enumerate(left) if units), None)
        if first is None:
            return D(0)
        return min(best(after) + kind.cost for kind, after in fitting(left, first))

    def fitting(left: tuple[int, ...], first: int) -> Iterator[tuple[Strategy, tuple[int, ...]]]:
        for kind in pairing.kinds:
            counts = dict(kind.members)
            after = tuple(units - counts.get(number, 0) for number, units in enumerate(left))
            if first in counts and min(after) >= 0:
                yield kind, after

    return best(tuple(leg.units for leg in pairing.legs))


@pytest.mark.parametrize("initial", [False, True])
def test_no_division_of_random_books_costs_less(initial: bool) -> None:
    random = Random(f"pairing {initial}")
    searched = 0
    for _ in range(120):
        price = D(random.randint(8000, 12500)).scaleb(-2)
        found = cheapest_pairing(book(random, random.randint(1, 5), 2), Costs(RATES, price, initial), 4)
        assert found.cost == best_of_all(found)
        assert sum(kind.cost * count for kind, count in found.used) == found.cost
        used = [0] * len(found.legs)
        for kind, count in found.used:
            for leg, units in kind.members:
                used[leg] += units * count
        assert used == [leg.units for leg in found.legs]
        assert found.bound <= Fraction(found.cost)
        assert found.is_least
        searched += found.searched
    assert searched < 5, "prices prove nearly every pairing; the others are searched"


def test_a_proof_does_not_survive_a_cheaper_strategy() -> None:
    legs = (
        Leg("C", "short call", 3, D(100), D(5), 1),
        Leg("D", "long call", 3, D(110), D(2), 1),
    )
    found = cheapest_pairing(legs, Costs(RATES, D(100), False), 4)
    assert (found.cost, found.is_least) == (30, True)
    cheaper = tuple(replace(kind, cost=kind.cost - 1) if len(kind.members) == 2 else kind for kind in found.kinds)
    assert not replace(found, kinds=cheaper).is_least
    assert not replace(found, cost=found.cost + 1).is_least


def test_greedy_pairing_would_ask_for_more() -> None:
    # The covered call looks best for the low exercise price, but the long call can only cover the high one.
    legs = (
        Leg("C90", "short call", 1, D(90), D(12), 1),
        Leg("C110", "short call", 1, D(110), D(2), 1),
        Leg("C105", "long call", 1, D(105), D(4), 1),
        Leg("X", "long stock", 1),
    )
    found = cheapest_pairing(legs, Costs(RATES, D(100), False), 2)
    assert {kind.name for kind, _ in found.used} == {"covered call", "call spread"}
    assert found.cost == D("32.5")  # 10 + 25 % of 90 for the covered one, nothing for the spread
    assert found.is_least


def test_fifty_legs_take_milliseconds() -> None:
    random = Random("fifty")
    legs = []
    for number in range(50):
        kind, price = OPTIONS[number & 3], D(random.randint(10, 2500)).scaleb(-2)
        legs.append(
            Leg(str(number), kind, random.randint(1, 40), D(random.randint(80, 120)), price, random.randint(1, 4))
        )
    start = perf_counter()
    found = cheapest_pairing(tuple(legs), Costs(RATES, D(100), False), 4)
    elapsed = perf_counter() - start
    assert found.is_least
    assert not found.all_tried
    assert elapsed < 1, f"{elapsed * 1000:.0f} ms"


def test_matching_against_the_partition_of_the_same_pairs() -> None:
    random = Random("matching")
    for _ in range(60):
        left = [(random.randint(1, 4), random.randint(0, 30)) for _ in range(random.randint(1, 4))]
        right = [(random.randint(1, 4), random.randint(-5, 30)) for _ in range(random.randint(1, 4))]
        together = {(i, j): random.randint(0, 40) for i in range(len(left)) for j in range(len(right))}
        found = cheapest_matching(left, right, together)
        groups = [Group(cost, ((number, 1),)) for number, (_, cost) in enumerate([*left, *right])]
        groups += [Group(cost, ((i, 1), (len(left) + j, 1))) for (i, j), cost in together.items()]
        units = [held for held, _ in [*left, *right]]
        prices = (*found.left_prices, *found.right_prices)
        assert is_bound(prices, groups)
        whole = cheapest_partition(units, groups)
        assert sum(price * held for price, held in zip(prices, units, strict=True)) == whole.cost == whole.bound


def test_where_fractions_would_cost_less_the_bound_says_so() -> None:
    # Three things, each pair of them a group at 1, one alone at 10: halves of the pairs would cost 3/2.
    groups = [Group(10, ((thing, 1),)) for thing in range(3)]
    groups += [Group(1, ((a, 1), (b, 1))) for a, b in ((0, 1), (1, 2), (0, 2))]
    found = cheapest_partition([1, 1, 1], groups)
    assert (found.cost, found.bound, found.tried_all) == (11, Fraction(3, 2), True)
    assert is_bound(found.prices, groups)
    many = cheapest_partition([101, 101, 101], groups)
    assert (many.cost, many.bound, many.tried_all) == (161, Fraction(303, 2), False)


def test_losses_are_looked_at_where_payoffs_bend() -> None:
    def loss(*options: tuple[Kind, int]) -> D:
        return greatest_loss(tuple((kind, D(strike)) for kind, strike in options))

    assert loss(("long call", 95), ("short call", 100), ("short call", 100), ("long call", 105)) == 0
    assert loss(("short call", 95), ("long call", 100), ("long call", 100), ("short call", 105)) == 5
    box: tuple[tuple[Kind, int], ...] = (
        ("long call", 95), ("short call", 105), ("long put", 105), ("short put", 95)
    )  # fmt: skip
    assert loss(*box) == 0
    flipped: dict[Kind, Kind] = {
        "long call": "short call", "short call": "long call", "long put": "short put", "short put": "long put"
    }  # fmt: skip
    assert loss(*((flipped[kind], strike) for kind, strike in box)) == 10

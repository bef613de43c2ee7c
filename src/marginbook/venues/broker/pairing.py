"""Which legs of one underlying go together, so that the total requirement is least, with the proof that none is less.

Pairs of two legs are a matching (`risk_models/matching`): exact, for books of any size. Its prices prove the total
against strategies of more legs, too, unless one of them costs less than the prices of its legs; then all strategies
together are a partition (`risk_models/partition`). Costs are exact decimals, scaled to integers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from marginbook.exact import CONTEXT, from_raw, to_raw_exact
from marginbook.risk_models.matching import cheapest_matching
from marginbook.risk_models.partition import Group, cheapest_partition, is_bound
from marginbook.venues.broker.strategies import FALL, SPREADS, Costs, Leg, Strategy, of_two_spreads, pairs, with_stock

REMEMBERED = 4096
"""Pairings kept: a search for a price asks for those of the other underlyings again and again."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """Strategies with how many units of each; no division of the legs into `kinds` costs less than `bound`.

    `prices` prove the bound: the price of a strategy's legs is never above its cost.
    """

    used: tuple[tuple[Strategy, int], ...]
    legs: tuple[Leg, ...]
    kinds: tuple[Strategy, ...]
    prices: tuple[Fraction, ...]  # [USD per share] per unit of each leg
    cost: Decimal  # [USD per share]
    all_tried: bool  # spreads of four legs are among the kinds, or there are none
    searched: bool = False  # every division was looked at, as prices left a gap

    @property
    def bound(self) -> Fraction:
        """Σ price · units: a lower bound of every division."""
        return sum((price * leg.units for price, leg in zip(self.prices, self.legs, strict=True)), Fraction(0))

    @property
    def is_least(self) -> bool:
        """Whether prices prove that no division costs less, checked anew, or every division was looked at."""
        within = all(
            sum(self.prices[leg] * count for leg, count in kind.members) <= Fraction(kind.cost) for kind in self.kinds
        )
        return within and (self.searched or self.bound == Fraction(self.cost))


@lru_cache(maxsize=REMEMBERED)
def cheapest_pairing(legs: tuple[Leg, ...], costs: Costs, spread_legs: int) -> Pairing:
    """The cheapest division of `legs` into strategies."""
    alone = [Strategy(name, ((number, 1),), cost) for number, (name, cost) in enumerate(map(costs.alone, legs))]
    two = list(pairs(legs, costs))
    more = list(with_stock(legs, costs))
    spreads = [kind for kind in two if kind.name.endswith("spread")] if spread_legs >= 4 else []
    all_tried = len(spreads) <= SPREADS
    if all_tried:
        more += of_two_spreads(legs, spreads)
    kinds = [*alone, *two, *more]
    places = max(_decimals(kind.cost) for kind in kinds)
    groups = [Group(to_raw_exact(kind.cost, places), kind.members) for kind in kinds]
    used, prices = _matched(legs, groups[: len(alone) + len(two)])
    searched = False
    if more and not is_bound(prices, groups):
        found = cheapest_partition([leg.units for leg in legs], groups)
        used, prices, searched = dict(found.groups), found.prices, found.tried_all
    cost = sum(groups[number].cost * count for number, count in used.items())
    unit = 10**places
    return Pairing(
        used=tuple((kinds[number], count) for number, count in sorted(used.items())),
        legs=legs,
        kinds=tuple(kinds),
        prices=tuple(Fraction(price) * Fraction(1, unit) for price in prices),
        cost=from_raw(cost, places),
        all_tried=all_tried,
        searched=searched,
    )


def _matched(legs: Sequence[Leg], groups: Sequence[Group]) -> tuple[dict[int, int], tuple[Fraction, ...]]:
    """The cheapest matching by two legs: how often each group is formed, and the prices."""
    falls = [number for number, leg in enumerate(legs) if leg.kind in FALL]
    rises = [number for number, leg in enumerate(legs) if leg.kind not in FALL]
    places = {leg: place for side in (falls, rises) for place, leg in enumerate(side)}
    together: dict[tuple[int, int], int] = {}
    numbers: dict[tuple[int, int], int] = {}
    for number, group in enumerate(groups[len(legs) :], len(legs)):
        (fall, _), (rise, _) = group.members
        pair = places[fall], places[rise]
        together[pair], numbers[pair] = group.cost, number
    found = cheapest_matching(
        [(legs[leg].units, groups[leg].cost) for leg in falls],
        [(legs[leg].units, groups[leg].cost) for leg in rises],
        together,
    )
    left = [leg.units for leg in legs]
    used: dict[int, int] = {}
    for pair, count in found.pairs.items():
        used[numbers[pair]] = count
        left[falls[pair[0]]] -= count
        left[rises[pair[1]]] -= count
    used.update((leg, count) for leg, count in enumerate(left) if count)
    prices = {**dict(zip(falls, found.left_prices, strict=True)), **dict(zip(rises, found.right_prices, strict=True))}
    return used, tuple(Fraction(prices[leg]) for leg in range(len(legs)))


def _decimals(value: Decimal) -> int:
    """Digits after the point.

    >>> _decimals(Decimal("1.2500")), _decimals(Decimal("3E+2")), _decimals(Decimal(0))
    (2, 0, 0)
    """
    exponent = value.normalize(CONTEXT).as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)

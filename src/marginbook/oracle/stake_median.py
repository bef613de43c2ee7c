"""dYdX v4: each validator takes the median of exchanges, the chain the median of validators by stake.

    validator   median of at least `min_exchanges` prices that are fresh; of an even number the mean, rounded up
    chain       taken if votes for the market hold ≥ 66.7 % of all stake;  sorted by price, the first at which the
                running stake reaches ⌊stake of the votes / 2⌋
    change      written if |new − old| ≥ ⌊old · MinPriceChangePpm / 10^6⌋

Sources: dydxprotocol/v4-chain x/prices (price change and median) and skip-mev/connect pkg/math/voteweighted (stake),
read 2026-11. Prices are integers of the market's own exponent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marginbook.domain.errors import BadInput
from marginbook.exact import div_ceil, div_floor, mul_div_floor, mul_div_half_up

PARTS_PER_MILLION = 10**6
SHARE = 10**18
THRESHOLD = 667 * 10**15
"""Least share of all stake that must vote, in 10^-18."""


@dataclass(frozen=True, slots=True)
class ExchangePrice:
    """What one exchange quoted."""

    price: int
    time: int  # [µs UTC]


def validator_price(prices: Sequence[ExchangePrice], min_exchanges: int, at: int, max_age: int) -> int | None:
    """The median of the fresh prices; None with fewer than `min_exchanges` of them. 6.5 becomes 7.

    >>> quotes = [ExchangePrice(6, 0), ExchangePrice(7, 0), ExchangePrice(100, -11)]
    >>> validator_price(quotes, 2, 0, 10), validator_price(quotes, 3, 0, 10)
    (7, None)
    """
    fresh = sorted(found.price for found in prices if found.price > 0 and at - found.time <= max_age)
    if not fresh or len(fresh) < min_exchanges:
        return None
    half = div_floor(len(fresh), 2)
    return fresh[half] if len(fresh) & 1 else div_ceil(fresh[half - 1] + fresh[half], 2)


def weighted_median(votes: Sequence[tuple[int, int]]) -> int:
    """The price of (price, stake) pairs at which half their stake is reached.

    >>> weighted_median([(100, 10), (200, 20)]), weighted_median([(100, 1), (200, 1)])
    (200, 100)
    """
    if not votes:
        raise BadInput("missing_price", "votes", "none", "at least one vote")
    middle, reached = div_floor(sum(stake for _, stake in votes), 2), 0
    ordered = sorted(votes)
    for price, stake in ordered:
        reached += stake
        if reached >= middle:
            return price
    return ordered[-1][0]


def consensus_price(votes: Mapping[str, int], stakes: Mapping[str, int]) -> int | None:
    """The chain's price of one market from votes by validator; None where too little stake voted.

    `stakes` holds every bonded validator, voting or not. Votes of validators without stake do not count.

    >>> consensus_price({"a": 100}, {"a": 68, "b": 32}), consensus_price({"a": 100}, {"a": 50, "b": 50})
    (100, None)
    """
    counted = [(price, stakes[name]) for name, price in votes.items() if name in stakes]
    voted, bonded = sum(stake for _, stake in counted), sum(stakes.values())
    if not counted or bonded <= 0 or mul_div_half_up(voted, SHARE, bonded) < THRESHOLD:
        return None
    return weighted_median(counted)


def is_written(old: int, new: int, min_change_ppm: int) -> bool:
    """Whether a change is large enough to be written; the least change is rounded down.

    >>> is_written(1999, 2000, 1000), is_written(2000, 2001, 1000)
    (True, False)
    """
    return abs(new - old) >= mul_div_floor(old, min_change_ppm, PARTS_PER_MILLION)

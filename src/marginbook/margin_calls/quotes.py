"""Which prices a pool depends on: the quotes in the factors that its rule set lowers it to."""

from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.legs import PoolLegs
from marginbook.domain.market import Market, QuoteKey
from marginbook.venues.rules import RuleSet


def quotes_of_pools(
    rules: RuleSet, account: Account, market: Market, parameters: Any
) -> dict[str, tuple[QuoteKey, ...]]:
    """Pool -> its quotes, each once."""
    lowered = rules.module.lower(account, market, parameters).pools
    return {legs.pool: quotes_of_legs(legs) for legs in lowered}


def quotes_of_legs(legs: PoolLegs) -> tuple[QuoteKey, ...]:
    """The quotes among the factors of a lowered pool.

    >>> from marginbook.domain.legs import Leg, Sums
    >>> leg = Leg("X", (("quote", "v", "X", "mark"), ("borrow", "v", "X", "")), Sums())
    >>> quotes_of_legs(PoolLegs("main", Sums(), (leg,), 0.0, 0.0, False, "lending"))
    (('v', 'X', 'mark'),)
    """
    used = (part[1:] for factor in legs.factors for part in factor if part[0] in ("quote", "inverse"))
    return tuple(dict.fromkeys(used))

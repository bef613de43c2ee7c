"""How far prices are from a liquidation: the smallest common move, and the smallest move of each against the account.

A distance is a fraction with 8 decimals, rounded down: 1e-8 further the pool is liquidatable by the rule set's own
decision, 1e-8 nearer it is not. Headroom is concave along a ray of prices wherever requirements are convex (brackets,
haircuts, thresholds), so that the safe moves form an interval; its end is found from chords, then proved by two exact
tests. Where a rule truncates its way back across the border, the crossing nearest to the chord's is reported.
"""

from collections import ChainMap
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, get_args

from marginbook.domain.account import Account
from marginbook.domain.market import Market, PriceKind, Quote, QuoteKey
from marginbook.exact import ONE, ZERO, from_raw, in_exact_context
from marginbook.margin_calls.assets import is_stable
from marginbook.margin_calls.search import guess_crossing, least_true
from marginbook.units import STABLE_ASSETS
from marginbook.venues.rules import RuleSet

PLACES = 8
UNITS = 10**PLACES
FALL_MOST = UNITS - 1  # [1e-8] prices stay above zero
RISE_MOST = 10**6 * UNITS  # [1e-8] a millionfold: beyond it, no move at all
PROBE = 10**6  # [1e-8] first step of the search
LEAST_PRICE_FACTOR = from_raw(1, PLACES)
BELOW_GRID = Decimal("1E-20")
PRICE_KINDS: tuple[str, ...] = get_args(PriceKind)


@dataclass(frozen=True, slots=True)
class Distances:
    """Positive fractions; None where no move makes the pool liquidatable, 0 where it already is."""

    down: Decimal | None  # all non-stable prices fall by it
    up: Decimal | None  # all non-stable prices rise by it
    worst: Decimal | None  # every non-stable price moves by it against the account


@in_exact_context
def distances(
    rule_set: RuleSet,
    account: Account,
    pool: str,
    market: Market,
    parameters: Any,
    at: int,
    stable: Set[str] = STABLE_ASSETS,
) -> Distances:
    """Distances of one pool. `stable` names the assets that stay where they are.

    ETH collateral of 30,000 at a threshold of 83 % against a debt of 15,000 dollars falls by at most
    1 − 15,000 / 24,900 = 0.39759036… before it is liquidatable.
    """
    module = rule_set.module
    if module.is_liquidatable(account, pool, market, parameters, at):
        return Distances(ZERO, ZERO, ZERO)
    start = module.risk(account, market, parameters, at)[pool]
    if not start.demand:
        return Distances(None, None, None)
    path = _Path(rule_set, account, pool, market, parameters, at, stable, Decimal(start.demand - start.support))
    falls = dict.fromkeys(path.quotes, -1)
    rises = dict.fromkeys(path.quotes, 1)
    down = path.first(falls, FALL_MOST)
    up = path.first(rises, RISE_MOST)
    signs, worst = path.worst([(n, s) for n, s in ((down, falls), (up, rises)) if n is not None])
    return Distances(path.report(falls, down), path.report(rises, up), path.report(signs, worst))


@in_exact_context
def distances_of_account(
    rule_set: RuleSet,
    account: Account,
    market: Market,
    parameters: Any,
    at: int,
    stable: Set[str] = STABLE_ASSETS,
) -> Distances:
    """The least distances over the account's pools."""
    found = [
        distances(rule_set, account, pool, market, parameters, at, stable)
        for pool in rule_set.module.risk(account, market, parameters, at)
    ]
    return Distances(_least(d.down for d in found), _least(d.up for d in found), _least(d.worst for d in found))


def _least(values: Iterable[Decimal | None]) -> Decimal | None:
    return min((value for value in values if value is not None), default=None)


Signs = Mapping[str, int]
"""Market or asset -> −1 where its price falls, +1 where it rises."""


class _Path:
    """One pool along rays of prices; moves are whole numbers of 1e-8."""

    def __init__(
        self,
        rule_set: RuleSet,
        account: Account,
        pool: str,
        market: Market,
        parameters: Any,
        at: int,
        stable: Set[str],
        slack_start: Decimal,
    ) -> None:
        self.module, self.account, self.pool, self.market = rule_set.module, account, pool, market
        self.parameters, self.at, self.slack_start = parameters, at, slack_start
        self.quotes: dict[str, list[tuple[QuoteKey, Quote]]] = {}
        for name in self._names(rule_set):
            keys = [(rule_set.venue, name, kind) for kind in PRICE_KINDS]
            found = [(key, market.quotes[key]) for key in keys if key in market.quotes]
            if found and not is_stable(name, stable):
                self.quotes[name] = found

    def _names(self, rule_set: RuleSet) -> list[str]:
        """Whose prices count; an e-mode may take the price of another asset, which lowering knows."""
        if not (rule_set.family == "lending" and self.account.emode):
            return names_of_pool(self.account, self.pool)
        lowered = self.module.lower(self.account, self.market, self.parameters).pools
        factors = [leg.factor for legs in lowered if legs.pool == self.pool for leg in legs.legs]
        return list(dict.fromkeys(part[2] for factor in factors for part in factor if part[0] in ("quote", "inverse")))

    def moved(self, signs: Signs, move: Decimal) -> Market:
        """The market with every price · (1 + sign·move), never at or below zero."""
        changed: dict[QuoteKey, Quote] = {}
        for name, sign in signs.items():
            factor = max(ONE + sign * move, LEAST_PRICE_FACTOR)
            for key, q in self.quotes[name]:
                changed[key] = Quote(q.price * factor, q.time, q.sequence, q.source, q.max_age, q.substituted)
        return replace(self.market, quotes=ChainMap(changed, self.market.quotes))  # type: ignore[arg-type]

    def slack(self, signs: Signs, n: int) -> Decimal:
        """demand − support after a move of n."""
        risk = self.module.risk(self.account, self.moved(signs, from_raw(n, PLACES)), self.parameters, self.at)
        return Decimal(risk[self.pool].demand - risk[self.pool].support)

    def liquidatable(self, signs: Signs, move: Decimal) -> bool:
        """The rule set's decision after a move."""
        return self.module.is_liquidatable(self.account, self.pool, self.moved(signs, move), self.parameters, self.at)

    def first(self, signs: Signs, most: int) -> int | None:
        """Least n ≤ most at which the pool is liquidatable."""
        if not signs:
            return None

        def holds(n: int) -> bool:
            return self.liquidatable(signs, from_raw(n, PLACES))

        guess = None
        if self.slack_start < ZERO:
            guess = guess_crossing(lambda n: self.slack(signs, n), self.slack_start, PROBE, most)
        if guess is None:
            return least_true(holds, 0, most, most) if holds(most) else None
        return least_true(holds, 0, most, guess)

    def worst(self, known: list[tuple[int, Signs]]) -> tuple[Signs, int | None]:
        """Least n with every price against the account, and the direction of each.

        For directions s the slack along s crosses at n(s); taking at n(s) the worse direction of each price gives
        directions that cross no later. The descent ends at the crossing of the pointwise worst, which is concave too.
        """
        n, signs = min(known, key=lambda pair: pair[0], default=(FALL_MOST, None))
        while len(self.quotes) > 1:
            worse = self._worse_directions(n, signs or {})
            if worse == signs:
                break
            most = n if signs else (RISE_MOST if 1 in worse.values() else FALL_MOST)
            found = self.first(worse, most)
            if found is None or found == n:
                return (signs, n) if signs else (worse, found)
            n, signs = found, worse
        return (signs, n) if signs else ({}, None)

    def _worse_directions(self, n: int, otherwise: Signs) -> Signs:
        signs = {}
        for name in self.quotes:
            fall, rise = self.slack({name: -1}, n), self.slack({name: 1}, n)
            signs[name] = otherwise.get(name, -1) if fall == rise else (-1 if fall > rise else 1)
        return signs

    def report(self, signs: Signs, n: int | None) -> Decimal | None:
        """The distance behind the first liquidatable move n: n itself if the border lies on it, else n − 1."""
        if n is None:
            return None
        move = from_raw(n, PLACES)
        return from_raw(n - 1, PLACES) if self.liquidatable(signs, move - BELOW_GRID) else move


def names_of_pool(account: Account, pool: str) -> list[str]:
    """Markets and assets whose price the pool depends on, each once."""
    if pool.startswith("isolated:"):
        market = pool.split(":")[1]
        if any(position.market == market for position in account.positions):
            return [market]
    names = [p.market for p in account.positions if (p.mode or account.mode) == "cross"]
    names += [c.asset for c in account.collateral if c.enabled]
    names += [d.asset for d in account.debt]
    names += account.wallet
    return list(dict.fromkeys(names))

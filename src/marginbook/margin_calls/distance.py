"""How far prices are from a liquidation: the smallest common move, and the smallest move of each against the account.

A distance is a fraction with 8 decimals, rounded down: 1e-8 further the pool is liquidatable by the rule set's own
decision, 1e-8 nearer it is not. Headroom is concave along a ray of prices wherever requirements are convex (brackets,
haircuts, thresholds), so that the safe moves form an interval; its end is found from chords, then proved by two exact
tests. Where a rule truncates its way back across the border, the crossing nearest to the chord's is reported. Options
follow their underlying (`option_prices`).
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
from marginbook.margin_calls.option_prices import Option, followed_price, option_of
from marginbook.margin_calls.quotes import quotes_of_pools
from marginbook.margin_calls.search import guess_crossing, least_true
from marginbook.units import STABLE_ASSETS
from marginbook.venues.rules import RuleSet

PLACES = 8
UNITS = 10**PLACES
FALL_MOST = UNITS - 1  # [1e-8] prices stay above zero
RISE_MOST = 10**6 * UNITS  # [1e-8] a millionfold: beyond it, no move at all
PROBE = 10**6  # [1e-8] first step of the search
LEAST_PRICE_FACTOR = from_raw(1, PLACES)
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
    module, account = rule_set.module, _narrowed(account, pool)
    if module.is_liquidatable(account, pool, market, parameters, at):
        return Distances(ZERO, ZERO, ZERO)
    start = module.risk(account, market, parameters, at)[pool]
    if not start.demand:
        return Distances(None, None, None)
    path = _Path(rule_set, account, pool, market, parameters, at, stable, Decimal(start.demand - start.support))
    falls = path.ray(dict.fromkeys(path.quotes, -1))
    rises = path.ray(dict.fromkeys(path.quotes, 1))
    down, up = falls.first(FALL_MOST), rises.first(RISE_MOST)
    return Distances(falls.distance(down), rises.distance(up), path.worst(falls, down, rises, up))


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
    """One pool and the prices that move it."""

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
        self.rays: dict[tuple[int, ...], _Ray] = {}
        self.options: list[tuple[QuoteKey, Quote, Option]] = []  # follow their underlying
        keys = self._keys(rule_set)
        for key in keys:
            option = option_of(key)
            if option is not None and option.underlying in keys and not is_stable(option.underlying[1], stable):
                self.options.append((key, market.quotes[key], option))
            elif not is_stable(key[1], stable):
                self.quotes.setdefault(key[1], []).append((key, market.quotes[key]))

    def _keys(self, rule_set: RuleSet) -> list[QuoteKey]:
        """Quotes that the pool depends on, and what else is quoted of the same markets."""
        used = quotes_of_pools(rule_set, self.account, self.market, self.parameters)[self.pool]
        names = dict.fromkeys((venue, name) for venue, name, _ in used)
        keys = [(venue, name, kind) for venue, name in names for kind in PRICE_KINDS]
        return [key for key in keys if key in self.market.quotes]

    def ray(self, signs: Signs) -> "_Ray":
        """The moves in these directions, each asked once."""
        return self.rays.setdefault(tuple(signs.values()), _Ray(self, signs))

    def worst(self, falls: "_Ray", down: int | None, rises: "_Ray", up: int | None) -> Decimal | None:
        """The distance with every price against the account.

        Along directions s the slack crosses at n(s); taking at n(s) the worse direction of each price gives directions
        that cross no later. The descent ends at the crossing of the pointwise worst, which is concave too.
        """
        known = [(n, ray) for n, ray in ((down, falls), (up, rises)) if n is not None]
        n, ray = min(known, key=lambda pair: pair[0], default=(FALL_MOST, falls))
        crosses = bool(known)
        while len(self.quotes) > 1:
            worse = ray.worse(n)
            most = n if crosses else (RISE_MOST if 1 in worse.signs.values() else FALL_MOST)
            found = worse.first(most) if worse is not ray else None
            if found is None or (crosses and found == n):
                break
            n, ray, crosses = found, worse, True
        return ray.distance(n) if crosses else None


class _Ray:
    """Moves of prices in given directions; a move is a whole number of 1e-8."""

    def __init__(self, path: _Path, signs: Signs) -> None:
        self.path, self.signs = path, signs
        self.slacks: dict[int, Decimal] = {0: path.slack_start}

    def market(self, n: int) -> Market:
        """The market with every price · (1 + sign·n·1e-8), never at or below zero."""
        move, quotes = from_raw(n, PLACES), self.path.market.quotes
        changed: dict[QuoteKey, Quote] = {}
        for name, sign in self.signs.items():
            factor = max(ONE + sign * move, LEAST_PRICE_FACTOR)
            for key, q in self.path.quotes[name]:
                changed[key] = Quote(q.price * factor, q.time, q.sequence, q.source, q.max_age, q.substituted)
        for key, q, option in self.path.options:
            before, after = quotes[option.underlying].price, changed[option.underlying].price
            price = followed_price(option, q.price, before, after)
            changed[key] = Quote(price, q.time, q.sequence, q.source, q.max_age, q.substituted)
        if len(changed) == len(quotes):
            return replace(self.path.market, quotes=changed)
        return replace(self.path.market, quotes=ChainMap(changed, quotes))  # type: ignore[arg-type]

    def slack(self, n: int) -> Decimal:
        """demand − support after a move of n."""
        if n not in self.slacks:
            path = self.path
            risk = path.module.risk(path.account, self.market(n), path.parameters, path.at)[path.pool]
            self.slacks[n] = Decimal(risk.demand - risk.support)
        return self.slacks[n]

    def liquidatable(self, n: int) -> bool:
        """The rule set's decision after a move of n."""
        path = self.path
        return path.module.is_liquidatable(path.account, path.pool, self.market(n), path.parameters, path.at)

    def first(self, most: int) -> int | None:
        """Least n ≤ most at which the pool is liquidatable."""
        if not self.signs:
            return None
        guess = None
        if self.slack(0) < ZERO:
            guess = guess_crossing(self.slack, self.slack(0), PROBE, most)
        if guess is None:
            return least_true(self.liquidatable, 0, most, most) if self.liquidatable(most) else None
        return least_true(self.liquidatable, 0, most, guess)

    def worse(self, n: int) -> "_Ray":
        """The ray with each price turned whose other direction is worse at n, all else as it is."""
        turned = {}
        for name, sign in self.signs.items():
            other = self.path.ray({**self.signs, name: -sign})
            turned[name] = -sign if other.slack(n) > self.slack(n) else sign
        return self.path.ray(turned)

    def distance(self, n: int | None) -> Decimal | None:
        """The distance behind the first liquidatable n: n itself where the border lies on it, else n − 1."""
        if n is None:
            return None
        return from_raw(n if self.slack(n) == ZERO else n - 1, PLACES)


def _narrowed(account: Account, pool: str) -> Account:
    """The account without what an isolated pool does not depend on: other markets' positions, and orders."""
    if not pool.startswith("isolated:") or len(account.positions) < 2:
        return account
    market = pool.removeprefix("isolated:").rpartition(":")[0]
    return replace(account, positions=tuple(p for p in account.positions if p.market == market), orders=())

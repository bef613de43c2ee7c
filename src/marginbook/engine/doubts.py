"""Prices in doubt, and the pools that they leave undecided.

stale     older than its `max_age`: it may be anywhere within last · (1 ± band)
suspect   it moved further in one frame than is believed: anywhere between the price before and the new one, until the
          next frame stays near the new one
paused    a circuit breaker lets nobody be liquidated on it (`guards`): pools that are due wait
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from heapq import heapify, heappop, heappush
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.legs import FactorPart, Legs
from marginbook.domain.market import Market, Quote, QuoteKey
from marginbook.domain.zones import Zone
from marginbook.engine.guards import Guards, Told
from marginbook.engine.state import PoolKey, State
from marginbook.engine.store import Store
from marginbook.oracle.staleness import Bounds, Verdict, depends, expiry, interval, verdict
from marginbook.units import MICROSECONDS
from marginbook.venues.registry import rule_set

INDEX_SCALE = 1e-27
QUOTES_PER_SECOND = 4
"""Judging everybody costs by the quote; in between, an account is judged when something happens to it."""


class Doubts:
    """Keeps the set of doubtful quotes; judges the pools that depend on them, lowered once each."""

    def __init__(self, state: State) -> None:
        self.policy = state.policy
        self.suspect: dict[QuoteKey, Decimal] = dict(state.suspect)  # -> the price before
        self.stale: set[QuoteKey] = set()
        self.guards = Guards(state.policy.guards, state.market, state.guarded)
        self.moved = False  # whether the set has changed since it was last asked for
        self._legs: dict[str, Legs] = {}
        self._due: list[tuple[int, QuoteKey]] = []
        for key, quote in state.market.quotes.items():
            self._push(key, quote)
        heapify(self._due)
        self.advance(state.market, state.clock)
        self.moved = False

    def doubtful(self) -> set[QuoteKey]:
        """All quotes in doubt."""
        return self.stale | self.suspect.keys() | self.guards.paused(())

    def passed(
        self, changes: dict[QuoteKey, Decimal], market: Market, at: int
    ) -> tuple[dict[QuoteKey, Decimal], list[Told]]:
        """A frame's prices as they count after the guards, and what is new about guarded ones."""
        if not self.guards.guards:
            return changes, []
        found, told = self.guards.passed(changes, market, at, self.stale)
        self.moved = self.moved or bool(told)
        return found, told

    def arrived(self, changes: Mapping[QuoteKey, Decimal], before: Market, after: Market) -> None:
        """New prices: fresh again, and believed unless they jumped."""
        for key, price in changes.items():
            if key in self.stale:
                self.stale.discard(key)
                self.moved = True
            old = before.quotes.get(key)
            if old is not None and self._jumped(old.price, price):
                self.suspect[key] = old.price
                self.moved = True
            elif key in self.suspect:
                del self.suspect[key]
                self.moved = True
            self._push(key, after.quotes[key], ordered=True)

    def advance(self, market: Market, at: int) -> None:
        """Find what has become stale by `at`."""
        while self._due and self._due[0][0] < at:
            _, key = heappop(self._due)
            ends = expiry(market.quotes[key], self.policy.max_age)
            if ends is not None and ends < at and key not in self.stale:
                self.stale.add(key)
                self.moved = True

    def fresh_until(self) -> int | None:
        """A time [µs UTC] up to which no further quote gets stale; None: none ever does."""
        return self._due[0][0] if self._due else None

    def due(self, before: int, now: int) -> bool:
        """Whether all pools concerned are judged again: every second, less often with many quotes in doubt."""
        period = MICROSECONDS * (1 + len(self.doubtful()) // QUOTES_PER_SECOND)
        return before // period != now // period

    def forget(self, account: str | None = None) -> None:
        """An account (or every account: parameters, indices) must be lowered again."""
        if account is None:
            self._legs.clear()
        else:
            self._legs.pop(account, None)

    def bounds(self, market: Market) -> Bounds:
        """The interval of every doubtful quote."""
        found = {}
        for key in self.stale | self.suspect.keys():
            price = market.quotes[key].price
            band = self.policy.stale_bands.get(key, self.policy.stale_band) if key in self.stale else Decimal(0)
            low, high = interval(price, band)
            before = float(self.suspect.get(key, price))
            found[key] = min(low, before), max(high, before)
        return found

    def undecided(
        self,
        names: Iterable[str],
        store: Store,
        market: Market,
        parameters_of: Callable[[Account], Any],
    ) -> dict[PoolKey, tuple[str, ...]]:
        """The pools of these accounts that doubtful quotes leave undecided, and which quotes those are."""
        doubtful, bounds, value_of = self.doubtful(), self.bounds(market), value_in(market)
        paused = self.guards.paused(market.quotes.keys())
        doubtful |= paused
        found: dict[PoolKey, tuple[str, ...]] = {}
        for name in names:
            for pool in self._lowered(name, store, market, parameters_of):
                needed = depends(pool, doubtful)
                if not needed:
                    continue
                due = store.zones(name).get(pool.pool, Zone.SAFE) >= Zone.LIQUIDATION
                if (due and not paused.isdisjoint(needed)) or verdict(pool, value_of, bounds) is Verdict.UNDECIDED:
                    found[name, pool.pool] = tuple(":".join(key) for key in needed)
        return found

    def _jumped(self, old: Decimal, new: Decimal) -> bool:
        most = self.policy.jump_most
        return most is not None and abs(new - old) > most * old

    def _push(self, key: QuoteKey, quote: Quote, ordered: bool = False) -> None:
        ends = expiry(quote, self.policy.max_age)
        if ends is not None:
            (heappush if ordered else list.append)(self._due, (ends, key))

    def _lowered(self, name: str, store: Store, market: Market, parameters_of: Callable[[Account], Any]) -> Any:
        legs = self._legs.get(name)
        if legs is None:
            account = store.get(name)
            if account is None:
                return ()
            legs = rule_set(account.rules).module.lower(account, market, parameters_of(account))
            self._legs[name] = legs
        return legs.pools


def value_in(market: Market) -> Callable[[FactorPart], float]:
    """The value of one part of a factor."""

    def value_of(part: FactorPart) -> float:
        how, venue, name, kind = part
        if how in ("quote", "inverse"):
            price = float(market.price(venue, name, kind))
            return price if how == "quote" else 1.0 / price
        index = market.indices.get((venue, name, how))
        if index is None:
            raise BadInput("missing_index", f"indices.{venue}.{name}", "nothing", f"a {how} index")
        return float(Decimal(index.value_raw)) * INDEX_SCALE

    return value_of

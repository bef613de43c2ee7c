"""Which quotes are stale now, and which pools they leave undecided."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from heapq import heapify, heappop, heappush
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.legs import FactorPart, Legs
from marginbook.domain.market import Market, Quote, QuoteKey
from marginbook.engine.state import Policy, PoolKey
from marginbook.engine.store import Store
from marginbook.oracle.staleness import Verdict, depends, expiry, interval, verdict
from marginbook.venues.registry import rule_set

INDEX_SCALE = 1e-27


class StaleWatch:
    """Keeps the set of stale quotes by their expiry; judges the pools that hold them, lowered once each."""

    def __init__(self, policy: Policy, market: Market) -> None:
        self.policy = policy
        self.stale: set[QuoteKey] = set()
        self._due: list[tuple[int, QuoteKey]] = []
        self._holders: list[str] | None = None
        self._legs: dict[str, Legs] = {}
        for key, quote in market.quotes.items():
            ends = expiry(quote, policy.max_age)
            if ends is not None:
                self._due.append((ends, key))
        heapify(self._due)

    def arrived(self, changed: Iterable[tuple[QuoteKey, Quote]]) -> None:
        """New quotes: fresh again."""
        for key, quote in changed:
            if key in self.stale:
                self.stale.discard(key)
                self._holders = None
            ends = expiry(quote, self.policy.max_age)
            if ends is not None:
                heappush(self._due, (ends, key))

    def advance(self, market: Market, at: int) -> None:
        """Find what has become stale by `at`."""
        while self._due and self._due[0][0] < at:
            _, key = heappop(self._due)
            ends = expiry(market.quotes[key], self.policy.max_age)
            if ends is not None and ends < at and key not in self.stale:
                self.stale.add(key)
                self._holders = None

    def changed(self, account: str | None = None) -> None:
        """An account (or every account: parameters, indices) must be lowered again."""
        self._holders = None
        if account is None:
            self._legs.clear()
        else:
            self._legs.pop(account, None)

    def undecided(
        self, store: Store, market: Market, at: int, parameters_of: Callable[[Account], Any]
    ) -> dict[PoolKey, tuple[str, ...]]:
        """The pools that the stale quotes leave undecided, with the names of those quotes."""
        if not self.stale:
            return {}
        if self._holders is None:
            self._holders = sorted(store.holders(self.stale))
        bounds = {}
        for key in self.stale:
            band = self.policy.stale_bands.get(key, self.policy.stale_band)
            bounds[key] = interval(market.quotes[key].price, band)
        found: dict[PoolKey, tuple[str, ...]] = {}
        for name in self._holders:
            for pool in self._lowered(name, store, market, parameters_of).pools:
                needed = depends(pool, self.stale)
                if needed and verdict(pool, value_in(market), bounds) is Verdict.UNDECIDED:
                    found[name, pool.pool] = tuple(":".join(key) for key in needed)
        return found

    def _lowered(self, name: str, store: Store, market: Market, parameters_of: Callable[[Account], Any]) -> Legs:
        legs = self._legs.get(name)
        if legs is None:
            account = store.get(name)
            assert account is not None
            legs = rule_set(account.rules).module.lower(account, market, parameters_of(account))
            self._legs[name] = legs
        return legs


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

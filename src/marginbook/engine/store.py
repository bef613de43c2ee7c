"""Where a fold keeps its accounts: the shape, and the plain one that evaluates every pool exactly."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Index, IndexKey, Market, QuoteKey
from marginbook.domain.zones import Zone
from marginbook.engine.state import PoolKey
from marginbook.margin_calls.zones import Borders, zone_of_pool
from marginbook.oracle.staleness import Bounds
from marginbook.units import MICROSECONDS
from marginbook.venues.registry import rule_set

ParametersOf = Callable[[Account], Any]


@dataclass(frozen=True, slots=True, order=True)
class Move:
    """A pool that changed its zone."""

    account: str
    pool: str
    before: Zone
    after: Zone


class Store(Protocol):
    """Accounts and the zones of their pools. Every method that may change zones returns the moves, sorted.

    Time is a coordinate of every pool: `advance`, `prices` and `refresh` bring all of them to `at`.
    """

    def get(self, account: str) -> Account | None:
        """The account, or None."""

    def holds(self, account: str) -> bool:
        """Whether the account is here."""

    def zones(self, account: str) -> Mapping[str, Zone]:
        """Pool -> zone."""

    def count(self) -> int:
        """How many accounts there are."""

    def ids(self) -> Iterable[str]:
        """All accounts."""

    def advance(self, market: Market, at: int) -> list[Move]:
        """After nothing but time (interest accrues by the second)."""

    def put(self, account: Account, market: Market, at: int) -> list[Move]:
        """Insert or replace. BadInput if it cannot be evaluated: then nothing has changed."""

    def remove(self, account: str) -> list[Move]:
        """Take it out; its pools move to safe."""

    def prices(self, changes: Mapping[QuoteKey, Decimal], market: Market, at: int) -> list[Move]:
        """After a frame."""

    def refresh(self, changes: Mapping[IndexKey, Index], market: Market, at: int) -> list[Move]:
        """After a change of growth indices."""

    def state_changed(self, venues: Collection[str], market: Market, at: int) -> list[Move]:
        """After a change of these venues' system state."""

    def parameters_changed(self, rules: str, name: str | None, market: Market, at: int) -> list[Move]:
        """After `parameters_of` began to give other tables for these accounts."""

    def near(self, bounds: Bounds) -> Iterable[str]:
        """At least the accounts that depend on one of these quotes and may be liquidatable within their bounds."""


def pool_zones(
    account: Account, market: Market, parameters: Any, at: int, borders: Borders, before: Mapping[str, Zone]
) -> dict[str, Zone]:
    """The zone of every pool by the exact functions, given where each was."""
    rules = rule_set(account.rules)
    risks = rules.module.risk(account, market, parameters, at)
    return {
        pool: zone_of_pool(
            rules,
            account,
            pool,
            market,
            parameters,
            at,
            risk=risk,
            borders=borders or None,
            previous=before.get(pool, Zone.SAFE),
        )
        for pool, risk in risks.items()
    }


def moves_between(account: str, before: Mapping[str, Zone], after: Mapping[str, Zone]) -> Iterator[Move]:
    """Every pool whose zone differs; one that is absent is safe."""
    for pool in sorted(before.keys() | after.keys()):
        old, new = before.get(pool, Zone.SAFE), after.get(pool, Zone.SAFE)
        if old != new:
            yield Move(account, pool, old, new)


class PlainStore:
    """A dictionary of accounts, all evaluated exactly at every change: slow, and the authority in tests."""

    def __init__(
        self,
        accounts: Mapping[str, Account],
        zones: Mapping[PoolKey, Zone],
        parameters_of: ParametersOf,
        borders: Borders,
        at: int,
    ) -> None:
        self.accounts = dict(accounts)
        self.at = at
        self.parameters_of = parameters_of
        self.borders = borders
        self._zones: dict[str, dict[str, Zone]] = {}
        for (account, pool), zone in zones.items():
            self._zones.setdefault(account, {})[pool] = zone

    def all_zones(self) -> dict[PoolKey, Zone]:
        """(account, pool) -> zone."""
        return {(account, pool): zone for account, pools in self._zones.items() for pool, zone in pools.items()}

    def get(self, account: str) -> Account | None:
        return self.accounts.get(account)

    def holds(self, account: str) -> bool:
        return account in self.accounts

    def zones(self, account: str) -> Mapping[str, Zone]:
        return self._zones.get(account, {})

    def count(self) -> int:
        return len(self.accounts)

    def ids(self) -> Iterable[str]:
        return list(self.accounts)

    def advance(self, market: Market, at: int) -> list[Move]:
        return [] if at // MICROSECONDS == self.at // MICROSECONDS else self._all(market, at)

    def put(self, account: Account, market: Market, at: int) -> list[Move]:
        moves = self._evaluate(account, market, at)
        self.accounts[account.id] = account
        return moves

    def remove(self, account: str) -> list[Move]:
        del self.accounts[account]
        return list(moves_between(account, self._zones.pop(account, {}), {}))

    def prices(self, changes: Mapping[QuoteKey, Decimal], market: Market, at: int) -> list[Move]:
        return self._all(market, at)

    def refresh(self, changes: Mapping[IndexKey, Index], market: Market, at: int) -> list[Move]:
        return self._all(market, at)

    def state_changed(self, venues: Collection[str], market: Market, at: int) -> list[Move]:
        return self._all(market, at)

    def parameters_changed(self, rules: str, name: str | None, market: Market, at: int) -> list[Move]:
        return self._all(market, at)

    def near(self, bounds: Bounds) -> Iterable[str]:
        venues = {venue for venue, _, _ in bounds}
        return [account.id for account in self.accounts.values() if rule_set(account.rules).venue in venues]

    def _all(self, market: Market, at: int) -> list[Move]:
        self.at = at
        moves: list[Move] = []
        for account in self.accounts.values():
            # An account that can no longer be evaluated keeps its zone and does not stop the others.
            with suppress(BadInput):
                moves += self._evaluate(account, market, at)
        return sorted(moves)

    def _evaluate(self, account: Account, market: Market, at: int) -> list[Move]:
        before = self._zones.get(account.id, {})
        after = pool_zones(account, market, self.parameters_of(account), at, self.borders, before)
        self._zones[account.id] = after
        return list(moves_between(account.id, before, after))

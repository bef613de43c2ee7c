"""The fast book as the store of a fold: frames cost what they change, decisions stay exact."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal

import numpy as np

from marginbook.book.book import Book
from marginbook.book.crossings import Crossing
from marginbook.book.layout import FLAG_DEAD, FLAG_OPAQUE, Array
from marginbook.book.views import pool_outputs
from marginbook.domain.account import Account
from marginbook.domain.market import Index, IndexKey, Market, QuoteKey
from marginbook.domain.zones import Zone
from marginbook.engine.state import Blind
from marginbook.engine.store import Move, ParametersOf, moves_between
from marginbook.margin_calls.zones import Borders
from marginbook.oracle.staleness import Bounds
from marginbook.units import MICROSECONDS
from marginbook.venues.registry import rule_set

NEAR = 1e-3
"""Share of a pool's size by which the kernel's headroom is mistrusted when candidates are chosen."""
SMALL = 2_000
"""Pools that are all judged without asking the kernel."""


class BookStore:
    """A `Book` in the shape of a `Store`."""

    def __init__(self, book: Book) -> None:
        self.book = book

    @classmethod
    def from_accounts(
        cls,
        accounts: Iterable[Account],
        market: Market,
        parameters_of: ParametersOf,
        at: int,
        borders: Borders | None = None,
    ) -> "tuple[BookStore, dict[str, Blind]]":
        """A book of the accounts that can be evaluated, and the others."""
        known = accounts if isinstance(accounts, Sequence) else list(accounts)
        book = Book.from_accounts(known, market, parameters_of, at, borders)
        return cls(book), {
            account.id: Blind(account=account, problem=book.problems[account.id])
            for account in known
            if account.id in book.problems
        }

    def moves_from_safe(self) -> list[Move]:
        """Every pool that is not safe, as a move from safe: what a new book opens with."""
        zones = self.book.zones()
        names = self.book.ids()
        return sorted(
            move
            for number in np.flatnonzero(zones).tolist()
            for move in moves_between(names[number], {}, self.book.pool_zones(names[number]))
        )

    def get(self, account: str) -> Account | None:
        return self.book.account(account) if account in self.book else None

    def holds(self, account: str) -> bool:
        return account in self.book

    def zones(self, account: str) -> Mapping[str, Zone]:
        return self.book.pool_zones(account) if account in self.book else {}

    def count(self) -> int:
        return len(self.book)

    def ids(self) -> Iterable[str]:
        return self.book.ids()

    def advance(self, market: Market, at: int) -> list[Move]:
        if at // MICROSECONDS == self.book.at // MICROSECONDS:
            return []
        return _moves(self.book.prices({}, at))

    def put(self, account: Account, market: Market, at: int) -> list[Move]:
        before = self.zones(account.id)
        rule_set(account.rules).module.risk(account, market, self.book.parameters(account), at)
        crossings = self.book.upsert((account,), at)
        others = [crossing for crossing in crossings if crossing.account != account.id]
        return sorted([*_moves(others), *moves_between(account.id, before, self.zones(account.id))])

    def remove(self, account: str) -> list[Move]:
        before = self.zones(account)
        self.book.remove((account,))
        return list(moves_between(account, before, {}))

    def prices(self, changes: Mapping[QuoteKey, Decimal], market: Market, at: int) -> list[Move]:
        return _moves(self.book.prices(changes, at))

    def refresh(self, changes: Mapping[IndexKey, Index], market: Market, at: int) -> list[Move]:
        return _moves(self.book.indices(changes, at))

    def state_changed(self, venues: Collection[str], market: Market, at: int) -> list[Move]:
        return _moves(self.book.state_changed(venues, market.state, at))

    def parameters_changed(self, rules: str, name: str | None, market: Market, at: int) -> list[Move]:
        return _moves(self.book.parameters_changed(rules, name, at))

    def rewritten(self, pools: Array) -> list[Move]:
        """After the exact columns of these pools were written: their legs, zones and certificates follow."""
        chosen = pools.astype(np.int32)
        self.book._lower(chosen)
        return _moves(self.book._report(self.book.index.settle(chosen)))

    def near(self, bounds: Bounds) -> Iterable[str]:
        """Headroom with every doubtful quote at its worse end, by two sweeps per quote: it is concave in each of them.

        The kernel is mistrusted far above its allowance, and not asked about a small book: whoever is chosen is judged
        properly afterwards.
        """
        factors, store = self.book.factors, self.book.store
        factors.link()
        numbers = {key: factors.value_ids.get((*key, "")) for key in bounds}
        pools = store.live_pools
        small = len(pools) <= SMALL
        worst = np.full(len(pools), -np.inf)
        if not small:
            now = pool_outputs(self.book)
            headroom = now["margin_balance"] - now["maintenance_margin"]
            worst = headroom - NEAR * (now["notional"] + np.abs(now["margin_balance"]))
        moving = np.zeros(len(factors), bool)
        for key, number in numbers.items():
            if number is None:
                continue
            moving[factors.fan_factor[factors.fan_start[number] : factors.fan_start[number + 1]]] = True
            if small:
                continue
            losses = []
            for end in bounds[key]:
                out = pool_outputs(self.book, factors.with_values([(number, end / float(factors.values[number]))]))
                losses.append(out["margin_balance"] - out["maintenance_margin"] - headroom)
            worst += np.minimum(0.0, np.minimum(*losses))
        held = np.concatenate(([0], np.cumsum(moving[store.legs["factor"]])))
        start = pools["start"].astype(np.int64)
        opaque = pools["flags"] & FLAG_OPAQUE != 0
        touched = (held[start + pools["count"]] > held[start]) & (worst < 0.0) | opaque
        chosen = touched & (pools["flags"] & FLAG_DEAD == 0) & (pools["account"] >= 0)
        return [self.book.identities.name(number) for number in np.unique(pools["account"][chosen]).tolist()]


def _moves(crossings: Iterable[Crossing]) -> list[Move]:
    return sorted(Move(c.account, c.pool, c.from_zone, c.to_zone) for c in crossings)

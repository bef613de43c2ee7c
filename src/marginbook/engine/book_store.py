"""The fast book as the store of a fold: frames cost what they change, decisions stay exact."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import numpy as np

from marginbook.book.book import Book, Crossing
from marginbook.book.layout import FLAG_DEAD, FLAG_OPAQUE
from marginbook.domain.account import Account
from marginbook.domain.market import Index, IndexKey, Market, QuoteKey
from marginbook.domain.zones import Zone
from marginbook.engine.state import Blind
from marginbook.engine.store import Move, ParametersOf, moves_between
from marginbook.units import MICROSECONDS
from marginbook.venues.registry import rule_set


class BookStore:
    """A `Book` in the shape of a `Store`."""

    def __init__(self, book: Book) -> None:
        self.book = book

    @classmethod
    def from_accounts(
        cls, accounts: Iterable[Account], market: Market, parameters_of: ParametersOf, at: int
    ) -> "tuple[BookStore, dict[str, Blind]]":
        """A book of the accounts that can be evaluated, and the others."""
        known = accounts if isinstance(accounts, Sequence) else list(accounts)
        book = Book.from_accounts(known, market, parameters_of, at)
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

    def parameters_changed(self, rules: str, name: str | None, market: Market, at: int) -> list[Move]:
        return _moves(self.book.parameters_changed(rules, name, at))

    def holders(self, quotes: Iterable[QuoteKey]) -> Iterable[str]:
        values = self.book.factors
        values.link()
        numbers = (values.value_ids.get((*quote, "")) for quote in quotes)
        fans = [values.fan_factor[values.fan_start[n] : values.fan_start[n + 1]] for n in numbers if n is not None]
        factors = np.concatenate(fans) if fans else np.zeros(0, np.int32)
        store = self.book.store
        pools = store.live_pools
        held = np.isin(store.legs["factor"], factors)
        before = np.concatenate(([0], np.cumsum(held)))
        start = pools["start"].astype(np.int64)
        touched = before[start + pools["count"]] > before[start]
        flags = pools["flags"]
        chosen = (touched | (flags & FLAG_OPAQUE != 0)) & (flags & FLAG_DEAD == 0) & (pools["account"] >= 0)
        numbers = np.unique(pools["account"][chosen])
        return [self.book.identities.name(number) for number in numbers.tolist()]


def _moves(crossings: Iterable[Crossing]) -> list[Move]:
    return sorted(Move(c.account, c.pool, c.from_zone, c.to_zone) for c in crossings)

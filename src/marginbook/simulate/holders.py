"""Who is liquidatable during a cascade: asked of every account anew, or of the book, which knows.

Both answer alike, by exact functions where it matters; small books are spared the compiled kernels.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput, Problem
from marginbook.domain.market import Market, QuoteKey
from marginbook.domain.zones import Zone
from marginbook.venues.registry import rule_set

if TYPE_CHECKING:
    from marginbook.book.book import Book

ParametersOf = Callable[[Account], Any]
PoolKey = tuple[str, str]
"""(account, pool)."""
SMALL = 300
"""Books of up to so many accounts are asked account by account."""


class Holders(Protocol):
    """Accounts at prices that move, under rules that act on them."""

    @property
    def market(self) -> Market:
        """Prices, indices and state as they now are."""

    def due(self) -> list[PoolKey]:
        """Pools that are liquidatable now, in order."""

    def account(self, name: str) -> Account:
        """One account as it now is."""

    def accounts(self) -> Iterable[Account]:
        """All of them."""

    def parameters(self, account: Account) -> Any:
        """The parameters of its rules."""

    def move(self, prices: Mapping[QuoteKey, Decimal]) -> None:
        """Other prices."""

    def changed(self, account: Account, market: Market) -> None:
        """An account after a step, and what the step did to its venue's indices and state."""


class PlainHolders:
    """Every account judged by its exact functions whenever somebody asks."""

    def __init__(self, accounts: Iterable[Account], market: Market, parameters_of: ParametersOf, at: int) -> None:
        self._accounts = {account.id: account for account in accounts}
        self._market = market
        self.parameters = parameters_of
        self._at = at
        self.problems: dict[str, Problem] = {}

    @property
    def market(self) -> Market:
        """Prices, indices and state as they now are."""
        return self._market

    def due(self) -> list[PoolKey]:
        """Pools that are liquidatable now, in order; accounts that cannot be judged are told in `problems`."""
        found: list[PoolKey] = []
        for name, account in self._accounts.items():
            module = rule_set(account.rules).module
            try:
                given = (self._market, self.parameters(account), self._at)
                pools = module.risk(account, *given)
                found += [(name, pool) for pool in pools if module.is_liquidatable(account, pool, *given)]
            except BadInput as bad:
                self.problems[name] = bad.problem
        return sorted(found)

    def account(self, name: str) -> Account:
        """One account as it now is."""
        return self._accounts[name]

    def accounts(self) -> Iterable[Account]:
        """All of them."""
        return self._accounts.values()

    def move(self, prices: Mapping[QuoteKey, Decimal]) -> None:
        """Other prices."""
        self._market = self._market.with_prices(prices)

    def changed(self, account: Account, market: Market) -> None:
        """An account after a step, and what the step did to its venue's indices and state."""
        self._accounts[account.id] = account
        self._market = market


class BookHolders:
    """The fast book: frames of prices, and accounts that steps have changed, return who crosses a border.

    What steps change is written to the book together, when prices next move or somebody asks who is due.
    """

    def __init__(self, book: "Book") -> None:
        import numpy as np

        from marginbook.book.layout import FLAG_DEAD

        self._book = book
        self.parameters = book.parameters
        pools = book.store.live_pools
        found = np.flatnonzero((pools["zone"] >= int(Zone.LIQUIDATION)) & ~(pools["flags"] & FLAG_DEAD).astype(bool))
        self._due: dict[str, set[str]] = {}
        for p in found.tolist():
            self._due.setdefault(book.identities.name(int(pools[p]["account"])), set()).add(book.pool_name(p))
        self._read: dict[str, Account] = {}  # as of now, changed ones included
        self._changed: dict[str, Account] = {}
        self._market = book.market  # after the steps that are not written yet

    @property
    def market(self) -> Market:
        """Prices, indices and state as they now are."""
        return self._market

    def due(self) -> list[PoolKey]:
        """Pools that are liquidatable now, in order."""
        self._write()
        return sorted((name, pool) for name, pools in self._due.items() for pool in pools)

    def account(self, name: str) -> Account:
        """One account as it now is."""
        if name not in self._read:
            self._read[name] = self._book.account(name)
        return self._read[name]

    def accounts(self) -> Iterable[Account]:
        """All of them."""
        self._write()
        return (self._book.account(name) for name in self._book.ids())

    def move(self, prices: Mapping[QuoteKey, Decimal]) -> None:
        """Other prices."""
        self._write()
        self._crossed(self._book.prices(prices, self._book.at))
        self._market = self._book.market

    def changed(self, account: Account, market: Market) -> None:
        """An account after a step, and what the step did to its venue's indices and state."""
        self._read[account.id] = self._changed[account.id] = account
        self._market = market

    def _write(self) -> None:
        """Bring the book up to what the steps have done."""
        book, was = self._book, self._book.market
        if self._changed:
            self._crossed(book.upsert(self._changed.values(), book.at))
            for name in self._changed.keys() & self._due.keys():
                self._due[name] &= book.pool_zones(name).keys()
        if self._market.indices is not was.indices:
            moved = {key: index for key, index in self._market.indices.items() if was.indices.get(key) != index}
            if moved:
                self._crossed(book.indices(moved, book.at))
        state = self._market.state
        if state is not was.state and state != was.state:
            venues = {key[0] for key in state if state[key] != was.state.get(key)}
            self._crossed(book.state_changed(venues, state, book.at))
        self._read.clear()
        self._changed.clear()
        self._market = book.market

    def _crossed(self, crossings: Iterable[Any]) -> None:
        for crossing in crossings:
            pools = self._due.setdefault(crossing.account, set())
            (pools.add if crossing.to_zone >= Zone.LIQUIDATION else pools.discard)(crossing.pool)


def holders_of(accounts: list[Account], market: Market, parameters_of: ParametersOf, at: int) -> Holders:
    """The way that suits the size of the book."""
    if len(accounts) <= SMALL:
        return PlainHolders(accounts, market, parameters_of, at)
    from marginbook.book.book import Book

    return BookHolders(Book.from_accounts(accounts, market, parameters_of, at))

"""The book: many accounts of all venues, decided exactly at kernel speed.

Frames of prices and indices are applied whole; then the pools whose certified bands were left are decided by the
kernel, or by the exact functions where the kernel's allowance reaches a border, and their crossings are returned.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from threading import RLock
from typing import Any

import numpy as np

from marginbook.book import views
from marginbook.book.factors import Factors, ValueKey, index_float
from marginbook.book.index import Index as BandIndex
from marginbook.book.index import Outcome
from marginbook.book.layout import Array
from marginbook.book.store import Store, borders_number
from marginbook.book.watch import FUNDING_CHARGE
from marginbook.book.zoning import next_zone
from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Index, IndexKey, Market, Quote, QuoteKey
from marginbook.domain.zones import Border, Zone
from marginbook.units import MICROSECONDS
from marginbook.venues.registry import rule_set

ParametersOf = Callable[[Account], Any]
RuleKey = tuple[str, str | None, str | None]
"""(rules, name of an overlay, network): what decides an account's parameters."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A pool entered another zone."""

    account: str
    pool: str
    from_zone: Zone
    to_zone: Zone


def rule_key(account: Account) -> RuleKey:
    """What the account's parameters depend on."""
    return account.rules, account.parameters, account.network


class Book:
    """Accounts, prices and zones. One thread changes it; the kernels inside are parallel."""

    def __init__(self, market: Market, parameters_of: ParametersOf, at: int) -> None:
        self._quotes: dict[QuoteKey, Quote] = dict(market.quotes)
        self._fresh: dict[QuoteKey, Decimal] = {}
        self._indices: dict[IndexKey, Index] = dict(market.indices)
        self._market: Market | None = market
        self._base = market
        self._parameters_of = parameters_of
        self._parameters: dict[RuleKey, Any] = {}
        self._accrual: dict[str, Callable[[Index, str, int], int]] = {}
        self.at = at
        self.factors = Factors()
        self.store = Store(self.factors)
        self.index = BandIndex(self.store)
        self.lock = RLock()
        self._accounts: list[Account | None] = []
        self._numbers: dict[str, int] = {}
        self._pools_of: list[tuple[int, ...]] = []
        self._pool_names: list[str] = []
        self._free: list[int] = []
        self._changed = np.empty(1024, np.int32)
        self._values = np.empty(1024, np.float64)
        self._family: list[tuple[str, int]] = []

    @classmethod
    def from_accounts(cls, accounts: Iterable[Account], market: Market, parameters_of: ParametersOf, at: int) -> "Book":
        """A book of `accounts` at the prices of `market`; zones start from safe, without crossings."""
        book = cls(market, parameters_of, at)
        for account in accounts:
            book._write(account, book._number(account.id))
        book._rebuild()
        return book

    # ---- reading

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, account: str) -> bool:
        return account in self._numbers

    def ids(self) -> list[str]:
        """Ids of all accounts."""
        return list(self._numbers)

    def account(self, account: str) -> Account:
        """The exact account."""
        found = self._accounts[self._numbers[account]]
        assert found is not None
        return found

    @property
    def market(self) -> Market:
        """Quotes and indices as currently applied."""
        if self._market is None:
            for key, price in self._fresh.items():
                old = self._quotes.get(key)
                self._quotes[key] = replace(old, price=price) if old else Quote(price)
            self._fresh.clear()
            self._market = replace(self._base, quotes=dict(self._quotes), indices=dict(self._indices))
        return self._market

    def parameters(self, account: Account) -> Any:
        """The parameters that the account's rules use now."""
        key = rule_key(account)
        if key not in self._parameters:
            self._parameters[key] = self._parameters_of(account)
        return self._parameters[key]

    def zone(self, account: str) -> Zone:
        """Zone of the account's worst pool."""
        pools = self._pools_of[self._numbers[account]]
        return Zone(max((int(self.store.pools[p]["zone"]) for p in pools), default=0))

    def pool_zones(self, account: str) -> dict[str, Zone]:
        """Zone of every pool of the account."""
        pools = self._pools_of[self._numbers[account]]
        return {self._pool_names[p]: Zone(int(self.store.pools[p]["zone"])) for p in pools}

    def zones(self) -> Array:
        """Zone of the worst pool of every account, in the order of `ids()`."""
        return self.columns()["zone"]

    def columns(self) -> dict[str, Array]:
        """Kernel figures per account, in the order of `ids()`: for tables and counts, not for printing."""
        with self.lock:
            return views.account_columns(self)

    def counts(self) -> dict[tuple[str, Zone], int]:
        """Accounts by (venue, zone)."""
        with self.lock:
            return views.counts(self)

    def notional(self) -> dict[Zone, float]:
        """Gross notional (debt for lending) by zone of the account."""
        with self.lock:
            return views.notional(self)

    def page(
        self,
        sort: str = "ratio",
        descending: bool = True,
        offset: int = 0,
        limit: int = 50,
        zone: Zone | None = None,
        search: str | None = None,
        venue: str | None = None,
    ) -> list[dict[str, Any]]:
        """Rows of the accounts in `sort` order, chosen by top-k over columns."""
        with self.lock:
            return views.page(self, sort, descending, offset, limit, zone, search, venue)

    def shocked(self, multipliers: Mapping[QuoteKey, float]) -> "views.ShockSummary":
        """The book at multiplied quotes, by one sweep; its state is not touched."""
        with self.lock:
            return views.shocked(self, multipliers)

    def ladder(self, steps: Iterable[float]) -> list["views.LadderStep"]:
        """Notional and accounts liquidatable after each common relative move of all non-stable quotes."""
        with self.lock:
            return views.ladder(self, steps)

    # ---- frames

    def prices(self, changes: Mapping[QuoteKey, Decimal], at: int) -> list[Crossing]:
        """Apply a frame of prices whole, then decide. Crossings in order of account."""
        with self.lock:
            n = 0
            if len(changes) + 256 > len(self._changed):
                self._changed = np.empty(2 * len(changes) + 256, np.int32)
                self._values = np.empty(2 * len(changes) + 256)
            value_ids = self.factors.value_ids
            for key, price in changes.items():
                self._fresh[key] = price
                number = value_ids.get((*key, ""))
                if number is not None:
                    self._changed[n] = number
                    self._values[n] = price
                    n += 1
            self._market = None
            n = self._accrue(at, n)
            return self._decide(n, 0)

    def indices(self, changes: Mapping[IndexKey, Index], at: int) -> list[Crossing]:
        """Store growth indices (interest, cumulative funding) for all holders at once, then decide."""
        with self.lock:
            unknown = [key for key in changes if key[2] == "funding" and key not in self._indices]
            self._indices.update(changes)
            self._market = None
            if unknown:
                markets = {key[:2] for key in unknown}
                return self._relower(lambda a: any((a.venue, p.market) in markets for p in a.positions), at)
            n = 0
            moved: list[int] = []
            for key, index in changes.items():
                if key[2] == "funding":
                    fund = (*key, "")
                    value = index_float(index.value_raw)
                    moved += self.factors.shift(fund, value, FUNDING_CHARGE)
                    number = self.factors.value_ids.get(fund)
                    if number is not None:
                        self._changed[n], self._values[n] = number, value
                        n += 1
            n = self._accrue(at, n, {key for key in changes if key[2] != "funding"})
            self.index.moved[: len(moved)] = moved
            return self._decide(n, len(moved))

    def _accrue(self, at: int, n: int, stored: Iterable[IndexKey] = ()) -> int:
        """Append interest indices that moved with the clock, or were stored."""
        later = at // MICROSECONDS != self.at // MICROSECONDS
        self.at = at
        if not later and not stored:
            return n
        for key, number in self.factors.value_ids.items():
            if key[2] in ("supply", "borrow") and (later or key[:3] in stored):
                self._changed[n] = number
                self._values[n] = self._current(key)
                n += 1
        return n

    def _decide(self, changed: int, moved: int) -> list[Crossing]:
        self.factors.link()
        f = self.factors
        count = self._apply_values(self._changed[:changed], self._values[:changed], self.index.moved, moved, f)
        return self._report(self.index.move(count))

    @staticmethod
    def _apply_values(changed: Array, values: Array, moved: Array, known: int, f: Factors) -> int:
        from marginbook.book.watch import apply_values

        return int(
            apply_values(changed, values, moved, known, f.values, f.fan_start, f.fan_factor, f.part_start,
                         f.part_value, f.part_power, f.table)
        )  # fmt: skip

    # ---- accounts

    def upsert(self, accounts: Iterable[Account], at: int) -> list[Crossing]:
        """Add or replace accounts; pools that stay keep their zone as the zone before."""
        with self.lock:
            return self._upsert(accounts, at)

    def _upsert(self, accounts: Iterable[Account], at: int) -> list[Crossing]:
        n = self._accrue(at, 0)
        crossings = self._decide(n, 0) if n else []
        fits = True
        chosen: list[int] = []
        for account in accounts:
            number = self._number(account.id)
            zones = {self._pool_names[p]: int(self.store.pools[p]["zone"]) for p in self._pools_of[number]}
            self._clear(number)
            self._write(account, number, zones)
            for p in self._pools_of[number]:
                fits = fits and self.index.attach(p)
                chosen.append(p)
        if not fits:
            return crossings + self._rebuild()
        return crossings + self._report(self.index.settle(np.array(chosen, np.int32)))

    def remove(self, ids: Iterable[str]) -> None:
        """Take accounts out of the book."""
        with self.lock:
            for account in ids:
                number = self._numbers.pop(account)
                self._clear(number)
                self._accounts[number] = None
                self._free.append(number)

    def parameters_changed(self, rules: str, name: str | None, at: int) -> list[Crossing]:
        """Load the parameters of `rules` (and overlay `name`) again and decide all holders."""
        with self.lock:
            for key in [key for key in self._parameters if key[0] == rules and (name is None or key[1] == name)]:
                del self._parameters[key]
            return self._relower(lambda a: a.rules == rules and (name is None or a.parameters == name), at)

    def _relower(self, chosen: Callable[[Account], bool], at: int) -> list[Crossing]:
        return self._upsert([a for a in self._accounts if a is not None and chosen(a)], at)

    def _number(self, account: str) -> int:
        if account not in self._numbers:
            if self._free:
                self._numbers[account] = self._free.pop()
            else:
                self._numbers[account] = len(self._accounts)
                self._accounts.append(None)
                self._pools_of.append(())
        return self._numbers[account]

    def _clear(self, number: int) -> None:
        for p in self._pools_of[number]:
            self.index.detach(p)
            self.store.remove_pool(p)
        self._pools_of[number] = ()

    def _write(self, account: Account, number: int, zones: Mapping[str, int] | None = None) -> None:
        rules = rule_set(account.rules)
        parameters = self.parameters(account)
        self._accrual.setdefault(account.rules, accrual_of(account.rules, parameters))
        lowered = rules.module.lower(account, self.market, parameters)
        pools = []
        for pool in lowered.pools:
            borders = borders_number(self.store, pool, rules.borders)
            wallet = wallet_of(account, pool.pool) if rules.family == "derivatives" else np.nan
            p = self.store.add_pool(number, pool, borders, account.rules, self._current, wallet)
            while len(self._pool_names) <= p:
                self._pool_names.append("")
                self._family.append(("", 0))
            self._pool_names[p] = pool.pool
            self.store.pools[p]["zone"] = (zones or {}).get(pool.pool, 0)
            pools.append(p)
        self._accounts[number] = account
        self._pools_of[number] = tuple(pools)

    def _current(self, key: ValueKey) -> float:
        venue, name, kind, rules = key
        if rules or kind == "funding":
            index = self._indices.get((venue, name, kind))
            if index is None:
                raise BadInput("missing_index", f"indices.{venue}.{name}", "nothing", f"a {kind} index")
            if kind == "funding":
                return index_float(index.value_raw)
            return index_float(self._accrual[rules](index, kind, self.at))
        quote = (venue, name, kind)
        fresh = self._fresh.get(quote)
        return float(fresh if fresh is not None else self.market.price(venue, name, kind))

    # ---- exact decisions

    def _rebuild(self) -> list[Crossing]:
        self.factors.link()
        return self._report(self.index.rebuild())

    def borders(self, pool: int) -> tuple[Border, ...]:
        """Borders of a pool."""
        return self.store.border_sets[int(self.store.pools[pool]["borders"])]

    def exact_zone(self, pool: int, previous: Zone) -> Zone:
        """The zone of a pool after `previous` by the exact functions of its rule set."""
        account = self._accounts[int(self.store.pools[pool]["account"])]
        assert account is not None
        module = rule_set(account.rules).module
        parameters = self.parameters(account)
        name = self._pool_names[pool]
        risk = module.risk(account, self.market, parameters, self.at)[name]
        liquidatable = module.is_liquidatable(account, name, self.market, parameters, self.at)
        return next_zone(previous, risk, liquidatable, self.borders(pool))

    def _report(self, outcome: Outcome) -> list[Crossing]:
        """Crossings by name; undecided pools are decided exactly first."""
        rows = [(int(p), int(a), int(b)) for p, a, b in outcome.crossings.tolist()] if len(outcome.crossings) else []
        if len(outcome.undecided):
            chosen = outcome.undecided.astype(np.int32)
            zones = np.empty(len(chosen), np.int8)
            for n, p in enumerate(chosen.tolist()):
                before = int(self.store.pools[p]["zone"])
                zones[n] = self.exact_zone(p, Zone(before))
                if zones[n] != before:
                    rows.append((p, before, int(zones[n])))
            self.index.confirm(chosen, zones)
        names, pools = self._pool_names, self.store.pools
        found = []
        for p, a, b in sorted(rows):
            account = self._accounts[int(pools[p]["account"])]
            assert account is not None
            found.append(Crossing(account.id, names[p], Zone(a), Zone(b)))
        return found


def accrual_of(rules: str, parameters: Any) -> Callable[[Index, str, int], int]:
    """How a stored interest index stands at a time, by the rule set's own formula."""
    if rules.startswith("aave/"):
        from marginbook.venues.aave_v3.holdings import accrued_index

        version = parameters.version
        return lambda index, kind, at: accrued_index(index, kind, version, at)
    return lambda index, kind, at: index.value_raw


def wallet_of(account: Account, pool: str) -> float:
    """Funds of a derivatives pool without unrealised profit [currency], for display."""
    kind, _, rest = pool.partition(":")
    if kind == "isolated":
        market, _, side = rest.partition(":")
        for position in account.positions:
            if position.market == market and (not side or position.side == side):
                return float(position.isolated_wallet or 0)
        return 0.0
    return float(account.wallet.get(rest, sum(account.wallet.values(), Decimal(0))))

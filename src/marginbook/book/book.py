"""The book: many accounts of all venues, decided exactly at kernel speed.

Frames of prices and indices are applied whole; then the pools whose certified bands were left are decided by the
kernel, or by the exact functions where the kernel's allowance reaches a border, and their crossings are returned.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np

from marginbook.book import accounts_in_columns, bulk, snapshot, twins, views
from marginbook.book.columns import (
    HOLDER,
    OBJECT,
    Names,
)
from marginbook.book.crossings import Crossing, Crossings, named
from marginbook.book.factors import Factors, ValueKey, cut_price, grown, index_float
from marginbook.book.identities import Identities
from marginbook.book.index import NO_CROSSINGS, NO_POOLS, SLICE, Outcome
from marginbook.book.index import Index as BandIndex
from marginbook.book.layout import Array
from marginbook.book.store import Store
from marginbook.book.watch import FUNDING_CHARGE
from marginbook.book.zoning import borders_of_family, next_zone
from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput, Problem
from marginbook.domain.market import Index, IndexKey, Market, Quote, QuoteKey, StateKey
from marginbook.domain.zones import Border, Zone
from marginbook.units import MICROSECONDS
from marginbook.venues.contracts.model import Contracts
from marginbook.venues.registry import rule_set
from marginbook.venues.rules import RuleSet

ParametersOf = Callable[[Account], Any]
RuleKey = tuple[str, str | None, str | None]
"""(rules, name of an overlay, network): what decides an account's parameters."""


class Book:
    """Accounts, prices and zones. One thread at a time; the kernels inside are parallel."""

    def __init__(
        self,
        market: Market,
        parameters_of: ParametersOf,
        at: int,
        borders: Mapping[str, tuple[Border, ...]] | None = None,
    ) -> None:
        self._chosen_borders = borders or {}
        self._quotes: dict[QuoteKey, Quote] = dict(market.quotes)
        self._fresh: dict[QuoteKey, Decimal] = {}
        self._indices: dict[IndexKey, Index] = dict(market.indices)
        self._market: Market | None = market
        self._base = market
        self._parameters_of = parameters_of
        self._parameters: dict[RuleKey, Any] = {}
        self._accrual: dict[str, Callable[[Index, str, int], int]] = {}
        self._price_decimals: dict[str, int] = {}
        self.at = at
        self.lock = RLock()
        self.names = Names()
        self.factors = Factors()
        self.store = Store(self.factors, self.names)
        self.index = BandIndex(self.store)
        self.identities = Identities()
        self.holders: Array = np.zeros(64, HOLDER)
        self.objects: dict[int, Account] = {}
        self.rules: list[RuleKey] = []
        self.problems: dict[str, Problem] = {}
        self.fundings: list[int] = []
        self._funding_numbers: dict[int, int] = {}
        self.funding_values: Array = np.zeros(16)
        self.contract_factors: dict[tuple[str, str], int] = {}
        self._overdue = NO_POOLS  # to be decided because a second has passed
        self._changed: Array = np.empty(1024, np.int32)
        self._values: Array = np.empty(1024, np.float64)

    @classmethod
    def from_accounts(
        cls,
        accounts: Iterable[Account],
        market: Market,
        parameters_of: ParametersOf,
        at: int,
        borders: Mapping[str, tuple[Border, ...]] | None = None,
    ) -> "Book":
        """A book of `accounts` at the prices of `market`; zones start from safe, without crossings.

        `borders` replaces those of the rule sets by family of pool: derivatives, lending, loop.

        An account that its rules refuse is left out and told in `problems`.
        """
        book = cls(market, parameters_of, at, borders)
        for account in accounts:
            try:
                accounts_in_columns.write(book, account, {})
            except BadInput as error:
                book.problems[account.id] = error.problem
        book._lower_all()
        book._rebuild()
        return book

    @classmethod
    def from_columns(
        cls,
        columns: "list[bulk.ContractColumns | bulk.LendingColumns]",
        market: Market,
        parameters_of: ParametersOf,
        at: int,
        borders: Mapping[str, tuple[Border, ...]] | None = None,
    ) -> "Book":
        """A book of accounts in columns; zones start from safe, without crossings."""
        book = cls(market, parameters_of, at, borders)
        bulk.fill(book, columns)
        book._lower_all()
        book._rebuild()
        return book

    def save(self, folder: str | Path) -> None:
        """Write a snapshot: uncompressed columns and a small JSON file."""
        with self.lock:
            snapshot.save(self, Path(folder))

    @classmethod
    def load(
        cls,
        folder: str | Path,
        parameters_of: ParametersOf,
        borders: Mapping[str, tuple[Border, ...]] | None = None,
    ) -> "Book":
        """The book that `save` wrote, at its prices, zones and certificates; columns are mapped, not read."""
        meta = snapshot.read_meta(Path(folder))
        book = cls(snapshot.market_of(meta), parameters_of, meta["at"], borders)
        snapshot.fill(book, Path(folder), meta)
        for key in book.rules:
            book.learn_accrual(key[0], book.parameters_for(key))
        return book

    def restore_fundings(self, fundings: list[int]) -> None:
        """Intern the funding indices of a snapshot, in its order."""
        for raw in fundings:
            self.funding_number(raw)

    # ---- reading

    def __len__(self) -> int:
        return len(self.identities)

    def __contains__(self, account: str) -> bool:
        return self.identities.find(account) >= 0

    def ids(self) -> list[str]:
        """Names of all accounts, in the order of `columns()`."""
        return self.identities.names_of(self.identities.numbers())

    def account(self, account: str) -> Account:
        """The exact account; KeyError if it is not here."""
        return self.account_at(self._number(account))

    def account_at(self, number: int) -> Account:
        """The exact account of a number."""
        return accounts_in_columns.read(self, number)

    def _number(self, account: str) -> int:
        number = self.identities.find(account)
        if number < 0:
            raise KeyError(account)
        return number

    def pools_of(self, number: int) -> list[int]:
        """Numbers of an account's pools."""
        found = []
        p = int(self.holders[number]["first"])
        while p >= 0:
            found.append(p)
            p = int(self.store.places[p]["next"])
        return found

    def pool_name(self, pool: int) -> str:
        """Name of a pool inside its account."""
        return self.names.texts[int(self.store.places[pool]["label"])]

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

    @property
    def quotes_now(self) -> tuple[Mapping[QuoteKey, Decimal], Mapping[QuoteKey, Quote], Mapping[IndexKey, Index]]:
        """(prices since `market` was made, quotes before them, indices), without making a `market` of them."""
        return self._fresh, self._quotes, self._indices

    def parameters(self, account: Account) -> Any:
        """The parameters that the account's rules use now."""
        key = (account.rules, account.parameters, account.network)
        if key not in self._parameters:
            self._parameters[key] = self._parameters_of(account)
        return self._parameters[key]

    def parameters_for(self, key: RuleKey) -> Any:
        """The parameters that a rule key stands for."""
        found = self._parameters.get(key)
        if found is not None:
            return found
        return self.parameters(Account(id="", rules=key[0], parameters=key[1], network=key[2]))

    def zone(self, account: str) -> Zone:
        """Zone of the account's worst pool."""
        return Zone(max((int(self.store.pools[p]["zone"]) for p in self.pools_of(self._number(account))), default=0))

    def pool_zones(self, account: str) -> dict[str, Zone]:
        """Zone of every pool of the account."""
        pools = self.pools_of(self._number(account))
        return {self.pool_name(p): Zone(int(self.store.pools[p]["zone"])) for p in pools}

    def zones(self) -> Array:
        """Zone of the worst pool of every account, in the order of `ids()`."""
        with self.lock:
            return views.account_zones(self)[self.identities.numbers()]

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

    def prices(self, changes: Mapping[QuoteKey, Decimal], at: int) -> Sequence[Crossing]:
        """Apply a frame of prices whole, then decide. Crossings in order of pool, named when they are read."""
        with self.lock:
            n = 0
            if len(changes) + 256 > len(self._changed):
                self._changed = np.empty(2 * len(changes) + 256, np.int32)
                self._values = np.empty(2 * len(changes) + 256)
            quote_ids = self.factors.quote_ids
            places = self._price_decimals
            for key, price in changes.items():
                self._fresh[key] = price
                number = quote_ids.get(key)
                if number is not None:
                    self._changed[n] = number
                    self._values[n] = cut_price(price, places[key[0]]) if key[0] in places else price
                    n += 1
            self._market = None
            n = self._accrue(at, n)
            outcomes = self._moved(n, 0)
            if not outcomes:
                return []
            if len(outcomes) == 1 and not len(outcomes[0].undecided) and not outcomes[0].swept:
                return Crossings(outcomes[0].crossings.copy(), self.store, self.identities, self.names)
            return self._reported(outcomes)

    def indices(self, changes: Mapping[IndexKey, Index], at: int) -> list[Crossing]:
        """Store growth indices (interest, cumulative funding) for all holders at once, then decide."""
        with self.lock:
            unknown = {key[:2] for key in changes if key[2] == "funding" and key not in self._indices}
            self._indices.update(changes)
            self._market = None
            crossings: list[Crossing] = []
            if unknown:
                for venue, market in unknown & self.contract_factors.keys():
                    self.factors.fund((venue, market, "funding", ""), self.contract_factors[venue, market], 0.0)
                holders = [
                    a
                    for a in self.objects.values()
                    if any((rule_set(a.rules).venue, p.market) in unknown for p in a.positions)
                ]
                crossings = self._upsert(holders, at)
            n = 0
            moved: list[int] = []
            for key, index in changes.items():
                if key[2] == "funding":
                    fund = (*key, "")
                    value = index_float(index.value_raw)
                    moved += self.factors.shift(fund, value * 1e9, FUNDING_CHARGE)
                    number = self.factors.value_ids.get(fund)
                    if number is not None:
                        self._changed[n], self._values[n] = number, value
                        n += 1
            n = self._accrue(at, n, {key for key in changes if key[2] != "funding"})
            self.index.moved[: len(moved)] = moved
            return crossings + self._decide(n, len(moved))

    def _accrue(self, at: int, n: int, stored: Iterable[IndexKey] = ()) -> int:
        """Append interest indices that moved with the clock, or were stored."""
        later = at != self.at and at // MICROSECONDS != self.at // MICROSECONDS
        self.at = at
        if later and self.store.timed:
            self._overdue = np.array(sorted(self.store.timed), np.int32)
        if not later and not stored:
            return n
        for key, number in self.factors.value_ids.items():
            if key[2] in ("supply", "borrow") and (later or key[:3] in stored):
                self._changed[n] = number
                self._values[n] = self.current(key)
                n += 1
        return n

    def _accrued(self, at: int) -> list[Crossing]:
        n = self._accrue(at, 0)
        return self._decide(n, 0) if n or len(self._overdue) else []

    def _decide(self, changed: int, moved: int) -> list[Crossing]:
        return self._reported(self._moved(changed, moved))

    def _moved(self, changed: int, moved: int) -> list[Outcome]:
        self.factors.link()
        outcomes = self.index.move(self._changed, self._values, changed, moved)
        if len(self._overdue):
            outcomes = [*outcomes, Outcome(NO_CROSSINGS, self._overdue)]
            self._overdue = NO_POOLS
        return outcomes

    def _reported(self, outcomes: list[Outcome]) -> list[Crossing]:
        if not outcomes:
            return []
        crossings = [c for outcome in outcomes for c in self._report(outcome)]
        self.index.certify_slice()
        return crossings

    # ---- accounts

    def upsert(self, accounts: Iterable[Account], at: int) -> list[Crossing]:
        """Add or replace accounts; pools that stay keep their zone as the zone before.

        BadInput if a rule set refuses one of them; the ones before it are in.
        """
        with self.lock:
            return self._upsert(accounts, at)

    def _upsert(self, accounts: Iterable[Account], at: int) -> list[Crossing]:
        crossings = self._accrued(at)
        fits = True
        chosen: list[int] = []
        try:
            for account in accounts:
                number = self.identities.find(account.id)
                pools = self.pools_of(number) if number >= 0 else []
                zones = {self.pool_name(p): int(self.store.pools[p]["zone"]) for p in pools}
                number = accounts_in_columns.write(self, account, zones)
                self.problems.pop(account.id, None)
                chosen += self.pools_of(number)
        finally:
            written = np.array(chosen, np.int32)
            self._lower(written)
            for p in chosen:
                fits = fits and self.index.attach(p)
            crossings += self._report(self.index.settle(written)) if fits else self._rebuild()
        return crossings

    def remove(self, ids: Iterable[str]) -> None:
        """Take accounts out of the book; KeyError for one that is not here."""
        with self.lock:
            for account in ids:
                number = self._number(account)
                self.clear(number)
                self.identities.remove(account)

    def parameters_changed(self, rules: str, name: str | None, at: int) -> list[Crossing]:
        """Load the parameters of `rules` (and overlay `name`) again and decide all holders."""
        with self.lock:
            keys = [key for key in self.rules if key[0] == rules and (name is None or key[1] == name)]
            old = {key: self._parameters.pop(key, None) for key in keys}
            crossings = self._accrued(at)
            numbers = {self.rule_number(key): key for key in keys}
            fresh = {key: self.parameters_for(key) for key in keys}
            same: dict[Any, bool] = {}
            rewritten = {}
            for tag, klass in self.store.tags.items():
                key = numbers.get(tag[0])
                if key is None:
                    continue
                parameters = fresh[key]
                about = (tag[0], tag[2], tag[3] if isinstance(tag[3], tuple) else None)
                if about not in same:
                    same[about] = old[key] is not None and twins.same_terms(tag, old[key], parameters)
                if not same[about]:
                    rewritten[klass] = twins.tagged_key(tag, rule_set(rules), parameters, self.market)[1]
            before = self.store.classes[["flags", "unit"]].copy()
            for klass, class_key in rewritten.items():
                self.store.write_class(klass, class_key)
            lending = not all(isinstance(parameters, Contracts) for parameters in fresh.values())
            if lending or (before != self.store.classes[["flags", "unit"]]).any():
                chosen = self._pools_in_columns(list(numbers))
                self._lower(chosen)
                if lending:
                    bulk.mark_loops(self, chosen)
                crossings += self._report(self.index.await_certificates(chosen))
            elif rewritten:
                crossings += self._report(self.index.decide_touched(list(rewritten)))
            objects = [a for n, a in self.objects.items() if int(self.holders[n]["rule"]) in numbers]
            return crossings + (self._upsert(objects, at) if objects else [])

    def state_changed(
        self, venues: Collection[str], state: Mapping[StateKey, int | Decimal], at: int
    ) -> list[Crossing]:
        """New system state: the accounts of `venues` that are not in columns are lowered and decided anew.

        The rules of those in columns do not look at it.
        """
        with self.lock:
            self._base = replace(self._base, state=state)
            self._market = None
            holders = [account for account in self.objects.values() if rule_set(account.rules).venue in venues]
            return self._upsert(holders, at) if holders else []

    def _pools_in_columns(self, rules: list[int]) -> Array:
        pools = self.store.live_pools
        touched = np.zeros(len(self.rules) + 1, np.bool_)
        touched[rules] = True
        held = touched[self.holders["rule"][pools["account"]]] & (pools["kind"] != OBJECT) & (pools["account"] >= 0)
        return np.flatnonzero(held).astype(np.int32)

    def maintain(self, most: int = SLICE) -> int:
        """Write up to `most` of the certificates that are pending, in an idle moment; returns how many are left."""
        with self.lock:
            return self.index.certify_slice(most)

    def clear(self, number: int) -> None:
        """Release an account's pools."""
        for p in self.pools_of(number):
            self.index.detach(p)
            self.store.remove_pool(p)
        self.holders[number]["first"] = -1
        self.objects.pop(number, None)

    def rule_number(self, key: RuleKey) -> int:
        """Number of a rule key."""
        if key not in self.rules:
            self.rules.append(key)
        return self.rules.index(key)

    def funding_number(self, raw: int) -> int:
        """Number of an interned cumulative funding index."""
        if raw not in self._funding_numbers:
            self._funding_numbers[raw] = len(self.fundings)
            self.fundings.append(raw)
            self.funding_values = grown(self.funding_values, len(self.fundings))
            self.funding_values[len(self.fundings) - 1] = index_float(raw) * 1e9
        return self._funding_numbers[raw]

    def fund(self, venue: str, kind: str, market: str) -> None:
        """Let the price factor of a market carry its cumulative funding, where an index is known."""
        key = (venue, market)
        if key in self.contract_factors:
            return
        factor = self.factors.intern((("quote", venue, market, kind),), "", self.current, True)
        self.contract_factors[key] = factor
        index = self._indices.get((*key, "funding"))
        if index is not None:
            self.factors.fund((*key, "funding", ""), factor, index_float(index.value_raw) * 1e9)

    def _lower(self, chosen: Array) -> None:
        s = self.store
        kernel = twins.lower_columns if len(chosen) < SLICE else twins.lower_some_columns_parallel
        kernel(chosen, s.live_pools, s.places, s.legs, s.exact, s.classes, self.funding_values, self.factors.table)

    def _lower_all(self) -> None:
        self._lower(np.arange(self.store.pool_count, dtype=np.int32))

    def learn_accrual(self, rules: str, parameters: Any) -> None:
        """Remember how interest accrues under `rules`, and how many decimals its prices keep."""
        if rules not in self._accrual:
            found = rule_set(rules)
            self._accrual[rules] = accrual_of(found, parameters)
            if found.price_decimals is not None:
                self._price_decimals[found.venue] = found.price_decimals

    def current(self, key: ValueKey) -> float:
        """A quote or index as a number, at the book's time."""
        venue, name, kind, rules = key
        if rules or kind == "funding":
            index = self._indices.get((venue, name, kind))
            if index is None:
                raise BadInput("missing_index", f"indices.{venue}.{name}", "nothing", f"a {kind} index")
            if kind == "funding":
                return index_float(index.value_raw)
            return index_float(self._accrual[rules](index, kind, self.at))
        quote = (venue, name, kind)
        price = self._fresh.get(quote)
        if price is None:
            price = self.market.price(venue, name, kind)
        return cut_price(price, self._price_decimals[venue]) if venue in self._price_decimals else float(price)

    # ---- exact decisions

    def _rebuild(self) -> list[Crossing]:
        self.factors.link()
        return self._report(self.index.rebuild())

    def borders_for(self, family: str, default: tuple[Border, ...]) -> tuple[Border, ...]:
        """The chosen borders of a family of pools, else those of loops or of the rule set."""
        found = self._chosen_borders.get(family)
        if found is not None:
            return found
        return borders_of_family("loop") if family == "loop" else default

    @property
    def chosen_borders(self) -> Mapping[str, tuple[Border, ...]]:
        """Borders that replace those of the rule sets, by family of pool."""
        return self._chosen_borders

    def borders(self, pool: int) -> tuple[Border, ...]:
        """Borders of a pool."""
        return self.store.border_sets[int(self.store.pools[pool]["borders"])]

    def exact_zone(self, pool: int, previous: Zone) -> Zone:
        """The zone of a pool after `previous` by the exact functions of its rule set."""
        account = self.account_at(int(self.store.pools[pool]["account"]))
        module = rule_set(account.rules).module
        parameters = self.parameters(account)
        name = self.pool_name(pool)
        risk = module.risk(account, self.market, parameters, self.at)[name]
        liquidatable = module.is_liquidatable(account, name, self.market, parameters, self.at)
        return next_zone(previous, risk, liquidatable, self.borders(pool))

    def _report(self, outcome: Outcome) -> list[Crossing]:
        """Crossings by name; undecided pools are decided exactly first."""
        rows: list[tuple[int, int, int]] = outcome.crossings.tolist()
        if len(outcome.undecided):
            chosen = outcome.undecided.astype(np.int32)
            zones = np.empty(len(chosen), np.int8)
            for n, p in enumerate(chosen.tolist()):
                before = int(self.store.pools[p]["zone"])
                zones[n] = self.exact_zone(p, Zone(before))
                if zones[n] != before:
                    rows.append((p, before, int(zones[n])))
            self.index.confirm(chosen, zones)
        if not rows:
            return []
        return named(rows, self.store, self.identities, self.names)

    def rewritten(self, pools: Array) -> list[Crossing]:
        """After the exact columns of these pools were written: their legs, zones and certificates follow."""
        with self.lock:
            chosen = pools.astype(np.int32)
            self._lower(chosen)
            return self._report(self.index.settle(chosen))


def accrual_of(rules: RuleSet, parameters: Any) -> Callable[[Index, str, int], int]:
    """How a stored growth index stands at a time, by the rule set's own formula."""
    accrued = getattr(rules.module, "accrued_index", None)
    if accrued is None:
        return lambda index, kind, at: index.value_raw
    return lambda index, kind, at: accrued(index, kind, parameters, at)

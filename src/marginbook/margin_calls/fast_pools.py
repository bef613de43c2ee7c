"""Pools of contracts of a book in integers: positions, terms of markets, sums. `fast_what_if` tries orders on them.

Money is in 10^-36: the product of a quantity (10^-8), a price (10^-16) and a rate (10^-12) is exact. Only initial
margins by a leverage whose inverse does not end (3, 7, …) are `Decimal`, added up in the order of the positions as the
exact functions do.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from marginbook.domain.errors import BadInput
from marginbook.domain.market import Index, IndexKey, Quote, QuoteKey
from marginbook.domain.zones import Border, Zone
from marginbook.exact import (
    CONTEXT,
    ZERO,
    div_ceil,
    div_floor,
    div_trunc,
    divide,
    from_raw,
    round_ceil,
    round_floor,
    to_raw_exact,
)
from marginbook.margin_calls.order_effects import PoolNumbers
from marginbook.margin_calls.what_if import lacks
from marginbook.venues.contracts.model import Contracts, Terms, inverse_leverage
from marginbook.venues.contracts.prices import UNIT
from marginbook.venues.rules import RuleSet

QUANTITY, PRICE, RATE, MONEY = 8, 16, 12, 36
PER_RATE = 10**RATE
FROM_WALLET = 10**12  # 10^-24 to 10^-36
FROM_FUNDING = 10**10  # 10^-8 · 10^-18 to 10^-36
TO_PLACES = 10**28  # 10^-36 to 10^-8
PER_PLACE = Decimal("1e-8")
Initial = int | Decimal
Now = tuple[Mapping[QuoteKey, Decimal], Mapping[QuoteKey, Quote], Mapping[IndexKey, Index]]


class NotHere(Exception):
    """Not covered by integers: the exact functions answer."""


class Holding:
    """A position in integers, and what it adds to its pool."""

    __slots__ = (
        "alone",
        "entry",
        "funding",
        "initial",
        "known",
        "leverage",
        "maintenance",
        "mode",
        "quantity",
        "terms",
    )

    def __init__(
        self, terms: "MarketTerms", quantity: int, entry: int, leverage: int, funding: int, mode: int, alone: bool
    ) -> None:
        self.terms = terms
        self.quantity = quantity  # [10^-8], signed
        self.entry = entry  # [10^-16]
        self.leverage = leverage  # [10^-2]; 0: none
        self.funding = funding  # [10^-18] index at the last settlement
        self.mode = mode  # flags of its margin mode
        self.alone = alone  # isolated
        self.known = leverage != 0 or terms.terms.initial_rate is not None  # initial margin, not only its bound
        self.initial: Initial = 0
        self.maintenance = 0

    def profit(self) -> int:
        """Unrealised profit with funding [10^-36]; maintenance and initial margin are kept on the way."""
        terms, quantity = self.terms, self.quantity
        price = terms.price
        size = quantity if quantity > 0 else -quantity
        value = size * price
        bracket = bisect_right(terms.floors, value) - 1
        self.maintenance = terms.rates[bracket] * value - terms.cums[bracket]
        based = size * self.entry if (terms.entry_alone if self.alone else terms.entry_cross) else value
        share, divisor = terms.shares.get(self.leverage) or terms.share(self.leverage)
        self.initial = based * share if divisor is None else divide(from_raw(based, QUANTITY + PRICE), divisor)
        profit = quantity * (price - self.entry) * FROM_WALLET
        index = terms.index
        return profit if index is None else profit - quantity * (index - self.funding) * FROM_FUNDING


class Pool:
    """A pool in integers [10^-36]. `currency` is that of its wallet entry; None: it has none."""

    __slots__ = (
        "asked",
        "balance",
        "currency",
        "demand",
        "holdings",
        "known",
        "label",
        "numbers",
        "profits",
        "wallet",
        "zone",
    )

    def __init__(self, label: str, wallet: int, holdings: list[Holding], currency: str | None = None) -> None:
        self.label = label
        self.currency = currency
        self.wallet = wallet
        self.holdings = holdings
        self.profits = [holding.profit() for holding in holdings]
        self.numbers: PoolNumbers | None = None
        self.zone = Zone.SAFE
        self.add_up()

    def add_up(self) -> None:
        """Balance and demand from the parts."""
        self.balance = self.wallet + sum(self.profits)
        self.demand = sum([holding.maintenance for holding in self.holdings])
        self.asked: Initial | None = None
        self.known = False not in [holding.known for holding in self.holdings]

    def initial(self) -> Initial:
        """Initial margin: an integer, or a sum of `Decimal` in the order of the positions."""
        if self.asked is None:
            self.asked = self._initial()
        return self.asked

    def _initial(self) -> Initial:
        parts = [holding.initial for holding in self.holdings]
        for part in parts:
            if type(part) is not int:
                return sum_of(parts)
        return sum(parts)


class MarketTerms:
    """Terms of a market in integers, with its price and funding index as last read."""

    def __init__(self, name: str, terms: Terms, parameters: Contracts) -> None:
        if terms.inverse or terms.basis != "mark" or terms.contract_size != 1 or terms.closing is not None:
            raise NotHere
        if terms.tiers_by != "notional":
            raise NotHere
        self.name = name
        self.terms = terms
        self.currency = terms.currency or parameters.currency_of(name)
        self.quote_key = (parameters.venue, name, parameters.price_kind)
        self.index_key = (parameters.venue, name, "funding")
        self.entry_cross, self.entry_alone = terms.initial_basis == "entry", terms.initial_basis_isolated == "entry"
        rows = terms.table.rows
        self.floors = [raw_of(row.floor, QUANTITY + PRICE) for row in rows]
        self.rates = [raw_of(row.rate + terms.fee_to_close, RATE) for row in rows]
        self.cums = [raw_of(row.cum, MONEY) for row in rows]
        self.tick = raw_of(terms.tick or UNIT, PRICE)
        self.shares: dict[int, tuple[int, Decimal | None]] = {}
        self.rising = self._at_floors(1)
        self.falling = self._at_floors(-1)
        self.seen: Decimal | None = None
        self.price = 0
        self.index: int | None = None

    def _at_floors(self, sign: int) -> list[int]:
        """± y − maintenance(y) times ± 1 at every floor, if that rises all the way; empty otherwise."""
        if self.terms.table.jump_most or self.rates[0] <= 0:
            return []
        rows = zip(self.floors, self.rates, self.cums, strict=True)
        found = [floor * PER_RATE - sign * (rate * floor - cum) for floor, rate, cum in rows]
        rises = all(low < high for low, high in pairwise(found)) and PER_RATE - sign * self.rates[-1] > 0
        return found if rises else []

    def read(self, now: Now) -> None:
        """Take price and index as they are now."""
        fresh, quotes, indices = now
        price = fresh.get(self.quote_key)
        if price is None:
            quote = quotes.get(self.quote_key)
            if quote is None:
                raise NotHere
            price = quote.price
        if price is not self.seen:
            if price <= 0:
                raise NotHere
            self.price = raw_of(price, PRICE)
            self.seen = price
        index = indices.get(self.index_key)
        self.index = None if index is None else index.value_raw

    def share(self, leverage: int) -> tuple[int, Decimal | None]:
        """(1 / leverage in 10^-12, None), or (0, leverage) where the inverse does not end there."""
        terms, given = self.terms, from_raw(leverage, 2) if leverage else None
        found: tuple[int, Decimal | None]
        if terms.rounds_leverage:
            found = raw_of(round_ceil(inverse_leverage(given, terms), 8), RATE), None
        elif given is None and terms.initial_rate is not None:
            found = raw_of(terms.initial_rate, RATE), None
        else:
            by = given or terms.table.rows[0].max_leverage or Decimal(1)
            try:
                found = to_raw_exact(divide(Decimal(1), by), RATE), None
            except ValueError:
                found = 0, by
        self.shares[leverage] = found
        return found

    def margin(self, quantity: int, price: int, leverage: int) -> int:
        """Margin [10^-36] that an isolated position is given, up at 8 decimals."""
        if not leverage and self.terms.initial_rate is None:
            raise NotHere
        share, divisor = self.shares.get(leverage) or self.share(leverage)
        value = quantity * price
        if divisor is None:
            return div_ceil(value * share, TO_PLACES) * TO_PLACES
        return raw_of(round_ceil(divide(from_raw(value, QUANTITY + PRICE), divisor), 8), MONEY)


@dataclass(slots=True)
class DeskRules:
    """A rule set with its parameters, and the markets met so far; None: a market that is not covered."""

    rule_set: RuleSet
    parameters: Contracts
    borders: Sequence[Border]
    markets: dict[str, MarketTerms | None]

    def terms(self, name: str) -> MarketTerms:
        """Terms of a market."""
        found = self.markets.get(name)
        if found is None:
            if name in self.markets:
                raise NotHere
            self.markets[name] = None
            try:
                found = self.markets[name] = MarketTerms(name, self.parameters.terms_of(name), self.parameters)
            except BadInput:
                raise NotHere from None
        return found


def sum_of(parts: Iterable[Initial]) -> Decimal:
    """Sum [currency] of initial margins in their order."""
    total = ZERO
    for part in parts:
        total = CONTEXT.add(total, from_raw(part, MONEY) if isinstance(part, int) else part)
    return total


def raw_of(value: Decimal, places: int) -> int:
    """`value` in units of 10^-places; NotHere where it has more decimals."""
    try:
        return to_raw_exact(value, places)
    except ValueError:
        raise NotHere from None


def changed_pool(pool: Pool, wallet: int, old: Holding | None, new: Holding | None) -> Pool:
    """A pool with another wallet and one position replaced in its place, or put last where the side changes."""
    found = object.__new__(Pool)
    found.label, found.currency, found.wallet, found.numbers = pool.label, pool.currency, wallet, None
    found.holdings, found.profits = pool.holdings.copy(), pool.profits.copy()
    if old is not None:
        place = found.holdings.index(old)
        if new is not None and (new.quantity > 0) == (old.quantity > 0):
            found.holdings[place], found.profits[place] = new, new.profit()
            new = None
        else:
            del found.holdings[place], found.profits[place]
    if new is not None:
        found.holdings.append(new)
        found.profits.append(new.profit())
    found.add_up()
    return found


def finish(pools: Iterable[Pool], rules: DeskRules) -> Zone:
    """Write zone and printed numbers of the pools that lack them; the worst zone."""
    worst = Zone.SAFE
    for pool in pools:
        if pool.numbers is None:
            pool.numbers = _numbers(pool, rules.parameters)
            pool.zone = _zone(pool, rules)
        if pool.zone > worst:
            worst = pool.zone
    return worst


def _zone(pool: Pool, rules: DeskRules) -> Zone:
    """`zoning.next_zone` of a pool that comes from safe."""
    support, demand = pool.balance, pool.demand
    if demand > 0 and (support <= demand if rules.parameters.at_equality else support < demand):
        return Zone.BANKRUPT if support < 0 else Zone.LIQUIDATION
    worst = Zone.SAFE
    for border in rules.borders:
        if support * border.support_factor < demand * border.demand_factor and border.zone > worst:
            worst = border.zone
    return worst


def _numbers(pool: Pool, parameters: Contracts) -> PoolNumbers:
    printing, balance, demand = parameters.printing, pool.balance, pool.demand
    if printing.places != QUANTITY:
        raise NotHere
    times = CONTEXT.multiply
    bad, good = (div_trunc, div_trunc) if printing.cuts else (div_ceil, div_floor)
    asked: Decimal | None = None
    free: Decimal | None = None
    if pool.known:
        initial = pool.initial()
        if isinstance(initial, int):
            asked = times(Decimal(bad(initial, TO_PLACES)), PER_PLACE)
            free = times(Decimal(div_floor(balance - initial, TO_PLACES)), PER_PLACE)
        else:
            asked = printing.bad(initial)
            free = round_floor(CONTEXT.subtract(from_raw(balance, MONEY), initial), 8)
    return PoolNumbers(
        times(Decimal(good(balance, TO_PLACES)), PER_PLACE),
        asked,
        times(Decimal(bad(demand, TO_PLACES)), PER_PLACE),
        free,
        times(Decimal(div_floor(balance - demand, TO_PLACES)), PER_PLACE),
    )


def why_not(before: Iterable[Pool], after: Iterable[Pool]) -> str | None:
    """`what_if.lacks_initial`: the first pool that lacks initial margin, and more of it than before; None if none does.

    Isolated pools have just been given theirs.
    """
    olds: dict[str, Pool] | None = None
    for pool in after:
        if pool.label.startswith("isolated:"):
            continue
        initial = pool.initial()
        if isinstance(initial, int):
            free: Initial = pool.balance - initial
        else:
            free = CONTEXT.subtract(from_raw(pool.balance, MONEY), initial)
        if free >= 0:
            continue
        olds = olds if olds is not None else {old.label: old for old in before}
        old = olds.get(pool.label)
        if old is None or _decimal(free) < CONTEXT.subtract(from_raw(old.balance, MONEY), sum_of([old.initial()])):
            return lacks(pool.label, CONTEXT.minus(_decimal(free)))
    return None


def _decimal(value: Initial) -> Decimal:
    return from_raw(value, MONEY) if isinstance(value, int) else value

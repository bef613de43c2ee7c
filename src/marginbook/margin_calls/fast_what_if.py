"""`order_effect` for contracts in the columns of a book: the same answer digit for digit, in integers, sooner.

Money is in 10^-36: the product of a quantity (10^-8), a price (10^-16) and a rate (10^-12) is exact. The sums of a pool
are additive, so the pool after an order is that before it, less what the traded position added, plus what it adds then.
Only initial margins by a leverage whose inverse does not end (3, 7, …) are `Decimal`, added up in the order of the
positions as the exact functions do.

The liquidation price is in closed form. In the notional y of the traded position, with c the rest of its pool,

    headroom(y) = c ± y − maintenance(y)

rises (long) or falls (short) from c, so it has one root, in the bracket that a bisection over its values at the floors
finds. Whatever this does not cover is answered by the exact functions: accounts that are not in columns, hedge mode,
numbers of more digits, tables that jump or are not monotone, prices within four ticks of zero.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any

from marginbook.book.book import Book
from marginbook.book.columns import CONTRACTS
from marginbook.domain.account import Side
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Index, IndexKey, Quote, QuoteKey
from marginbook.domain.risk import LiquidationPrice
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
from marginbook.margin_calls.order_effects import OrderEffect, PoolNumbers, Standing, Trade, Trial, order_effect
from marginbook.margin_calls.what_if import lacks, largest_order
from marginbook.venues.contracts.model import Contracts, Terms, inverse_leverage
from marginbook.venues.contracts.prices import UNIT
from marginbook.venues.registry import rule_set
from marginbook.venues.rules import RuleSet

QUANTITY, PRICE, RATE, MONEY = 8, 16, 12, 36
PER_RATE = 10**RATE
FROM_WALLET = 10**12  # 10^-24 to 10^-36
FROM_FUNDING = 10**10  # 10^-8 · 10^-18 to 10^-36
TO_PLACES = 10**28  # 10^-36 to 10^-8
PER_PLACE = Decimal("1e-8")
TICKS_LEAST = 4
Initial = int | Decimal
Now = tuple[Mapping[QuoteKey, Decimal], Mapping[QuoteKey, Quote], Mapping[IndexKey, Index]]


class _NotHere(Exception):
    """Not covered by the fast path."""


class _Holding:
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
        self, terms: "_Terms", quantity: int, entry: int, leverage: int, funding: int, mode: int, alone: bool
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


class _Pool:
    """A pool in integers [10^-36]."""

    __slots__ = ("asked", "balance", "demand", "holdings", "known", "label", "numbers", "profits", "wallet", "zone")

    def __init__(self, label: str, wallet: int, holdings: list[_Holding]) -> None:
        self.label = label
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
                return _sum(parts)
        return sum(parts)


class _Terms:
    """Terms of a market in integers, with its price and funding index as last read."""

    def __init__(self, name: str, terms: Terms, parameters: Contracts) -> None:
        if terms.inverse or terms.basis != "mark" or terms.contract_size != 1 or terms.closing is not None:
            raise _NotHere
        if terms.tiers_by != "notional":
            raise _NotHere
        self.name = name
        self.terms = terms
        self.currency = terms.currency or parameters.currency_of(name)
        self.quote_key = (parameters.venue, name, parameters.price_kind)
        self.index_key = (parameters.venue, name, "funding")
        self.entry_cross, self.entry_alone = terms.initial_basis == "entry", terms.initial_basis_isolated == "entry"
        rows = terms.table.rows
        self.floors = [_raw(row.floor, QUANTITY + PRICE) for row in rows]
        self.rates = [_raw(row.rate + terms.fee_to_close, RATE) for row in rows]
        self.cums = [_raw(row.cum, MONEY) for row in rows]
        self.tick = _raw(terms.tick or UNIT, PRICE)
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
                raise _NotHere
            price = quote.price
        if price is not self.seen:
            if price <= 0:
                raise _NotHere
            self.price = _raw(price, PRICE)
            self.seen = price
        index = indices.get(self.index_key)
        self.index = None if index is None else index.value_raw

    def share(self, leverage: int) -> tuple[int, Decimal | None]:
        """(1 / leverage in 10^-12, None), or (0, leverage) where the inverse does not end there."""
        terms, given = self.terms, from_raw(leverage, 2) if leverage else None
        found: tuple[int, Decimal | None]
        if terms.rounds_leverage:
            found = _raw(round_ceil(inverse_leverage(given, terms), 8), RATE), None
        elif given is None and terms.initial_rate is not None:
            found = _raw(terms.initial_rate, RATE), None
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
            raise _NotHere
        share, divisor = self.shares.get(leverage) or self.share(leverage)
        value = quantity * price
        if divisor is None:
            return div_ceil(value * share, TO_PLACES) * TO_PLACES
        return _raw(round_ceil(divide(from_raw(value, QUANTITY + PRICE), divisor), 8), MONEY)


@dataclass(slots=True)
class _Rules:
    """A rule set with its parameters, and the markets met so far; None: a market that is not covered."""

    rule_set: RuleSet
    parameters: Contracts
    borders: Sequence[Border]
    markets: dict[str, _Terms | None]

    def terms(self, name: str) -> _Terms:
        """Terms of a market."""
        found = self.markets.get(name)
        if found is None:
            if name in self.markets:
                raise _NotHere
            self.markets[name] = None
            try:
                found = self.markets[name] = _Terms(name, self.parameters.terms_of(name), self.parameters)
            except BadInput:
                raise _NotHere from None
        return found


class OrderDesk:
    """Orders on accounts of a book, tried and not done. Reads the book as it is at each call."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self._rules: dict[int, _Rules] = {}

    def what_if(
        self,
        account: str,
        market: str,
        side: Trade,
        quantity: Decimal,
        price: Decimal | None = None,
        leverage: Decimal | None = None,
        position_side: Side | None = None,
    ) -> OrderEffect:
        """The account before and after one order at `price`, or at the present price; KeyError if it is not here."""
        book = self.book
        with book.lock:
            number = book.identities.find(account)
            if number < 0:
                raise KeyError(account)
            try:
                if position_side is None:
                    return self._in_columns(number, market, side == "buy", quantity, price, leverage)
            except _NotHere:
                pass
            trial = Trial(
                market=market, side=side, quantity=quantity, price=price, leverage=leverage, position_side=position_side
            )
            return self.exact(number, trial)

    def exact(self, number: int, trial: Trial) -> OrderEffect:
        """The same by the exact functions of the rule set."""
        book = self.book
        account = book.account_at(number)
        parameters, borders = book.parameters(account), book.chosen_borders
        rules = rule_set(account.rules)
        return order_effect(rules, account, book.market, parameters, book.at, [trial], borders=borders)

    def largest(
        self,
        account: str,
        market: str,
        side: Trade,
        price: Decimal | None = None,
        leverage: Decimal | None = None,
        position_side: Side | None = None,
    ) -> Decimal:
        """Largest quantity of one order that is allowed; one step more is refused."""
        book = self.book
        with book.lock:
            held = book.account(account)
            rules, parameters = rule_set(held.rules), book.parameters(held)
            here = (rules, held, book.market, parameters, book.at)
            return largest_order(*here, market, side, price=price, leverage=leverage, position_side=position_side)

    def _in_columns(
        self, number: int, market: str, buys: bool, quantity: Decimal, price: Decimal | None, leverage: Decimal | None
    ) -> OrderEffect:
        book = self.book
        rule, first, _, kind, mode, hedge = book.holders.item(number)
        if kind != CONTRACTS or hedge:
            raise _NotHere
        rules = self._rules_of(rule)
        if quantity <= 0 or (price is not None and price <= 0):
            raise _NotHere
        traded = rules.terms(market)
        traded.read(book.quotes_now)
        amount = _raw(quantity, QUANTITY)
        paid = traded.price if price is None else _raw(price, PRICE)
        lever = 0 if leverage is None else _raw(leverage, 2)
        if leverage is not None and lever <= 0:
            raise _NotHere
        pools, cross, owner = self._pools(first, rules, traded)
        stand = _finish(pools, rules)
        held = next((h for h in owner.holdings if h.terms is traded), None) if owner is not None else None
        before = Standing(stand, _printed_pools(pools), _liquidation(owner, held, rules))
        order = _Order(traded, amount if buys else -amount, paid, lever, mode)
        changed, where, now, opens = order.fill(pools, cross, owner, held)
        stand = _finish(changed, rules)
        after = Standing(stand, _printed_pools(changed), _liquidation(where, now, rules))
        why_not = _why_not(cross, changed[0]) if opens else None
        return OrderEffect(before, after, why_not is None, why_not)

    def _rules_of(self, number: int) -> _Rules:
        book = self.book
        found = self._rules.get(number)
        parameters = book.parameters_for(book.rules[number])
        if found is None or found.parameters is not parameters:
            rules = rule_set(book.rules[number][0])
            borders = book.borders_for(rules.family, rules.borders)
            found = self._rules[number] = _Rules(rules, parameters, borders, {})
        return found

    def _pools(self, first: int, rules: _Rules, traded: _Terms) -> tuple[list[_Pool], _Pool, _Pool | None]:
        """(all pools with the cross pool that pays for the order first, that pool, the pool that holds the market)."""
        book = self.book
        texts, store, fundings, now = book.names.texts, book.store, book.fundings, book.quotes_now
        places, exact, starts, counts = store.places, store.exact, store.pools["start"], store.pools["count"]
        known = rules.markets
        pools: list[_Pool] = []
        cross: _Pool | None = None
        owner: _Pool | None = None
        wallets = 0
        p = first
        while p >= 0:
            high, low, following, label, currency = places.item(p)
            start, count = starts.item(p), counts.item(p)
            name = texts[label]
            alone = name.startswith("isolated:")
            holdings, holds = [], False
            rows = exact[start : start + count].tolist() if count else ()
            for quantity, entry, entry_low, leverage, market, funding, _, flags in rows:
                terms = known.get(texts[market]) or rules.terms(texts[market])
                terms.read(now)
                holds = holds or terms is traded
                last = fundings[funding] if funding >= 0 else 0
                holdings.append(_Holding(terms, quantity, entry * 10**8 + entry_low, leverage, last, flags, alone))
            pool = _Pool(name, ((high << 64) + low) * FROM_WALLET, holdings)
            if holds:
                owner = pool
            if currency >= 0:
                wallets += 1
                if traded.currency is None or texts[currency] == traded.currency:
                    cross = pool
                    pools.insert(0, pool)
                    p = following
                    continue
            pools.append(pool)
            p = following
        if cross is None or (traded.currency is None and wallets != 1):
            raise _NotHere
        return pools, cross, owner


@dataclass(slots=True)
class _Order:
    """A fill as `venues.contracts.events` carries it out in one-way mode, in integers."""

    terms: _Terms
    quantity: int  # [10^-8], signed
    price: int  # [10^-16]
    leverage: int  # [10^-2]; 0: none
    mode: int  # 1: the account is isolated by default

    def fill(
        self, pools: list[_Pool], cross: _Pool, owner: _Pool | None, held: _Holding | None
    ) -> tuple[list[_Pool], _Pool | None, _Holding | None, bool]:
        """(pools after, the one that holds the market, its position, whether the order may need initial margin)."""
        if held is None or owner is None:
            alone = bool(self.mode)
            new = self._opened(self.quantity, self.leverage, 0, alone)
            changed, where = self._with(pools, cross, None, cross.wallet, new, alone)
            return changed, where, new, True
        due = 0
        if self.terms.index is not None:
            due = -held.quantity * (self.terms.index - held.funding) * FROM_FUNDING
        same = (self.quantity > 0) == (held.quantity > 0)
        alone, wallet, own = held.alone, cross.wallet, 0
        if alone:
            own = owner.wallet + due
        else:
            wallet += due
        left = held.quantity + self.quantity
        now: _Holding | None
        if same:
            now = self._grown(held, left)
            if alone:
                margin = self.terms.margin(abs(self.quantity), self.price, now.leverage)
                own, wallet = own + margin, wallet - margin
            opens = True
        else:
            crosses = left != 0 and (left > 0) != (held.quantity > 0)
            closed = held.quantity if crosses or not left else -self.quantity
            profit = closed * (self.price - held.entry) * FROM_WALLET
            opens = crosses
            if not alone:
                wallet += profit
            elif closed == held.quantity:
                wallet += own + profit
            else:
                freed = div_floor(own * closed, held.quantity * TO_PLACES) * TO_PLACES
                out = max(0, freed + profit)
                own, wallet = own + profit - out, wallet + out
            if crosses:
                now = self._opened(left, self.leverage or held.leverage, held.mode, alone)
            elif left:
                now = _Holding(self.terms, left, held.entry, held.leverage, self._index(held), held.mode, alone)
            else:
                now = None
            if crosses and alone:
                changed, where = self._with(pools, cross, owner, wallet, now, True)
                return changed, where, now, True
        if not alone:
            changed, where = self._with(pools, cross, held, wallet, now, False)
            return changed, where, now, opens
        payer = _changed(cross, wallet, None, None)
        changed = [payer if pool is cross else pool for pool in pools]
        if now is None:
            return [pool for pool in changed if pool is not owner], None, None, opens
        where = _Pool(owner.label, own, [now])
        return [where if pool is owner else pool for pool in changed], where, now, opens

    def _index(self, held: _Holding) -> int:
        return held.funding if self.terms.index is None else self.terms.index

    def _opened(self, quantity: int, leverage: int, mode: int, alone: bool) -> _Holding:
        return _Holding(self.terms, quantity, self.price, leverage, self.terms.index or 0, mode, alone)

    def _grown(self, held: _Holding, quantity: int) -> _Holding:
        """The entry averages by quantity, rounded against the holder."""
        worth = held.quantity * held.entry + self.quantity * self.price
        size = abs(quantity)
        entry = div_ceil(worth, size) if quantity > 0 else div_floor(-worth, size)
        leverage = held.leverage or self.leverage
        return _Holding(self.terms, quantity, entry, leverage, self._index(held), held.mode, held.alone)

    def _with(
        self,
        pools: list[_Pool],
        cross: _Pool,
        old: "_Holding | _Pool | None",
        wallet: int,
        new: _Holding | None,
        alone: bool,
    ) -> tuple[list[_Pool], _Pool | None]:
        """Pools with a position opened, replaced or closed: in the cross pool, or a new one that it gives margin to."""
        if alone:
            assert new is not None
            margin = self.terms.margin(abs(new.quantity), self.price, new.leverage)
            where = _Pool(f"isolated:{self.terms.name}:{'long' if new.quantity > 0 else 'short'}", margin, [new])
            payer = _changed(cross, wallet - margin, None, None)
            kept = [payer if pool is cross else pool for pool in pools if pool is not old]
            return [*kept, where], where
        changed = _changed(cross, wallet, old if isinstance(old, _Holding) else None, new)
        return [changed if pool is cross else pool for pool in pools], None if new is None else changed


def _changed(pool: _Pool, wallet: int, old: _Holding | None, new: _Holding | None) -> _Pool:
    """A pool with another wallet and one position replaced in its place, or put last where the side changes."""
    found = object.__new__(_Pool)
    found.label, found.wallet, found.numbers = pool.label, wallet, None
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


def _finish(pools: list[_Pool], rules: _Rules) -> Zone:
    """Write zone and printed numbers of the pools that lack them; the worst zone."""
    worst = Zone.SAFE
    for pool in pools:
        if pool.numbers is None:
            pool.numbers = _numbers(pool, rules.parameters)
            pool.zone = _zone(pool, rules)
        if pool.zone > worst:
            worst = pool.zone
    return worst


def _printed_pools(pools: list[_Pool]) -> dict[str, PoolNumbers]:
    return {pool.label: pool.numbers for pool in pools if pool.numbers is not None}


def _zone(pool: _Pool, rules: _Rules) -> Zone:
    """`zoning.next_zone` of a pool that comes from safe."""
    support, demand = pool.balance, pool.demand
    if demand > 0 and (support <= demand if rules.parameters.at_equality else support < demand):
        return Zone.BANKRUPT if support < 0 else Zone.LIQUIDATION
    worst = Zone.SAFE
    for border in rules.borders:
        if support * border.support_factor < demand * border.demand_factor and border.zone > worst:
            worst = border.zone
    return worst


def _numbers(pool: _Pool, parameters: Contracts) -> PoolNumbers:
    printing, balance, demand = parameters.printing, pool.balance, pool.demand
    if printing.places != QUANTITY:
        raise _NotHere
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


def _why_not(before: _Pool, after: _Pool) -> str | None:
    old, new = before.initial(), after.initial()
    if isinstance(old, int) and isinstance(new, int):
        free = after.balance - new
        if free >= 0 or free >= before.balance - old:
            return None
        return lacks(after.label, from_raw(-free, MONEY))
    left = CONTEXT.subtract(from_raw(after.balance, MONEY), _sum([new]))
    had = CONTEXT.subtract(from_raw(before.balance, MONEY), _sum([old]))
    return lacks(after.label, CONTEXT.minus(left)) if left < 0 and left < had else None


def _liquidation(pool: _Pool | None, held: _Holding | None, rules: _Rules) -> tuple[LiquidationPrice, ...]:
    """The exact liquidation price of a position's market in its pool, if there is one."""
    if pool is None or held is None:
        return ()
    terms, long = held.terms, held.quantity > 0
    floors, size = (terms.rising, held.quantity) if long else (terms.falling, -held.quantity)
    if not floors:
        raise _NotHere
    # The rest of the pool: without the profit that moves with the price, and without the position's requirement.
    rest = pool.balance - held.quantity * terms.price * FROM_WALLET - pool.demand + held.maintenance
    missing = -rest if long else rest
    if missing <= 0:
        return ()
    bracket = bisect_right(floors, missing) - 1
    rate, cum = terms.rates[bracket], terms.cums[bracket]
    top = missing - cum if long else missing + cum
    bottom = (PER_RATE - rate if long else PER_RATE + rate) * size * terms.tick
    even = rules.parameters.at_equality
    if long:
        ticks = div_floor(top, bottom) if even else div_ceil(top, bottom) - 1
    else:
        ticks = div_ceil(top, bottom) if even else div_floor(top, bottom) + 1
    if ticks <= TICKS_LEAST:
        raise _NotHere
    price = CONTEXT.multiply(Decimal(ticks), terms.terms.tick or UNIT)
    side: Side = "long" if long else "short"
    when: Any = "at_or_below" if long else "at_or_above"
    return (LiquidationPrice(pool=pool.label, market=terms.name, side=side, price=price, when=when, source="exact"),)


def _sum(parts: list[Initial]) -> Decimal:
    total = ZERO
    for part in parts:
        total = CONTEXT.add(total, from_raw(part, MONEY) if isinstance(part, int) else part)
    return total


def _raw(value: Decimal, places: int) -> int:
    try:
        return to_raw_exact(value, places)
    except ValueError:
        raise _NotHere from None

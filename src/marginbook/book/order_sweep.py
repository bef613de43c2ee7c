"""One order tried on every account of a book at once, in float64 with the kernel's allowance.

A fill of q at price p changes the balance of the cross pool that pays by q·(mark − p), whatever it opens or closes, and
of its requirements only those of the traded position:

    maintenance += table(|held + q|·mark) − table(|held|·mark)         initial likewise, by leverage

What lies within the allowance of a border, and whatever is not a linear cross position of an account in columns, of
plain terms (a leg that is not there to close), is left undecided: the exact functions answer for it. Of isolated
positions only growing ones are decided here: they are given |q|·p / leverage out of the cross pool. Nothing is
allocated per account but the answer.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from marginbook.book.book import Book
from marginbook.book.columns import CONTRACTS
from marginbook.book.compiled import INLINE, KERNEL
from marginbook.book.kernel import GUARD, allowance_of, pool_sums
from marginbook.book.layout import FLAG_OPAQUE

UNDECIDED = -1
UNIT = 1e-8
"""The margin of an isolated position is rounded up to this [currency]."""
FIGURES = ("margin_balance", "initial_margin", "maintenance_margin")
"""Of the pool that pays for the order [its currency]; columns of `figures`, before and after."""


@dataclass(frozen=True, slots=True)
class SweptOrder:
    """An order on one market under one rule set, as numbers: what the kernel needs of its terms."""

    rule: int  # number of the rule key in the book
    market: int  # name number
    currency: int  # name number of the settlement currency; -1: the account's only wallet
    mark: float
    quantity: float  # signed
    price: float
    leverage: int  # [10^-2]; 0: none
    share: float  # initial margin rate of the leverage, or where there is none the one that stands in for it
    leg: int  # 1, -1: the long or short leg, which accounts in hedge mode need; 0: not said
    floors: NDArray[np.float64]
    rates: NDArray[np.float64]
    cums: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Swept:
    """By account number: −1 for allowed where nothing was decided."""

    allowed: NDArray[np.int8]
    zones: NDArray[np.int8]  # [account, before and after]
    figures: NDArray[np.float64]  # [account, FIGURES before and after]

    @classmethod
    def blank(cls, book: Book) -> "Swept":
        """Nothing decided yet."""
        size = book.identities.size
        return cls(np.full(size, UNDECIDED, np.int8), np.zeros((size, 2), np.int8), np.full((size, 6), np.nan))


def sweep(book: Book, order: SweptOrder, out: Swept) -> None:
    """Decide the accounts of the order's rule set; the caller holds the book's lock."""
    numbers = (order.rule, order.market, order.currency, order.leverage, order.leg)
    amounts = (order.mark, order.quantity, order.price, order.share)
    table = (order.floors, order.rates, order.cums)
    places, exact = book.store.places, book.store.exact
    answer = (out.allowed, out.zones, out.figures)
    _sweep(book.holders, book.store.records, places, exact, numbers, amounts, table, answer)


@njit(**INLINE)
def _maintenance(table: Any, notional: float) -> float:
    floors, rates, cums = table
    k = 0
    while k + 1 < floors.size and floors[k + 1] <= notional:
        k += 1
    found: float = rates[k] * notional - cums[k]
    return found


@njit(**INLINE)
def _zone(pool: Any, support: float, demand: float, allowance: float, r: Any) -> int:
    """Zone of sums that come from safe, or `UNDECIDED`."""
    chain = r.chain[pool.borders]
    if demand - support > 2.0 * allowance:
        if demand <= allowance or abs(support) <= 2.0 * allowance:
            return UNDECIDED
        return 4 if support < 0.0 else 3
    if not support - demand > 2.0 * allowance:
        return UNDECIDED
    for zone in (2, 1):
        o = 4 * (zone - 1)
        room = chain[o] * support - chain[o + 1] * demand
        if abs(room) <= (chain[o] + chain[o + 1]) * allowance:
            return UNDECIDED
        if room < 0.0:
            return zone
    return 0


@njit(**INLINE)
def _held(pool: Any, r: Any, exact: Any, market: int, leg: int) -> tuple[float, float, int, int, bool]:
    """(quantity, initial rate of the position, how many of the market, leverage of its other leg, all have one)."""
    quantity, rate, count, other, known = 0.0, 0.0, 0, 0, True
    for i in range(np.int64(pool.start), np.int64(pool.start) + np.int64(pool.count)):
        known &= exact[i].leverage != 0
        if exact[i].market == market:
            count += 1
            if leg == 0 or (exact[i].quantity > 0) == (leg > 0):
                quantity = r.legs[i].amount
                rate = r.classes[np.int64(r.legs[i].klass)].initial_rate
            else:
                other = int(exact[i].leverage)
    return quantity, rate, count, other, known


@njit(**INLINE)
def _after(
    pool: Any, sums: Any, here: Any, numbers: Any, amounts: Any, table: Any, hedged: bool, r: Any, row: Any
) -> tuple[int, int]:
    """(verdict, zone) of the pool that pays, after the fill; figures into `row`. `UNDECIDED` where it is not sure."""
    held, rate, _, other, known = here
    leverage, said = numbers[3], numbers[4]
    mark, quantity, price, share = amounts
    growing = held == 0.0 or (held > 0.0) == (quantity > 0.0)
    flips = not growing and abs(quantity) > abs(held)
    opens = growing or flips
    if hedged and (flips or (held == 0.0 and (quantity > 0.0) != (said > 0))):
        return UNDECIDED, UNDECIDED
    if not hedged and said != 0:
        opens = (quantity > 0.0) == (said > 0)
    rate_then = rate
    if held == 0.0 or flips:
        if leverage != 0:
            rate_then = share
        elif held == 0.0:
            rate_then = 100.0 / other if other != 0 else share
    old, new = abs(held) * mark, abs(held + quantity) * mark
    had, initial = sums[1], sums[1] - (sums[2] - sums[3])
    balance = had + quantity * (mark - price)
    initial_then = initial - rate * old + rate_then * new
    demand = sums[5] - _maintenance(table, old) + _maintenance(table, new)
    bound = allowance_of(pool, sums) + 8.0 * (pool.relative + GUARD) * (abs(quantity) * (mark + price) + old + new)
    row[0], row[1], row[2] = had, initial if known else np.nan, sums[5]
    known &= held != 0.0 or leverage != 0 or other != 0
    row[3], row[4], row[5] = balance, initial_then if known else np.nan, demand
    zone = _zone(pool, balance, demand, bound, r)
    free, worse = balance - initial_then, (balance - initial_then) - (had - initial)
    if opens and (abs(free) <= 2.0 * bound or (free < 0.0 and abs(worse) <= 2.0 * bound)):
        return UNDECIDED, UNDECIDED
    return (0 if opens and free < 0.0 and worse < 0.0 else 1), zone


@njit(**INLINE)
def _alone(holder: Any, r: Any, places: Any, exact: Any, market: int) -> int:
    """The isolated pool that holds the market; −1 where none does."""
    p = np.int64(holder.first)
    while p >= 0:
        if places[p].currency < 0:
            start = np.int64(r.pools[p].start)
            for i in range(start, start + np.int64(r.pools[p].count)):
                if exact[i].market == market:
                    return int(p)
        p = np.int64(places[p].next)
    return -1


@njit(**INLINE)
def _paid(pool: Any, sums: Any, margin: float, r: Any, known: bool, row: Any) -> tuple[int, int]:
    """(verdict, zone) of the cross pool that gives `margin` [currency, up to 10^-8] to an isolated position."""
    had, initial = sums[1], sums[1] - (sums[2] - sums[3])
    bound = allowance_of(pool, sums) + GUARD * margin + UNIT
    row[0], row[1], row[2] = had, initial if known else np.nan, sums[5]
    row[3], row[4], row[5] = had - margin, initial if known else np.nan, sums[5]
    free = had - margin - initial
    if abs(free) <= 2.0 * bound:
        return UNDECIDED, UNDECIDED
    return (0 if free < 0.0 else 1), _zone(pool, had - margin, sums[5], bound, r)


@njit(**INLINE)
def _grown(pool: Any, sums: Any, margin: float, amounts: Any, table: Any, r: Any) -> int:
    """Zone of an isolated pool whose position grows, with the margin that it is given."""
    mark, quantity, price, _ = amounts
    held = r.legs[np.int64(pool.start)].amount
    old, new = abs(held) * mark, abs(held + quantity) * mark
    moved = abs(quantity) * (mark + price) + old + new
    bound = allowance_of(pool, sums) + 8.0 * (pool.relative + GUARD) * moved + UNIT
    demand = sums[5] - _maintenance(table, old) + _maintenance(table, new)
    zone: int = _zone(pool, sums[1] + margin + quantity * (mark - price), demand, bound, r)
    return zone


@njit(**INLINE)
def _account(
    holder: Any, r: Any, places: Any, exact: Any, numbers: Any, amounts: Any, table: Any, row: Any
) -> tuple[int, int, int]:
    """(verdict, zone before, zone after) of one account; a hedged one needs to be told the leg and is refused."""
    market, currency, said = numbers[1], numbers[2], numbers[4]
    hedged = holder.hedge != 0
    alone, margin = _alone(holder, r, places, exact, market), 0.0
    if alone >= 0:
        i = np.int64(r.pools[alone].start)
        closes = (r.legs[i].amount > 0.0) != (amounts[1] > 0.0)
        if hedged or said != 0 or exact[i].leverage == 0 or closes or r.pools[alone].count != 1:
            return UNDECIDED, 0, 0
        margin = abs(amounts[1]) * amounts[2] * r.classes[np.int64(r.legs[i].klass)].initial_rate
    before = after = payers = 0
    verdict = UNDECIDED
    p = np.int64(holder.first)
    while p >= 0:
        pool = r.pools[p]
        sums = pool_sums(pool, r)
        zone = _zone(pool, sums[4], sums[5], allowance_of(pool, sums), r)
        here = _held(pool, r, exact, market, said if hedged else 0)
        pays = places[p].currency >= 0 and (currency < 0 or places[p].currency == currency)
        if zone == UNDECIDED or pool.flags & FLAG_OPAQUE or (here[2] > 0 and not pays and p != alone):
            return UNDECIDED, 0, 0
        before = max(before, zone)
        if pays:
            payers += 1
            if hedged and said == 0:
                verdict = 0
            elif alone >= 0:
                verdict, zone = _paid(pool, sums, margin, r, here[4], row)
            else:
                verdict, zone = _after(pool, sums, here, numbers, amounts, table, hedged, r, row)
            if verdict == UNDECIDED:
                return UNDECIDED, 0, 0
        elif p == alone:
            zone = _grown(pool, sums, margin, amounts, table, r)
        if zone == UNDECIDED:
            return UNDECIDED, 0, 0
        after = max(after, zone)
        p = np.int64(places[p].next)
    return (verdict if payers == 1 else UNDECIDED), before, after


@njit(parallel=True, **KERNEL)
def _sweep(holders: Any, r: Any, places: Any, exact: Any, numbers: Any, amounts: Any, table: Any, out: Any) -> None:
    for a in prange(out[0].size):
        holder = holders[a]
        if holder.kind == CONTRACTS and holder.rule == numbers[0] and holder.first >= 0 and holder.mode == 0:
            found = _account(holder, r, places, exact, numbers, amounts, table, out[2][a])
            out[0][a], out[1][a, 0], out[1][a, 1] = found

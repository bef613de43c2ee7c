"""What shares and options ask for, alone and together: FINRA Rule 4210(f)(2), by contract.

U is the price of the underlying, K an exercise price, P the option's own price, OTM what it is out of the money; all
per share, times the multiplier. Every cost is what the strategy takes from equity with loan value, in which options do
not count: the part of a long stock's value that a short call may take away is a cost, too.

    uncovered call    P + max(20 % · U − OTM, 10 % · U)
    uncovered put     P + max(20 % · U − OTM, 10 % · K)
    long option       nothing: paid in full (beyond nine months its loan value is lost where it is part of a strategy)
    short straddle    the larger requirement + the other side's P
    spread            the lesser of the uncovered requirement and the greatest loss at any exercise price
    covered call      V = min(U, K): U − V + maintenance of long stock at V; to open, at least Regulation T of it at U
    covered put       V = max(U, K): V − U + maintenance of short stock at V; to open, at least Regulation T of it at U
    protective put    min(10 % · K + OTM, margin of the long stock);  protective call the same with the short stock
    conversion        long stock, put and call of one exercise price: U − min(U, K) + 10 % · K
    reverse           short stock, call and put of one exercise price: 10 % · K + max(0, K − U)
    collar            U − min(U, K of the call) + min(10 % · K of the put + OTM, margin of long stock at K of the call)

Every strategy of two legs joins one that gains from a rise with one that gains from a fall, so that choosing the pairs
is a matching of two sides.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache
from typing import Literal

from marginbook.exact import ZERO
from marginbook.venues.broker.parameters import Underlying

SPREADS = 40
"""Most two-leg spreads of one underlying that are tried two by two."""
Members = tuple[tuple[int, int], ...]
Kind = Literal["long stock", "short stock", "long call", "short call", "long put", "short put"]
Shape = tuple[Kind, Decimal, int, int]
"""Of an option: kind, exercise price, expiry, and its units as far as they matter."""
FALL: tuple[Kind, ...] = ("short stock", "short call", "long put")
"""What gains from a fall."""


@dataclass(frozen=True, slots=True)
class Leg:
    """Contracts of one series, or lots of shares."""

    market: str
    kind: Kind
    units: int
    strike: Decimal = ZERO
    price: Decimal = ZERO  # [USD per share] the option's own
    expiry: int = 0
    loan: Decimal = ZERO  # [USD per share] of a long option's value that counts while it stands alone


@dataclass(frozen=True, slots=True)
class Strategy:
    """One unit of a strategy: its legs by number, with the units of each, and what it asks for."""

    name: str
    members: Members
    cost: Decimal  # [USD per share]


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs per share at a price of the underlying; `initial`: Regulation T for shares, without relief for hedges."""

    rates: Underlying
    price: Decimal  # [USD per share]
    initial: bool

    def long_stock(self, value: Decimal) -> Decimal:
        """Margin of a share held that counts with `value`."""
        kept = self.rates.long_maintenance(value)
        return max(kept, self.rates.initial_long * value) if self.initial else kept

    def short_stock(self, value: Decimal) -> Decimal:
        """Margin of a share sold short, beside its `value`."""
        kept = self.rates.short_maintenance(value)
        return max(kept, self.rates.initial_short * value) if self.initial else kept

    def uncovered(self, leg: Leg) -> Decimal:
        """A short option alone, its price included."""
        call = leg.kind == "short call"
        out = max(ZERO, leg.strike - self.price if call else self.price - leg.strike)
        leverage = self.rates.leverage
        least = self.rates.option_floor * leverage * (self.price if call else leg.strike)
        return leg.price + max(self.rates.option_rate * leverage * self.price - out, least)

    def alone(self, leg: Leg) -> tuple[str, Decimal]:
        """Name and cost of a leg by itself."""
        if leg.kind == "long stock":
            return leg.kind, self.long_stock(self.price)
        if leg.kind == "short stock":
            return leg.kind, self.short_stock(self.price)
        if leg.kind.startswith("long"):
            return leg.kind, ZERO
        return f"uncovered {leg.kind}", self.uncovered(leg)

    def pair(self, fall: Leg, rise: Leg) -> tuple[str, Decimal] | None:
        """Name and cost of one of each; None where they make no strategy."""
        if fall.kind == "short call" and rise.kind == "short put":
            return "short straddle", self.straddle(fall, rise)
        if fall.kind == "short call" and rise.kind == "long stock":
            kept = self._limited(fall) + self.rates.long_maintenance(min(self.price, fall.strike))
            return "covered call", max(kept, self.long_stock(self.price)) if self.initial else kept
        if fall.kind == "short stock" and rise.kind == "short put":
            valued = max(self.price, rise.strike)
            kept = valued - self.price + self.rates.short_maintenance(valued)
            return "covered put", max(kept, self.short_stock(self.price)) if self.initial else kept
        if (fall.kind, rise.kind) in (("long put", "long stock"), ("short stock", "long call")):
            return self._protected(fall, rise)
        if fall.kind[-4:] != rise.kind[-4:]:
            return None
        short, long = (fall, rise) if fall.kind == "short call" else (rise, fall)
        if long.expiry < short.expiry:
            return None
        width = long.strike - short.strike if short.kind == "short call" else short.strike - long.strike
        return f"{short.kind[6:]} spread", min(self.uncovered(short), max(ZERO, width)) + long.loan

    def straddle(self, call: Leg, put: Leg) -> Decimal:
        """Short call and short put; where both ask the same, the larger price is added."""
        of_call, of_put = self.uncovered(call), self.uncovered(put)
        if of_call == of_put:
            return of_call + max(call.price, put.price)
        return of_call + put.price if of_call > of_put else of_put + call.price

    def _limited(self, call: Leg) -> Decimal:
        """Value of a share beyond the exercise price of a call written on it: it does not count."""
        return max(ZERO, self.price - call.strike)

    def _protected(self, fall: Leg, rise: Leg) -> tuple[str, Decimal]:
        put = fall.kind == "long put"
        option = fall if put else rise
        stock = self.long_stock(self.price) if put else self.short_stock(self.price)
        if not self.initial:
            out = max(ZERO, self.price - option.strike if put else option.strike - self.price)
            stock = min(stock, self.rates.hedged_rate * option.strike + out)
        return "protective put" if put else "protective call", stock + option.loan

    def with_stock(self, stock: Leg, call: Leg, put: Leg) -> tuple[str, Decimal] | None:
        """Conversion, reverse conversion or collar of one lot; None where the three make none."""
        if call.expiry != put.expiry or self.initial:
            return None
        hedged = self.rates.hedged_rate
        if stock.kind == "short stock":
            if call.strike != put.strike:
                return None
            return "reverse conversion", hedged * call.strike + max(ZERO, put.strike - self.price) + call.loan
        if call.strike == put.strike:
            return "conversion", self._limited(call) + hedged * put.strike + put.loan
        if call.strike < put.strike:
            return None
        guarded = hedged * put.strike + max(ZERO, self.price - put.strike)
        return "collar", self._limited(call) + min(guarded, self.rates.long_maintenance(call.strike)) + put.loan


@cache
def greatest_loss(options: tuple[tuple[Kind, Decimal], ...]) -> Decimal:
    """The most that as many long as short options lose by exercise, at any price of the underlying [USD per share].

    The payoff bends at exercise prices only, and is flat beyond them: it is enough to look there.

    >>> condor = (("long put", 90), ("short put", 95), ("short call", 105), ("long call", 112))
    >>> greatest_loss(tuple((kind, Decimal(strike)) for kind, strike in condor))
    Decimal('7')
    """
    worst = ZERO
    for _, price in options:
        paid = ZERO
        for kind, strike in options:
            value = max(ZERO, price - strike if kind.endswith("call") else strike - price)
            paid += value if kind.startswith("short") else -value
        worst = max(worst, paid)
    return worst


def pairs(legs: Sequence[Leg], costs: Costs) -> Iterator[Strategy]:
    """Every strategy of two legs."""
    for i, fall in enumerate(legs):
        if fall.kind in FALL:
            for j, rise in enumerate(legs):
                found = costs.pair(fall, rise) if rise.kind not in FALL else None
                if found is not None:
                    yield Strategy(found[0], ((i, 1), (j, 1)), found[1])


def with_stock(legs: Sequence[Leg], costs: Costs) -> Iterator[Strategy]:
    """Every strategy of stock and two options."""
    by_kind: dict[str, list[int]] = {}
    for number, leg in enumerate(legs):
        by_kind.setdefault(leg.kind, []).append(number)
    for stock, call, put in (("long stock", "short call", "long put"), ("short stock", "long call", "short put")):
        for i in by_kind.get(stock, ()):
            for j in by_kind.get(call, ()):
                for k in by_kind.get(put, ()):
                    found = costs.with_stock(legs[i], legs[j], legs[k])
                    if found is not None:
                        yield Strategy(found[0], ((i, 1), (j, 1), (k, 1)), found[1])


def of_two_spreads(legs: Sequence[Leg], spreads: Sequence[Strategy]) -> Iterator[Strategy]:
    """Spreads of four options (butterflies, condors, boxes) that ask for less than their two halves.

    Every short one expires no later than every long one.
    """
    shape = tuple((leg.kind, leg.strike, leg.expiry, min(leg.units, 2)) for leg in legs)
    for one, other, members, loss in _unions(shape, tuple(spread.members for spread in spreads)):
        cost = loss + sum((legs[leg].loan * count for leg, count in members), ZERO)
        if cost < spreads[one].cost + spreads[other].cost:
            yield Strategy("spread of four", members, cost)


@lru_cache(maxsize=512)
def _unions(shape: tuple[Shape, ...], spreads: tuple[Members, ...]) -> tuple[tuple[int, int, Members, Decimal], ...]:
    """Two spreads by number, their legs together, and the greatest loss, where it is less than that of both apart.

    Prices play no part in it: it is found once for a book.
    """
    apart = [greatest_loss(_options(shape, members)) for members in spreads]
    found = []
    for one, members in enumerate(spreads):
        for other in range(one + 1, len(spreads)):
            counts = dict(members)
            for leg, count in spreads[other]:
                counts[leg] = counts.get(leg, 0) + count
            if any(shape[leg][3] < count for leg, count in counts.items()):
                continue
            both = tuple(sorted(counts.items()))
            last = max(shape[leg][2] for leg, _ in both if shape[leg][0].startswith("short"))
            if last > min(shape[leg][2] for leg, _ in both if shape[leg][0].startswith("long")):
                continue
            loss = greatest_loss(_options(shape, both))
            if loss < apart[one] + apart[other]:
                found.append((one, other, both, loss))
    return tuple(found)


def _options(shape: Sequence[Shape], members: Members) -> tuple[tuple[Kind, Decimal], ...]:
    return tuple(shape[leg][:2] for leg, count in members for _ in range(count))

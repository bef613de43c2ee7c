"""Stale prices: which ones are, how far they may be off, and what can be decided all the same.

A stale price stands for an interval, last · (1 ± band). A pool's headroom over such intervals is bounded from its legs:

    F(p) = constant + Σ slope·f(p) − Σ table(size·f(p)),    f a product of quotes and indices

For each stale quote the legs that follow it are taken together (collateral and debt in one asset move together), so the
bound of a quote is the extreme of a piecewise linear function: at the ends of its interval or at the brackets' floors.
Liquidatable over all of it: act. Over none of it: do not. Else, or within the pool's float allowance: undecided.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from marginbook.domain.legs import BracketTable, CurrencyLegs, Factor, FactorPart, Leg, PoolLegs
from marginbook.domain.market import Quote, QuoteKey

FLOAT_GUARD = 1e-12
"""Relative rounding of the bounds themselves, far above what a thousand float64 operations lose."""

Bounds = Mapping[QuoteKey, tuple[float, float]]


class Verdict(Enum):
    """What holds whatever the stale prices really are."""

    LIQUIDATABLE = "liquidatable"
    NOT_LIQUIDATABLE = "not_liquidatable"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class _Piece:
    """A leg as a function of one variable: slope·x − table(size·x)."""

    slope: float
    demand: float
    size: float
    table: BracketTable | None

    def headroom(self, x: float) -> float:
        return self.slope * x - self.required(x)

    def required(self, x: float) -> float:
        required = self.demand * x
        if self.table is not None:
            notional = self.size * x
            bracket = max((row for row in self.table if row[0] <= notional), default=self.table[0])
            required += bracket[1] * notional - bracket[2]
        return required

    def kinks(self) -> Iterable[float]:
        if self.table is None or not self.size:
            return ()
        return (row[0] / self.size for row in self.table)


def expiry(quote: Quote, max_age: int | None) -> int | None:
    """The last moment [µs UTC] at which `quote` is fresh; None: always. `max_age` counts where it declares none."""
    age = quote.max_age if quote.max_age is not None else max_age
    return None if age is None or quote.time is None else quote.time + age


def interval(price: Decimal, band: Decimal) -> tuple[float, float]:
    """last · (1 ± band), outward; the low end is never below a billionth of the price.

    >>> low, high = interval(Decimal(100), Decimal("0.1"))
    >>> 89.999 < low < 90 and 110 < high < 110.001
    True
    """
    last, width = float(price), float(band)
    return last * max(1.0 - width, 1e-9) * (1.0 - FLOAT_GUARD), last * (1.0 + width) * (1.0 + FLOAT_GUARD)


def depends(pool: PoolLegs, stale: Iterable[QuoteKey]) -> tuple[QuoteKey, ...]:
    """The stale quotes that the pool depends on."""
    used = {part[1:] for factor in pool.factors for part in factor if part[0] in ("quote", "inverse")}
    return tuple(sorted(key for key in stale if key in used))


def verdict(pool: PoolLegs, value_of: Callable[[FactorPart], float], bounds: Bounds) -> Verdict:
    """What can be said of `pool` while each quote in `bounds` lies anywhere between its bounds."""
    if pool.opaque:
        return Verdict.UNDECIDED
    if pool.currencies:
        return _joined(pool, value_of, bounds)
    groups: dict[tuple[str, QuoteKey], list[_Piece]] = {}
    alone: list[tuple[_Piece, float, float]] = []
    for leg in pool.legs:
        others, moving = 1.0, []
        for part in leg.factor:
            if part[0] in ("quote", "inverse") and part[1:] in bounds:
                moving.append(part)
            else:
                others *= value_of(part)
        if len(moving) == 1:
            groups.setdefault((moving[0][0], moving[0][1:]), []).append(_piece(leg, others))
        else:
            low = high = 1.0
            for part in moving:
                least, most = _ends(part[0], bounds[part[1:]])
                low, high = low * least, high * most
            alone.append((_piece(leg, others), low, high))
    parts = [([piece], low, high) for piece, low, high in alone]
    parts += [(pieces, *_ends(how, bounds[key])) for (how, key), pieces in groups.items()]
    return _decided(pool, parts)


def _decided(pool: PoolLegs, parts: list[tuple[list[_Piece], float, float]]) -> Verdict:
    constants = pool.constants
    low = high = constants.support - constants.demand
    demand_low = demand_high = constants.demand
    gross = abs(constants.support) + abs(constants.demand)
    for pieces, start, end in parts:
        kinks = (kink for piece in pieces for kink in piece.kinks() if start < kink < end)
        points = [start, end, *kinks] if end > start else [start]
        headrooms = [sum(piece.headroom(x) for piece in pieces) for x in points]
        demands = [sum(piece.required(x) for piece in pieces) for x in points]
        low, high = low + min(headrooms), high + max(headrooms)
        demand_low, demand_high = demand_low + min(demands), demand_high + max(demands)
        gross += sum(abs(piece.slope) * end + abs(piece.required(end)) for piece in pieces)
    allowance = 2.0 * pool.absolute + (2.0 * pool.relative + FLOAT_GUARD) * gross
    return _told(low, high, demand_low, demand_high, allowance)


def _joined(pool: PoolLegs, value_of: Callable[[FactorPart], float], bounds: Bounds) -> Verdict:
    """As `verdict`, currency by currency: each sum of legs is bounded alone, whatever else its prices move."""
    demand_low = demand_high = pool.constants.demand
    low = high = pool.constants.support
    gross = abs(low) + abs(demand_low)
    for one in pool.currencies:
        x_low = x_high = one.cash
        owed_low = owed_high = one.demand
        for leg in one.legs:
            piece, ends = _piece(leg, 1.0), _factor_ends(leg.factor, value_of, bounds)
            worth, required = [piece.slope * f for f in ends], [piece.required(f) for f in ends]
            x_low, x_high = x_low + min(worth), x_high + max(worth)
            owed_low, owed_high = owed_low + min(required), owed_high + max(required)
            gross += max(map(abs, worth)) + max(required)
        prices = _factor_ends(one.factor, value_of, bounds)
        low += min(_counted(x_low, p, one) for p in prices)
        high += max(_counted(x_high, p, one) for p in prices)
        demand_low += prices[0] * (one.demand_rate * owed_low + one.borrow_rate * max(0.0, -x_high))
        demand_high += prices[1] * (one.demand_rate * owed_high + one.borrow_rate * max(0.0, -x_low))
        gross += prices[1] * (abs(x_low) + abs(x_high) + owed_high + one.absolute / (pool.relative or 1.0))
    allowance = 2.0 * pool.absolute + (2.0 * pool.relative + FLOAT_GUARD) * gross
    return _told(low - demand_high, high - demand_low, demand_low, demand_high, allowance)


def _counted(x: float, p: float, one: CurrencyLegs) -> float:
    return min(rate * x * p + plus * p + rest for rate, plus, rest in one.lines)


def _told(low: float, high: float, demand_low: float, demand_high: float, allowance: float) -> Verdict:
    """What follows from bounds of the headroom and of the demand."""
    if low > allowance or demand_high <= 0.0:
        return Verdict.NOT_LIQUIDATABLE
    if high < -allowance and demand_low > 0.0:
        return Verdict.LIQUIDATABLE
    return Verdict.UNDECIDED


def _factor_ends(factor: Factor, value_of: Callable[[FactorPart], float], bounds: Bounds) -> tuple[float, float]:
    """Least and greatest value of a factor."""
    low = high = 1.0
    for part in factor:
        doubtful = part[0] in ("quote", "inverse") and part[1:] in bounds
        least, most = _ends(part[0], bounds[part[1:]]) if doubtful else (value_of(part),) * 2
        low, high = low * least, high * most
    return low, high


def _piece(leg: Leg, others: float) -> _Piece:
    return _Piece(leg.slopes.support * others, leg.slopes.demand * others, leg.size * others, leg.table)


def _ends(how: str, ends: tuple[float, float]) -> tuple[float, float]:
    return ends if how == "quote" else (1.0 / ends[1], 1.0 / ends[0])

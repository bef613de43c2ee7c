"""Faults of price data, found and named: nothing is repaired; a finding says what stood where and what was expected.

    missing, not_a_number, negative, zero, absurd      one price by itself
    stale, from_the_future                             one price and its time
    wrong_unit, inverse, wrong_decimals, outlier       one price against a reference, or the median of all sources
    crossed                                            the best bid above the best ask
    frozen                                             a series that does not move in a row while others do
    pinned                                             a series that keeps coming back to one value while others move
    gap                                                rows of a regular series that are missing

`wrong_unit` is a factor of 10, 100 or 1,000 either way, `wrong_decimals` one of 10^4 … 10^18, both within `near` of the
power of ten and only beyond the band that an outlier needs. Exact `Decimal`s; times in µs UTC.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from marginbook.exact import ONE, div_ceil, divide, in_exact_context
from marginbook.oracle.index import median
from marginbook.units import format_time

ABSURD = Decimal(10) ** 12
"""No price of one unit of anything that is traded is larger, or smaller than its inverse."""
NEAR = Decimal("0.2")
"""How far a wrong unit may be from its power of ten: markets move while units are wrong."""
PINNED_LEAST = 20
FROZEN_LEAST = 10


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: a stable code, where, what stood there, what was expected, and what it looks like."""

    code: str
    place: str
    value: str
    expected: str
    explanation: str


@in_exact_context
def check_price(
    place: str,
    price: Decimal | None,
    reference: Decimal | None = None,
    band: Decimal = Decimal("0.1"),
    near: Decimal = NEAR,
) -> list[Finding]:
    """Faults of one price, against a reference (another source, or the last good price) where there is one.

    >>> [found.code for found in check_price("BTC", Decimal("61.2"), Decimal(60_000))]
    ['wrong_unit']
    >>> [found.code for found in check_price("BTC", Decimal("0.0000166"), Decimal(60_000))]
    ['inverse']
    """
    if price is None:
        return [Finding("missing", place, "nothing", "a price", "the source sent none")]
    text = str(price)
    if not price.is_finite():
        return [Finding("not_a_number", place, text, "a finite number", "a division by zero, or an empty average")]
    if price < 0:
        return [Finding("negative", place, text, "a positive price", "a sign error, or a spread in place of a price")]
    if price == 0:
        return [Finding("zero", place, text, "a positive price", "zero stands for unknown at some sources")]
    known = reference is not None and reference.is_finite() and reference > 0
    if known and reference is not None and abs(price - reference) > band * reference:
        return [_against(place, price, reference, band, near)]
    if not known and not divide(ONE, ABSURD) <= price <= ABSURD:
        expected = f"10^-{ABSURD.adjusted()} to 10^{ABSURD.adjusted()}"
        return [Finding("absurd", place, text, expected, "raw integers, or an overflow")]
    return []


def _against(place: str, price: Decimal, reference: Decimal, band: Decimal, near: Decimal) -> Finding:
    ratio, expected = divide(price, reference), f"near {reference}"
    power = _power_of_ten(ratio, near)
    if power is not None and 1 <= abs(power) <= 3:
        return Finding(
            "wrong_unit", place, str(price), expected, f"about 10^{power} times the reference: a unit mistake"
        )
    if abs(price * reference - ONE) <= near:
        return Finding("inverse", place, str(price), expected, "about 1 / reference: quote and base are swapped")
    if power is not None and 4 <= abs(power) <= 18:
        return Finding("wrong_decimals", place, str(price), expected, f"about 10^{power} times the reference: decimals")
    return Finding("outlier", place, str(price), f"within {band} of {reference}", f"{ratio:.6g} times the reference")


def _power_of_ten(ratio: Decimal, near: Decimal) -> int | None:
    """The power of ten that `ratio` is within `near` of, or None."""
    for power in (ratio.adjusted(), ratio.adjusted() + 1):
        if abs(ratio.scaleb(-power) - ONE) <= near:
            return power
    return None


@in_exact_context
def check_sources(prices: Mapping[str, Decimal | None], band: Decimal = Decimal("0.1")) -> list[Finding]:
    """Several sources of one price, each against the median of all that are positive.

    >>> prices = {"A": Decimal(100), "B": Decimal(101), "C": Decimal("10050"), "D": None}
    >>> [(found.code, found.place) for found in check_sources(prices)]
    [('wrong_unit', 'C'), ('missing', 'D')]
    """
    sound = [price for price in prices.values() if price is not None and price.is_finite() and price > 0]
    reference = median(sound) if sound else None
    return [found for name, price in prices.items() for found in check_price(name, price, reference, band)]


def check_time(place: str, time: int | None, at: int, max_age: int, max_ahead: int = 0) -> list[Finding]:
    """Whether a price's time is recent and not in the future.

    >>> [found.code for found in check_time("BTC", 0, 61, 60)], check_time("BTC", 1, 61, 60)
    (['stale'], [])
    """
    if time is None:
        return [Finding("stale", place, "no time", f"a time at most {max_age} µs ago", "its age is not known")]
    if at - time > max_age:
        expected = f"at most {max_age} µs before {format_time(at)}"
        return [Finding("stale", place, format_time(time), expected, f"{at - time} µs old: the source has stopped")]
    if time - at > max_ahead:
        expected = f"at most {max_ahead} µs after {format_time(at)}"
        return [Finding("from_the_future", place, format_time(time), expected, "a clock is wrong, or a unit of time")]
    return []


def check_book(place: str, bid: Decimal | None, ask: Decimal | None) -> list[Finding]:
    """Both sides by themselves, and the bid below the ask; equal ones are locked, not crossed.

    >>> [found.code for found in check_book("BTC", Decimal(101), Decimal(100))]
    ['crossed']
    """
    found = check_price(f"{place}.bid", bid) + check_price(f"{place}.ask", ask)
    if not found and bid is not None and ask is not None and bid > ask:
        found.append(
            Finding("crossed", place, f"{bid} / {ask}", "bid at most ask", "one side is stale, or they are swapped")
        )
    return found


def frozen(
    place: str,
    times: Sequence[int],
    values: Sequence[Decimal],
    others: Mapping[str, Sequence[Decimal]],
    least: int = FROZEN_LEAST,
) -> list[Finding]:
    """Runs of at least `least` equal values in a row, during which another series took as many values as half of them.

    `others` hold one value for each of `times`. The run that is still going on counts like every other.

    >>> price, live = [Decimal(1)] * 12, [Decimal(n) for n in range(12)]
    >>> [(found.code, found.value) for found in frozen("bid", list(range(12)), price, {"ask": live})]
    [('frozen', '1 in 12 rows')]
    """
    found, start = [], 0
    for end in range(1, len(values) + 1):
        if end < len(values) and values[end] == values[start]:
            continue
        if end - start >= least and _moved(others, range(start, end)):
            since, until = format_time(times[start]), format_time(times[end - 1])
            expected = "a value that moves as the others do"
            why = f"from {since} to {until} the same, while {_liveliest(others, range(start, end))} moved"
            found.append(Finding("frozen", place, f"{values[start]} in {end - start} rows", expected, why))
        start = end
    return found


@in_exact_context
def pinned(
    place: str,
    times: Sequence[int],
    values: Sequence[Decimal],
    others: Mapping[str, Sequence[Decimal]],
    least: int = PINNED_LEAST,
    tolerance: Decimal = Decimal("0.0002"),
) -> list[Finding]:
    """Values (one and those within `tolerance` above it) that come back in at least `least` rows while others move.

    Live values with many digits hardly ever repeat. Only the fullest such group is told, in a row or not.

    >>> values = [Decimal(n * 7919 % 1000) if n % 2 else Decimal("5.25") for n in range(1, 61)]
    >>> live = [Decimal(n) for n in range(60)]
    >>> [found.value for found in pinned("bid", list(range(60)), values, {"ask": live})]
    ['5.25 to 5.25 in 30 of 60 rows']
    """
    order = sorted(range(len(values)), key=lambda row: values[row])
    best, low = range(0), 0
    for high in range(len(order)):
        while values[order[high]] > values[order[low]] * (ONE + tolerance):
            low += 1
        if high + 1 - low > len(best):
            best = range(low, high + 1)
    rows = sorted(order[i] for i in best)
    if len(rows) < least or not _moved(others, rows) or _dense(values, order, best):
        return []
    lowest, highest = values[order[best[0]]], values[order[best[-1]]]
    since, until = format_time(times[rows[0]]), format_time(times[rows[-1]])
    why = f"from {since} to {until} it comes back to this value, while {_liveliest(others, rows)} moved: a stale part"
    value = f"{lowest} to {highest} in {len(rows)} of {len(values)} rows"
    return [Finding("pinned", place, value, "values that hardly ever repeat", why)]


def gaps(place: str, times: Sequence[int], spacing: int) -> list[Finding]:
    """Where a series that should have a row every `spacing` µs has none for longer.

    >>> [(found.value, found.expected) for found in gaps("BTC", [0, 60_000_000, 240_000_000], 60_000_000)]
    [('2 rows missing', 'a row every 60000000 µs')]
    """
    found = []
    for before, after in pairwise(times):
        missing = div_ceil(after - before, spacing) - 1
        if missing > 0:
            why = f"nothing between {format_time(before)} and {format_time(after)}"
            found.append(Finding("gap", place, f"{missing} rows missing", f"a row every {spacing} µs", why))
    return found


def _distinct(series: Sequence[Decimal], rows: Sequence[int]) -> int:
    return len({series[row] for row in rows})


def _moved(others: Mapping[str, Sequence[Decimal]], rows: Sequence[int]) -> bool:
    return any(2 * _distinct(series, rows) >= len(rows) for series in others.values())


def _liveliest(others: Mapping[str, Sequence[Decimal]], rows: Sequence[int]) -> str:
    return max(others, key=lambda name: _distinct(others[name], rows))


def _dense(values: Sequence[Decimal], order: Sequence[int], best: range) -> bool:
    """Whether so many values so close together are ordinary: as many different ones as rows in the group."""
    return 2 * len({values[order[i]] for i in best}) >= len(best)

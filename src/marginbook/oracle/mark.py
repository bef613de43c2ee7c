"""Mark and delivery prices: an index, a smoothed basis, and the contract's own price.

    basis            (best bid + best ask) / 2 − index, sampled every `every` over `window`
    perpetual mark   median(price 1, price 2, contract price)
                     price 1 = index·(1 + last funding rate · time to funding / funding interval)
                     price 2 = index + mean basis
    delivery mark    index + mean basis
    delivery price   mean of the index over the last `window` before delivery, sampled every `every`

Exact `Decimal`s, unrounded. A sample is the latest value that was known at its instant; instants before the first value
are missing, and counted. Windows of venues at a date: `presets.window`. Source: Binance's pages on mark price and
delivery, Deribit's on its delivery price, with dates in `params/data/oracles.json`.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from marginbook.domain.errors import BadInput
from marginbook.exact import ONE, ZERO, divide, in_exact_context
from marginbook.oracle.index import median

TWO = Decimal(2)
Series = Sequence[tuple[int, Decimal]]
"""(time [µs UTC], value), oldest first."""


@dataclass(frozen=True, slots=True)
class Window:
    """Samples at `at`, at − every, …: window / every of them. In µs."""

    window: int
    every: int

    @property
    def samples(self) -> int:
        """How many."""
        return self.window // self.every


@dataclass(frozen=True, slots=True)
class Average:
    """A mean over the samples that were there."""

    value: Decimal
    samples: int
    missing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A perpetual's mark price and the three prices that it is the median of."""

    price: Decimal
    price_1: Decimal
    price_2: Decimal
    contract: Decimal


@in_exact_context
def basis(bid: Decimal, ask: Decimal, index: Decimal) -> Decimal:
    """Middle of the book less the index.

    >>> basis(Decimal(99), Decimal(102), Decimal(100))
    Decimal('0.5')
    """
    if bid > ask:
        raise BadInput("crossed_book", "bid", bid, f"at most the ask, {ask}")
    return divide(bid + ask, TWO) - index


@in_exact_context
def average(series: Series, window: Window, at: int) -> Average:
    """The mean of `series` over the window that ends at `at`; BadInput without any sample.

    >>> average([(0, Decimal(1)), (10, Decimal(3))], Window(20, 10), 10)
    Average(value=Decimal('2'), samples=2, missing=0)
    """
    if window.every <= 0 or window.samples < 1:
        raise BadInput("bad_window", "window", f"{window.window} every {window.every}", "at least one sample")
    times = [time for time, _ in series]
    total, found = ZERO, 0
    for step in range(window.samples):
        known = bisect_right(times, at - step * window.every)
        if known:
            total, found = total + series[known - 1][1], found + 1
    if not found:
        raise BadInput("missing_price", "samples", "none", f"a value at or before {at}")
    return Average(divide(total, Decimal(found)), found, window.samples - found)


@in_exact_context
def perpetual_mark(
    index: Decimal,
    mean_basis: Decimal,
    contract: Decimal,
    funding_rate: Decimal = ZERO,
    time_to_funding: int = 0,
    funding_interval: int = 28_800_000_000,
) -> Mark:
    """The mark of a perpetual; times in µs, the interval 8 hours by default.

    >>> perpetual_mark(Decimal(100), Decimal(-3), Decimal(90), Decimal("0.01"), 14_400_000_000)
    Mark(price=Decimal('97'), price_1=Decimal('100.500'), price_2=Decimal('97'), contract=Decimal('90'))
    """
    if funding_interval <= 0 or not 0 <= time_to_funding <= funding_interval:
        raise BadInput("bad_time", "time_to_funding", time_to_funding, f"0 to {funding_interval} µs")
    price_1 = index * (ONE + divide(funding_rate * time_to_funding, Decimal(funding_interval)))
    price_2 = index + mean_basis
    return Mark(price=median((price_1, price_2, contract)), price_1=price_1, price_2=price_2, contract=contract)


@in_exact_context
def delivery_mark(index: Decimal, mean_basis: Decimal) -> Decimal:
    """The mark of a contract with a delivery date."""
    return index + mean_basis


def delivery_price(index: Series, window: Window, delivery: int) -> Average:
    """What a contract is settled at: the mean of the index over the window before `delivery` [µs UTC]."""
    return average(index, window, delivery)

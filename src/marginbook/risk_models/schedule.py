"""Standardised schedule of initial margin for derivatives that are not centrally cleared (BCBS-IOSCO).

    gross margin = Σ |notional_t| · rate(product class, years to the end)
    NGR          = net replacement cost / gross replacement cost,       1 where the latter is 0
    margin       = gross margin · (0.4 + 0.6 · NGR)

To collect, replacement costs are max(0, value): gross = Σ max(0, v_t), net = max(0, Σ v_t). To post they are
min(0, value). Notionals net within a trade and never between trades. Amounts in one currency, exact; nothing is
rounded (NGR to 128 digits). Years are Actual/Actual (ISDA); a limit of the table belongs to the longer bucket.
Sources: BCBS 261 (2013-09-02), Appendix A; net to gross and years as OpenSourceRisk/Engine 1.8.16 computes them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

from marginbook.domain.errors import BadInput
from marginbook.exact import ONE, ZERO, divide, in_exact_context
from marginbook.params.records import record_or_error

FIXED, NETTED = Decimal("0.4"), Decimal("0.6")
"""Shares of the gross margin that netting cannot and can reduce."""
RECORD = "bcbs_iosco_schedule"


@dataclass(frozen=True, slots=True)
class Trade:
    """One trade: its net notional, its value to us, and the years until it ends."""

    product_class: str  # Credit, Commodity, Equity, FX, Rates, Other
    notional: Decimal
    value: Decimal
    years: Fraction


@dataclass(frozen=True, slots=True)
class ScheduleMargin:
    """The margin and what it was computed from."""

    gross_margin: Decimal
    gross_replacement_cost: Decimal
    net_replacement_cost: Decimal
    net_to_gross: Decimal
    margin: Decimal


def rates_at(at: int) -> Mapping[str, Mapping[str, Any]]:
    """Rate by product class and by least years, in force at `at` [µs UTC].

    >>> rates_at(1_600_000_000_000_000)["Rates"]
    {'0': '0.01', '2': '0.02', '5': '0.04'}
    """
    return record_or_error(RECORD, at, "the BCBS-IOSCO schedule").rows


def years_between(start: date, end: date) -> Fraction:
    """Actual/Actual (ISDA): days in leap years over 366, others over 365.

    >>> years_between(date(2020, 12, 28), date(2022, 12, 28)) < 2
    True
    >>> years_between(date(2021, 1, 1), date(2023, 1, 1))
    Fraction(2, 1)
    """
    if end < start:
        return -years_between(end, start)
    total = Fraction(0)
    for year in range(start.year, end.year + 1):
        first, after = date(year, 1, 1), date(year + 1, 1, 1)
        days = (min(end, after) - max(start, first)).days
        total += Fraction(days, (after - first).days)
    return total


def rate_of(rates: Mapping[str, Mapping[str, Any]], product_class: str, years: Fraction) -> Decimal:
    """The rate of the longest bucket that begins at or before `years`; the shortest one for a trade that has ended.

    >>> rate_of({"FX": {"0": "0.06"}}, "FX", Fraction(9))
    Decimal('0.06')
    """
    if product_class not in rates:
        raise BadInput("unknown_product_class", "product_class", product_class, "one of " + ", ".join(rates))
    buckets = sorted((Fraction(least), Decimal(rate)) for least, rate in rates[product_class].items())
    return next((rate for least, rate in reversed(buckets) if least <= years), buckets[0][1])


@in_exact_context
def schedule_margin(
    trades: Iterable[Trade], rates: Mapping[str, Mapping[str, Any]], side: Literal["call", "post"] = "call"
) -> ScheduleMargin:
    """Margin of one netting set, to be collected (`call`) or to be posted.

    >>> rates = {"Rates": {"0": "0.01", "2": "0.02", "5": "0.04"}}
    >>> two = [Trade("Rates", Decimal(1000), Decimal(value), Fraction(1)) for value in (1000, -1000)]
    >>> schedule_margin(two, rates).margin, schedule_margin(two[:1], rates).margin
    (Decimal('8.000'), Decimal('10.000'))
    """
    held = list(trades)
    kept = max if side == "call" else min
    gross = sum((abs(trade.notional) * rate_of(rates, trade.product_class, trade.years) for trade in held), ZERO)
    gross_cost = sum((kept(ZERO, trade.value) for trade in held), ZERO)
    net_cost = kept(ZERO, sum((trade.value for trade in held), ZERO))
    ratio = divide(net_cost, gross_cost) if gross_cost else ONE
    return ScheduleMargin(gross, gross_cost, net_cost, ratio, gross * (FIXED + NETTED * ratio))

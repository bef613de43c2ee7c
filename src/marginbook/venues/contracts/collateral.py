"""What a currency counts as collateral beside others: discounts by tiers of its amount, and what borrowing it asks.

    value counted = Σ over tiers (part of the equity in the tier · discount) · index price     (equity > 0)
                  = equity · index price, in full                                             (equity < 0: a liability)

A tier table of one rate holds for any amount; above the last cap of a longer one nothing counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.exact import ONE, ZERO, in_exact_context
from marginbook.venues.brackets import number_from

KEYS = ("discount", "borrow_rate", "borrow_initial_rate")


@dataclass(frozen=True, slots=True)
class DiscountTier:
    """Part of an equity from `floor` to `cap` [currency] counts at `rate`."""

    floor: Decimal
    cap: Decimal | None
    rate: Decimal


@dataclass(frozen=True, slots=True)
class CurrencyTerms:
    """What the venue makes of one currency."""

    discount: tuple[DiscountTier, ...]
    borrow_rate: Decimal | None = None  # maintenance margin per borrowed value
    borrow_initial_rate: Decimal | None = None

    def counted(self, equity: Decimal) -> Decimal:
        """The part of an equity of at least 0 that counts [currency].

        >>> terms = currency_terms({"discount": [["0", "1000", "0.90"], ["1000", "1800", "0.88"]]}, "docs")
        >>> terms.counted(Decimal(1500)), terms.counted(Decimal(5000))
        (Decimal('1340.00'), Decimal('1604.00'))
        """
        return counted_by(self.discount, equity)


def counted_by(tiers: Sequence[DiscountTier], amount: Decimal) -> Decimal:
    """What counts of an amount: each slice at its tier's rate, nothing above the last cap.

    >>> counted_by(tiers_from([["0", "50", "1"], ["50", None, "0.8"]], "docs"), Decimal(100))
    Decimal('90.0')
    """
    found = ZERO
    for tier in tiers:
        inside = (amount if tier.cap is None else min(amount, tier.cap)) - tier.floor
        if inside > 0:
            found += inside * tier.rate
    return found


@in_exact_context
def lower_lines(tiers: Sequence[DiscountTier]) -> tuple[tuple[float, float], ...] | None:
    """(rate, plus) whose least rate·x + plus is what x counts, a debt in full; None where a higher tier has more rate.

    >>> lower_lines(tiers_from([["0", "50", "0.9"], ["50", "100", "0.8"]], "docs"))
    ((1.0, 0.0), (0.9, 0.0), (0.8, 5.0), (0.0, 85.0))
    """
    lines, counted, before = [(1.0, 0.0)], ZERO, ONE
    for tier in tiers:
        if tier.rate > before:
            return None
        before = tier.rate
        lines.append((float(tier.rate), float(counted - tier.rate * tier.floor)))
        if tier.cap is not None:
            counted += (tier.cap - tier.floor) * tier.rate
    if tiers[-1].cap is not None:
        lines.append((0.0, float(counted)))
    return tuple(lines)


@in_exact_context
def currency_terms(row: Mapping[str, Any], place: str, base: CurrencyTerms | None = None) -> CurrencyTerms:
    """Terms from a row: `discount` is a rate or `[floor, cap, rate]` rows; BadInput names what is wrong."""
    if not isinstance(row, Mapping):
        raise BadInput("bad_parameters", place, row, "a table of parameters")
    for key in row:
        if key not in KEYS:
            raise BadInput("unknown_parameter", f"{place}.{key}", row[key], "one of " + ", ".join(KEYS))
    if "discount" in row:
        discount = tiers_from(row["discount"], f"{place}.discount")
    elif base is not None:
        discount = base.discount
    else:
        raise BadInput("no_parameters", f"{place}.discount", "nothing", "a discount rate or tiers of it")
    rate, initial = (base.borrow_rate, base.borrow_initial_rate) if base is not None else (None, None)
    if "borrow_rate" in row:
        rate = _fraction(row["borrow_rate"], f"{place}.borrow_rate")
    if "borrow_initial_rate" in row:
        initial = _fraction(row["borrow_initial_rate"], f"{place}.borrow_initial_rate")
    return CurrencyTerms(discount, rate, initial)


def tiers_from(value: Any, place: str, problem: str = "bad_brackets") -> tuple[DiscountTier, ...]:
    """Tiers of one rate, or of `[floor, cap, rate]` rows that follow each other; BadInput `problem`."""
    if not isinstance(value, list | tuple):
        return (DiscountTier(ZERO, None, _fraction(value, place)),)
    tiers: list[DiscountTier] = []
    for number, row in enumerate(value):
        here = f"{place}[{number}]"
        if not isinstance(row, list | tuple) or len(row) != 3:
            raise BadInput(problem, here, row, "[floor, cap, rate]")
        floor = number_from(row[0], here)
        cap = None if row[1] in (None, "", "Infinity") else number_from(row[1], here)
        expected = tiers[-1].cap if tiers else ZERO
        if floor != expected or (cap is not None and cap <= floor):
            raise BadInput(problem, here, row, f"a floor of {expected} and a cap above it")
        tiers.append(DiscountTier(floor, cap, _fraction(row[2], here)))
    if not tiers:
        raise BadInput(problem, place, value, "at least one tier")
    return tuple(tiers)


def _fraction(value: Any, place: str) -> Decimal:
    number = number_from(value, place)
    if not ZERO <= number <= ONE:
        raise BadInput("bad_parameter", place, value, "from 0 to 1")
    return number

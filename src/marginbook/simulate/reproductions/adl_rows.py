"""Rows that compare a number with one that was shipped in full, or printed rounded."""

from decimal import Decimal

from marginbook.exact import ONE, divide, in_exact_context, round_half_up
from marginbook.simulate.reproductions.table import Row

HUNDRED, THOUSAND, MILLION = Decimal(100), Decimal(1000), Decimal(10**6)


def computed(quantity: str, shipped: Decimal, ours: Decimal, why: str, places: int = 2) -> Row:
    """A row for a number that was shipped with all its digits: the difference is that of the rounded numbers."""
    theirs, own = round_half_up(shipped, places), round_half_up(ours, places)
    return Row(quantity, f"{theirs:,}", f"{own:,}", f"{own - theirs:,}" if own != theirs else "0", why)


@in_exact_context
def stated(quantity: str, printed: str, ours: Decimal, why: str) -> Row:
    """A row for a rounded number in a text, such as `-371 K (wave 1)`: ours in its unit, with two digits more.

    >>> stated("missed", "-1.5 M", Decimal(-3_020_121), "")
    Row(quantity='missed', published='-1.5 M', ours='-3.020 M', difference='-1.5', why='')
    """
    number, _, unit = printed.partition(" (")[0].partition(" ")
    value = Decimal(number.replace(",", ""))
    places = len(number.partition(".")[2])
    own = divide(ours, {"M": MILLION, "K": THOUSAND}.get(unit, ONE))
    difference = round_half_up(own, places) - value
    shown = round_half_up(own, places + 2 if unit or places else 0)
    return Row(quantity, printed, f"{shown:,} {unit}".strip(), f"{difference:,}" if difference else "0", why)


def money(amount: Decimal) -> str:
    """An amount with cents.

    >>> money(Decimal("1234567.891"))
    '1,234,567.89'
    """
    return f"{round_half_up(amount, 2):,}"


@in_exact_context
def percent(share: Decimal) -> str:
    """A share in percent, to three digits.

    >>> percent(Decimal("0.00866")), percent(Decimal(1)), percent(Decimal("0.0000471"))
    ('0.866 %', '100 %', '0.00471 %')
    """
    scaled = HUNDRED * share
    places = max(0, 2 - scaled.adjusted()) if scaled else 0
    return f"{round_half_up(scaled, places)} %"

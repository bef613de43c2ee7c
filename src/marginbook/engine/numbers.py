"""Numbers that no rule can work with are refused before any rule sees them: not finite, or beyond any real amount."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.domain.events import Event, LendingAction, ParameterChange, PriceFrame, Stamp

LARGEST = Decimal("1e30")
"""No amount, price or quantity is larger."""


def check_numbers(event: Event) -> None:
    """BadInput `bad_number` if an account event carries a number that cannot be meant.

    Frames are checked with their prices, parameters by their rule set; "all of it" is an amount that protocols know.
    """
    if isinstance(event, PriceFrame | ParameterChange):
        return
    if isinstance(event, LendingAction) and event.amount == Decimal("Infinity"):
        return
    for place, number in _numbers(event, type(event).__name__):
        if not number.is_finite() or abs(number) > LARGEST:
            raise BadInput("bad_number", place, number, f"a finite number of at most {LARGEST}")


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind) if kind is not Stamp)


def _numbers(value: Any, place: str) -> Iterator[tuple[str, Decimal]]:
    if isinstance(value, Decimal):
        yield place, value
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _numbers(item, f"{place}[{index}]")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _numbers(item, f"{place}.{key}")
    elif is_dataclass(value):
        kind: Any = type(value)
        for name in _names(kind):
            yield from _numbers(getattr(value, name), f"{place}.{name}")

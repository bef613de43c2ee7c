"""Typed fields of a parameter row, from a shipped record or a book's `[parameters.<name>.<market>]` table.

A row is a mapping of names to texts; a `Field` says what a name may hold and reads it exactly, naming the place of
what is wrong.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.exact import to_raw_exact
from marginbook.venues.brackets import number_from

Read = Callable[[Any, str], Any]


def read_row(row: Any, fields: Mapping[str, Read], place: str) -> dict[str, Any]:
    """The values of a row by name; BadInput names an unknown key or a bad value."""
    if not isinstance(row, Mapping):
        raise BadInput("bad_parameters", place, row, "a table of parameters")
    for key in row:
        if key not in fields:
            raise BadInput("unknown_parameter", f"{place}.{key}", row[key], "one of " + ", ".join(fields))
    return {key: fields[key](value, f"{place}.{key}") for key, value in row.items()}


def rows_with(shipped: Mapping[str, Any], overlay: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """Rows of a dated table with a book's values on them.

    >>> rows_with({"ETH": {"a": "1", "b": "2"}}, {"ETH": {"b": "3"}})
    {'ETH': {'a': '1', 'b': '3'}}
    """
    rows = {name: dict(row) for name, row in shipped.items()}
    for name, row in (overlay or {}).items():
        if not isinstance(row, Mapping):
            raise BadInput("bad_parameters", f"parameters.{name}", row, "a table of parameters")
        rows[name] = {**rows.get(name, {}), **row}
    return rows


def decimal(value: Any, place: str) -> Decimal:
    """Any finite decimal."""
    return number_from(value, place)


def not_negative(value: Any, place: str) -> Decimal:
    """A decimal of at least 0."""
    number = number_from(value, place)
    if number < 0:
        raise BadInput("bad_parameter", place, value, "at least 0")
    return number


def positive(value: Any, place: str) -> Decimal:
    """A decimal above 0."""
    number = number_from(value, place)
    if number <= 0:
        raise BadInput("bad_parameter", place, value, "above 0")
    return number


def fraction(value: Any, place: str) -> Decimal:
    """A decimal from 0 to 1."""
    number = number_from(value, place)
    if not 0 <= number <= 1:
        raise BadInput("bad_parameter", place, value, "from 0 to 1")
    return number


def flag(value: Any, place: str) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise BadInput("bad_parameter", place, value, "true or false")
    return value


def text(value: Any, place: str) -> str:
    """A text."""
    if not isinstance(value, str) or not value:
        raise BadInput("bad_parameter", place, value, "a text in quotes")
    return value


def whole(value: Any, place: str) -> int:
    """An integer of at least 0."""
    number = not_negative(value, place)
    if number != int(number):
        raise BadInput("bad_parameter", place, value, "a whole number")
    return int(number)


def word(*choices: str) -> Read:
    """One of the given words."""

    def read(value: Any, place: str) -> str:
        if value not in choices:
            raise BadInput("bad_parameter", place, value, " or ".join(choices))
        return str(value)

    return read


@dataclass(frozen=True, slots=True)
class Raw:
    """A decimal of at least 0 as an integer of 10^-decimals units; BadInput if that would lose a digit.

    >>> Raw(18)("0.05", "docs")
    50000000000000000
    """

    decimals: int

    def __call__(self, value: Any, place: str) -> int:
        """The integer."""
        number = not_negative(value, place)
        try:
            return to_raw_exact(number, self.decimals)
        except ValueError:
            raise BadInput("bad_parameter", place, value, f"at most {self.decimals} decimals") from None


def detail(details: Mapping[str, str], name: str, place: str, default: Decimal | None = None) -> Decimal:
    """A number among the details of an account or a holding; BadInput `missing_detail` where there is none.

    >>> detail({"margin": "12.5"}, "margin", "docs")
    Decimal('12.5')
    """
    if name in details:
        return number_from(details[name], f"{place}.details.{name}")
    if default is None:
        raise BadInput("missing_detail", f"{place}.details.{name}", "nothing", "a number")
    return default


def detail_raw(details: Mapping[str, str], name: str, place: str, default: int | None = None) -> int:
    """A venue integer among the details; BadInput where it is none.

    >>> detail_raw({"shares_raw": "12"}, "shares_raw", "docs")
    12
    """
    if name not in details:
        if default is None:
            raise BadInput("missing_detail", f"{place}.details.{name}", "nothing", "an integer")
        return default
    try:
        return int(details[name])
    except ValueError:
        raise BadInput("bad_number", f"{place}.details.{name}", details[name], "an integer") from None

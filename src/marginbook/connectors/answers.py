"""What readers of venues' answers return, and how they read single fields."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from marginbook.connectors.values import join, read_decimal, shown
from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Index, IndexKey, Quote, QuoteKey


@dataclass(frozen=True, slots=True)
class VenueAccount:
    """An account read from a venue's answers, and what else of the venue stands in them."""

    account: Account
    quotes: Mapping[QuoteKey, Quote]
    as_of: int | None  # [µs UTC]
    warnings: tuple[str, ...]
    overlay: Mapping[str, Any] = field(default_factory=dict)  # [market -> parameters] of `account.parameters`
    indices: Mapping[IndexKey, Index] = field(default_factory=dict)


def optional_number(row: Mapping[str, Any], name: str, place: str) -> Decimal | None:
    """A printed number; None where the venue leaves it out, null or empty.

    >>> optional_number({"margin": ""}, "margin", ""), optional_number({"size": "0.5"}, "size", "")
    (None, Decimal('0.5'))
    """
    value = row.get(name)
    return None if value is None or value == "" else read_decimal(value, join(place, name))


def needed_number(row: Mapping[str, Any], name: str, place: str, what: str = "a number") -> Decimal:
    """A printed number that the account cannot do without."""
    found = optional_number(row, name, place)
    if found is None:
        raise BadInput("missing_key", join(place, name), "nothing", what)
    return found


def printed_figures(row: Mapping[str, Any], names: Mapping[str, str], place: str) -> dict[str, Decimal]:
    """What a row prints, under our names."""
    return {ours: found for theirs, ours in names.items() if (found := optional_number(row, theirs, place)) is not None}


def needed_table(value: Any, place: str) -> dict[str, Any]:
    """A table; BadInput `wrong_type` for anything else."""
    if not isinstance(value, dict):
        raise BadInput("wrong_type", place, shown(value), "a table")
    return value


def tables(value: Any, place: str) -> Iterator[tuple[dict[str, Any], str]]:
    """(row, place) of a list of tables."""
    if not isinstance(value, list):
        raise BadInput("wrong_type", place, shown(value), "a list of tables")
    for index, row in enumerate(value):
        yield needed_table(row, join(place, index)), join(place, index)


def one_of(value: Any, options: Iterable[str], place: str) -> str:
    """One word of a few; BadInput `unknown_choice` otherwise."""
    words = tuple(options)
    if not isinstance(value, str) or value not in words:
        raise BadInput("unknown_choice", place, shown(value), " or ".join(words))
    return value

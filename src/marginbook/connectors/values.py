"""Readers of single values from files and messages: exact, bounded, and precise about what was wrong.

A reader takes the value as the parser left it (text, int, `Decimal`, bool, list, dict) and the place it came from; it
returns the domain value or raises `BadInput`. Numbers may be quoted or not; a bool is never a number.
"""

import re
from collections.abc import Iterable
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.exact import format_decimal, parse_decimal
from marginbook.units import parse_time

NUMBER_MAX = Decimal(10) ** 30
"""Largest magnitude of a human amount or price: beyond it a unit has been mistaken."""
RAW_MAX = 2**256 - 1
"""Largest venue integer (an EVM word)."""
TEXT_MAX = 200
"""Longest identifier [characters]."""
SHOWN_MAX = 60
"""Longest piece of input repeated in an error [characters]."""
NAMED_MAX = 20
"""Most names listed in an error."""
COMPARED_MAX = 200
"""Most names that a misspelled one is compared with."""
DEPTH_MAX = 8
"""Deepest nesting of a parameter overlay."""
TIME_MAX = 253_402_300_799_999_999
"""Last microsecond of the year 9999 [µs UTC]."""

A_NUMBER = "a decimal number without unit, such as 62000.5"
_PLAIN_KEY = re.compile(r"[\w/@$%+-]{1,60}\Z", re.ASCII)
_SHORT_NUMBER = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?\Z")
"""What needs no further check."""
_UNIX_MICROSECONDS = {10: 1_000_000, 13: 1_000, 16: 1}


def shown(value: Any) -> str:
    """A short, printable rendering of any input value for an error message.

    >>> shown("60000 USDT"), shown(""), shown(True), shown([1, 2])
    ('60000 USDT', "''", 'true', 'a list of 2')
    """
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            text = value if len(value) <= SHOWN_MAX else value[:SHOWN_MAX] + "…"
            return text if text.isprintable() and text == text.strip() != "" else repr(text)
        case int():
            return str(value) if value.bit_length() < 300 else f"an integer of {value.bit_length()} bits"
        case Decimal():
            text = str(value)
            return text if len(text) <= SHOWN_MAX else text[:SHOWN_MAX] + "…"
        case dict():
            return "a table"
        case list():
            return f"a list of {len(value)}"
        case date() | time():
            return value.isoformat()
        case _:
            return type(value).__name__


def join(place: str, key: str | int) -> str:
    """The place of `key` inside `place`; a file's own place ends in a colon.

    >>> join(join(join("book.toml:", "account"), 0), "id")
    'book.toml: account[0].id'
    """
    if isinstance(key, int):
        return f"{place} [{key}]" if place.endswith(":") else f"{place}[{key}]"
    name = key if _PLAIN_KEY.match(key) else shown(key)
    return f"{place} {name}" if place.endswith(":") else f"{place}.{name}"


def named(words: Iterable[str]) -> str:
    """The first few of some names, for a message."""
    first = list(islice(words, NAMED_MAX + 1))
    return ", ".join(first[:NAMED_MAX]) + (", …" if len(first) > NAMED_MAX else "")


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean …?` where something known is close, else nothing."""
    from difflib import get_close_matches

    close = get_close_matches(word[:TEXT_MAX], list(islice(known, COMPARED_MAX)), 1)
    return f"; did you mean {close[0]}?" if close else ""


def read_decimal(value: Any, place: str, expected: str = A_NUMBER) -> Decimal:
    """Any finite number of at most `NUMBER_MAX`."""
    if type(value) is str and _SHORT_NUMBER.match(value):
        return Decimal(value)
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise BadInput("wrong_type", place, shown(value), expected)
    try:
        number = parse_decimal(value)
    except ValueError:
        raise BadInput(_why_not_a_number(value), place, shown(value), expected) from None
    if number.copy_abs() > NUMBER_MAX:
        raise BadInput("out_of_range", place, shown(value), f"{expected}, of at most 1e30")
    return number


def _why_not_a_number(value: str | int | Decimal) -> str:
    if isinstance(value, int):
        return "out_of_range"
    text = str(value)
    try:
        if not Decimal(text).is_finite():
            return "not_finite"
    except InvalidOperation:
        return "not_a_number"
    return "out_of_range" if text.isascii() and "_" not in text else "not_a_number"


def read_positive(value: Any, place: str) -> Decimal:
    """A number above zero: a price, a quantity, a leverage."""
    number = read_decimal(value, place, "a decimal number above 0, without unit")
    if number <= 0:
        raise BadInput("not_positive", place, shown(value), "a decimal number above 0")
    return number


def read_not_negative(value: Any, place: str) -> Decimal:
    """A number of at least zero: an amount held or owed."""
    number = read_decimal(value, place, "a decimal number of at least 0, without unit")
    if number < 0:
        raise BadInput("negative", place, shown(value), "a decimal number of at least 0")
    return number


def read_integer(value: Any, place: str, most: int = RAW_MAX) -> int:
    """A whole number from 0 to `most`, as int or as text of digits."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadInput("wrong_type", place, shown(value), "a whole number")
    if isinstance(value, str):
        if not (value.isascii() and value.isdigit()):
            raise BadInput("not_a_number", place, shown(value), "a whole number of at least 0")
        if len(value) > 80:
            raise BadInput("out_of_range", place, shown(value), f"a whole number of at most {most}")
    number = int(value)
    if number < 0:
        raise BadInput("negative", place, shown(value), "a whole number of at least 0")
    if number > most:
        raise BadInput("out_of_range", place, shown(value), f"a whole number of at most {most}")
    return number


def read_signed_integer(value: Any, place: str) -> int:
    """A whole number of either sign, such as a cumulative funding index."""
    if isinstance(value, str) and value.startswith("-"):
        return -read_integer(value[1:], place)
    if isinstance(value, int) and value < 0:
        return -read_integer(-value, place)
    return read_integer(value, place)


def read_small_integer(value: Any, place: str) -> int:
    """A whole number that fits a signed 64-bit integer: a category, a sequence."""
    return read_integer(value, place, 2**63 - 1)


def read_flag(value: Any, place: str) -> bool:
    """true or false, unquoted."""
    if not isinstance(value, bool):
        raise BadInput("wrong_type", place, shown(value), "true or false")
    return value


def read_text(value: Any, place: str) -> str:
    """An identifier: printable, not empty, without surrounding blanks."""
    if not isinstance(value, str):
        raise BadInput("wrong_type", place, shown(value), "a text in quotes")
    if not value or len(value) > TEXT_MAX or not value.isprintable() or value != value.strip():
        raise BadInput("bad_text", place, shown(value), f"1 to {TEXT_MAX} printable characters, no blanks around them")
    return value


def read_word(value: Any, place: str) -> str:
    """A text, or a number or truth value as its text.

    >>> read_word("WETH", ""), read_word(Decimal("0.50"), ""), read_word(True, "")
    ('WETH', '0.5', 'true')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return format_decimal(read_decimal(value, place)) if isinstance(value, Decimal) else str(value)
    return read_text(value, place)


def read_rules(value: Any, place: str) -> str:
    """A rule name such as `binance/usdm`; whether it is known is the registry's question."""
    text = read_text(value, place)
    family, slash, version = text.partition("/")
    if not (slash and family and version):
        raise BadInput("bad_text", place, shown(value), "a rule name such as binance/usdm or aave/3.6")
    return text


def read_time(value: Any, place: str) -> int:
    """A time as microseconds UTC: ISO 8601 text, or Unix time of 10 (s), 13 (ms) or 16 (µs) digits.

    >>> read_time("2026-10-01T12:00:00Z", "") == read_time(1790856000, "") == read_time("1790856000000", "")
    True
    """
    if isinstance(value, datetime | date):
        value = value.isoformat()
    if isinstance(value, int) and not isinstance(value, bool):
        value = shown(value)
    if not isinstance(value, str):
        raise BadInput("wrong_type", place, shown(value), "an ISO 8601 time such as 2026-10-01T12:00:00Z")
    if value.isascii() and value.isdigit():
        if len(value) in _UNIX_MICROSECONDS:
            return int(value) * _UNIX_MICROSECONDS[len(value)]
        raise BadInput("bad_time", place, shown(value), "Unix time of 10 (s), 13 (ms) or 16 (µs) digits, or ISO 8601")
    try:
        at = parse_time(value)
    except (ValueError, OverflowError):
        at = -1
        if len(value) > 40 or not value[:4].isdigit():
            raise BadInput("bad_time", place, shown(value), "an ISO 8601 time such as 2026-10-01T12:00:00Z") from None
    if not 0 <= at <= TIME_MAX:
        raise BadInput("bad_time", place, shown(value), "an ISO 8601 time from 1970 on, such as 2026-10-01T12:00:00Z")
    return at


def read_plain(value: Any, place: str, depth: int = DEPTH_MAX) -> Any:
    """A parameter value of any shape, made of text, int, bool, lists and tables; decimals become their text."""
    match value:
        case bool():
            return value
        case str():
            if len(value) > 5 * TEXT_MAX:
                raise BadInput("bad_text", place, shown(value), f"at most {5 * TEXT_MAX} characters")
            return value
        case int():
            read_decimal(value, place)
            return value
        case Decimal():
            return format_decimal(read_decimal(value, place))
        case list() if depth:
            return [read_plain(item, join(place, index), depth - 1) for index, item in enumerate(value)]
        case dict() if depth:
            return {key: read_plain(item, join(place, key), depth - 1) for key, item in value.items()}
        case list() | dict():
            raise BadInput("nested_too_deep", place, shown(value), f"at most {DEPTH_MAX} levels")
        case _:
            raise BadInput("wrong_type", place, shown(value), "a number, a text, true or false, a list or a table")

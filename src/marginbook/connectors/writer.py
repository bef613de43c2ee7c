"""Books written back: as the JSON that `load_book` reads, or as TOML text.

>>> print(toml_text({"account": [{"id": "a", "wallet": {"USDT": "1"}}]}), end="")
[[account]]
id = "a"
wallet = { USDT = "1" }
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from marginbook.connectors.accounts import account_to_json
from marginbook.connectors.books import BookFile
from marginbook.domain.market import Quote
from marginbook.exact import CONTEXT, format_decimal
from marginbook.units import MICROSECONDS, format_time

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")
_SECONDS = CONTEXT.divide(1, MICROSECONDS)


def book_to_json(book: BookFile) -> dict[str, Any]:
    """Accounts, overlays, prices, indices and state as one book; decimals are text.

    Rejected accounts, problems, warnings and the mark of a substituted price are answers, not content, and zone
    thresholds stay with the files they came from: none of them is written.
    """
    written: dict[str, Any] = {"account": [account_to_json(account) for account in book.accounts]}
    if book.overlays:
        written["parameters"] = {name: dict(markets) for name, markets in book.overlays.items()}
    prices: dict[str, Any] = {}
    if book.as_of is not None:
        prices["as_of"] = format_time(book.as_of)
    if book.rates:
        prices["rates"] = {currency: format_decimal(rate) for currency, rate in book.rates.items()}
    for (venue, market, kind), quote in book.quotes.items():
        table = prices.setdefault(venue, {}).setdefault(market, {})
        table[kind] = format_decimal(quote.price)
        table.update(_origin(quote, book.as_of))
    if prices:
        written["prices"] = prices
    for (venue, asset, kind), index in book.indices.items():
        table = written.setdefault("indices", {}).setdefault(venue, {}).setdefault(asset, {})
        table[f"{kind}_raw"] = str(index.value_raw)
        if index.rate_raw:
            table[f"{kind}_rate_raw"] = str(index.rate_raw)
        if index.time:
            table["time"] = format_time(index.time * MICROSECONDS)
    for (venue, market, name), value in book.state.items():
        table = written.setdefault("state", {}).setdefault(venue, {}).setdefault(market, {})
        table[name] = str(value) if isinstance(value, int) else format_decimal(value)
    return written


def _origin(quote: Quote, as_of: int | None) -> dict[str, Any]:
    origin: dict[str, Any] = {}
    if quote.time is not None and quote.time != as_of:
        origin["time"] = format_time(quote.time)
    if quote.sequence is not None:
        origin["sequence"] = str(quote.sequence)
    if quote.source is not None:
        origin["source"] = quote.source
    if quote.max_age is not None:
        origin["max_age"] = format_decimal(CONTEXT.multiply(_SECONDS, quote.max_age))
    return origin


def toml_text(document: Mapping[str, Any]) -> str:
    """A document of text, int, bool, lists and tables as TOML: what stands at most two levels deep gets a header."""
    return "\n".join(_sections(document))


def _sections(document: Mapping[str, Any]) -> Iterator[str]:
    for name, value in document.items():
        key = _key(name)
        if isinstance(value, list):
            yield from (f"[[{key}]]\n" + _lines(item) for item in value)
        elif name == "prices":
            yield f"[{key}]\n" + _lines(value)
        else:
            for inner, tables in value.items():
                for market, table in tables.items():
                    yield f"[{key}.{_key(inner)}.{_key(market)}]\n" + _lines(table)


def _lines(table: Mapping[str, Any]) -> str:
    return "".join(f"{_key(name)} = {_inline(value)}\n" for name, value in table.items())


def _key(name: str) -> str:
    return name if _BARE_KEY.match(name) else _text(name)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _inline(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return _text(value)
        case list() | tuple():
            return "[" + ", ".join(_inline(item) for item in value) + "]"
        case Mapping():
            return "{ " + ", ".join(f"{_key(name)} = {_inline(item)}" for name, item in value.items()) + " }"
        case _:
            raise TypeError(f"{type(value).__name__} does not belong in a book")

"""Which exchange printed an answer, told by the names of its fields, and the account in it.

ccxt keeps the venue's own row in `info`; it alone is read, ccxt's floats are not, but for the contract size where the
venue prints none. A file may name the venue as `exchange`, by ccxt's id. Hyperliquid and dYdX print positions and
balance in one document, which is ccxt's `info` of the balance.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any, cast

from marginbook.connectors.answers import VenueAccount, needed_table, tables
from marginbook.connectors.dydx_json import account_from_subaccount, is_subaccount
from marginbook.connectors.exchange_answers import Given, Reader, Unified, account_of
from marginbook.connectors.hyperliquid_json import account_from_clearinghouse_state, is_clearinghouse_state
from marginbook.connectors.values import join, read_decimal, shown, suggestion
from marginbook.domain.errors import BadInput

IDS: Mapping[str, str] = {
    **dict.fromkeys(("binance", "binanceusdm"), "binance_usdm"),
    "binancecoinm": "binance_coinm",
    **dict.fromkeys(("okx", "okxus", "myokx"), "okx"),
    **dict.fromkeys(("htx", "huobi"), "htx"),
    **{name: name for name in ("bybit", "bitget", "deribit", "bitmex", "hyperliquid", "dydx")},
}
"""ccxt's id of an exchange -> name of its reader."""
_POSITION: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("binance_usdm", ("positionAmt", "symbol")),
    ("okx", ("instId", "mgnMode")),
    ("bitget", ("marginCoin", "total")),
    ("deribit", ("instrument_name", "direction")),
    ("bitmex", ("currentQty", "crossMargin")),
    ("htx", ("contract_code", "volume")),
    ("hyperliquid", ("position", "type")),
    ("dydx", ("market", "sumOpen")),
    ("bybit", ("symbol", "size", "positionValue")),
)
"""Reader -> fields that its positions have, and no reader's before it."""
_WHOLE: Mapping[str, tuple[Callable[[Any], bool], Callable[[Any, str, str], VenueAccount]]] = {
    "hyperliquid": (is_clearinghouse_state, account_from_clearinghouse_state),
    "dydx": (is_subaccount, account_from_subaccount),
}
"""Venues whose balance is the whole account."""


def exchange_named(value: Any, place: str) -> str:
    """The reader of ccxt's id of an exchange.

    >>> exchange_named("okx", ""), exchange_named("binanceusdm", "")
    ('okx', 'binance_usdm')
    """
    if isinstance(value, str) and value in IDS:
        return IDS[value]
    hint = suggestion(value.lower(), IDS) if isinstance(value, str) else ""
    raise BadInput("unknown_choice", place, shown(value), "one of " + ", ".join(sorted(IDS)) + hint)


def exchange_of_position(row: Any) -> str | None:
    """The reader of a printed position.

    >>> exchange_of_position({"instId": "BTC-USDT-SWAP", "mgnMode": "cross"})
    'okx'
    """
    if not isinstance(row, dict):
        return None
    return next((name for name, fields in _POSITION if all(field in row for field in fields)), None)


def exchange_of_balance(document: Any) -> str | None:
    """The reader of a printed balance, other than Binance's own shapes.

    >>> exchange_of_balance({"result": {"list": [{"accountType": "UNIFIED", "coin": []}]}})
    'bybit'
    """
    if isinstance(document, dict):
        if is_clearinghouse_state(document):
            return "hyperliquid"
        if is_subaccount(document) or is_subaccount({"subaccount": document}):
            return "dydx"
        inner = document.get("result", document)
        if isinstance(inner, dict) and (
            "summaries" in inner or {"currency", "equity", "margin_balance"} <= inner.keys()
        ):
            return "deribit"
    first = _first(_listed(document)[0])
    for name, fields in (
        ("bybit", ("accountType", "coin")),
        ("okx", ("details", "adjEq")),
        ("bitget", ("marginCoin", "accountEquity")),
        ("bitmex", ("currency", "marginBalance", "walletBalance")),
        ("htx", ("symbol", "margin_static")),
    ):
        if all(field in first for field in fields):
            return name
    return None


def _listed(document: Any, place: str = "") -> tuple[Any, str]:
    """The list in a venue's envelope (`result.list`, `result`, `data`) or the list itself, and its place."""
    for key in ("result", "data", "list"):
        if isinstance(document, dict) and key in document:
            document, place = document[key], join(place, key)
    return document, place


def _first(rows: Any) -> Mapping[str, Any]:
    return rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}


def exchange_of_rows(document: Any) -> str | None:
    """The reader of a list of positions of a venue, alone or in its envelope."""
    return exchange_of_position(_first(_listed(document)[0]))


def rows_of(document: Any, place: str) -> Iterator[tuple[dict[str, Any], Unified, str]]:
    """(the venue's row, ccxt's fields, place) of positions, as ccxt has them or as the venue does."""
    for row, here in tables(*_listed(document, place)):
        info = row.get("info")
        if isinstance(info, dict) and info:
            yield info, row, join(here, "info")
        elif exchange_of_position(row) is not None:
            yield row, {}, here
        else:
            raise BadInput("missing_key", join(here, "info"), shown(info), "the venue's own position")


def exchange_account(name: str, given: Given) -> VenueAccount:
    """The account in answers of one exchange; BadInput where a row is of another one."""
    for row, _, here in given.rows:
        other = exchange_of_position(row)
        if other != name and (name, other) != ("binance_coinm", "binance_usdm"):
            raise BadInput("unsupported", here, other or "a position of another venue", f"a position of {name}")
    if name in _WHOLE:
        return _whole_account(name, given)
    if given.balance is not None and name != "binance_coinm":
        other = exchange_of_balance(given.balance[0])
        if other != name:
            raise BadInput("unsupported", given.balance[1], other or "a balance of another venue", f"{name}'s balance")
    reader = cast(Reader, import_module(f"marginbook.connectors.{name}_json"))
    return account_of(reader, given)


def _whole_account(name: str, given: Given) -> VenueAccount:
    """The account of a venue that prints positions and balance together; positions beside it must agree."""
    if given.balance is None:
        expected = "the balance, whose info has the whole account"
        raise BadInput("missing_key", given.source, "no balance", expected)
    document, place = given.balance
    is_whole, read = _WHOLE[name]
    if name == "dydx" and not is_subaccount(document):
        document = {"subaccount": document}
    if not is_whole(document):
        raise BadInput("unsupported", place, shown(document), f"an account of {name}")
    found = read(document, given.id, place.removesuffix(":"))
    sizes = {position.market: position.sign * position.quantity for position in found.account.positions}
    for row, _, here in given.rows:
        inner = needed_table(row["position"], join(here, "position")) if name == "hyperliquid" else row
        market, key = (inner.get("coin"), "szi") if name == "hyperliquid" else (inner.get("market"), "size")
        size = read_decimal(inner.get(key), join(here, key))
        if size != sizes.get(str(market), 0):
            expected = f"the size in the balance, {sizes.get(str(market), 0)}: answers of one moment"
            raise BadInput("inconsistent", join(here, key), size, expected)
    if given.rules not in (None, found.account.rules):
        raise BadInput("unknown_choice", given.source, shown(given.rules), found.account.rules)
    overlay = {**found.overlay, **given.overlay}
    account = replace(found.account, parameters=f"{given.id}: {name}") if overlay else found.account
    as_of = found.as_of if given.as_of is None else given.as_of
    return replace(found, account=account, as_of=as_of, overlay=overlay)

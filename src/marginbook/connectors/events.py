"""Events as JSON lines: one object per line, `{"type": "fill", "time": "…", "account": "a", …}`.

`type` is the snake_case name of an event of `domain.events`, or a shorthand: deposit, withdrawal (their `amount` is
positive), supply, withdraw, borrow, repay. `source` and `source_sequence` default to the file's name and the line's
number, so that reading a file twice applies it once.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from marginbook.connectors.accounts import BUY_OR_SELL, MODE, SIDE, account_from_json, account_to_json
from marginbook.connectors.prices import KINDS, default_kinds
from marginbook.connectors.sources import Source, lines, parse_json, source_of_path
from marginbook.connectors.tables import (
    DECIMAL,
    FLAG,
    INTEGER,
    NOT_NEGATIVE,
    PLAIN,
    POSITIVE,
    RULES,
    TEXT,
    TIME,
    Key,
    Shape,
    Table,
    choice,
    mapping_of,
)
from marginbook.connectors.values import join, read_not_negative, read_positive, read_text, shown, suggestion
from marginbook.domain import events
from marginbook.domain.errors import BadInput, Problem
from marginbook.domain.events import Event, Stamp
from marginbook.exact import format_decimal

_SIGNS = {"deposit": 1, "bonus": 1, "withdrawal": -1}


def _read_all_or_amount(value: Any, place: str) -> Decimal:
    return Decimal("Infinity") if value == "Infinity" else read_not_negative(value, place)


def _read_frame(value: Any, place: str) -> dict[tuple[str, str, str], Decimal]:
    """Prices as in a book (`{"binance": {"BTCUSDT": "60000"}}`) or flat (`{"binance:BTCUSDT:mark": "60000"}`)."""
    if not isinstance(value, dict) or not value:
        raise BadInput("wrong_type", place, shown(value), "a table of prices by venue and market")
    prices: dict[tuple[str, str, str], Decimal] = {}
    for name, item in value.items():
        here = join(place, name)
        if not isinstance(item, dict):
            venue, market, kinds = split_market(name, here)
            prices.update({(venue, market, kind): read_positive(item, here) for kind in kinds})
            continue
        for market, price in item.items():
            there = join(here, market)
            by_kind = price if isinstance(price, dict) else dict.fromkeys(default_kinds(name, there), price)
            for kind, number in by_kind.items():
                if kind not in KINDS:
                    raise BadInput("unknown_key", join(there, kind), shown(kind), ", ".join(KINDS))
                key = (read_text(name, here), read_text(market, there), kind)
                prices[key] = read_positive(number, join(there, kind))
    return prices


def split_market(name: str, place: str) -> tuple[str, str, tuple[str, ...]]:
    """Venue, market and kinds of `venue:market[:kind]`; a market may contain colons itself.

    >>> split_market("binance:BTC/USDT:USDT", ""), split_market("aave:WETH:oracle", "")
    (('binance', 'BTC/USDT:USDT', ('mark',)), ('aave', 'WETH', ('oracle',)))
    """
    venue, colon, rest = name.partition(":")
    market, _, kind = rest.rpartition(":")
    if not colon or not rest or not venue:
        raise BadInput("bad_text", place, shown(name), "venue:market or venue:market:kind")
    if market and kind in KINDS:
        return read_text(venue, place), read_text(market, place), (kind,)
    return read_text(venue, place), read_text(rest, place), default_kinds(venue, place)


def _write_frame(prices: Mapping[tuple[str, str, str], Decimal]) -> dict[str, dict[str, dict[str, str]]]:
    written: dict[str, dict[str, dict[str, str]]] = {}
    for (venue, market, kind), price in prices.items():
        written.setdefault(venue, {}).setdefault(market, {})[kind] = format_decimal(price)
    return written


def _read_overlay(value: Any, place: str) -> Any:
    if not isinstance(value, dict):
        raise BadInput("wrong_type", place, shown(value), "a table of parameters by market")
    return PLAIN.read(value, place)


def _read_value(value: Any, place: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return format_decimal(DECIMAL.read(value, place)) if isinstance(value, int | Decimal) else read_text(value, place)


def _write_plain(value: Any) -> Any:
    match value:
        case Decimal():
            return format_decimal(value)
        case Mapping():
            return {key: _write_plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_write_plain(item) for item in value]
        case _:
            return value


AMOUNT_OR_ALL = Shape(_read_all_or_amount, {}, format_decimal)
_ACCOUNT = Key(shape=TEXT, required=True, note="the account's id")
_ASSET = Key(shape=TEXT, required=True, note="the asset or currency")
_MARKET = Key(shape=TEXT, required=True, note="the market, such as BTCUSDT")


@dataclass(frozen=True, slots=True)
class Kind:
    """An event type: its class, its keys beside the stamp's, and values of the keys that its line may leave out."""

    build: Callable[..., Event]
    keys: Mapping[str, Key]
    defaults: Mapping[str, Any]


_LENDING = choice("supply", "withdraw", "borrow", "repay", "liquidation")
KINDS_BY_TYPE: Mapping[str, Kind] = {
    "price_frame": Kind(
        events.PriceFrame,
        {"prices": Key(shape=Shape(_read_frame, {}, _write_frame), required=True, note="prices by venue and market")},
        {},
    ),
    "account_snapshot": Kind(
        events.AccountSnapshot,
        {
            "account": Key(
                shape=Shape(account_from_json, {}, account_to_json), required=True, note="an account as in a book"
            )
        },
        {},
    ),
    "account_closed": Kind(events.AccountClosed, {"account": _ACCOUNT}, {}),
    "transfer": Kind(
        events.Transfer,
        {
            "account": _ACCOUNT,
            "kind": Key(
                shape=choice("deposit", "withdrawal", "transfer", "fee", "correction", "bonus", "settlement"),
                required=True,
                note="what kind of movement",
            ),
            "asset": _ASSET,
            "amount": Key(shape=DECIMAL, required=True, note="amount in (above 0) or out (below 0)"),
            "pool": Key(shape=TEXT, note="pool that it concerns; default: the cross wallet"),
            "to_pool": Key(shape=TEXT, note="pool that it moves to"),
        },
        {"pool": None, "to_pool": None},
    ),
    "fill": Kind(
        events.Fill,
        {
            "account": _ACCOUNT,
            "market": _MARKET,
            "side": Key(shape=BUY_OR_SELL, required=True, note="buy or sell"),
            "quantity": Key(shape=POSITIVE, required=True, note="quantity filled, above 0"),
            "price": Key(shape=POSITIVE, required=True, note="price of the fill"),
            "fee": Key(shape=DECIMAL, note="fee paid (below 0: received)"),
            "kind": Key(shape=choice("trade", "liquidation", "adl"), note="trade (default), liquidation or adl"),
            "position_side": Key(shape=SIDE, note="hedge mode: the leg"),
            "leverage": Key(shape=POSITIVE, note="leverage of a newly opened position"),
            "mode": Key(shape=MODE, note="cross or isolated"),
            "order_id": Key(shape=TEXT, note="the order filled"),
        },
        {
            "fee": Decimal(0),
            "kind": "trade",
            "position_side": None,
            "leverage": None,
            "mode": None,
            "order_id": None,
        },
    ),
    "order": Kind(
        events.OrderChange,
        {
            "account": _ACCOUNT,
            "order_id": Key(shape=TEXT, required=True, note="the order's id"),
            "market": _MARKET,
            "side": Key(shape=BUY_OR_SELL, required=True, note="buy or sell"),
            "quantity": Key(shape=NOT_NEGATIVE, required=True, note="remaining quantity; 0 cancels"),
            "price": Key(shape=POSITIVE, required=True, note="limit price"),
            "position_side": Key(shape=SIDE, note="hedge mode: the leg"),
            "reduce_only": Key(shape=FLAG, note="true if it may only reduce"),
        },
        {"position_side": None, "reduce_only": False},
    ),
    "lending": Kind(
        events.LendingAction,
        {
            "account": _ACCOUNT,
            "kind": Key(shape=_LENDING, required=True, note="supply, withdraw, borrow, repay or liquidation"),
            "asset": _ASSET,
            "amount": Key(shape=AMOUNT_OR_ALL, required=True, note='amount of at least 0, or "Infinity" for all'),
            "collateral_asset": Key(shape=TEXT, note="liquidation: the collateral seized"),
            "pool": Key(shape=TEXT, note="isolated market or vault, where a protocol has several"),
        },
        {"collateral_asset": None, "pool": None},
    ),
    "setting": Kind(
        events.Setting,
        {
            "account": _ACCOUNT,
            "kind": Key(
                shape=choice("leverage", "margin_mode", "position_mode", "collateral_enabled", "emode"),
                required=True,
                note="which setting",
            ),
            "market": Key(shape=TEXT, note="market or asset, where the setting has one"),
            "value": Key(shape=Shape(_read_value, {}), required=True, note="the new value"),
        },
        {"market": None},
    ),
    "index_update": Kind(
        events.IndexUpdate,
        {
            "venue": Key(shape=TEXT, required=True, note="the venue"),
            "asset": _ASSET,
            "kind": Key(shape=choice("supply", "borrow", "funding"), required=True, note="which index"),
            "value": Key(shape=DECIMAL, required=True, note="the index's new value"),
            "rate": Key(shape=DECIMAL, note="rate at which it grows from now"),
        },
        {"rate": Decimal(0)},
    ),
    "state_update": Kind(
        events.StateUpdate,
        {
            "venue": Key(shape=TEXT, required=True, note="the venue"),
            "market": Key(shape=TEXT, required=True, note="the market or asset"),
            "values": Key(
                shape=mapping_of(DECIMAL, "name = number"), required=True, note="system state by the venue's names"
            ),
        },
        {},
    ),
    "parameter_change": Kind(
        events.ParameterChange,
        {
            "rules": Key(shape=RULES, required=True, note="rule set that it applies to"),
            "overlay": Key(
                shape=Shape(_read_overlay, {}, _write_plain), required=True, note="parameters by market or asset"
            ),
            "name": Key(shape=TEXT, note="name of the overlay; default: everyone's"),
        },
        {"name": None},
    ),
    "operator_action": Kind(
        events.OperatorAction,
        {
            "kind": Key(shape=choice("acknowledge", "release"), required=True, note="acknowledge or release"),
            "by": Key(shape=TEXT, required=True, note="who decided"),
            "account": Key(shape=TEXT, note="the account, where it concerns one"),
            "pool": Key(shape=TEXT, note="the pool, where it concerns one"),
        },
        {"account": None, "pool": None},
    ),
}
"""Event type in a line -> how it is read and written."""

SHORTHANDS: Mapping[str, str] = {
    **dict.fromkeys(("deposit", "withdrawal"), "transfer"),
    **dict.fromkeys(("supply", "withdraw", "borrow", "repay"), "lending"),
}
_TYPE_OF = {kind.build: name for name, kind in KINDS_BY_TYPE.items()}
_STAMP_KEYS = {
    "type": Key(shape=TEXT, required=True, note="the event's type"),
    "time": Key(shape=TIME, note="the source's time, ISO 8601"),
    "source": Key(shape=TEXT, note="who reports it"),
    "source_sequence": Key(shape=INTEGER, note="the source's own number, for idempotency"),
}
_TABLES = {
    name: Table(f"an event of type {name}", {**_STAMP_KEYS, **kind.keys}) for name, kind in KINDS_BY_TYPE.items()
}


def event_from_json(
    value: Any, place: str, *, source: str = "file", source_sequence: int = 0, time: int | None = None
) -> Event:
    """The event that a parsed JSON object describes; the keywords are what its stamp is where the object is silent."""
    if not isinstance(value, dict):
        raise BadInput("wrong_type", place, shown(value), "a JSON object with a type")
    if "type" not in value:
        raise BadInput("missing_key", join(place, "type"), "nothing", "one of " + ", ".join(KINDS_BY_TYPE))
    given = value["type"]
    if not isinstance(given, str) or (given not in KINDS_BY_TYPE and given not in SHORTHANDS):
        known = (*KINDS_BY_TYPE, *SHORTHANDS)
        hint = suggestion(given, known) if isinstance(given, str) else ""
        raise BadInput("unknown_choice", join(place, "type"), shown(given), "one of " + ", ".join(known) + hint)
    name = SHORTHANDS.get(given, given)
    arguments = _TABLES[name].read({"kind": given, **value} if given in SHORTHANDS else value, place)
    if given in SHORTHANDS and arguments["kind"] != given:
        raise BadInput("inconsistent", join(place, "kind"), shown(arguments["kind"]), f"{given}, as the type says")
    del arguments["type"]
    at = arguments.pop("time", time)
    if at is None:
        raise BadInput("missing_key", join(place, "time"), "nothing", "the source's time, ISO 8601")
    stamp = Stamp(
        source=arguments.pop("source", source),
        source_sequence=arguments.pop("source_sequence", source_sequence),
        time=at,
    )
    if name == "transfer":
        _check_transfer(arguments, given in SHORTHANDS, place)
    if name == "lending" and (arguments["kind"] == "liquidation") != ("collateral_asset" in arguments):
        code = "missing_key" if arguments["kind"] == "liquidation" else "inconsistent"
        got = arguments.get("collateral_asset", "nothing")
        raise BadInput(code, join(place, "collateral_asset"), got, "the seized asset of a liquidation, and only there")
    return KINDS_BY_TYPE[name].build(stamp=stamp, **arguments)


def _check_transfer(arguments: dict[str, Any], unsigned: bool, place: str) -> None:
    kind, amount, here = arguments["kind"], arguments["amount"], join(place, "amount")
    if amount == 0:
        raise BadInput("not_positive", here, amount, "an amount other than 0")
    if unsigned:
        if amount < 0:
            raise BadInput("negative", here, amount, f"a positive amount: the type {kind} says the direction")
        arguments["amount"] = amount if _SIGNS[kind] > 0 else amount.copy_negate()
    elif kind in _SIGNS and (amount > 0) != (_SIGNS[kind] > 0):
        expected = f"an amount {'above' if _SIGNS[kind] > 0 else 'below'} 0 for a {kind}"
        raise BadInput("inconsistent", here, amount, expected)


def event_to_json(event: Event) -> dict[str, Any]:
    """The JSON object of an event, with decimals as text; `event_from_json` reads it back equal."""
    name = _TYPE_OF[type(event)]
    kind = KINDS_BY_TYPE[name]
    written: dict[str, Any] = {
        "type": name,
        "time": TIME.write(event.stamp.time),
        "source": event.stamp.source,
        "source_sequence": event.stamp.source_sequence,
    }
    for key_name, key in kind.keys.items():
        item = getattr(event, key_name)
        if key.required or item != kind.defaults[key_name]:
            written[key_name] = key.shape.write(item)
    return written


def read_events(path: Path) -> Iterator[Event | Problem]:
    """The events of a JSON-lines file in its order; a bad line is a `Problem` and the rest goes on."""
    return events_of(source_of_path(path))


def events_of(source: Source) -> Iterator[Event | Problem]:
    """`read_events` for a file on disk or in memory."""
    short_name = source.name.rpartition("/")[2]
    try:
        for number, line in enumerate(lines(source), 1):
            if not line.strip():
                continue
            place = f"{source.name}: line {number}"
            try:
                yield event_from_json(parse_json(line, place), place, source=short_name, source_sequence=number)
            except BadInput as error:
                yield error.problem
    except BadInput as error:
        yield error.problem

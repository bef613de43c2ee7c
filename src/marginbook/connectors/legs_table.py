"""Books as tables of legs: CSV or Parquet, one row per wallet entry, position, collateral, debt or order.

Columns: `account, rules, mode, parameters, leg, market, side, quantity, entry, leverage, position_margin,
isolated_wallet, enabled`, and optionally `position_mode, network, emode, address, owner, account_details, pool,
details`. `market` is the currency of a wallet and the asset of a collateral or debt; `entry` is the price of an order;
`details` and `account_details` are JSON tables of what only one venue knows. The rows of an account need not be
adjacent; its `rules`, `mode` and so on may be left empty after its first row.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from marginbook.connectors.accounts import ACCOUNT, BUY_OR_SELL, DETAILS, MODE, SIDE, check_account
from marginbook.connectors.rows import Rows
from marginbook.connectors.sources import parse_json
from marginbook.connectors.values import (
    join,
    read_decimal,
    read_not_negative,
    read_positive,
    read_text,
    shown,
    suggestion,
)
from marginbook.domain.account import Account, Collateral, Debt, Order, Position
from marginbook.domain.errors import BadInput, Problem

ACCOUNT_DETAILS = "account_details"
REQUIRED = ("account", "rules", "leg", "market", "quantity")
ACCOUNT_COLUMNS = (
    "rules",
    "mode",
    "parameters",
    "position_mode",
    "network",
    "emode",
    "address",
    "owner",
    ACCOUNT_DETAILS,
)
LEG_COLUMNS = ("side", "entry", "leverage", "position_margin", "isolated_wallet", "enabled", "pool", "details")
COLUMNS = (*REQUIRED, *ACCOUNT_COLUMNS[1:], *LEG_COLUMNS)
LEGS = ("wallet", "position", "collateral", "debt", "order")
_ALIASES = {"id": "account", "asset": "market", "symbol": "market", "amount": "quantity", "price": "entry"}
_FLAGS = {"true": True, "1": True, "yes": True, "": True, "false": False, "0": False, "no": False}
_USED: dict[str, frozenset[str]] = {
    "wallet": frozenset(),
    "position": frozenset({"side", "entry", "leverage", "position_margin", "isolated_wallet", "details"}),
    "collateral": frozenset({"enabled", "pool", "details"}),
    "debt": frozenset({"pool", "details"}),
    "order": frozenset({"side", "entry", "leverage"}),
}


@dataclass(slots=True)
class _Draft:
    """An account while its rows come in."""

    first: int
    head: dict[str, str]
    wallet: dict[str, Decimal] = field(default_factory=dict)
    positions: list[Position] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    collateral: list[Collateral] = field(default_factory=list)
    debt: list[Debt] = field(default_factory=list)
    problem: Problem | None = None


def is_legs(header: list[str]) -> bool:
    """Whether a table with this header is a book."""
    return "account" in header or "leg" in header


def read_legs(rows: Rows) -> Iterator[tuple[str, str, str, Account | Problem]]:
    """(place, id, rules, account or what was wrong with it) in the order of the accounts' first rows.

    A row that belongs to no account yields its problem under the row's place.
    """
    _check_columns(rows)
    columns = _columns(rows)
    account_column = rows.header.index("account")
    drafts: dict[str, _Draft] = {}
    for number, cells in rows.body:
        draft: _Draft | None = None
        try:
            id = cells[account_column] if account_column < len(cells) else ""
            draft = drafts.get(id)
            if draft is None:
                read_text(id, rows.place(number, "account"))
                draft = drafts[id] = _Draft(number, {})
            rows.check_length(number, cells)
            if draft.problem is None:
                _read_row(draft, rows, number, cells, columns)
        except BadInput as error:
            if draft is None:
                yield error.problem.place, rows.place(number), "", error.problem
            else:
                draft.problem = error.problem
    for id, draft in drafts.items():
        place = rows.place(draft.first)
        yield place, id, draft.head.get("rules", ""), _finish(id, draft, place)


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where things stand in a row."""

    leg: int
    market: int
    quantity: int
    of_account: tuple[tuple[str, int], ...]
    of_leg: tuple[tuple[str, int], ...]


def _columns(rows: Rows) -> _Columns:
    at = {name: index for index, name in enumerate(rows.header)}
    return _Columns(
        at["leg"],
        at["market"],
        at["quantity"],
        tuple((name, at[name]) for name in ACCOUNT_COLUMNS if name in at),
        tuple((name, at[name]) for name in LEG_COLUMNS if name in at),
    )


def _check_columns(rows: Rows) -> None:
    for name in rows.header:
        if name not in COLUMNS:
            hint = f"; did you mean {_ALIASES[name]}?" if name in _ALIASES else suggestion(name, COLUMNS)
            raise BadInput("unknown_key", rows.place(1), shown(name), "columns " + ", ".join(COLUMNS) + hint)
    for name in REQUIRED:
        if name not in rows.header:
            raise BadInput("missing_key", rows.place(1), f"no {name} column", "columns " + ", ".join(REQUIRED))


def _read_row(draft: _Draft, rows: Rows, number: int, cells: list[str], columns: _Columns) -> None:
    head = draft.head
    for name, index in columns.of_account:
        if (text := cells[index]) and head.setdefault(name, text) != text:
            expected = f"{head[name]}, as in {rows.unit} {draft.first}: one {name} per account"
            raise BadInput("inconsistent", rows.place(number, name), shown(text), expected)
    leg = cells[columns.leg]
    if leg not in _USED:
        expected = " or ".join(LEGS) + suggestion(leg, LEGS)
        raise BadInput("unknown_choice", rows.place(number, "leg"), shown(leg), expected)
    given = {name: text for name, index in columns.of_leg if (text := cells[index])}
    for name in given:
        if name not in _USED[leg]:
            expected = f"an empty cell: a {leg} has no {name}"
            raise BadInput("unknown_key", rows.place(number, name), shown(given[name]), expected)
    place = rows.place(number) + "."
    market = read_text(cells[columns.market], place + "market")
    quantity = cells[columns.quantity]
    match leg:
        case "position":
            draft.positions.append(_position(market, quantity, given, place))
        case "wallet":
            if market in draft.wallet:
                raise BadInput("duplicate_asset", place + "market", market, "one wallet row per currency")
            draft.wallet[market] = read_decimal(quantity, place + "quantity")
        case "collateral":
            amount = read_not_negative(quantity, place + "quantity")
            draft.collateral.append(
                Collateral(asset=market, amount=amount, enabled=_flag(given, place), **_particulars(given, place))
            )
        case "debt":
            amount = read_not_negative(quantity, place + "quantity")
            draft.debt.append(Debt(asset=market, amount=amount, **_particulars(given, place)))
        case _:
            draft.orders.append(
                Order(
                    market=market,
                    side=BUY_OR_SELL.read(_needed(given, "side", place), place + "side"),
                    quantity=read_positive(quantity, place + "quantity"),
                    price=read_positive(_needed(given, "entry", place), place + "entry"),
                    leverage=_optional(given, "leverage", place),
                )
            )


def _position(market: str, quantity: str, given: dict[str, str], place: str) -> Position:
    wallet = given.get("isolated_wallet")
    mode = given.get("position_margin")
    return Position(
        market=market,
        side=SIDE.read(_needed(given, "side", place), place + "side"),
        quantity=read_positive(quantity, place + "quantity"),
        entry=read_positive(_needed(given, "entry", place), place + "entry"),
        leverage=_optional(given, "leverage", place),
        mode=None if mode is None else MODE.read(mode, place + "position_margin"),
        isolated_wallet=None if wallet is None else read_decimal(wallet, place + "isolated_wallet"),
        **_particulars(given, place),
    )


def _particulars(given: dict[str, str], place: str) -> dict[str, Any]:
    """`pool` and `details` of a leg, as far as they are given."""
    found: dict[str, Any] = {}
    if "pool" in given:
        found["pool"] = read_text(given["pool"], place + "pool")
    if "details" in given:
        found["details"] = _table_in(given["details"], place + "details")
    return found


def _table_in(cell: str, place: str) -> dict[str, Any]:
    """The table that a cell holds as JSON, its values as text."""
    return dict(DETAILS.shape.read(parse_json(cell, place), place))


def _needed(given: dict[str, str], name: str, place: str) -> str:
    try:
        return given[name]
    except KeyError:
        raise BadInput("missing_key", place + name, "an empty cell", f"a value of {name}") from None


def _optional(given: dict[str, str], name: str, place: str) -> Decimal | None:
    text = given.get(name)
    return None if text is None else read_positive(text, place + name)


def _flag(given: dict[str, str], place: str) -> bool:
    text = given.get("enabled", "").lower()
    if text not in _FLAGS:
        raise BadInput("unknown_choice", place + "enabled", shown(text), "true or false")
    return _FLAGS[text]


def _finish(id: str, draft: _Draft, place: str) -> Account | Problem:
    if draft.problem is not None:
        return draft.problem
    try:
        head: dict[str, Any] = {"id": id, **draft.head}
        if ACCOUNT_DETAILS in head:
            head["details"] = _table_in(head.pop(ACCOUNT_DETAILS), join(place, ACCOUNT_DETAILS))
        account = Account(
            **ACCOUNT.read(head, place),
            wallet=draft.wallet,
            positions=tuple(draft.positions),
            orders=tuple(draft.orders),
            collateral=tuple(draft.collateral),
            debt=tuple(draft.debt),
        )
        check_account(account, place)
    except BadInput as error:
        return error.problem
    return account

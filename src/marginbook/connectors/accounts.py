"""Accounts as tables: the keys of design §5.1, read and written by one description.

>>> account = account_from_json({"id": "a", "rules": "aave/3.6", "debt": [{"asset": "USDC", "amount": 15000}]}, "f:")
>>> account_to_json(account)
{'id': 'a', 'rules': 'aave/3.6', 'debt': [{'asset': 'USDC', 'amount': '15000'}]}
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from marginbook.connectors.tables import (
    DECIMAL,
    FLAG,
    INTEGER,
    NOT_NEGATIVE,
    POSITIVE,
    RAW,
    RULES,
    SIGNED_RAW,
    TEXT,
    WORD,
    Key,
    Table,
    choice,
    list_of,
    mapping_of,
    one_of_table,
)
from marginbook.connectors.values import join
from marginbook.domain.account import Account, Collateral, Debt, Fixed, Order, Position
from marginbook.domain.errors import BadInput

SIDE = choice("long", "short")
MODE = choice("cross", "isolated")
BUY_OR_SELL = choice("buy", "sell")
REPORTED = mapping_of(DECIMAL, "quantity = number, as the venue printed them")
DETAILS = Key(shape=mapping_of(WORD, "name = value"), note="what only this venue knows, by the names on its page")

_TRADE_ALIASES = {
    "symbol": "market",
    "size": "quantity",
    "qty": "quantity",
    "amount": "quantity",
    "contracts": "quantity",
    "entry_price": "entry",
    "entryPrice": "entry",
    "margin": "isolated_wallet",
    "isolatedWallet": "isolated_wallet",
    "margin_mode": "mode",
    "positionSide": "side",
}

POSITION = Table(
    "a position",
    {
        "market": Key(shape=TEXT, required=True, note="the market, such as BTCUSDT"),
        "side": Key(shape=SIDE, required=True, note="long or short"),
        "quantity": Key(shape=POSITIVE, required=True, note="size in base units (or contracts), above 0"),
        "entry": Key(shape=POSITIVE, required=True, note="average entry price"),
        "leverage": Key(shape=POSITIVE, note="chosen leverage, such as 20"),
        "mode": Key(shape=MODE, note="cross or isolated; default: the account's"),
        "isolated_wallet": Key(shape=DECIMAL, note="margin of an isolated position, beside the wallet"),
        "funding_index_raw": Key(shape=SIGNED_RAW, note="cumulative funding index at the last settlement"),
        "reported": Key(shape=REPORTED, note="the venue's own printed figures, to reconcile with"),
        "details": DETAILS,
    },
    _TRADE_ALIASES,
)
ORDER = Table(
    "an order",
    {
        "market": Key(shape=TEXT, required=True, note="the market, such as BTCUSDT"),
        "side": Key(shape=BUY_OR_SELL, required=True, note="buy or sell"),
        "quantity": Key(shape=POSITIVE, required=True, note="remaining quantity in base units, above 0"),
        "price": Key(shape=POSITIVE, required=True, note="limit price"),
        "id": Key(shape=TEXT, note="the order's id at the venue"),
        "position_side": Key(shape=SIDE, note="hedge mode: the leg it belongs to"),
        "reduce_only": Key(shape=FLAG, note="true if it may only reduce"),
        "leverage": Key(shape=POSITIVE, note="chosen leverage of the market"),
    },
    {**_TRADE_ALIASES, "reduceOnly": "reduce_only"},
)
_LENDING_ALIASES = {"market": "asset", "symbol": "asset", "quantity": "amount", "balance": "amount"}
COLLATERAL = Table(
    "a collateral",
    {
        "asset": Key(shape=TEXT, required=True, note="the asset, such as WETH"),
        "amount": Key(shape=NOT_NEGATIVE, note="amount with interest; or scaled_raw"),
        "enabled": Key(shape=FLAG, note="false if it is supplied but not used as collateral"),
        "scaled_raw": Key(shape=RAW, note="scaled balance in the asset's base units"),
        "index_raw": Key(shape=RAW, note="supply index [ray]; default: the market's"),
        "pool": Key(shape=TEXT, note="isolated market or vault that holds it, where a protocol has several"),
        "details": DETAILS,
    },
    {**_LENDING_ALIASES, "use_as_collateral": "enabled"},
)
DEBT = Table(
    "a debt",
    {
        "asset": Key(shape=TEXT, required=True, note="the asset, such as USDC"),
        "amount": Key(shape=NOT_NEGATIVE, note="amount owed with interest; or scaled_raw"),
        "scaled_raw": Key(shape=RAW, note="scaled debt in the asset's base units"),
        "index_raw": Key(shape=RAW, note="borrow index [ray]; default: the market's"),
        "pool": Key(shape=TEXT, note="isolated market or vault that it belongs to, where a protocol has several"),
        "details": DETAILS,
    },
    _LENDING_ALIASES,
)
FIXED = Table(
    "fixed sums",
    {
        "support": Key(shape=DECIMAL, note="support known from elsewhere [settlement currency]"),
        "demand": Key(shape=NOT_NEGATIVE, note="demand known from elsewhere [settlement currency]"),
    },
)

_DECIMAL_ONE = Decimal(1)
_POSITIONS = list_of(POSITION, Position, Position(market="", side="long", quantity=_DECIMAL_ONE, entry=_DECIMAL_ONE))
_ORDERS = list_of(ORDER, Order, Order(market="", side="buy", quantity=_DECIMAL_ONE, price=_DECIMAL_ONE))
_COLLATERAL = list_of(COLLATERAL, Collateral, Collateral(asset=""))
_DEBT = list_of(DEBT, Debt, Debt(asset=""))

ACCOUNT = Table(
    "an account",
    {
        "id": Key(shape=TEXT, required=True, note="the account's name, unique in the book"),
        "rules": Key(shape=RULES, required=True, note="rule set, such as binance/usdm or aave/3.6"),
        "mode": Key(shape=MODE, note="cross (default) or isolated"),
        "position_mode": Key(shape=choice("one-way", "hedge"), note="one-way (default) or hedge"),
        "wallet": Key(shape=mapping_of(DECIMAL, "currency = amount"), note="cross wallet by currency"),
        "position": Key(shape=_POSITIONS, attribute="positions", note="open positions"),
        "order": Key(shape=_ORDERS, attribute="orders", note="resting orders"),
        "collateral": Key(shape=_COLLATERAL, note="supplied assets"),
        "debt": Key(shape=_DEBT, note="borrowed assets"),
        "parameters": Key(shape=TEXT, note="name of a [parameters.NAME] overlay; default: the shipped table"),
        "network": Key(shape=TEXT, note="network of a protocol, such as ethereum"),
        "emode": Key(shape=INTEGER, note="e-mode category, 0 = none"),
        "address": Key(shape=TEXT, note="address on the network"),
        "fixed": Key(shape=one_of_table(FIXED, Fixed, Fixed()), note="constant sums added to the cross pool"),
        "reported": Key(shape=REPORTED, note="the venue's own printed figures, to reconcile with"),
        "details": DETAILS,
        "owner": Key(shape=TEXT, note="who holds it, perhaps beside accounts on other venues"),
    },
    {
        "positions": "position",
        "orders": "order",
        "collaterals": "collateral",
        "supply": "collateral",
        "debts": "debt",
        "borrow": "debt",
        "name": "id",
        "account": "id",
        "venue": "rules",
        "rule": "rules",
        "margin_mode": "mode",
        "balance": "wallet",
    },
)
_DEFAULTS = Account(id="", rules="")


def account_from_json(value: Any, place: str) -> Account:
    """The account that a parsed TOML or JSON table describes; BadInput names the first thing wrong in it."""
    try:
        return _account(value, "")
    except BadInput:
        return _account(value, place)


def _account(value: Any, place: str) -> Account:
    account = Account(**ACCOUNT.read(value, place))
    check_account(account, place)
    return account


def account_to_json(account: Account) -> dict[str, Any]:
    """The table of an account, with decimals as text; `account_from_json` reads it back equal."""
    return ACCOUNT.write(account, _DEFAULTS)


def check_account(account: Account, place: str) -> None:
    """What no single key can tell: one position per market (and side, if hedged), one balance per asset."""
    seen: dict[tuple[str, ...], int] = {}
    for index, position in enumerate(account.positions):
        mode = position.mode or account.mode
        hedged = position.side if account.position_mode == "hedge" else ""
        key = (position.market, mode, hedged, position.details.get("collateral", ""))
        if key in seen:
            hint = "" if key[2] else '; position_mode = "hedge" holds both sides'
            other = join(join(place, "position"), seen[key])
            raise BadInput(
                "duplicate_position",
                join(join(place, "position"), index),
                position.market,
                f"one position of the market, and {other} is already one{hint}",
            )
        seen[key] = index
        if position.isolated_wallet and mode == "cross":
            raise BadInput(
                "inconsistent",
                join(join(join(place, "position"), index), "isolated_wallet"),
                position.isolated_wallet,
                'no isolated wallet on a cross position, or mode = "isolated"',
            )
    _check_balances(account.collateral, join(place, "collateral"))
    _check_balances(account.debt, join(place, "debt"))


def _check_balances(balances: Iterable[Collateral | Debt], place: str) -> None:
    seen: dict[tuple[str, str | None], int] = {}
    for index, balance in enumerate(balances):
        here = join(place, index)
        key = (balance.asset, balance.pool)
        if key in seen:
            expected = f"one balance of the asset, and {join(place, seen[key])} is already one"
            raise BadInput("duplicate_asset", here, balance.asset, expected)
        seen[key] = index
        if (balance.amount is None) == (balance.scaled_raw is None):
            raise BadInput(
                "missing_key" if balance.amount is None else "inconsistent",
                join(here, "amount"),
                "nothing" if balance.amount is None else "amount and scaled_raw",
                "either amount or scaled_raw",
            )
        if balance.index_raw is not None and balance.scaled_raw is None:
            raise BadInput(
                "inconsistent", join(here, "index_raw"), balance.index_raw, "index_raw only beside scaled_raw"
            )

"""Answers of venues and of ccxt recognised by their shape, and put together into accounts.

A file may hold one answer, or `{"positions": […], "balance": {…}}` (also `account`, `positionRisk`, `leverageBracket`,
`leverageTiers`, and `exchange`, `rules`, `id` and `as_of`). Separate files of one folder given together are one
account, whose id is the name of its balance file. A document that is a whole account by itself (Hyperliquid, dYdX,
lending protocols) is one per file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from marginbook.connectors.accounts import account_from_json, account_to_json
from marginbook.connectors.answers import VenueAccount
from marginbook.connectors.binance_json import (
    RULES,
    Answers,
    add_account_answer,
    add_balance_answer,
    add_position_answer,
    build_account,
)
from marginbook.connectors.ccxt import add_ccxt_balance, add_ccxt_positions
from marginbook.connectors.exchange_answers import Given
from marginbook.connectors.exchange_tiers import overlay_of
from marginbook.connectors.exchanges import (
    exchange_account,
    exchange_named,
    exchange_of_balance,
    exchange_of_position,
    exchange_of_rows,
    rows_of,
)
from marginbook.connectors.lending_answers import is_lending_answer, lending_account
from marginbook.connectors.sources import Source
from marginbook.connectors.values import join, read_rules, read_text, read_time, shown, suggestion
from marginbook.domain.errors import BadInput, Problem

ANSWERS = ("account", "balance", "positions", "positionRisk", "leverageBracket", "leverageTiers")
_COMBINED_KEYS = (*ANSWERS, "exchange", "rules", "id", "as_of")
_BINANCE = "binance_usdm"
_STATES = ("hyperliquid", "dydx")
"""Exchanges whose balance is a whole account."""


def shape_of(document: Any) -> str | None:
    """The kind of answer that a parsed JSON document is; None if it is none (a book, say). `[]` is no positions."""
    if isinstance(document, dict):
        return _shape_of_table(document)
    if document == []:
        return "binance_positions"
    if isinstance(document, list) and all(isinstance(row, dict) for row in document):
        first = document[0]
        if "positionAmt" in first and "symbol" in first:
            return "binance_positions"
        if "crossWalletBalance" in first and "asset" in first:
            return "binance_balance"
        if "brackets" in first and "symbol" in first:
            return "binance_brackets"
        if "symbol" in first and ("contracts" in first or ("entryPrice" in first and "size" not in first)):
            return "ccxt_positions"
        if exchange_of_position(first):
            return "exchange_positions"
        if exchange_of_balance(document):
            return "exchange_balance"
    return None


def _shape_of_table(document: dict[str, Any]) -> str | None:
    if isinstance(document.get("assets"), list) and ("positions" in document or "totalWalletBalance" in document):
        return "binance_account"
    positions = isinstance(document.get("positions", document.get("positionRisk")), list)
    balance = isinstance(document.get("balance"), dict | list) or isinstance(document.get("account"), dict)
    if (positions and balance) or ("exchange" in document and any(key in document for key in ANSWERS)):
        return "combined"
    if document and all(_is_tiers(rows) for rows in document.values()):
        return "ccxt_tiers"
    if isinstance(document.get("total"), dict) and ("free" in document or "info" in document):
        return "ccxt_balance"
    if is_lending_answer(document):
        return "lending"
    if exchange := exchange_of_balance(document):
        return "exchange_account" if exchange in _STATES else "exchange_balance"
    return "exchange_positions" if exchange_of_rows(document) else None


def _is_tiers(rows: Any) -> bool:
    return isinstance(rows, list) and bool(rows) and isinstance(rows[0], dict) and "maintenanceMarginRate" in rows[0]


@dataclass(slots=True)
class _Group:
    """The answers of one account."""

    id: str
    source: str
    as_of: int | None = None
    exchange: str | None = None  # name of a reader, where the file says so
    rules: str | None = None  # likewise
    documents: dict[str, tuple[Any, str]] = field(default_factory=dict)  # [shape -> (document, place)]


@dataclass(slots=True)
class VenueAnswers:
    """All answers among the files of a book, by the account they belong to."""

    groups: dict[str, _Group] = field(default_factory=dict)

    def add(self, shape: str, document: Any, source: Source) -> None:
        """One file of a shape that `shape_of` recognised."""
        path = PurePosixPath(source.name)
        if shape == "combined":
            self.groups[source.name] = _combined(document, source.name, path.stem)
            return
        if shape in ("lending", "exchange_account"):
            given = {"lending" if shape == "lending" else "exchange_balance": (document, source.place)}
            self.groups[source.name] = _Group(path.stem, source.name, documents=given)
            return
        group = self.groups.setdefault(f"{path.parent}/", _Group(path.stem, source.name))
        if shape in group.documents:
            expected = "one answer of each kind per folder, or files with positions and balance together"
            raise BadInput("ambiguous", source.name, shape.replace("_", " "), expected)
        if "balance" in shape or "account" in shape:
            group.id, group.source = path.stem, source.name
        group.documents[shape] = document, source.place

    def accounts(self) -> list[tuple[str, str, str, VenueAccount | Problem]]:
        """(id, rules as far as they are known, place, account or what was wrong with it)."""
        found = []
        for group in self.groups.values():
            built = _build(group)
            rules = built.account.rules if isinstance(built, VenueAccount) else group.rules or _rules_of(group)
            found.append((group.id, rules, f"{group.source}:", built))
        return found


def _combined(document: dict[str, Any], name: str, stem: str) -> _Group:
    place = f"{name}:"
    for key in document:
        if key not in _COMBINED_KEYS:
            expected = ", ".join(_COMBINED_KEYS) + suggestion(key, _COMBINED_KEYS)
            raise BadInput("unknown_key", join(place, key), shown(key), expected)
    id = read_text(document["id"], join(place, "id")) if "id" in document else stem
    as_of = read_time(document["as_of"], join(place, "as_of")) if "as_of" in document else None
    group = _Group(id, name, as_of)
    if "exchange" in document:
        group.exchange = exchange_named(document["exchange"], join(place, "exchange"))
    if "rules" in document:
        group.rules = read_rules(document["rules"], join(place, "rules"))
    for key in ANSWERS:
        if document.get(key):
            here = join(place, key)
            shape = shape_of(document[key])
            shape = "exchange_balance" if shape == "exchange_account" else shape
            if shape is None or shape in ("combined", "lending", *group.documents):
                expected = "an answer of an exchange with rules here, or a ccxt structure"
                raise BadInput("unknown_format", here, shown(document[key]), expected)
            group.documents[shape] = document[key], here
    return group


def _build(group: _Group) -> VenueAccount | Problem:
    try:
        if "lending" in group.documents:
            return _checked(lending_account(*group.documents["lending"], group.id), group)
        exchange = _exchange_of(group)
        built = _of_binance(group) if exchange == _BINANCE else exchange_account(exchange, _given(group, exchange))
        return _checked(_with_overlay(built, group, exchange), group)
    except BadInput as error:
        return error.problem


def _checked(built: VenueAccount, group: _Group) -> VenueAccount:
    """The account, if it could stand in a book file: names that an answer is put together from may be odd."""
    account_from_json(account_to_json(built.account), f"{group.source}:")
    return built


def _rules_of(group: _Group) -> str:
    """What is shown of an account that could not be read: Binance's rules, or nothing."""
    try:
        return RULES if "lending" not in group.documents and _exchange_of(group) == _BINANCE else ""
    except BadInput:
        return ""


POSITIONS = ("ccxt_positions", "exchange_positions", "binance_positions")
BALANCES = ("ccxt_balance", "exchange_balance", "binance_balance")
OVERLAYS = ("binance_brackets", "ccxt_tiers")


def _exchange_of(group: _Group) -> str:
    """The reader of a group's answers: as the file says, or by the fields of positions or balance."""
    found = group.exchange
    rows = _listed_rows(group)
    if found is None:
        found = next((name for row in rows if (name := exchange_of_position(row))), None)
    if found is None:
        found = next((name for _, _, info, _ in _balances(group) if (name := exchange_of_balance(info))), None)
    if found in (None, _BINANCE) and _is_coin_margined(group, rows):
        return "binance_coinm"
    return found or _BINANCE


def _listed_rows(group: _Group) -> list[dict[str, Any]]:
    """The venue's own rows, as far as they can be told."""
    rows = []
    for shape in POSITIONS:
        document = group.documents.get(shape, ([], ""))[0]
        listed = document if isinstance(document, list) else [row for row, _, _ in rows_of(document, "")]
        for row in listed:
            info = row.get("info") if isinstance(row, dict) else None
            rows.append(info if isinstance(info, dict) and info else row)
    of_account = group.documents.get("binance_account", ({}, ""))[0].get("positions")
    return [row for row in (*rows, *(of_account if isinstance(of_account, list) else ())) if isinstance(row, dict)]


def _balances(group: _Group) -> list[tuple[str, Any, Any, str]]:
    """(shape, document, the venue's own balance, its place)."""
    found = []
    for shape in (*BALANCES, "binance_account"):
        if shape in group.documents:
            document, place = group.documents[shape]
            is_ccxt = shape == "ccxt_balance"
            found.append((shape, document, document.get("info") if is_ccxt else document, _inside(place, is_ccxt)))
    return found


def _inside(place: str, is_ccxt: bool) -> str:
    return join(place, "info") if is_ccxt else place


def _is_coin_margined(group: _Group, rows: list[dict[str, Any]]) -> bool:
    """Whether all that is held are COIN-M contracts, and the balance (if any) is one of their coins."""
    held = [row.get("symbol") for row in rows if str(row.get("positionAmt", "0")).strip("-0.")]
    names = [name for name in held if isinstance(name, str) and "USD_" in name]
    if not names or len(names) < len(held):
        return False
    coins = {name.partition("USD_")[0] for name in names}
    for _, _, info, _ in _balances(group):
        assets = info.get("assets") if isinstance(info, dict) else info
        listed = [row.get("asset") for row in assets if isinstance(row, dict)] if isinstance(assets, list) else []
        if not any(coin in listed for coin in coins):
            return False
    return True


def _given(group: _Group, exchange: str) -> Given:
    """A group's answers for a reader."""
    shapes = [shape for shape in POSITIONS if shape in group.documents]
    rows = [row for shape in shapes for row in rows_of(*group.documents[shape])]
    account = group.documents.get("binance_account")
    if account is not None and not rows:
        rows = list(rows_of(account[0].get("positions", []), join(account[1], "positions")))
    balances = [(info, place) for _, _, info, place in _balances(group)]
    if balances and not balances[0][0]:
        raise BadInput("missing_key", balances[0][1], shown(balances[0][0]), f"the balance as {exchange} printed it")
    balance = balances[0] if balances else None
    return Given(
        id=group.id, source=group.source, as_of=group.as_of, rules=group.rules, rows=tuple(rows), balance=balance
    )


def _of_binance(group: _Group) -> VenueAccount:
    """An account of Binance USDⓈ-M, whose answers complete one another."""
    answers = Answers(group.id, group.source, group.as_of)
    warnings: list[str] = []
    given: Mapping[str, tuple[Any, str]] = group.documents
    if group.rules not in (None, RULES):
        raise BadInput("unknown_choice", group.source, shown(group.rules), RULES)
    if "binance_account" in given:
        add_account_answer(answers, *given["binance_account"])
    if "binance_balance" in given and not answers.assets:
        add_balance_answer(answers, *given["binance_balance"])
    if "ccxt_positions" in given:
        warnings += add_ccxt_positions(answers, *given["ccxt_positions"])
    if "ccxt_balance" in given and not answers.assets:
        warnings += add_ccxt_balance(answers, *given["ccxt_balance"])
    if "binance_positions" in given:
        add_position_answer(answers, *given["binance_positions"])
    if other := next((given[shape][1] for shape in ("exchange_positions", "exchange_balance") if shape in given), None):
        raise BadInput("unsupported", other, "an answer of another venue", "Binance USDⓈ-M answers")
    built = build_account(answers)
    return replace(built, warnings=(*warnings, *built.warnings))


def _with_overlay(built: VenueAccount, group: _Group, exchange: str) -> VenueAccount:
    """The account with the tiers that stand beside it, on top of what its own rows print."""
    given = group.documents
    found: dict[str, Any] = {}
    for shape in OVERLAYS:
        if shape in given:
            rows = [row for name in POSITIONS if name in given and exchange == "okx" for row in rows_of(*given[name])]
            found.update(overlay_of(exchange, shape, *given[shape], rows))
    if not found:
        return built
    overlay = {**built.overlay}
    for market, entry in found.items():
        overlay[market] = {**overlay.get(market, {}), **entry}
    return replace(built, overlay=overlay, account=replace(built.account, parameters=f"{group.id}: brackets"))

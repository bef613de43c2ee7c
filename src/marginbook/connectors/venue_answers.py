"""Answers of venues and of ccxt recognised by their shape, and put together into accounts.

A file may hold one answer, or `{"positions": […], "balance": {…}}` (also `account`, `positionRisk`, `leverageBracket`,
`leverageTiers`, and `id` and `as_of`). Separate files of one folder given together are one account, whose id is the
name of its balance file.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from marginbook.connectors.binance_json import (
    Answers,
    VenueAccount,
    add_account_answer,
    add_balance_answer,
    add_position_answer,
    build_account,
)
from marginbook.connectors.ccxt import add_ccxt_balance, add_ccxt_positions
from marginbook.connectors.sources import Source
from marginbook.connectors.values import join, read_plain, read_text, read_time, shown, suggestion
from marginbook.domain.errors import BadInput, Problem

ANSWERS = ("account", "balance", "positions", "positionRisk", "leverageBracket", "leverageTiers")
_COMBINED_KEYS = (*ANSWERS, "id", "as_of")


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
        if "symbol" in first and ("contracts" in first or "entryPrice" in first):
            return "ccxt_positions"
    return None


def _shape_of_table(document: dict[str, Any]) -> str | None:
    if isinstance(document.get("assets"), list) and ("positions" in document or "totalWalletBalance" in document):
        return "binance_account"
    positions = isinstance(document.get("positions", document.get("positionRisk")), list)
    balance = isinstance(document.get("balance"), dict | list) or isinstance(document.get("account"), dict)
    if positions and balance:
        return "combined"
    if document and all(_is_tiers(rows) for rows in document.values()):
        return "ccxt_tiers"
    if isinstance(document.get("total"), dict) and ("free" in document or "info" in document):
        return "ccxt_balance"
    return None


def _is_tiers(rows: Any) -> bool:
    return isinstance(rows, list) and bool(rows) and isinstance(rows[0], dict) and "maintenanceMarginRate" in rows[0]


@dataclass(slots=True)
class _Group:
    """The answers of one account."""

    id: str
    source: str
    as_of: int | None = None
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
        group = self.groups.setdefault(f"{path.parent}/", _Group(path.stem, source.name))
        if shape in group.documents:
            expected = "one answer of each kind per folder, or files with positions and balance together"
            raise BadInput("ambiguous", source.name, shape.replace("_", " "), expected)
        if "balance" in shape or "account" in shape:
            group.id, group.source = path.stem, source.name
        group.documents[shape] = document, source.place

    def accounts(self) -> list[tuple[str, str, VenueAccount | Problem]]:
        """(id, place, account or what was wrong with it)."""
        return [(group.id, f"{group.source}:", _build(group)) for group in self.groups.values()]


def _combined(document: dict[str, Any], name: str, stem: str) -> _Group:
    place = f"{name}:"
    for key in document:
        if key not in _COMBINED_KEYS:
            expected = ", ".join(_COMBINED_KEYS) + suggestion(key, _COMBINED_KEYS)
            raise BadInput("unknown_key", join(place, key), shown(key), expected)
    id = read_text(document["id"], join(place, "id")) if "id" in document else stem
    as_of = read_time(document["as_of"], join(place, "as_of")) if "as_of" in document else None
    group = _Group(id, name, as_of)
    for key in ANSWERS:
        if document.get(key):
            here = join(place, key)
            shape = shape_of(document[key])
            if shape is None or shape == "combined" or shape in group.documents:
                expected = "an answer of Binance USDⓈ-M or a ccxt structure"
                raise BadInput("unknown_format", here, shown(document[key]), expected)
            group.documents[shape] = document[key], here
    return group


def _build(group: _Group) -> VenueAccount | Problem:
    answers = Answers(group.id, group.source, group.as_of)
    warnings: list[str] = []
    given: Mapping[str, tuple[Any, str]] = group.documents
    try:
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
        built = build_account(answers)
        overlay = {name: item for shape in OVERLAYS if shape in given for name, item in _overlay(shape, *given[shape])}
    except BadInput as error:
        return error.problem
    if overlay:
        built = replace(built, overlay=overlay, account=replace(built.account, parameters=f"{group.id}: brackets"))
    return replace(built, warnings=(*warnings, *built.warnings))


OVERLAYS = ("binance_brackets", "ccxt_tiers")


def _overlay(shape: str, document: Any, place: str) -> Iterable[tuple[str, Any]]:
    """The brackets of a leverageBracket answer or of ccxt's leverage tiers, by market."""
    from marginbook.venues.binance_usdm import overlay_from_ccxt_tiers, overlay_from_leverage_bracket

    read: Callable[[Any], Any] = overlay_from_ccxt_tiers if shape == "ccxt_tiers" else overlay_from_leverage_bracket
    try:
        overlay = read(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        expected = "brackets with floor, cap, rate and greatest leverage"
        raise BadInput("unknown_format", place, f"{type(error).__name__} {shown(str(error))}", expected) from None
    for market, table in overlay.items():
        rows = [["" if cell is None else cell for cell in row] for row in table["brackets"]]
        yield read_text(market, place), read_plain({"brackets": rows}, join(place, market))

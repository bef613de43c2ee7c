"""Hyperliquid's `clearinghouseState` answer as an account and the mark prices in it.

Balances are the venue's raw USD plus size times entry, so that equity is raw USD plus size times mark whatever the
rounding of the printed entry. A mark price is the printed position value by its size. What the venue printed is kept
in `reported`. Field names as in the venue's documentation (info endpoint, perpetuals); answers of 2023, which lack
some of them, are read as well.
"""

from decimal import Decimal
from typing import Any

from marginbook.connectors.answers import VenueAccount, needed_table
from marginbook.connectors.values import join, read_decimal, read_positive, read_text, read_time, shown
from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Quote, QuoteKey
from marginbook.exact import ZERO, divide, in_exact_context, round_half_up

RULES = "hyperliquid/perps"
VENUE = "hyperliquid"
MARK_PLACES = 10
NOTIONAL_ERROR = Decimal("0.000001")
"""Largest relative difference between a printed notional and the sum of printed values: the venue's own roundings."""
_ACCOUNT_FIGURES = {"accountValue": "margin_balance", "totalMarginUsed": "initial_margin", "totalNtlPos": "notional"}
_POSITION_FIGURES = {
    "unrealizedPnl": "unrealized_pnl",
    "positionValue": "notional",
    "marginUsed": "initial_margin",
    "liquidationPx": "liquidation_price",
}


def is_clearinghouse_state(document: Any) -> bool:
    """Whether a parsed document is such an answer.

    >>> is_clearinghouse_state({"assetPositions": [], "marginSummary": {}})
    True
    """
    return (
        isinstance(document, dict)
        and isinstance(document.get("assetPositions"), list)
        and ("marginSummary" in document or "crossMarginSummary" in document)
    )


@in_exact_context
def account_from_clearinghouse_state(document: Any, id: str, source: str = "clearinghouseState") -> VenueAccount:
    """The account that an answer describes; BadInput names what is missing."""
    place = f"{source}:"
    if not is_clearinghouse_state(document):
        raise BadInput("unknown_format", place, shown(document), "a clearinghouseState answer")
    as_of = read_time(document["time"], join(place, "time")) if "time" in document else None
    positions: list[Position] = []
    quotes: dict[QuoteKey, Quote] = {}
    for number, row in enumerate(document["assetPositions"]):
        here = join(join(place, "assetPositions"), number)
        if not isinstance(row, dict) or not isinstance(row.get("position"), dict):
            raise BadInput("wrong_type", here, shown(row), "a table with a position")
        held = row["position"]
        size = _needed(held, "szi", here)
        if size:
            position = _position(held, size, here)
            positions.append(position)
            value = _needed(held, "positionValue", here)
            mark = round_half_up(divide(abs(value), abs(size)), MARK_PLACES)
            quotes[VENUE, position.market, "mark"] = Quote(read_positive(mark, here), as_of, None, source)
    _check_notional(document, positions, place)
    account = Account(
        id=id,
        rules=RULES,
        wallet={"USDC": _cross_balance(document, positions, place)},
        positions=tuple(positions),
        reported=_reported(document, any(position.mode == "isolated" for position in positions), place),
    )
    return VenueAccount(account, quotes, as_of, ())


def _needed(row: dict[str, Any], name: str, place: str) -> Decimal:
    if row.get(name) is None:
        raise BadInput("missing_key", join(place, name), "nothing", "a number")
    return read_decimal(row[name], join(place, name))


def _position(held: dict[str, Any], size: Decimal, place: str) -> Position:
    leverage = held.get("leverage")
    if not isinstance(leverage, dict):
        raise BadInput("wrong_type", join(place, "leverage"), shown(leverage), "a table with type and value")
    entry = read_positive(held.get("entryPx"), join(place, "entryPx"))
    isolated = leverage.get("type") == "isolated"
    reported = {
        ours: read_decimal(held[theirs], join(place, theirs))
        for theirs, ours in _POSITION_FIGURES.items()
        if held.get(theirs) is not None
    }
    if isolated and "initial_margin" in reported:
        # Of an isolated position, the margin used is its equity.
        reported["margin_balance"] = reported.pop("initial_margin")
    return Position(
        market=read_text(held.get("coin"), join(place, "coin")),
        side="long" if size > 0 else "short",
        quantity=abs(size),
        entry=entry,
        leverage=read_positive(leverage.get("value"), join(place, "leverage.value")),
        mode="isolated" if isolated else "cross",
        isolated_wallet=_needed(leverage, "rawUsd", join(place, "leverage")) + size * entry if isolated else None,
        reported=reported,
    )


def _cross_balance(document: dict[str, Any], positions: list[Position], place: str) -> Decimal:
    """Raw USD of the cross account plus size times entry of its positions."""
    name = "crossMarginSummary" if "crossMarginSummary" in document else "marginSummary"
    summary = document[name]
    if not isinstance(summary, dict):
        raise BadInput("wrong_type", join(place, name), shown(summary), "a table")
    at_entry = sum((p.sign * p.quantity * p.entry for p in positions if p.mode == "cross"), ZERO)
    return _needed(summary, "totalRawUsd", join(place, name)) + at_entry


def _check_notional(document: dict[str, Any], positions: list[Position], place: str) -> None:
    """BadInput where the printed notional of the cross account is not that of the positions beside it."""
    name = "crossMarginSummary" if "crossMarginSummary" in document else "marginSummary"
    summary = needed_table(document[name], join(place, name))
    if summary.get("totalNtlPos") is None:
        return
    here = join(join(place, name), "totalNtlPos")
    stated = read_decimal(summary["totalNtlPos"], here)
    apart = name == "crossMarginSummary"
    found = sum((p.reported.get("notional", ZERO) for p in positions if p.mode == "cross" or not apart), ZERO)
    if abs(stated - found) > NOTIONAL_ERROR * max(stated, found):
        raise BadInput("inconsistent", here, stated, f"the sum of the positions' values, {found}: all of them")


def _reported(document: dict[str, Any], with_isolated: bool, place: str) -> dict[str, Decimal]:
    """Figures of the whole account. Those of the cross account are it, unless there are isolated positions."""
    name = "marginSummary" if with_isolated and "marginSummary" in document else "crossMarginSummary"
    summary = needed_table(document.get(name, document.get("marginSummary", {})), join(place, name))
    found = {
        ours: read_decimal(summary[theirs], join(place, theirs))
        for theirs, ours in _ACCOUNT_FIGURES.items()
        if summary.get(theirs) is not None
    }
    for theirs, ours in (("crossMaintenanceMarginUsed", "maintenance_margin"), ("withdrawable", "withdrawable")):
        if document.get(theirs) is not None:
            found[ours] = read_decimal(document[theirs], join(place, theirs))
    for name in ("initial_margin", "maintenance_margin") if with_isolated else ():
        found.pop(name, None)  # of isolated positions the one is their equity, the other not printed
    return found

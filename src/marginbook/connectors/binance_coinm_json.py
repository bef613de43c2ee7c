"""Binance COIN-M: `GET /dapi/v1/positionRisk` and `GET /dapi/v1/account` (or `balance`), also as ccxt's `info`.

Source: the venue's documentation (developers.binance.com) and the samples in ccxt's parsers (4.5.90). Sizes are
contracts; the cross wallet of a coin is `crossWalletBalance`. A printed liquidation price of 0 means none.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from marginbook.connectors.answers import needed_number, one_of, optional_number, printed_figures, tables
from marginbook.connectors.exchange_answers import Funds, Held, Unified
from marginbook.connectors.values import join, read_positive, read_text, shown
from marginbook.domain.account import Position
from marginbook.domain.errors import BadInput
from marginbook.venues.binance_coinm import settlement_coin

RULES = ("binance/coinm",)
VENUE = "binance"
_SIDES = {"BOTH": None, "LONG": "long", "SHORT": "short"}
_FIGURES = {
    "unRealizedProfit": "unrealized_pnl",
    "unrealizedProfit": "unrealized_pnl",
    "maintMargin": "maintenance_margin",
    "initialMargin": "initial_margin",
    "isolatedMargin": "isolated_margin",
}
_ASSET_FIGURES = {
    "crossWalletBalance": "wallet_balance",
    "marginBalance": "margin_balance",
    "maintMargin": "maintenance_margin",
    "initialMargin": "initial_margin",
    "unrealizedProfit": "unrealized_pnl",
}


def read_position(row: dict[str, Any], unified: Unified, place: str) -> Held | None:
    """A position in contracts."""
    contracts = needed_number(row, "positionAmt", place, "the signed number of contracts")
    if contracts == 0:
        return None
    market = read_text(row.get("symbol"), join(place, "symbol"))
    coin = settlement_coin(market)
    if coin is None:
        raise BadInput("unsupported", join(place, "symbol"), shown(market), "a COIN-M contract such as BTCUSD_PERP")
    side = _SIDES[one_of(row.get("positionSide") or "BOTH", _SIDES, join(place, "positionSide"))]
    if (side or "") == "long" and contracts < 0:
        raise BadInput("inconsistent", join(place, "positionAmt"), contracts, "above 0 for positionSide LONG")
    isolated = _is_isolated(row, unified, place)
    reported = printed_figures(row, _FIGURES, place)
    if not isolated:
        reported.pop("isolated_margin", None)
    for name, ours in (("notionalValue", "notional"), ("liquidationPrice", "liquidation_price")):
        if found := optional_number(row, name, place):
            reported[ours] = abs(found)
    position = Position(
        market=market,
        side="long" if contracts > 0 else "short",
        quantity=abs(contracts),
        entry=read_positive(row.get("entryPrice"), join(place, "entryPrice")),
        leverage=leverage if (leverage := optional_number(row, "leverage", place)) else None,
        mode="isolated" if isolated else "cross",
        isolated_wallet=needed_number(row, "isolatedWallet", place, "the isolated wallet") if isolated else None,
        reported=reported,
    )
    mark = optional_number(row, "markPrice", place)
    return Held(
        position=position,
        rules=RULES[0],
        currency=coin,
        quotes={(VENUE, market, "mark"): read_positive(mark, join(place, "markPrice"))} if mark else {},
        hedged=side is not None,
    )


def _is_isolated(row: dict[str, Any], unified: Unified, place: str) -> bool:
    if row.get("marginType") not in (None, ""):
        return one_of(row["marginType"], ("cross", "isolated"), join(place, "marginType")) == "isolated"
    if isinstance(row.get("isolated"), bool):
        return bool(row["isolated"])
    if unified.get("marginMode") is not None:
        return one_of(unified["marginMode"], ("cross", "isolated"), join(place, "marginMode")) == "isolated"
    return bool(optional_number(row, "isolatedWallet", place))


def read_funds(document: Any, held: Sequence[Held], place: str) -> Funds:
    """The cross wallet of every coin in play."""
    rows, here = (document.get("assets"), join(place, "assets")) if isinstance(document, dict) else (document, place)
    settled = {one.currency for one in held if one.position.mode != "isolated"}
    apart = {one.currency for one in held if one.position.mode == "isolated"}
    wallet: dict[str, Decimal] = {}
    reported: dict[str, Decimal] = {}
    for row, at in tables(rows, here):
        coin = read_text(row.get("asset"), join(at, "asset"))
        if coin in settled or (not held and optional_number(row, "crossWalletBalance", at)):
            wallet[coin] = needed_number(row, "crossWalletBalance", at, "the cross wallet balance")
            if len(settled) == 1 and not apart:
                reported = printed_figures(row, _ASSET_FIGURES, at)
    if missing := settled - wallet.keys():
        raise BadInput("missing_key", here, f"no {min(missing)} balance", f"the {min(missing)} row of the assets")
    return Funds(wallet=wallet, reported=reported)

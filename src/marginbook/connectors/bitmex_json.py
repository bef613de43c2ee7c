"""BitMEX: `GET /api/v1/position` and `GET /api/v1/user/margin`, as the venue or ccxt's `info` has them.

Source: the venue's API explorer and the samples in ccxt's parsers (4.4). Amounts are integers of 10^-6 USDT or 10^-8
XBT; `posMargin` is the wallet of an isolated position. `maintMarginReq` and `commission` of the row are the market's
parameters, up to its `riskLimit`. Whether the wallet balance holds the margins of isolated positions is not
documented, so a file with cross and isolated positions is refused; so are quanto contracts.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from marginbook.connectors.answers import needed_number, optional_number, printed_figures, tables
from marginbook.connectors.exchange_answers import Funds, Held, Unified
from marginbook.connectors.values import (
    join,
    read_flag,
    read_positive,
    read_signed_integer,
    read_text,
    read_time,
    shown,
)
from marginbook.domain.account import Position
from marginbook.domain.errors import BadInput
from marginbook.exact import format_decimal, from_raw

RULES = ("bitmex/linear", "bitmex/inverse")
VENUE = "bitmex"
CURRENCIES = {"USDt": ("USDT", 6, "bitmex/linear"), "XBt": ("XBT", 8, "bitmex/inverse")}
"""The venue's name of a ledger unit -> (currency, decimals, rule set)."""
_FIGURES = {"maintMargin": "isolated_margin", "posMaint": "maintenance_margin", "unrealisedPnl": "unrealized_pnl"}
_ACCOUNT_FIGURES = {
    "walletBalance": "wallet_balance",
    "marginBalance": "margin_balance",
    "availableMargin": "available_balance",
}
_LIMITS = {"riskLimit": "risk_limit"}
_TERMS = {"maintMarginReq": "maintenance", "commission": "taker_fee"}


def _amounts(row: Mapping[str, Any], names: Mapping[str, str], decimals: int, place: str) -> dict[str, Decimal]:
    """Integers of the ledger as amounts, under our names."""
    return {
        ours: from_raw(read_signed_integer(row[theirs], join(place, theirs)), decimals)
        for theirs, ours in names.items()
        if row.get(theirs) not in (None, "")
    }


def _ledger(row: Mapping[str, Any], place: str) -> tuple[str, int, str]:
    unit = row.get("currency")
    if not isinstance(unit, str) or unit not in CURRENCIES:
        raise BadInput("unsupported", join(place, "currency"), shown(unit), " or ".join(CURRENCIES))
    return CURRENCIES[unit]


def read_position(row: dict[str, Any], unified: Unified, place: str) -> Held | None:
    """A position; its quantity is base units of linear contracts, USD of inverse ones."""
    contracts = needed_number(row, "currentQty", place, "the signed number of contracts")
    if contracts == 0:
        return None
    market = read_text(row.get("symbol"), join(place, "symbol"))
    currency, decimals, rules = _ledger(row, place)
    inverse = rules == "bitmex/inverse"
    if inverse and not market.startswith("XBT"):
        raise BadInput("unsupported", join(place, "symbol"), shown(market), "a linear or inverse contract, no quanto")
    isolated = not read_flag(row.get("crossMargin"), join(place, "crossMargin"))
    size = contracts if inverse else needed_number(row, "homeNotional", place, "the position in base units")
    reported = _amounts(row, _FIGURES, decimals, place)
    if not isolated:
        reported.pop("isolated_margin", None)
    if price := optional_number(row, "liquidationPrice", place):
        reported["liquidation_price"] = price
    position = Position(
        market=market,
        side="long" if contracts > 0 else "short",
        quantity=abs(size),
        entry=read_positive(row.get("avgEntryPrice"), join(place, "avgEntryPrice")),
        leverage=leverage if (leverage := optional_number(row, "leverage", place)) else None,
        mode="isolated" if isolated else "cross",
        isolated_wallet=_amounts(row, {"posMargin": "margin"}, decimals, place).get("margin") if isolated else None,
        reported=reported,
    )
    if isolated and position.isolated_wallet is None:
        raise BadInput("missing_key", join(place, "posMargin"), "nothing", "the position's margin")
    mark = optional_number(row, "markPrice", place)
    terms = {ours: format_decimal(found) for ours, found in printed_figures(row, _TERMS, place).items()}
    terms |= {ours: format_decimal(found) for ours, found in _amounts(row, _LIMITS, decimals, place).items()}
    return Held(
        position=position,
        rules=rules,
        currency=currency,
        quotes={(VENUE, market, "mark"): read_positive(mark, join(place, "markPrice"))} if mark else {},
        as_of=read_time(row["timestamp"], join(place, "timestamp")) if row.get("timestamp") else None,
        terms=terms if "maintenance" in terms else {},
    )


def read_funds(document: Any, held: Sequence[Held], place: str) -> Funds:
    """The wallet of the currency in play."""
    rows = [(document, place)] if isinstance(document, dict) else tables(document, place)
    settled = {one.currency for one in held}
    modes = {one.position.mode for one in held}
    if len(modes) == 2:
        expected = "cross or isolated positions, not both: what the wallet holds of isolated margins is not documented"
        raise BadInput("unsupported", place, "cross and isolated positions", expected)
    wallet: dict[str, Decimal] = {}
    reported: dict[str, Decimal] = {}
    as_of = rules = None
    for row, here in rows:
        if read_text(row.get("currency"), join(here, "currency")) not in CURRENCIES:
            continue
        currency, decimals, kind = _ledger(row, here)
        figures = _amounts(row, _ACCOUNT_FIGURES, decimals, here)
        if currency not in settled and (held or wallet or not figures.get("wallet_balance")):
            continue
        if "wallet_balance" not in figures:
            raise BadInput("missing_key", join(here, "walletBalance"), "nothing", "the wallet balance")
        rules = None if held else kind
        as_of = read_time(row["timestamp"], join(here, "timestamp")) if row.get("timestamp") else as_of
        if modes != {"isolated"}:
            wallet[currency], reported = figures["wallet_balance"], figures
    if modes != {"isolated"} and (missing := settled - wallet.keys()):
        raise BadInput("missing_key", place, f"no {min(missing)} margin", f"the margin of {min(missing)}")
    return Funds(wallet=wallet, rules=rules, reported=reported if len(wallet) == 1 else {}, as_of=as_of)

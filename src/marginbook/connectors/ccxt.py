"""ccxt's unified positions and balance as Binance answers.

ccxt's numbers are floats, and some are its own estimates (a maintenance margin without the bracket's deduction, a
back-solved collateral), so the venue's own answer in `info` is used wherever it is there. Without `info` the unified
figures stand in and say so in a warning.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from marginbook.connectors.binance_json import (
    MARGIN_CURRENCIES,
    RULES,
    Answers,
    add_account_answer,
    add_balance_answer,
)
from marginbook.connectors.values import join, read_decimal, read_text, shown
from marginbook.domain.errors import BadInput
from marginbook.exact import CONTEXT

_UNIFIED: Mapping[str, str] = {
    "entryPrice": "entryPrice",
    "markPrice": "markPrice",
    "leverage": "leverage",
    "marginMode": "marginType",
}
_UNIFIED_FIGURES: Mapping[str, str] = {
    "liquidationPrice": "liquidationPrice",
    "unrealizedPnl": "unRealizedProfit",
    "notional": "notional",
    "initialMargin": "initialMargin",
    "maintenanceMargin": "maintMargin",
}
_PRINTED_AS = {"marginType": "isolated", "leverage": "positionInitialMargin"}
"""Raw names under which another answer of the venue prints the same."""


def add_ccxt_positions(answers: Answers, value: Any, place: str) -> list[str]:
    """Unified positions as rows of positionRisk; returns warnings."""
    warnings: list[str] = []
    for index, position in enumerate(value):
        here = join(place, index)
        if not isinstance(position, dict):
            raise BadInput("wrong_type", here, shown(position), "a ccxt position")
        row = _row(position, here)
        answers.positions.append((row, here))
        if "info" not in position and row["positionAmt"]:
            warnings.append(f"{here}: no info of the venue: ccxt's own figures stand in for it, as {RULES}")
    return warnings


def _row(position: dict[str, Any], place: str) -> dict[str, Any]:
    info = position.get("info")
    if isinstance(info, dict) and info:
        if "positionAmt" not in info or "symbol" not in info:
            raise BadInput(
                "unsupported", join(place, "info"), "a position of another venue", "Binance USDⓈ-M positions"
            )
        row = {name: item for name, item in info.items() if item not in (None, "")}
        names: Mapping[str, str] = _UNIFIED
    else:
        symbol = _symbol(position.get("symbol"), join(place, "symbol"))
        row = {"symbol": symbol, "positionAmt": _amount(position, place)}
        if position.get("hedged") is True:
            row["positionSide"] = str(position.get("side")).upper()
        if position.get("marginMode") == "isolated" and position.get("collateral") is not None:
            row["isolatedMargin"] = position["collateral"]
        names = {**_UNIFIED, **_UNIFIED_FIGURES}
    for unified, raw in names.items():
        printed = raw in row or _PRINTED_AS.get(raw) in row
        if not printed and position.get(unified) is not None:
            row[raw] = position[unified]
    return row


def _amount(position: dict[str, Any], place: str) -> Decimal:
    contracts = position.get("contracts")
    size = read_decimal(0 if contracts is None else contracts, join(place, "contracts"))
    if size == 0:
        return Decimal(0)
    per_contract = position.get("contractSize")
    unit = read_decimal(1 if per_contract is None else per_contract, join(place, "contractSize"))
    amount = CONTEXT.multiply(size, unit)
    if position.get("side") not in ("long", "short"):
        raise BadInput("unknown_choice", join(place, "side"), shown(position.get("side")), "long or short")
    return amount.copy_abs() if position["side"] == "long" else amount.copy_abs().copy_negate()


def _symbol(value: Any, place: str) -> str:
    """`BTCUSDT` of `BTC/USDT:USDT`; `BTCUSDT_260327` of `BTC/USDT:USDT-260327`."""
    symbol = read_text(value, place)
    pair, _, settle = symbol.partition(":")
    currency, _, expiry = settle.partition("-")
    base, _, quote = pair.partition("/")
    if not quote or currency != quote or currency not in MARGIN_CURRENCIES:
        raise BadInput("unsupported", place, shown(symbol), "a linear contract such as BTC/USDT:USDT")
    return base + quote + (f"_{expiry}" if expiry else "")


def add_ccxt_balance(answers: Answers, value: dict[str, Any], place: str) -> list[str]:
    """A unified balance; returns warnings."""
    info = value.get("info")
    if isinstance(info, dict) and isinstance(info.get("assets"), list):
        positions, answers.positions = answers.positions, []
        add_account_answer(answers, info, join(place, "info"))
        answers.positions += positions
        return []
    if isinstance(info, list):
        add_balance_answer(answers, info, join(place, "info"))
        return []
    if info:
        raise BadInput("unsupported", join(place, "info"), "a balance of another venue", "a Binance USDⓈ-M balance")
    return _derive_wallet(answers, value, place)


def _derive_wallet(answers: Answers, value: dict[str, Any], place: str) -> list[str]:
    """Without `info`: the cross wallet is what profits and isolated margins leave of `total`, the margin balance."""
    total = value.get("total")
    if not isinstance(total, dict):
        raise BadInput("missing_key", join(place, "total"), shown(total), "a ccxt balance with info or total")
    warnings = []
    for currency in MARGIN_CURRENCIES:
        if total.get(currency) is None:
            continue
        balance = read_decimal(total[currency], join(join(place, "total"), currency))
        cross = balance
        for row, here in answers.positions:
            symbol = read_text(row["symbol"], join(here, "symbol")).partition("_")[0]
            if symbol.endswith(currency) and read_decimal(row["positionAmt"], join(here, "positionAmt")):
                isolated = row.get("marginType") == "isolated"
                name = "isolatedMargin" if isolated else "unRealizedProfit"
                if row.get(name) is None:
                    expected = "a position with unrealizedPnl and collateral, or info"
                    raise BadInput("missing_key", here, f"no {name}", expected)
                cross = CONTEXT.subtract(cross, read_decimal(row[name], here))
        answers.assets.append(({"asset": currency, "crossWalletBalance": cross, "marginBalance": balance}, place))
        warnings.append(f"{place}: the {currency} wallet {cross} is derived from ccxt's total {balance}")
    return warnings

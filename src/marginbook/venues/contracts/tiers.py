"""Tier tables of exchanges as overlays of a book: ccxt's unified leverage tiers, and what venues answer themselves.

A maintenance amount that the source prints is kept (and warned about where it breaks continuity); where it prints none
it is derived by `brackets.maintenance_amounts`, unless the venue's rates hold for the whole position.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from marginbook.exact import ONE, ZERO, divide, in_exact_context
from marginbook.venues.brackets import number_from

AMOUNTS = ("cum", "mmDeduction")
"""Where venues print the maintenance amount in ccxt's `info`."""
Tiers = Mapping[str, Sequence[Mapping[str, Any]]]
Overlay = dict[str, dict[str, Any]]


def joined_name(symbol: str) -> str:
    """A ccxt symbol as Binance, Bybit and Bitget name the market.

    >>> joined_name("BTC/USDT:USDT"), joined_name("BTC/USD:BTC")
    ('BTCUSDT', 'BTCUSD')
    """
    return symbol.partition(":")[0].replace("/", "")


def overlay_from_ccxt(tiers: Tiers, name_of: Callable[[str], str] = joined_name) -> Overlay:
    """An overlay from ccxt's unified `fetch_leverage_tiers`.

    >>> overlay_from_ccxt({"X/USDT:USDT": [{"tier": 1, "minNotional": 0, "maxNotional": 10000,
    ...     "maintenanceMarginRate": 0.0065, "maxLeverage": 75, "info": {"cum": "0"}}]})
    {'XUSDT': {'brackets': [[0, 10000, 0.0065, 75, '0']]}}
    """
    return {
        name_of(symbol): {
            "brackets": contiguous(
                [
                    row["minNotional"],
                    row["maxNotional"],
                    row["maintenanceMarginRate"],
                    row["maxLeverage"],
                    _amount(row.get("info")),
                ]
                for row in sorted(rows, key=lambda row: int(row["tier"]))
            )
        }
        for symbol, rows in tiers.items()
    }


def contiguous(rows: Iterable[list[Any]]) -> list[list[Any]]:
    """Rows whose floor is the cap before it, where a source counts tiers as 0 to 2000, 2001 (or 2000.01) to 4000.

    >>> contiguous([[0, 2000, "0.01"], [2001, 4000, "0.02"]])
    [[0, 2000, '0.01'], [2000, 4000, '0.02']]
    """
    found: list[list[Any]] = []
    for row in rows:
        cap = found[-1][1] if found else None
        if cap is not None and ZERO < number_from(row[0], "tiers") - number_from(cap, "tiers") <= ONE:
            row = [cap, *row[1:]]
        found.append(row)
    return found


def _amount(info: Any) -> Any:
    if not isinstance(info, Mapping):
        return None
    return next((info[name] for name in AMOUNTS if info.get(name) not in (None, "")), None)


@in_exact_context
def overlay_from_bybit_risk_limit(answer: Mapping[str, Any]) -> Overlay:
    """An overlay from Bybit's `GET /v5/market/risk-limit`.

    Some answers print the rate as a percentage ("0.5"), which its own initial margin times its leverage tells.

    >>> overlay_from_bybit_risk_limit({"result": {"list": [{"id": 1, "symbol": "BTCUSDT", "riskLimitValue": "2000000",
    ...     "maintenanceMargin": "0.005", "initialMargin": "0.01", "maxLeverage": "100.00", "mmDeduction": "0"}]}})
    {'BTCUSDT': {'brackets': [['0', '2000000', '0.005', '100.00', '0']]}}
    """
    by_market: dict[str, list[Mapping[str, Any]]] = {}
    for row in answer["result"]["list"]:
        by_market.setdefault(row["symbol"], []).append(row)
    overlay: Overlay = {}
    for market, rows in by_market.items():
        brackets: list[list[Any]] = []
        for row in sorted(rows, key=lambda row: number_from(row["riskLimitValue"], "riskLimitValue")):
            amount = row.get("mmDeduction")
            brackets.append(
                [
                    brackets[-1][1] if brackets else "0",
                    row["riskLimitValue"],
                    _as_fraction(row),
                    row["maxLeverage"],
                    amount if amount not in ("", None) else ("0" if not brackets else None),
                ]
            )
        overlay[market] = {"brackets": brackets}
    return overlay


def _as_fraction(row: Mapping[str, Any]) -> Any:
    initial, leverage = row.get("initialMargin"), row.get("maxLeverage")
    if initial in (None, "") or leverage in (None, ""):
        return row["maintenanceMargin"]
    share = number_from(initial, "initialMargin") * number_from(leverage, "maxLeverage")
    if share <= Decimal(10):
        return row["maintenanceMargin"]
    return str(divide(number_from(row["maintenanceMargin"], "maintenanceMargin"), Decimal(100)))


def overlay_from_okx_position_tiers(answer: Mapping[str, Any]) -> Overlay:
    """An overlay from OKX's `GET /api/v5/public/position-tiers`: floors are quantities, as `minSz` prints them.

    >>> overlay_from_okx_position_tiers({"data": [{"instId": "BTC-USDT", "tier": "1", "minSz": "0", "maxSz": "50",
    ...     "mmr": "0.03", "imr": "0.1", "maxLever": "10", "instFamily": ""}]})
    {'BTC-USDT': {'brackets': [['0', '50', '0.03', '10', None]]}}
    """
    by_market: dict[str, list[Mapping[str, Any]]] = {}
    for row in answer["data"]:
        family = row.get("instFamily") or row.get("uly") or ""
        name = row.get("instId") or (f"{family}-SWAP" if family else "")
        by_market.setdefault(name, []).append(row)
    return {
        name: {
            "brackets": contiguous(
                [row["minSz"], row["maxSz"], row["mmr"], row["maxLever"], None]
                for row in sorted(rows, key=lambda row: int(row["tier"]))
            )
        }
        for name, rows in by_market.items()
    }


def overlay_from_bitget_position_lever(answer: Mapping[str, Any]) -> Overlay:
    """An overlay from Bitget's `GET /api/v2/mix/market/query-position-lever`.

    >>> overlay_from_bitget_position_lever({"data": [{"symbol": "BTCUSDT", "level": "1", "startUnit": "0",
    ...     "endUnit": "50000", "leverage": "125", "keepMarginRate": "0.004"}]})
    {'BTCUSDT': {'brackets': [['0', '50000', '0.004', '125', None]]}}
    """
    by_market: dict[str, list[Mapping[str, Any]]] = {}
    for row in answer["data"]:
        by_market.setdefault(row["symbol"], []).append(row)
    return {
        market: {
            "brackets": contiguous(
                [row["startUnit"], row["endUnit"], row["keepMarginRate"], row["leverage"], None]
                for row in sorted(rows, key=lambda row: int(row["level"]))
            )
        }
        for market, rows in by_market.items()
    }


def overlay_from_bybit_collateral(answer: Mapping[str, Any]) -> Overlay:
    """Discounts by amount from Bybit's `GET /v5/spot-margin-trade/collateral`; borrow rates are not part of it.

    >>> overlay_from_bybit_collateral({"result": {"list": [{"currency": "BTC", "collateralRatioList": [
    ...     {"minQty": "0", "maxQty": "1000000", "collateralRatio": "0.85"},
    ...     {"minQty": "1000000", "maxQty": "", "collateralRatio": "0"}]}]}})
    {'BTC': {'discount': [['0', '1000000', '0.85'], ['1000000', '', '0']]}}
    """
    return {
        row["currency"]: {
            "discount": [
                [tier["minQty"], tier["maxQty"], tier["collateralRatio"]] for tier in row["collateralRatioList"]
            ]
        }
        for row in answer["result"]["list"]
    }

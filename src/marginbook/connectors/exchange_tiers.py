"""Tier tables beside an account's answers, as an overlay of its markets: ccxt's leverage tiers, Binance's brackets.

Where Bybit's or Bitget's own row stands in `info` its strings are read. OKX counts tiers in contracts and names a
family, so its tables are turned into base units of the markets that the account holds. Which maintenance amounts
continue the tiers is the rule set's business: it derives those that are left out and warns of a printed one that
breaks continuity.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from marginbook.connectors.answers import needed_table
from marginbook.connectors.exchange_answers import Unified
from marginbook.connectors.values import join, read_plain, read_text, shown
from marginbook.domain.errors import BadInput
from marginbook.exact import CONTEXT

Rows = Iterable[tuple[dict[str, Any], Unified, str]]


def overlay_of(exchange: str, shape: str, document: Any, place: str, rows: Rows) -> dict[str, Any]:
    """Parameters by market; BadInput where the exchange's tiers are of no use to its rules, or malformed."""
    try:
        overlay = _tiers(exchange, document, place, rows) if shape == "ccxt_tiers" else _brackets(exchange, document)
    except BadInput as error:
        found = error.problem
        inside = found.place.startswith(place.partition(":")[0])
        raise BadInput(found.code, found.place if inside else place, found.value, found.expected) from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        expected = "brackets with floor, cap, rate and greatest leverage"
        raise BadInput("unknown_format", place, f"{type(error).__name__} {shown(str(error))}", expected) from None
    read: dict[str, Any] = {}
    for market, table in overlay.items():
        brackets = [["" if cell is None else cell for cell in row] for row in table["brackets"]]
        read[read_text(market, place)] = read_plain({"brackets": brackets}, join(place, market))
    return read


def _brackets(exchange: str, document: Any) -> dict[str, dict[str, Any]]:
    from marginbook.venues import binance_coinm, binance_usdm

    if exchange == "binance_coinm":
        return binance_coinm.overlay_from_leverage_bracket(document)
    return binance_usdm.overlay_from_leverage_bracket(document)


def _tiers(exchange: str, document: Any, place: str, rows: Rows) -> dict[str, dict[str, Any]]:
    from marginbook.venues.contracts import tiers

    infos = [_info(row) for listed in document.values() for row in listed]
    match exchange:
        case "binance_usdm":
            return tiers.overlay_from_ccxt(document)
        case "binance_coinm":
            return tiers.overlay_from_ccxt(document, coinm_name)
        case "bybit" if all("riskLimitValue" in info for info in infos):
            return tiers.overlay_from_bybit_risk_limit({"result": {"list": infos}})
        case "bitget" if all("startUnit" in info for info in infos):
            return tiers.overlay_from_bitget_position_lever({"data": infos})
        case "bybit" | "bitget":
            return tiers.overlay_from_ccxt(document)
        case "okx":
            return _okx(document, rows)
    raise BadInput("unsupported", place, f"leverage tiers of {exchange}", "tiers of Binance, Bybit, OKX or Bitget")


def coinm_name(symbol: str) -> str:
    """A ccxt symbol as Binance names the coin-margined contract.

    >>> coinm_name("BTC/USD:BTC"), coinm_name("ETH/USD:ETH-261225")
    ('BTCUSD_PERP', 'ETHUSD_261225')
    """
    pair, _, settled = symbol.partition(":")
    expiry = settled.partition("-")[2]
    return f"{pair.replace('/', '')}_{expiry or 'PERP'}"


def _info(row: Any) -> Mapping[str, Any]:
    found = row.get("info")
    return found if isinstance(found, Mapping) else {}


def _okx(document: Mapping[str, Any], rows: Rows) -> dict[str, dict[str, Any]]:
    from marginbook.connectors.okx_json import contract_size
    from marginbook.venues.brackets import number_from
    from marginbook.venues.contracts.tiers import overlay_from_ccxt

    by_family = overlay_from_ccxt(document, okx_family)
    found: dict[str, dict[str, Any]] = {}
    for row, unified, here in rows:
        market = needed_table(row, here).get("instId")
        family = "-".join(str(market).split("-")[:2])
        if family not in by_family:
            continue
        size = contract_size(row, unified, here)
        found[str(market)] = {
            "brackets": [
                [*("" if edge in (None, "") else _times(number_from(edge, here), size) for edge in row[:2]), *row[2:]]
                for row in by_family[family]["brackets"]
            ]
        }
    return found


def _times(contracts: Decimal, size: Decimal) -> Decimal:
    return CONTEXT.multiply(contracts, size)


def okx_family(symbol: str) -> str:
    """A ccxt symbol as OKX names the family of its instruments.

    >>> okx_family("BTC/USDT:USDT"), okx_family("ETH/USD:ETH")
    ('BTC-USDT', 'ETH-USD')
    """
    return symbol.partition(":")[0].replace("/", "-")

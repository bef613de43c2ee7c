"""Binance USDⓈ-M futures, single-asset mode: linear contracts settled in USDT or USDC.

Source: help articles "How to Calculate Liquidation Price of USDⓈ-M Futures Contracts" and "Leverage and Margin"
(2020 to 2022 texts), checked against figures that live accounts printed (`tests/vectors/binance`). Brackets: dated
tables of main markets, 2022-02 to 2024-10 and 2026-09 (`params/data`); between two tables the older one is used.

    notional            = quantity · mark
    unrealized_pnl      = side · quantity · (mark − entry)
    initial_margin      = notional / leverage
    maintenance_margin  = notional · rate − maintenance amount, bracket of the notional, not of the leverage
    margin_balance      = wallet + unrealized_pnl
    margin ratio        = maintenance_margin / margin_balance (bad when high), liquidation at 1
    liquidation price   = (wallet − others' maintenance + others' profit + amount − side·quantity·entry)
                          / (quantity · (rate − side)),  rate and amount taken at that price's own bracket

Scope: one-way and hedge mode, cross and isolated; a pool per settlement currency. Printed numbers are cut at 8
decimals. The displayed liquidation price is rounded toward the mark (long up, short down), as live accounts print it.

Deviations: the venue computes in binary floating point and once printed 7.60299749 for 7.6029975. Not here: COIN-M,
multi-assets mode, portfolio margin, which are rule sets of their own.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.domain.zones import DERIVATIVES_BORDERS
from marginbook.exact import round_ceil, round_floor
from marginbook.params.tables import BINANCE_USDM_FILES, tables_at
from marginbook.units import format_time
from marginbook.venues.brackets import bracket_table
from marginbook.venues.contracts.events import apply
from marginbook.venues.contracts.explanation import explain
from marginbook.venues.contracts.liquidation import plan_liquidation
from marginbook.venues.contracts.lowering import lower
from marginbook.venues.contracts.model import Contracts, Printing, Shown, Terms
from marginbook.venues.contracts.overlay import ALL, with_overlay
from marginbook.venues.contracts.prices import liquidation_prices
from marginbook.venues.contracts.sums import is_liquidatable, quantities, risk, warnings
from marginbook.venues.contracts.tiers import overlay_from_ccxt
from marginbook.venues.rules import RuleSet, rule_module

SETTLEMENT = ("USDT", "USDC", "BUSD")
"""Quote assets in which a market settles."""
OVERLAY_KEYS = frozenset(
    ("brackets", "maintenance_rate", "initial_rate", "leverage", "liquidation_fee", "tick", "quantity_step", "currency")
)
"""What a book may say of a market; contract, basis, fee to close and operator belong to the venue."""


def settlement_currency(market: str) -> str | None:
    """Quote asset of a market's name.

    >>> settlement_currency("BTCUSDT"), settlement_currency("ETHUSDC"), settlement_currency("BTCUSDT_241227")
    ('USDT', 'USDC', 'USDT')
    """
    name = market.partition("_")[0]
    return next((asset for asset in SETTLEMENT if name.endswith(asset) and name != asset), None)


def displayed_price(shown: Shown) -> Decimal:
    """The liquidation price as the venue prints it: at 8 decimals, toward the mark."""
    return round_ceil(shown.root, 8) if shown.when == "at_or_below" else round_floor(shown.root, 8)


@cache
def _shipped(as_of: int) -> Contracts:
    dated = tables_at(BINANCE_USDM_FILES, as_of)
    terms = {
        market: Terms(table=bracket_table(rows, market), currency=settlement_currency(market))
        for market, rows in dated.tables.items()
    }
    return _contracts(terms, dated.source, dated.as_of)


def _contracts(
    terms: Mapping[str, Terms],
    source: str,
    as_of: int | None,
    default: Terms | None = None,
    warnings: Sequence[str] = (),
) -> Contracts:
    return Contracts(
        rules="binance/usdm",
        venue="binance",
        price_kind="mark",
        at_equality=True,
        printing=Printing(cuts=True, entry_places=8),
        displayed=displayed_price,
        terms=terms,
        currency_of=settlement_currency,
        source=source,
        default=default,
        as_of=as_of,
        warnings=tuple(warnings),
    )


def parameters(
    version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
) -> Contracts:
    """Brackets valid at `at` [µs UTC], with an overlay by market on them (`"*"`: every other market).

    An overlay may serve accounts of several venues: names that are no USD-M market are not looked at.

    BadInput `no_parameters` before the first table, unless an overlay says all.
    """
    try:
        as_of = tables_at(BINANCE_USDM_FILES, at).as_of
    except BadInput:
        if not overlay:
            raise
        shipped = _contracts({}, f"the book's own parameters; none are known at {format_time(at)}", None)
    else:
        shipped = _shipped(as_of)
    if not overlay:
        return shipped
    ours = {name: entry for name, entry in overlay.items() if name == ALL or settlement_currency(name)}
    terms, default, odd = with_overlay(shipped.terms, ours, OVERLAY_KEYS)
    return _contracts(terms, f"the book's own parameters on: {shipped.source}", shipped.as_of, default, odd)


def overlay_from_leverage_bracket(answer: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """An overlay from the venue's `GET /fapi/v1/leverageBracket` answer.

    >>> overlay_from_leverage_bracket([{"symbol": "XUSDT", "brackets": [{"bracket": 1, "initialLeverage": 75,
    ...     "notionalCap": 10000, "notionalFloor": 0, "maintMarginRatio": "0.0065", "cum": 0}]}])
    {'XUSDT': {'brackets': [[0, 10000, '0.0065', 75, 0]]}}
    """
    return {
        market["symbol"]: {
            "brackets": [
                [
                    row["notionalFloor"],
                    row["notionalCap"],
                    row["maintMarginRatio"],
                    row["initialLeverage"],
                    row.get("cum"),
                ]
                for row in sorted(market["brackets"], key=lambda row: int(row["bracket"]))
            ]
        }
        for market in answer
    }


def overlay_from_ccxt_tiers(tiers: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
    """An overlay from ccxt's unified `fetch_leverage_tiers` (symbols such as `BTC/USDT:USDT`).

    >>> overlay_from_ccxt_tiers({"X/USDT:USDT": [{"tier": 1, "minNotional": 0, "maxNotional": 10000,
    ...     "maintenanceMarginRate": 0.0065, "maxLeverage": 75, "info": {"cum": "0"}}]})
    {'XUSDT': {'brackets': [[0, 10000, 0.0065, 75, '0']]}}
    """
    return overlay_from_ccxt(tiers)


RULE_SETS = (
    RuleSet(
        name="binance/usdm",
        version="usdm",
        venue="binance",
        family="derivatives",
        price_kind="mark",
        risk_scale=0,
        borders=DERIVATIVES_BORDERS,
        module=rule_module(
            parameters,
            apply,
            risk,
            quantities,
            is_liquidatable,
            liquidation_prices,
            plan_liquidation,
            explain,
            lower,
            warnings=warnings,
        ),
        verified=("the venue's printed figures, to the last digit (tests/vectors/binance)",),
        unverified=(
            "liquidation at maintenance margin = margin balance, not only above it",
            "open-order margin as max(position + bids, position − asks)",
            "withdrawable without unrealised profit, after initial margin",
            "digits of an averaged entry price",
            "what a liquidation closes first, and its fee",
        ),
    ),
)

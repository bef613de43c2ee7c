"""OKX: `GET /api/v5/account/positions` and `GET /api/v5/account/balance`, as the venue or ccxt's `info` has them.

Source: the venue's v5 documentation and the samples in ccxt's parsers (4.5.90). `pos` counts contracts; their size is
no part of the row and comes from ccxt's `contractSize` (or `ctVal` beside the row). `adjEq` tells an account in
multi-currency mode (portfolio margin prints the same and is not told apart). A cash balance has neither margins of
isolated positions nor strategies in it: equity = cash + profit + isoEq + stgyEq, as the documentation's sample adds up
to the last digit; where it does not, a warning says so. In
multi-currency mode disEq / eqUsd is the share of a currency's equity that counts: at its present amount, in place of
tiers. The printed `mmr` and `mgnRatio` leave the closing fee out of the margin and are kept, not compared.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from marginbook.connectors.answers import needed_number, needed_table, one_of, optional_number, printed_figures, tables
from marginbook.connectors.exchange_answers import Funds, Held, Unified
from marginbook.connectors.values import join, read_positive, read_text, read_time, shown
from marginbook.domain.account import Position
from marginbook.domain.errors import BadInput
from marginbook.domain.market import QuoteKey
from marginbook.exact import CONTEXT, ONE, ZERO, divide, format_decimal, in_exact_context, round_half_up
from marginbook.venues.okx.parameters import settlement_currency

RULES = ("okx/single-currency", "okx/multi-currency")
VENUE = "okx"
_SIDES = ("net", "long", "short")
_FIGURES = {"imr": "initial_margin", "upl": "unrealized_pnl", "mmr": "mmr", "mgnRatio": "mgnRatio"}
_CURRENCY_FIGURES = {"cashBal": "wallet_balance", "availEq": "available_balance"}
_ACCOUNT_FIGURES = {"adjEq": "margin_balance"}
INDEX_PLACES = 12
SHARE_PLACES = 9
EQUITY_ERROR = Decimal("0.000000001")
"""Largest difference between printed parts and a printed equity: the venue's doubles."""


def contract_size(row: Mapping[str, Any], unified: Unified, place: str) -> Decimal:
    """Base units (USD for coin-margined contracts) per contract."""
    for fields, name in ((unified, "contractSize"), (row, "ctVal")):
        if fields.get(name) not in (None, ""):
            return read_positive(fields[name], join(place, name))
    raise BadInput("missing_key", join(place, "ctVal"), "nothing", "contractSize of ccxt, or ctVal of the instrument")


def read_position(row: dict[str, Any], unified: Unified, place: str) -> Held | None:
    """A position; its market is the instrument's id, its quantity base units (USD for coin-margined contracts)."""
    contracts = needed_number(row, "pos", place, "the signed number of contracts")
    if contracts == 0:
        return None
    market = read_text(row.get("instId"), join(place, "instId"))
    currency = settlement_currency(market)
    if currency is None or row.get("instType") not in (None, "SWAP", "FUTURES"):
        raise BadInput("unsupported", join(place, "instId"), shown(market), "a swap or a future")
    side = one_of(row.get("posSide", "net"), _SIDES, join(place, "posSide"))
    if side == "net":
        side = "long" if contracts > 0 else "short"
    isolated = one_of(row.get("mgnMode"), ("cross", "isolated"), join(place, "mgnMode")) == "isolated"
    reported = printed_figures(row, _FIGURES, place)
    if price := optional_number(row, "liqPx", place):
        reported["liquidation_price"] = price
    position = Position(
        market=market,
        side="long" if side == "long" else "short",
        quantity=CONTEXT.multiply(abs(contracts), contract_size(row, unified, place)),
        entry=read_positive(row.get("avgPx"), join(place, "avgPx")),
        leverage=optional_number(row, "lever", place),
        mode="isolated" if isolated else "cross",
        isolated_wallet=needed_number(row, "margin", place, "the position's margin") if isolated else None,
        reported=reported,
    )
    mark = optional_number(row, "markPx", place)
    return Held(
        position=position,
        rules="okx/single-currency",
        currency=currency,
        quotes={(VENUE, market, "mark"): read_positive(mark, join(place, "markPx"))} if mark else {},
        hedged=row.get("posSide") in ("long", "short"),
    )


@in_exact_context
def read_funds(document: Any, held: Sequence[Held], place: str) -> Funds:
    """Cash balances: of the currencies in play, or of all where they are joined."""
    whole = needed_table(document, place)
    found = list(tables(whole.get("data"), join(place, "data")))
    if len(found) != 1:
        raise BadInput("ambiguous", join(place, "data"), shown(whole.get("data")), "one account")
    row, here = found[0]
    at = read_time(row["uTime"], join(here, "uTime")) if row.get("uTime") else None
    joined = optional_number(row, "adjEq", here) is not None
    settled = {one.currency for one in held if one.position.mode != "isolated"}
    wallet: dict[str, Decimal] = {}
    reported: dict[str, Decimal] = {}
    quotes: dict[QuoteKey, Decimal] = {}
    terms: dict[str, dict[str, str]] = {}
    warnings: list[str] = []
    for money, there in tables(row.get("details"), join(here, "details")):
        name = read_text(money.get("ccy"), join(there, "ccy"))
        cash = needed_number(money, "cashBal", there, "the cash balance")
        if name not in settled and not (cash and (joined or not held)):
            continue
        wallet[name] = cash
        equity, value = optional_number(money, "eq", there), optional_number(money, "eqUsd", there)
        if joined and equity and value:
            quotes[VENUE, name, "index"] = round_half_up(divide(value, equity), INDEX_PLACES)
            counted = optional_number(money, "disEq", there)
            if counted is not None and value > 0:
                share = round_half_up(divide(counted, value), SHARE_PLACES)
                terms[name] = {"discount": format_decimal(min(ONE, max(ZERO, share)))}
        parts = (optional_number(money, name, there) or ZERO for name in ("isoEq", "stgyEq"))
        apart = sum(parts, ZERO)
        if equity is not None and abs(equity - apart - cash - _profit(held, name)) > EQUITY_ERROR:
            warnings.append(
                f"{there}: cash, profits and isolated equity do not add up to the equity of {equity} {name}"
            )
        if not joined and len(settled) == 1:
            reported = printed_figures(money, _CURRENCY_FIGURES, there)
            if equity is not None:
                reported["margin_balance"] = CONTEXT.subtract(equity, apart)
    if joined:
        reported = printed_figures(row, _ACCOUNT_FIGURES, here)
    rules = "okx/multi-currency" if joined else "okx/single-currency"
    return Funds(
        wallet=wallet, rules=rules, reported=reported, quotes=quotes, terms=terms, as_of=at, warnings=tuple(warnings)
    )


def _profit(held: Sequence[Held], currency: str) -> Decimal:
    """What cross positions print as profit in a currency."""
    own = [one.position for one in held if one.currency == currency and one.position.mode != "isolated"]
    return sum((position.reported.get("unrealized_pnl", ZERO) for position in own), ZERO)

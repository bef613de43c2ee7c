"""HTX coin-margined swaps: `swap_position_info` and `swap_account_info`, as the venue or ccxt's `info` has them.

Source: the venue's documentation of coin-margined swaps and the samples in ccxt's parsers (4.5.90). `margin_static` is
the balance without the profit since the last settlement, which counts from `cost_hold`: together they are the printed
margin balance. The adjustment factor of the answers is the market's parameter. Rows print the last price; where they
have no mark price the last one stands in for it, since the printed profit follows from it, with a warning. The
printed `risk_rate` is another ratio and is kept, not compared. Swaps in USDT have no rule set.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from marginbook.connectors.answers import needed_number, needed_table, one_of, optional_number, printed_figures, tables
from marginbook.connectors.exchange_answers import Funds, Held, Unified
from marginbook.connectors.values import join, read_positive, read_text, read_time, shown
from marginbook.domain.account import Position
from marginbook.domain.errors import BadInput
from marginbook.exact import ZERO, format_decimal

RULES = ("htx/coin-swap",)
VENUE = "htx"
PROFIT_ERROR = Decimal("0.00000001")
"""Largest difference between the printed profit of an account and the sum of its positions' [coin]."""
_FIGURES = {"position_margin": "initial_margin", "profit_unreal": "unrealized_pnl"}
_ACCOUNT_FIGURES = {
    "margin_balance": "margin_balance",
    "margin_static": "wallet_balance",
    "profit_unreal": "unrealized_pnl",
    "margin_position": "initial_margin",
    "margin_available": "available_balance",
    "risk_rate": "risk_rate",
}


def _market(row: Mapping[str, Any], place: str) -> str:
    market = read_text(row.get("contract_code"), join(place, "contract_code"))
    coin, _, quote = market.partition("-")
    if quote != "USD" or row.get("margin_asset") not in (None, coin):
        raise BadInput("unsupported", join(place, "contract_code"), shown(market), "a coin-margined swap: BTC-USD")
    return market


def _terms(row: Mapping[str, Any], place: str) -> dict[str, str]:
    factor = optional_number(row, "adjust_factor", place)
    return {} if factor is None else {"adjustment_factor": format_decimal(factor)}


def read_position(row: dict[str, Any], unified: Unified, place: str) -> Held | None:
    """A position in contracts, at the price from which its profit counts."""
    contracts = needed_number(row, "volume", place, "the number of contracts")
    market = _market(row, place)
    if contracts == 0:
        return None
    name = "mark_price" if row.get("mark_price") not in (None, "") else "last_price"
    key, quotes, warnings = (VENUE, market, "mark"), {}, list[str]()
    if optional_number(row, name, place):
        quotes[key] = read_positive(row[name], join(place, name))
        if name == "last_price":
            warnings.append(f"{place}: no mark price printed; the last price {quotes[key]} stands in for it")
    position = Position(
        market=market,
        side="long" if one_of(row.get("direction"), ("buy", "sell"), join(place, "direction")) == "buy" else "short",
        quantity=contracts,
        entry=read_positive(row.get("cost_hold"), join(place, "cost_hold")),
        leverage=read_positive(row.get("lever_rate"), join(place, "lever_rate")),
        mode="cross",
        reported=printed_figures(row, _FIGURES, place),
    )
    return Held(
        position=position,
        rules=RULES[0],
        currency=market.partition("-")[0],
        quotes=quotes,
        substituted=frozenset([key] if warnings else []),
        terms=_terms(row, place),
        warnings=tuple(warnings),
        hedged=True,
    )


def read_funds(document: Any, held: Sequence[Held], place: str) -> Funds:
    """The static balance of every coin in play."""
    whole = document if isinstance(document, list) else needed_table(document, place).get("data")
    at = None
    if isinstance(document, dict) and document.get("ts"):
        at = read_time(document["ts"], join(place, "ts"))
    settled = {one.currency for one in held}
    wallet: dict[str, Decimal] = {}
    reported: dict[str, Decimal] = {}
    terms: dict[str, dict[str, str]] = {}
    warnings: list[str] = []
    for row, here in tables(whole, join(place, "data") if isinstance(document, dict) else place):
        coin = read_text(row.get("symbol"), join(here, "symbol"))
        if coin not in settled and (held or not optional_number(row, "margin_static", here)):
            continue
        market = _market(row, here)
        wallet[coin] = needed_number(row, "margin_static", here, "the balance without unrealised profit")
        if factor := _terms(row, here):
            terms[market] = factor
        if len(settled) == 1:
            reported = printed_figures(row, _ACCOUNT_FIGURES, here)
        own = sum((h.position.reported.get("unrealized_pnl", ZERO) for h in held if h.currency == coin), ZERO)
        profit = optional_number(row, "profit_unreal", here)
        if held and profit is not None and abs(profit - own) > PROFIT_ERROR:
            warnings.append(f"{here}: a profit of {profit} {coin} beside positions with {own}: answers of two moments")
    if missing := settled - wallet.keys():
        raise BadInput("missing_key", place, f"no {min(missing)} account", f"the account of {min(missing)}")
    return Funds(wallet=wallet, reported=reported, terms=terms, as_of=at, warnings=tuple(warnings))

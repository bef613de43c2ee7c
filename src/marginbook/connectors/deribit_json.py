"""Deribit: `private/get_positions` and `private/get_account_summar(y|ies)`, as the venue or ccxt's `info` has them.

Source: the venue's API documentation (v2) and the samples in ccxt's parsers (4.5.90). Futures settle every day and keep
their average price, so the wallet is not the printed `balance`: it is the equity less the total profit of futures
(from their average price) and less the options at their mark. Portfolio margin is `deribit/portfolio`; accounts whose
currencies are joined (`margin_model` cross_…) have no rule set.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from marginbook.connectors.answers import needed_number, needed_table, one_of, optional_number, printed_figures, tables
from marginbook.connectors.exchange_answers import Funds, Held, Unified
from marginbook.connectors.values import join, read_positive, read_text, read_time, shown
from marginbook.domain.account import Position
from marginbook.domain.errors import BadInput
from marginbook.domain.market import QuoteKey
from marginbook.exact import CONTEXT, ZERO
from marginbook.venues.deribit.instruments import Instrument, instrument

RULES = ("deribit/standard", "deribit/portfolio")
VENUE = "deribit"
_SIDES = ("buy", "sell", "zero")
_FIGURES = {
    "total_profit_loss": "unrealized_pnl",
    "initial_margin": "initial_margin",
    "maintenance_margin": "maintenance_margin",
}
_ACCOUNT_FIGURES = {
    "equity": "margin_balance",
    "initial_margin": "initial_margin",
    "maintenance_margin": "maintenance_margin",
    "available_funds": "available_balance",
}


def read_position(row: dict[str, Any], unified: Unified, place: str) -> Held | None:
    """A position; its quantity is USD for inverse futures, coins for linear ones and options."""
    size = needed_number(row, "size", place, "the size of the position")
    market = read_text(row.get("instrument_name"), join(place, "instrument_name"))
    direction = one_of(row.get("direction"), _SIDES, join(place, "direction"))
    if size == 0:
        return None
    if direction == "zero" or (direction == "buy" and size < 0):
        raise BadInput("inconsistent", join(place, "size"), size, f"a size that agrees with direction {direction}")
    what = _instrument(market, join(place, "instrument_name"))
    reported = printed_figures(row, _FIGURES, place)
    if what.is_option:
        reported.pop("unrealized_pnl", None)
    if price := optional_number(row, "estimated_liquidation_price", place):
        reported["liquidation_price"] = price
    quotes: dict[QuoteKey, Decimal] = {}
    for name, key in (("mark_price", (VENUE, market, "mark")), ("index_price", (VENUE, what.index, "index"))):
        if optional_number(row, name, place):
            quotes[key] = read_positive(row[name], join(place, name))
    position = Position(
        market=market,
        side="long" if direction == "buy" else "short",
        quantity=abs(size),
        entry=read_positive(row.get("average_price"), join(place, "average_price")),
        leverage=leverage if (leverage := optional_number(row, "leverage", place)) else None,
        reported=reported,
    )
    return Held(position=position, rules=RULES[0], currency=what.currency, quotes=quotes)


def _instrument(name: str, place: str) -> Instrument:
    try:
        return instrument(name)
    except BadInput as error:
        raise BadInput(error.problem.code, place, shown(name), error.problem.expected) from None


def read_funds(document: Any, held: Sequence[Held], place: str) -> Funds:
    """A wallet for every currency in play, such that equity is the printed one; `usOut` of the envelope is its time."""
    whole = needed_table(document, place)
    at = read_time(str(whole["usOut"]), join(place, "usOut")) if whole.get("usOut") else None
    if "result" in whole:
        whole, place = needed_table(whole["result"], join(place, "result")), join(place, "result")
    rows = [(whole, place)]
    if "summaries" in whole:
        rows = list(tables(whole["summaries"], join(place, "summaries")))
    settled = {one.currency for one in held}
    wallet: dict[str, Decimal] = {}
    reported: dict[str, Decimal] = {}
    models = set()
    for row, here in rows:
        currency = read_text(row.get("currency"), join(here, "currency"))
        equity = optional_number(row, "equity", here)
        if currency not in settled and (held or not equity):
            continue
        models.add(_model(row, here))
        if equity is None:
            raise BadInput("missing_key", join(here, "equity"), "nothing", "the equity in the currency")
        wallet[currency] = CONTEXT.subtract(equity, _value(held, currency, here))
        if len(settled) == 1:
            reported = printed_figures(row, _ACCOUNT_FIGURES, here)
    if missing := settled - wallet.keys():
        raise BadInput("missing_key", place, f"no {min(missing)} summary", f"the summary of {min(missing)}")
    if len(models) > 1:
        raise BadInput("ambiguous", place, "standard and portfolio margin", "currencies of one margin model")
    return Funds(wallet=wallet, rules=models.pop() if models else None, reported=reported, as_of=at)


def _model(row: dict[str, Any], place: str) -> str:
    """The rule set of a summary."""
    model = row.get("margin_model")
    if (isinstance(model, str) and model.startswith("cross")) or row.get("cross_collateral_enabled") is True:
        found = shown(model) if model else "cross_collateral_enabled"
        raise BadInput("unsupported", join(place, "margin_model"), found, "segregated_sm or segregated_pm")
    portfolio = row.get("portfolio_margining_enabled") is True or model == "segregated_pm"
    return RULES[1] if portfolio else RULES[0]


def _value(held: Sequence[Held], currency: str, place: str) -> Decimal:
    """Total profit of futures and value of options, as printed."""
    total = ZERO
    for one in held:
        position = one.position
        if one.currency != currency:
            continue
        if instrument(position.market).is_option:
            mark = one.quotes.get((VENUE, position.market, "mark"))
            if mark is None:
                raise BadInput("missing_key", place, "nothing", f"mark_price of {position.market}")
            part = CONTEXT.multiply(CONTEXT.multiply(position.quantity, mark), position.sign)
        else:
            found = position.reported.get("unrealized_pnl")
            if found is None:
                raise BadInput("missing_key", place, "nothing", f"total_profit_loss of {position.market}")
            part = found
        total = CONTEXT.add(total, part)
    return total

"""Bitget USDT futures: `GET /api/v2/mix/position/all-position` and `…/account/accounts`, also as ccxt's `info`.

Source: the venue's v2 documentation and the samples in ccxt's parsers (4.5.90). The wallet is the account's equity less
its unrealised profit, or less the positions' own where the account prints none; whether the equity also holds the
margins of isolated positions is not documented, so a file with cross and isolated positions is refused. So are accounts
in multi-assets mode (`assetMode`) and the unified account, which prints other fields.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from marginbook.connectors.answers import needed_number, one_of, optional_number, printed_figures, tables
from marginbook.connectors.exchange_answers import Funds, Held, Unified
from marginbook.connectors.values import join, read_positive, read_text, shown
from marginbook.domain.account import Position
from marginbook.domain.errors import BadInput
from marginbook.exact import CONTEXT, ZERO

RULES = ("bitget/usdt",)
VENUE = "bitget"
CURRENCY = "USDT"
_FIGURES = {"unrealizedPL": "unrealized_pnl", "marginSize": "initial_margin", "marginRatio": "margin_ratio"}


def read_position(row: dict[str, Any], unified: Unified, place: str) -> Held | None:
    """A position; its market is the venue's symbol, its quantity base units."""
    if "posSide" in row or "category" in row:
        raise BadInput("unsupported", place, "a position of the unified account", "USDT futures of the classic account")
    if row.get("marginCoin") != CURRENCY:
        raise BadInput("unsupported", join(place, "marginCoin"), shown(row.get("marginCoin")), CURRENCY)
    size = needed_number(row, "total", place, "the size of the position")
    if size == 0:
        return None
    market = read_text(row.get("symbol"), join(place, "symbol"))
    isolated = one_of(row.get("marginMode"), ("crossed", "isolated"), join(place, "marginMode")) == "isolated"
    reported = printed_figures(row, _FIGURES, place)
    if (price := optional_number(row, "liquidationPrice", place)) and price > 0:
        reported["liquidation_price"] = price
    position = Position(
        market=market,
        side="long" if one_of(row.get("holdSide"), ("long", "short"), join(place, "holdSide")) == "long" else "short",
        quantity=size,
        entry=read_positive(row.get("openPriceAvg"), join(place, "openPriceAvg")),
        leverage=optional_number(row, "leverage", place),
        mode="isolated" if isolated else "cross",
        isolated_wallet=needed_number(row, "marginSize", place, "the position's margin") if isolated else None,
        reported=reported,
    )
    mark = optional_number(row, "markPrice", place)
    return Held(
        position=position,
        rules=RULES[0],
        currency=CURRENCY,
        quotes={(VENUE, market, "mark"): read_positive(mark, join(place, "markPrice"))} if mark else {},
        hedged=row.get("posMode") == "hedge_mode",
    )


def read_funds(document: Any, held: Sequence[Held], place: str) -> Funds:
    """The USDT account: equity less unrealised profit."""
    rows = document.get("data") if isinstance(document, dict) else document
    found = [(row, here) for row, here in tables(rows, place) if row.get("marginCoin") == CURRENCY]
    if len(found) != 1:
        raise BadInput("missing_key", place, f"{len(found)} accounts in {CURRENCY}", f"the {CURRENCY} account")
    row, here = found[0]
    modes = {one.position.mode for one in held}
    if len(modes) == 2:
        expected = "cross or isolated positions, not both: what the equity holds of isolated margins is not documented"
        raise BadInput("unsupported", here, "cross and isolated positions", expected)
    if modes == {"isolated"}:
        return Funds(wallet={})
    if row.get("assetMode") not in (None, "", "single"):
        raise BadInput("unsupported", join(here, "assetMode"), shown(row["assetMode"]), "single")
    equity = needed_number(row, "accountEquity", here, "the equity of the account")
    profit = optional_number(row, "unrealizedPL", here)
    if profit is None:
        profit = _profit(held, here)
    wallet = CONTEXT.subtract(equity, profit)
    reported: dict[str, Decimal] = {"margin_balance": equity, "unrealized_pnl": profit}
    ratios = {one.position.reported.get("margin_ratio") for one in held}
    if len(ratios) == 1 and (ratio := ratios.pop()) is not None:
        reported["margin_ratio"] = ratio
    return Funds(wallet={CURRENCY: wallet}, reported=reported)


def _profit(held: Sequence[Held], place: str) -> Decimal:
    """What the positions print as profit."""
    found = [one.position.reported.get("unrealized_pnl") for one in held]
    if None in found:
        raise BadInput("missing_key", join(place, "unrealizedPL"), "nothing", "the profit of account or positions")
    return sum((profit for profit in found if profit is not None), ZERO)

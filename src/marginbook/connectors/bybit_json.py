"""Bybit: `GET /v5/position/list` and `GET /v5/account/wallet-balance`, as the venue or ccxt's `info` has them.

Source: the venue's v5 documentation and the samples in ccxt's parsers (4.5.90). `accountType` tells the unified account
from those before it; without a balance positions are taken to be of the unified one. `tradeMode` 1 is an isolated
position, whose margin is `positionBalance`. A unified account in isolated mode prints no account rates; its coins back
no position then and are left out. The wallet is walletBalance − spotBorrow, as in the documented equity = walletBalance
− spotBorrow + unrealisedPnl + value of options; options are warned of. Value in USD by equity is a coin's index price.
The collateral value ratio of a single coin is the account's margin balance by its equity; those of several coins are
not printed.
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
from marginbook.exact import CONTEXT, ZERO, divide, format_decimal, in_exact_context, round_half_up
from marginbook.venues.bybit.parameters import is_inverse, settlement_currency

RULES = ("bybit/uta", "bybit/classic", "bybit/inverse")
VENUE = "bybit"
_SIDES = {"Buy": "long", "Sell": "short"}
_FIGURES = {
    "positionIM": "initial_margin",
    "positionMM": "maintenance_margin",
    "unrealisedPnl": "unrealized_pnl",
    "liqPrice": "liquidation_price",
}
_COIN_FIGURES = {
    "equity": "margin_balance",
    "totalPositionMM": "maintenance_margin",
    "unrealisedPnl": "unrealized_pnl",
}
_ACCOUNT_FIGURES = {"totalMarginBalance": "margin_balance", "totalMaintenanceMargin": "maintenance_margin"}
INDEX_PLACES = 8
SHARE_PLACES = 6


def read_position(row: dict[str, Any], unified: Unified, place: str) -> Held | None:
    """A position; its market is the venue's symbol, its quantity base units (USD for coin-margined contracts)."""
    size = needed_number(row, "size", place, "the size of the position")
    if size == 0:
        return None
    market = read_text(row.get("symbol"), join(place, "symbol"))
    currency = settlement_currency(market)
    if currency is None or market[-2:] in ("-C", "-P"):
        raise BadInput("unsupported", join(place, "symbol"), shown(market), "a perpetual or a future, not an option")
    name = "avgPrice" if row.get("avgPrice") not in (None, "") else "entryPrice"
    isolated = str(row.get("tradeMode")) == "1" or unified.get("marginMode") == "isolated"
    reported = printed_figures(row, _FIGURES, place)
    if not reported.get("liquidation_price"):
        reported.pop("liquidation_price", None)
    position = Position(
        market=market,
        side="long" if one_of(row.get("side"), _SIDES, join(place, "side")) == "Buy" else "short",
        quantity=abs(size),
        entry=read_positive(row.get(name), join(place, name)),
        leverage=leverage if (leverage := optional_number(row, "leverage", place)) else None,
        mode="isolated" if isolated else "cross",
        isolated_wallet=needed_number(row, "positionBalance", place, "the position's margin") if isolated else None,
        reported=reported,
    )
    mark = optional_number(row, "markPrice", place)
    return Held(
        position=position,
        rules="bybit/uta",
        currency=currency,
        quotes={(VENUE, market, "mark"): read_positive(mark, join(place, "markPrice"))} if mark else {},
        hedged=str(row.get("positionIdx", "0")) in ("1", "2"),
    )


@in_exact_context
def read_funds(document: Any, held: Sequence[Held], place: str) -> Funds:
    """The wallet of an account, by coin; `retCode` and `time` may be around it."""
    whole = needed_table(document, place)
    at = read_time(whole["time"], join(place, "time")) if whole.get("time") else None
    result, inside = (whole["result"], join(place, "result")) if "result" in whole else (whole, place)
    here = join(inside, "list")
    found = list(tables(needed_table(result, inside).get("list"), here))
    if len(found) != 1:
        raise BadInput("ambiguous", here, shown(result.get("list")), "one account")
    row, here = found[0]
    kind = one_of(row.get("accountType"), ("UNIFIED", "CONTRACT"), join(here, "accountType"))
    if kind == "UNIFIED" and row.get("accountMMRate") == "":
        return Funds(wallet={}, rules="bybit/uta", as_of=at)
    settled = {one.currency for one in held if one.position.mode != "isolated"}
    wallet: dict[str, Decimal] = {}
    reported: dict[str, Decimal] = {}
    quotes: dict[QuoteKey, Decimal] = {}
    warnings: list[str] = []
    for coin, at_coin in tables(row.get("coin"), join(here, "coin")):
        name = read_text(coin.get("coin"), join(at_coin, "coin"))
        borrowed = optional_number(coin, "spotBorrow", at_coin) or ZERO
        balance = CONTEXT.subtract(needed_number(coin, "walletBalance", at_coin, "the coin's wallet balance"), borrowed)
        if not balance and name not in settled:
            continue
        switched_off = coin.get("collateralSwitch") is False or coin.get("marginCollateral") is False
        if name not in settled and balance > 0 and (switched_off or kind == "CONTRACT"):
            warnings.append(f"{at_coin}: {balance} {name} is no collateral and is left out")
            continue
        profit = optional_number(coin, "unrealisedPnl", at_coin) or ZERO
        wallet[name] = balance
        value, equity = optional_number(coin, "usdValue", at_coin), optional_number(coin, "equity", at_coin)
        if value and equity and kind == "UNIFIED":
            quotes[VENUE, name, "index"] = round_half_up(divide(value, equity), INDEX_PLACES)
        if equity is not None and kind == "UNIFIED" and (rest := equity - balance - profit):
            warnings.append(f"{at_coin}: {rest} {name} of equity are neither wallet nor profit: options, say")
        if len(settled) <= 1 and name in settled:
            reported = {"wallet_balance": balance, **printed_figures(coin, _COIN_FIGURES, at_coin)}
    if kind == "UNIFIED":
        terms = _share_that_counts(row, list(wallet), here)
        if len(wallet) > 1 or terms:
            reported = printed_figures(row, _ACCOUNT_FIGURES, here)
        return Funds(
            wallet=wallet,
            rules="bybit/uta",
            reported=reported,
            quotes=quotes,
            terms=terms,
            as_of=at,
            warnings=tuple(warnings),
        )
    inverse = any(is_inverse(one.position.market) for one in held)
    rules = "bybit/inverse" if inverse else "bybit/classic"
    return Funds(wallet=wallet, rules=rules, reported=reported, as_of=at, warnings=tuple(warnings))


def _share_that_counts(row: dict[str, Any], coins: list[str], place: str) -> dict[str, dict[str, str]]:
    """The collateral value ratio of the only coin, where the margin balance is less than the equity in USD."""
    balance, equity = (optional_number(row, name, place) for name in ("totalMarginBalance", "totalEquity"))
    if len(coins) != 1 or not balance or not equity or equity < 0:
        return {}
    share = round_half_up(divide(balance, equity), SHARE_PLACES)
    return {coins[0]: {"discount": format_decimal(share)}} if 0 < share < 1 else {}

"""Binance USDⓈ-M answers as they are: account (v2, v3), balance (v2, v3) and positionRisk (v2, v3), single-asset mode.

What the venue printed is kept in `reported` so that it can be reconciled; a printed 0 liquidation price means none and
is left out. positionRisk v3 prints neither leverage nor margin type: the type is isolated where an isolated wallet is
printed, the leverage is the whole number that the printed position margin stands for. Field names and meanings as in
the venue's documentation (developers.binance.com, read 2026-11); files of other products are refused.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from marginbook.connectors.accounts import check_account
from marginbook.connectors.answers import VenueAccount
from marginbook.connectors.prices import Prices
from marginbook.connectors.values import join, read_decimal, read_positive, read_text, read_time, shown
from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Quote, QuoteKey
from marginbook.exact import CONTEXT, divide, round_half_up

RULES = "binance/usdm"
MARGIN_CURRENCIES = ("USDT", "USDC", "BUSD", "FDUSD", "USD1")
"""Currencies that USDⓈ-M contracts settle in."""
LEVERAGE_MAX = 200

_ASSET_FIGURES = {
    "walletBalance": "wallet_balance",
    "unrealizedProfit": "unrealized_pnl",
    "marginBalance": "margin_balance",
    "initialMargin": "initial_margin",
    "maintMargin": "maintenance_margin",
    "availableBalance": "available_balance",
}
_POSITION_FIGURES = {
    "unrealizedProfit": "unrealized_pnl",
    "unRealizedProfit": "unrealized_pnl",
    "initialMargin": "initial_margin",
    "maintMargin": "maintenance_margin",
    "isolatedMargin": "isolated_margin",
}
_SYMBOL = re.compile(r"[A-Z0-9\u0080-\uffff]+?(" + "|".join(MARGIN_CURRENCIES) + r")(?:_[0-9]{6})?\Z")
_SIDES = {"BOTH": None, "LONG": "long", "SHORT": "short"}


@dataclass(slots=True)
class Answers:
    """The venue's answers about one account, each with the place it came from."""

    id: str
    source: str
    as_of: int | None = None
    assets: list[tuple[dict[str, Any], str]] = field(default_factory=list)  # rows of account or balance
    positions: list[tuple[dict[str, Any], str]] = field(default_factory=list)  # rows of account or positionRisk
    multi_assets: bool = False


def add_account_answer(answers: Answers, value: dict[str, Any], place: str) -> None:
    """An account answer (v2, v3): assets and positions."""
    answers.multi_assets = answers.multi_assets or value.get("multiAssetsMargin") is True
    add_balance_answer(answers, value.get("assets"), join(place, "assets"))
    add_position_answer(answers, value.get("positions", []), join(place, "positions"))


def add_balance_answer(answers: Answers, value: Any, place: str) -> None:
    """A balance answer (v2, v3): a list of assets."""
    answers.assets.extend(_tables(value, place))


def add_position_answer(answers: Answers, value: Any, place: str) -> None:
    """A positionRisk answer (v2, v3), or the positions of an account answer."""
    answers.positions.extend(_tables(value, place))


def _tables(value: Any, place: str) -> Iterable[tuple[dict[str, Any], str]]:
    if not isinstance(value, list):
        raise BadInput("wrong_type", place, shown(value), "a list of tables")
    for index, row in enumerate(value):
        if not isinstance(row, dict):
            raise BadInput("wrong_type", join(place, index), shown(row), "a table")
        yield row, join(place, index)


def build_account(answers: Answers) -> VenueAccount:
    """The account that the answers describe; BadInput where they do not suffice or are of another product."""
    warnings: list[str] = []
    quotes: dict[QuoteKey, Quote] = {}
    if answers.multi_assets or any(_is_lent_by_others(row, place) for row, place in answers.assets):
        raise BadInput("unsupported", answers.source, "multi-assets mode", "an account in single-asset mode")
    merged = _merge(answers.positions)
    hedge = any(row.get("positionSide") in ("LONG", "SHORT") for row, _ in merged)
    positions: list[Position] = []
    currencies: dict[str, None] = {}
    for row, place in merged:
        amount = _number(row, "positionAmt", place)
        if amount is None:
            raise BadInput("missing_key", join(place, "positionAmt"), "nothing", "the signed size of the position")
        if amount == 0:
            continue
        currencies[_currency(row, place)] = None
        positions.append(_position(row, place, amount, warnings))
        _add_mark(quotes, row, place, amount, answers, warnings)
    wallet, reported = _wallet(answers, tuple(currencies), warnings)
    if not answers.assets and (not positions or any(position.mode != "isolated" for position in positions)):
        expected = "the account or balance answer beside the positions"
        raise BadInput("missing_key", answers.source, "no balance", expected)
    if answers.as_of is None and quotes:
        warnings.append(f"{answers.source}: the mark prices carry no time")
    account = Account(
        id=answers.id,
        rules=RULES,
        position_mode="hedge" if hedge else "one-way",
        wallet=wallet,
        positions=tuple(positions),
        reported=reported,
    )
    check_account(account, f"{answers.source}:")
    return VenueAccount(account, quotes, answers.as_of, tuple(warnings))


def _is_lent_by_others(row: dict[str, Any], place: str) -> bool:
    """Something available in an asset that holds nothing: multi-assets mode, which account v3 does not print."""
    held = any(_number(row, name, place) for name in ("crossWalletBalance", "walletBalance", "unrealizedProfit"))
    return bool(not held and _number(row, "availableBalance", place))


def _merge(rows: list[tuple[dict[str, Any], str]]) -> list[tuple[dict[str, Any], str]]:
    """One row per symbol and side; a later answer (positionRisk) fills and replaces what an earlier one printed."""
    merged: dict[tuple[str, str], tuple[dict[str, Any], str]] = {}
    for row, place in rows:
        key = read_text(row.get("symbol"), join(place, "symbol")), _printed_side(row, place)
        known, known_place = merged.get(key, ({}, place))
        old, new = known.get("positionAmt"), row.get("positionAmt")
        if known and old is not None and new is not None and _differ(old, new, place):
            expected = f"the size that {known_place} prints, {shown(old)}: answers of one moment"
            raise BadInput("inconsistent", join(place, "positionAmt"), shown(new), expected)
        merged[key] = {**known, **{name: item for name, item in row.items() if item not in (None, "")}}, place
    return list(merged.values())


def _printed_side(row: dict[str, Any], place: str) -> str:
    side = row.get("positionSide") or "BOTH"
    if not isinstance(side, str) or side not in _SIDES:
        raise BadInput("unknown_choice", join(place, "positionSide"), shown(side), "BOTH, LONG or SHORT")
    return side


def _differ(old: Any, new: Any, place: str) -> bool:
    return read_decimal(old, place) != read_decimal(new, join(place, "positionAmt"))


def _number(row: dict[str, Any], name: str, place: str) -> Decimal | None:
    value = row.get(name)
    return None if value is None or value == "" else read_decimal(value, join(place, name))


def _currency(row: dict[str, Any], place: str) -> str:
    symbol = read_text(row.get("symbol"), join(place, "symbol"))
    match = _SYMBOL.match(symbol)
    currency = row.get("marginAsset") or (match[1] if match else None)
    if currency not in MARGIN_CURRENCIES or match is None:
        expected = "a USDⓈ-M contract settled in " + ", ".join(MARGIN_CURRENCIES)
        raise BadInput("unsupported", join(place, "symbol"), shown(symbol), expected)
    return str(currency)


def _position(row: dict[str, Any], place: str, amount: Decimal, warnings: list[str]) -> Position:
    side = _SIDES[_printed_side(row, place)] or ("long" if amount > 0 else "short")
    entry = _number(row, "entryPrice", place)
    if not entry:
        expected = "the entry price; an account v3 answer has none: give the positionRisk answer too"
        raise BadInput("missing_key", join(place, "entryPrice"), "nothing", expected)
    isolated = _is_isolated(row, place)
    return Position(
        market=row["symbol"],
        side="long" if side == "long" else "short",
        quantity=amount.copy_abs(),
        entry=read_positive(entry, join(place, "entryPrice")),
        leverage=_leverage(row, place, warnings),
        mode="isolated" if isolated else "cross",
        isolated_wallet=_isolated_wallet(row, place) if isolated else None,
        reported=_reported_position(row, place),
    )


def _is_isolated(row: dict[str, Any], place: str) -> bool:
    if "marginType" in row:
        return str(row["marginType"]).lower() == "isolated"
    if "isolated" in row:
        return row["isolated"] is True
    return bool(_number(row, "isolatedWallet", place))


def _isolated_wallet(row: dict[str, Any], place: str) -> Decimal:
    wallet = _number(row, "isolatedWallet", place)
    if wallet:
        return wallet
    margin = _number(row, "isolatedMargin", place)
    profit = _number(row, "unRealizedProfit", place) or _number(row, "unrealizedProfit", place)
    if margin is None or profit is None:
        raise BadInput("missing_key", join(place, "isolatedWallet"), "nothing", "the wallet of an isolated position")
    return CONTEXT.subtract(margin, profit)


def _leverage(row: dict[str, Any], place: str, warnings: list[str]) -> Decimal | None:
    """The printed leverage, else the whole number L with position margin = notional / L to the last printed digit."""
    if row.get("leverage") not in (None, ""):
        return read_positive(row["leverage"], join(place, "leverage"))
    notional, margin = _number(row, "notional", place), _number(row, "positionInitialMargin", place)
    if notional and margin and margin > 0:
        leverage = round_half_up(divide(notional.copy_abs(), margin), 0)
        error = CONTEXT.subtract(CONTEXT.multiply(leverage, margin), notional.copy_abs()).copy_abs()
        if 1 <= leverage <= LEVERAGE_MAX and error <= CONTEXT.multiply(leverage + 1, Decimal("1e-8")):
            return leverage
    warnings.append(f"{place}: leverage is neither printed nor implied: initial margin cannot be told")
    return None


def _reported_position(row: dict[str, Any], place: str) -> dict[str, Decimal]:
    reported = {}
    for name, quantity in _POSITION_FIGURES.items():
        if (value := _number(row, name, place)) is not None:
            reported[quantity] = value
    if not _is_isolated(row, place):
        reported.pop("isolated_margin", None)
    if notional := _number(row, "notional", place):
        reported["notional"] = notional.copy_abs()
    if price := _number(row, "liquidationPrice", place):
        reported["liquidation_price"] = price
    return reported


def _add_mark(
    quotes: dict[QuoteKey, Quote],
    row: dict[str, Any],
    place: str,
    amount: Decimal,
    answers: Answers,
    warnings: list[str],
) -> None:
    key = ("binance", row["symbol"], "mark")
    mark, notional = _number(row, "markPrice", place), _number(row, "notional", place)
    if mark:
        price = read_positive(mark, join(place, "markPrice"))
        quotes[key] = Quote(price, answers.as_of, None, answers.source)
    elif notional and key not in quotes:
        price = round_half_up(divide(notional.copy_abs(), amount.copy_abs()), 8)
        quotes[key] = Quote(price, answers.as_of, None, answers.source, substituted=True)
        warnings.append(f"{place}: no mark price printed; {price} is its notional by its size")


def _wallet(
    answers: Answers, currencies: tuple[str, ...], warnings: list[str]
) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """Cross wallet by currency, and the printed figures: `name` if one currency is in play, else `name:currency`."""
    wallet: dict[str, Decimal] = {}
    rows: dict[str, tuple[dict[str, Any], str]] = {}
    for row, place in answers.assets:
        asset = read_text(row.get("asset"), join(place, "asset"))
        if "umWalletBalance" in row:
            raise BadInput("unsupported", place, "a portfolio margin balance", "a USDⓈ-M account or balance answer")
        cross = _number(row, "crossWalletBalance", place)
        if cross is None:
            expected = "the cross wallet balance"
            raise BadInput("missing_key", join(place, "crossWalletBalance"), "nothing", expected)
        if asset in currencies or (cross and asset in MARGIN_CURRENCIES):
            wallet[asset] = cross
            rows[asset] = row, place
        elif cross:
            warnings.append(f"{place}: {cross} {asset} backs nothing in single-asset mode and is left out")
    if missing := [currency for currency in currencies if answers.assets and currency not in wallet]:
        raise BadInput("missing_key", answers.source, f"no {missing[0]} balance", f"the {missing[0]} row of the assets")
    reported: dict[str, Decimal] = {}
    shown_currencies = currencies or tuple(rows)
    for asset in shown_currencies:
        if asset not in rows:
            continue
        row, place = rows[asset]
        if _number(row, "openOrderInitialMargin", place):
            warnings.append(
                f"{place}: open orders hold {row['openOrderInitialMargin']} {asset} of margin and are not in the file:"
                " initial and free margin differ by it"
            )
        for name, quantity in _ASSET_FIGURES.items():
            if (value := _number(row, name, place)) is not None:
                reported[quantity if len(shown_currencies) == 1 else f"{quantity}:{asset}"] = value
    return wallet, reported


def is_premium_index(document: Any) -> bool:
    """Whether a parsed document is a premiumIndex answer: mark and index prices with their time."""
    rows = document if isinstance(document, list) else [document]
    return bool(rows) and all(isinstance(row, dict) and {"symbol", "markPrice", "time"} <= row.keys() for row in rows)


def add_premium_index(prices: Prices, document: Any, source: str) -> None:
    """The mark and index prices of a premiumIndex answer, each with the venue's time."""
    place = f"{source}:"
    rows = [(document, place)] if isinstance(document, dict) else _tables(document, place)
    for row, here in rows:
        prices.attempt(_add_premium_row, prices, row, here, source)


def _add_premium_row(prices: Prices, row: dict[str, Any], place: str, source: str) -> None:
    symbol = read_text(row["symbol"], join(place, "symbol"))
    at = read_time(row["time"], join(place, "time"))
    prices.see_time(at)
    for name, kind in (("markPrice", "mark"), ("indexPrice", "index")):
        if _number(row, name, place):
            price = read_positive(row[name], join(place, name))
            prices.set_quote(("binance", symbol, kind), Quote(price, at, None, source), join(place, name))

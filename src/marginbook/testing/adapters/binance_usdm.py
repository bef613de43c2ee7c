"""Worked examples of Binance's contracts, USDⓈ-M and COIN-M: one position each, with the printed numbers.

A case's maintenance rate and amount become a table of one bracket, since the bracket of its date is what it states.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

from marginbook.domain.account import Account, Fixed, Position
from marginbook.domain.market import Market, Quote
from marginbook.exact import CONTEXT, ONE, ZERO, divide
from marginbook.testing.vectors import Setting, Task, Unsupported, liquidation_price, maintenance_amount, quantity
from marginbook.units import parse_time
from marginbook.venues.binance_coinm import contract_size, settlement_coin
from marginbook.venues.binance_usdm import settlement_currency
from marginbook.venues.registry import rule_set

RULES = "binance/usdm"
COIN_RULES = "binance/coinm"
AT = parse_time("2026-09-29")
"""Any time with a table: the case's own bracket replaces it."""
WALLET = ("wb", "wallet", "wallet_balance", "cross_wallet", "crosswallet", "cross_wallet_balance", "margin")
ISOLATED = ("isolated_wallet", "isolatedwallet", "isolated_wallet_balance", "w")
OTHERS_DEMAND = ("tmm1", "tmm")
OTHERS_PROFIT = ("upnl1", "upnl")
NAMES = {
    "isolated_margin": "margin_balance",
    "margin_balance": "margin_balance",
    "totalMarginBalance": "margin_balance",
    "totalInitialMargin": "initial_margin",
    "totalMaintMargin": "maintenance_margin",
    "totalUnrealizedProfit": "unrealized_pnl",
    "totalWalletBalance": "wallet_balance",
    "unRealizedProfit": "unrealized_pnl",
    "initialMargin": "initial_margin",
    "maintMargin": "maintenance_margin",
    "liquidationPrice": "liquidation_price",
    "positionInitialMargin": "initial_margin",
    "isolatedMargin": "margin_balance",
    "position_value": "notional",
}
"""Printed name -> ours, where they differ."""
OF_POSITION = {"notional", "position_value", "unrealized_pnl", "unRealizedProfit"} | {
    *("initial_margin", "initialMargin", "positionInitialMargin", "maintenance_margin", "maintMargin")
}
"""Printed per position: other positions of the wallet, given as fixed sums, are left out."""
OF_ACCOUNT = frozenset(("liquidation_price", "margin_balance", "margin_ratio", "bankruptcy_price", "headroom"))
"""What a position of a portfolio does not have by itself."""
NEEDS_MARK = frozenset(
    ("notional", "unrealized_pnl", "margin_balance", "initial_margin", "maintenance_margin", "margin_ratio")
)
NEEDS_RATE = frozenset(("liquidation_price", "maintenance_margin", "margin_ratio", "headroom"))
NEEDS_WALLET = frozenset(("liquidation_price", "margin_balance", "margin_ratio", "bankruptcy_price"))
NEEDS_ENTRY = frozenset(("liquidation_price", "unrealized_pnl", "margin_balance", "bankruptcy_price", "margin_ratio"))


def task(case: Mapping[str, Any], asked: Sequence[str]) -> Task:
    """The case as an account of `binance/usdm` or `binance/coinm`, or why it is none."""
    if "maintenance_amount" in asked and "params" in case:
        inputs = case["params"]
        return Task(RULES, "maintenance_amount", lambda name: maintenance_amount(inputs))
    market = _market_name(case)
    rules = rules_of(market)
    portfolio = "portfolio" in f"{case.get('product', '')} {case.get('margin_mode', '')}".lower()
    setting = _setting(case, market)
    alone = replace(setting, account=replace(setting.account, fixed=None))

    def compute(name: str) -> Any:
        ours = NAMES.get(name, name)
        if portfolio and ours in OF_ACCOUNT:
            raise Unsupported(f"{ours} is one of the whole portfolio, which the case does not state")
        _needs(case, ours)
        if ours == "liquidation_price":
            # The venue's interface answers 0 where there is none.
            return liquidation_price(setting.call("liquidation_prices"), market) or ZERO
        if ours in ("maintenance_amount", "cum"):
            return setting.parameters.terms_of(market).table.rows[0].cum
        pools = (alone if name in OF_POSITION else setting).call("quantities")
        pool = next((found for id, found in pools.items() if id.startswith("isolated:")), None)
        return quantity(pool or next(iter(pools.values())), ours)

    return Task(rules, "", compute, unsigned=frozenset(("notional", "position_value")))


def rules_of(market: str) -> str:
    """The rule set of a symbol."""
    return COIN_RULES if settlement_coin(market) else RULES


def _market_name(case: Mapping[str, Any]) -> str:
    """The symbol, first word of `product`; Unsupported for what is no contract."""
    symbol = str(case.get("product", "")).partition(" ")[0]
    if settlement_currency(symbol) is None and settlement_coin(symbol) is None:
        raise Unsupported(f"{symbol} is neither a USD-M nor a COIN-M market", "binance")
    return symbol


def _needs(case: Mapping[str, Any], name: str) -> None:
    lacking = []
    legs = _legs(case)
    if name in NEEDS_MARK and any(_number(leg, "mark") is None for leg in legs):
        lacking.append("mark price")
    if name in NEEDS_RATE and any(_number(leg, "mmr") is None for leg in legs):
        lacking.append("maintenance rate")
    if name in NEEDS_ENTRY and any(not _number(leg, "entry") for leg in legs):
        lacking.append("entry price")
    if name == "initial_margin" and any(_number(leg, "leverage") is None for leg in legs):
        lacking.append("leverage")
    if name in NEEDS_WALLET and not case.get("collateral") and all(_wallet_of(leg) is None for leg in legs):
        lacking.append("wallet")
    if lacking:
        raise Unsupported(f"the case has no {' and no '.join(lacking)}")


def _legs(case: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The position, or both legs of a hedge, each with what the case says of all."""
    for key in ("legs", "positions"):
        if isinstance(case.get(key), Sequence) and not isinstance(case[key], str) and case[key]:
            return [{**case, **leg} for leg in case[key]]
    sides = [side for side in ("long", "short") if isinstance(case.get(side), Mapping)]
    return [{**case, "side": side, **case[side]} for side in sides] or [case]


def _setting(case: Mapping[str, Any], market: str) -> Setting:
    legs = _legs(case)
    collateral = {str(name).lower(): value for name, value in (case.get("collateral") or {}).items()}
    currency = settlement_currency(market) or settlement_coin(market) or ""
    isolated = _first(collateral, ISOLATED)
    is_isolated = "isolated" in str(case.get("margin_mode", "")).lower()
    wallet = _first(collateral, WALLET) or _first(collateral, (f"{currency.lower()}_wallet",))
    if isolated is None and is_isolated:
        isolated = wallet if wallet is not None else _from_isolated_margin(case, collateral)
    cross = wallet if not is_isolated else None
    symbols = [str(leg.get("market") or str(leg.get("product", market)).partition(" ")[0]) for leg in legs]
    quotes = {
        ("binance", symbol, "mark"): Quote(mark)
        for symbol, leg in zip(symbols, legs, strict=True)
        if (mark := _number(leg, "mark")) is not None
    }
    account = Account(
        id=str(case.get("id", "case")),
        rules=rules_of(market),
        mode="isolated" if is_isolated else "cross",
        position_mode="hedge" if len(legs) > len(set(symbols)) else "one-way",
        wallet={currency: cross or ZERO},
        positions=tuple(_position(leg, symbol, isolated) for symbol, leg in zip(symbols, legs, strict=True)),
        fixed=_fixed(collateral),
    )
    overlay = {
        symbol: {"brackets": _brackets([leg for name, leg in zip(symbols, legs, strict=True) if name == symbol])}
        for symbol in symbols
    }
    rules = rule_set(rules_of(market))
    return Setting(account, Market(quotes=quotes), rules.module.parameters(rules.version, AT, overlay), AT)


def _brackets(legs: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """One bracket per stated rate and amount; each begins where the requirement of the one before meets it."""
    stated = sorted({(_number(leg, "mmr") or ZERO, _number(leg, "cum") or ZERO) for leg in legs})
    floors = [ZERO] + [divide(high[1] - low[1], high[0] - low[0]) for low, high in pairwise(stated)]
    caps = [*floors[1:], None]
    return [[floor, cap, rate, None, cum] for floor, cap, (rate, cum) in zip(floors, caps, stated, strict=True)]


def _position(leg: Mapping[str, Any], symbol: str, isolated: Decimal | None) -> Position:
    size, entry = _number(leg, "qty"), _number(leg, "entry") or _number(leg, "mark")
    side = str(leg.get("side")).lower()
    if not size or not entry or side not in ("long", "short"):
        raise Unsupported("the case has no position", RULES)
    own = _wallet_of(leg)
    return Position(
        market=symbol,
        side="long" if side == "long" else "short",
        quantity=CONTEXT.multiply(abs(size), _contracts_per_unit(leg, symbol)),
        entry=entry,
        leverage=_number(leg, "leverage"),
        isolated_wallet=own if own is not None else isolated,
    )


def _contracts_per_unit(leg: Mapping[str, Any], symbol: str) -> Decimal:
    """Contracts of ours per contract of the case, which may state another size."""
    coin, stated = settlement_coin(symbol), _number(leg, "contract_size")
    return ONE if coin is None or not stated else divide(stated, contract_size(coin))


def _wallet_of(leg: Mapping[str, Any]) -> Decimal | None:
    """The isolated wallet that a position states itself."""
    return _first({str(key).lower(): value for key, value in leg.items()}, ISOLATED)


def _from_isolated_margin(case: Mapping[str, Any], collateral: Mapping[str, Any]) -> Decimal:
    """isolated wallet = isolated margin − unrealised profit, where only the margin is stated."""
    margin = _first(collateral, ("isolated_margin", "isolatedmargin"))
    size, entry, mark = (_number(case, name) for name in ("qty", "entry", "mark"))
    if margin is None or size is None or entry is None or mark is None:
        return ZERO
    if settlement_coin(str(case.get("product", "")).partition(" ")[0]):
        profit = CONTEXT.multiply(
            size * (_number(case, "contract_size") or ONE), divide(ONE, entry) - divide(ONE, mark)
        )
    else:
        profit = CONTEXT.multiply(size, CONTEXT.subtract(mark, entry))
    return CONTEXT.subtract(margin, profit if str(case.get("side")).lower() == "long" else -profit)


def _fixed(collateral: Mapping[str, Any]) -> Fixed | None:
    demand, support = _first(collateral, OTHERS_DEMAND), _first(collateral, OTHERS_PROFIT)
    if not demand and not support:
        return None
    return Fixed(support=support or ZERO, demand=demand or ZERO)


def _first(values: Mapping[str, Any], names: Sequence[str]) -> Decimal | None:
    """The first of `names` among the keys, where `implied_` and what is subtracted from a wallet do not matter."""
    wanted: Callable[[str], str] = lambda key: key.removeprefix("implied_").partition("_minus_")[0]  # noqa: E731
    known = {wanted(key): key for key in values}
    key = next((known[name] for name in names if name in known), None)
    return None if key is None else _number(values, key)


def _number(values: Mapping[str, Any], name: str) -> Decimal | None:
    value = values.get(name)
    return None if value is None or isinstance(value, Mapping) else Decimal(str(value))

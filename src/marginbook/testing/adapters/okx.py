"""Worked examples of OKX: swaps and futures in single-currency mode; other modes go to their own readers."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Position
from marginbook.exact import CONTEXT, ONE, ZERO, round_half_up
from marginbook.testing.adapters.positions import (
    EQUITY,
    MARGIN,
    WALLET,
    OnePosition,
    one_position,
    profit,
    setting,
    table_entry,
)
from marginbook.testing.conformance import agrees
from marginbook.testing.vectors import Setting, Task, Unsupported, liquidation_price, quantity
from marginbook.units import parse_time
from marginbook.venues.okx.parameters import COIN_PLACES, is_inverse, settlement_currency

RULES = "okx/single-currency"
AT = parse_time("2023-01-01")
NAMES = {
    "imr": "initial_margin",
    "mmr": "maintenance_margin",
    "upl": "unrealized_pnl",
    "mgnRatio": "margin_ratio",
    "liqPx": "liquidation_price",
}


def task(case: Mapping[str, Any], asked: Sequence[str]) -> Task:
    """The case as an account of one of OKX's rule sets, or why it is none."""
    mode = f"{case.get('margin_mode', '')} {case.get('product', '')}".lower()
    if "portfolio" in mode:
        raise Unsupported("portfolio margin: a position alone does not give its scenarios", "okx", "portfolio margin")
    read = one_position(case)
    currency = settlement_currency(read.market)
    if currency is None:
        raise Unsupported(f"{read.market} is no swap or future of OKX's", "okx")
    found, money_known = _setting(read, currency)
    mark = read.number("mark")

    def compute(name: str) -> Any:
        ours = NAMES.get(name, name)
        at_entry = ours == "liquidation_price" or (ours == "initial_margin" and read.isolated)
        rated = ours in ("liquidation_price", "margin_ratio", "maintenance_margin")
        of_money = ours in ("liquidation_price", "margin_ratio", "margin_balance")
        read.needs(
            mark_price=ZERO if at_entry else mark,
            maintenance_rate=read.number("mmr") if rated else ZERO,
            leverage=read.number("leverage") if ours == "initial_margin" else ZERO,
            equity=ZERO if money_known or not of_money else None,
        )
        if ours == "liquidation_price":
            return liquidation_price(found.call("liquidation_prices"), read.market)
        pools = found.call("quantities")
        pool = next((one for id, one in pools.items() if id.startswith("isolated:")), None)
        return quantity(pool or next(iter(pools.values())), ours)

    return Task(RULES, "", compute, unsigned=frozenset(("notional",)))


def _setting(read: OnePosition, currency: str) -> tuple[Setting, bool]:
    """The account, and whether the case tells its money."""
    position = read.position()
    entry = {**table_entry(read), "taker_fee": read.number("taker_fee", "fee"), "tick": read.number("tick")}
    margin = _margin(read, position, currency, entry)
    own = margin if margin is not None else ZERO
    held = read.position(own if read.isolated else None)
    return setting(read, RULES, AT, currency, ZERO if read.isolated else own, held, entry), margin is not None


def _margin(read: OnePosition, position: Position, currency: str, entry: Mapping[str, Any]) -> Decimal | None:
    """Money apart from the profit: stated, or a stated equity less the profit, or an isolated initial margin."""
    inverse, mark = is_inverse(read.market), read.number("mark")
    stated = read.money(MARGIN if read.isolated else WALLET)
    if stated is not None:
        return stated
    initial = _initial(position, inverse) if read.isolated and position.leverage is not None else None
    equity, ratio = read.money(EQUITY), read.ratio("mgnRatio", "margin_ratio")
    if mark is None or (equity is None and ratio is None):
        return initial
    gained = profit(position, mark, inverse)
    if initial is not None and equity is not None and agrees(CONTEXT.add(initial, gained), equity):
        # The stated equity is the initial margin and the profit, printed with fewer digits.
        return initial
    if ratio is not None:
        equity = CONTEXT.multiply(ratio, _demand(read, currency, entry))
    return None if equity is None else CONTEXT.subtract(equity, gained)


def _initial(position: Position, inverse: bool) -> Decimal:
    """Isolated margin at opening: value at entry / leverage, with the venue's decimals of a coin."""
    value = position.quantity * position.entry
    if inverse:
        value = CONTEXT.divide(position.quantity, position.entry)
    margin = CONTEXT.divide(value, position.leverage or ONE)
    return round_half_up(margin, COIN_PLACES) if inverse else margin


def _demand(read: OnePosition, currency: str, entry: Mapping[str, Any]) -> Any:
    """What the position asks: a printed ratio times it is the equity."""
    held = read.position(ZERO if read.isolated else None)
    pools = setting(read, RULES, AT, currency, ZERO, held, entry).call("risk")
    return max(one.demand for one in pools.values())

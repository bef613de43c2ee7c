"""Worked examples of Bybit: unified account (linear), and the inverse and USDT contracts before it.

Which basis a unified account's margins had is a matter of date: the case's own date, else its taker fee (0.06 % was
charged to 2023 only), else the present.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from marginbook.exact import ZERO
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
from marginbook.testing.vectors import Setting, Task, Unsupported, liquidation_price, quantity
from marginbook.units import parse_time
from marginbook.venues.bybit.parameters import is_inverse, settlement_currency

UNIFIED = re.compile(r"(?<!pre-)(?<!pre )\b(uta|unified)")
NAMES = {
    "bust_price": "bankruptcy_price",
    "positionIM": "initial_margin",
    "positionMM": "maintenance_margin",
    "unrealisedPnl": "unrealized_pnl",
    "positionValue": "position_value",
    "liqPrice": "liquidation_price",
    "bustPrice": "bankruptcy_price",
    "position_balance": "initial_margin",
    "positionBalance": "initial_margin",
    "position_margin": "initial_margin",
}
LATEST = parse_time("2026-01-01")
ENTRY_ERA = parse_time("2022-12-15")
FEE_OF_ENTRY_ERA = Decimal("0.0006")


def task(case: Mapping[str, Any], asked: Sequence[str]) -> Task:
    """The case as an account of one of Bybit's rule sets, or why it is none."""
    read = one_position(case)
    mode = f"{case.get('margin_mode', '')} {case.get('product', '')}".lower()
    if "portfolio" in mode or "option" in mode:
        raise Unsupported("portfolio margin and options have no rule set", "bybit", "portfolio margin")
    currency = settlement_currency(read.market)
    if currency is None:
        raise Unsupported(f"{read.market} is no market of Bybit's", "bybit")
    inverse = is_inverse(read.market)
    unified = UNIFIED.search(mode) is not None
    rules = "bybit/uta" if unified else "bybit/inverse" if inverse else "bybit/classic"
    found, has_money = _setting(read, rules, currency, inverse)

    def compute(name: str) -> Any:
        ours = NAMES.get(name, name)
        at_mark = ours in ("unrealized_pnl", "notional", "margin_ratio")
        if ours in ("maintenance_margin", "initial_margin"):
            at_mark = found.parameters.terms_of(read.market).basis == "mark"
        of_money = ours in ("liquidation_price", "bankruptcy_price", "margin_balance")
        read.needs(
            mark_price=read.number("mark") if at_mark else ZERO,
            maintenance_rate=read.number("mmr") if ours in ("maintenance_margin", "liquidation_price") else ZERO,
            leverage=read.number("leverage") if ours == "initial_margin" else ZERO,
            wallet=None if of_money and not has_money else ZERO,
        )
        if ours == "liquidation_price":
            return liquidation_price(found.call("liquidation_prices"), read.market)
        pools = found.call("quantities")
        pool = next((one for id, one in pools.items() if id.startswith("isolated:")), next(iter(pools.values())))
        if ours == "bust_price_unrounded":
            return pool.bankruptcy_price
        return quantity(pool, ours)

    return Task(rules, "", compute, unsigned=frozenset(("position_value", "notional")))


def _setting(read: OnePosition, rules: str, currency: str, inverse: bool) -> tuple[Setting, bool]:
    """The account and whether the case tells its money (an isolated position without any has its initial margin)."""
    fee = read.number("taker_fee", "fee")
    at = read.dated()
    if at is None:
        old = rules == "bybit/uta" and fee is not None and fee >= FEE_OF_ENTRY_ERA
        at = ENTRY_ERA if old else LATEST
    if rules != "bybit/uta" and fee is None and inverse:
        at = parse_time("2020-01-01")
    entry = {**table_entry(read), "taker_fee": fee, "tick": read.number("tick")}
    if read.number("tick") is None and rules == "bybit/classic" and read.dated() is None:
        at = parse_time("2022-06-01")
    own = read.money((*MARGIN, *WALLET)) if read.isolated else None
    position = read.position(own if own is not None else ZERO if read.isolated else None)
    money = read.money(WALLET)
    equity, mark = read.money(EQUITY), read.number("mark")
    if money is None and equity is not None and mark is not None and not read.isolated:
        money = equity - profit(position, mark, inverse)
    found = setting(read, rules, at, currency, ZERO if read.isolated else money or ZERO, position, entry)
    if not read.isolated or own is not None:
        return found, read.isolated or money is not None
    if position.leverage is None:
        return found, False
    initial = next(one for id, one in found.call("risk").items() if id.startswith("isolated:")).demand_initial
    return setting(read, rules, at, currency, ZERO, read.position(initial), entry), True

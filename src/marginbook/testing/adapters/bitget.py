"""Worked examples of Bitget USDT futures: one position, cross or isolated."""

from collections.abc import Mapping, Sequence
from typing import Any

from marginbook.exact import CONTEXT, ZERO
from marginbook.testing.adapters.positions import EQUITY, MARGIN, WALLET, one_position, profit, setting, table_entry
from marginbook.testing.vectors import Task, Unsupported, liquidation_price, quantity
from marginbook.units import parse_time
from marginbook.venues.bitget import settlement_currency

RULES = "bitget/usdt"
AT = parse_time("2023-11-14")
NAMES = {
    "margin_size": "initial_margin",
    "marginSize": "initial_margin",
    "margin": "initial_margin",
    "marginRatio": "margin_ratio",
    "liquidationPrice": "liquidation_price",
    "unrealizedPL": "unrealized_pnl",
    "equity": "margin_balance",
}


def task(case: Mapping[str, Any], asked: Sequence[str]) -> Task:
    """The case as an account of `bitget/usdt`, or why it is none."""
    read = one_position(case)
    currency = settlement_currency(read.market)
    if currency is None:
        raise Unsupported(f"{read.market} is no USDT contract of Bitget's", "bitget")
    mark, fee, leverage = read.number("mark"), read.number("taker_fee", "fee"), read.number("leverage")
    position = read.position(ZERO if read.isolated else None)
    if read.isolated:
        own = read.money((*MARGIN, *WALLET))
        if own is None and leverage is not None:
            own = CONTEXT.divide(position.quantity * position.entry, leverage)
        position, money = read.position(own if own is not None else ZERO), ZERO
    else:
        equity, stated = read.money(EQUITY), read.money(WALLET)
        own = stated
        if equity is not None and mark is not None:
            own = CONTEXT.subtract(equity, profit(position, mark, False))
        money = own if own is not None else ZERO
    entry = {**table_entry(read), "taker_fee": fee, "tick": read.number("tick")}
    found = setting(read, RULES, AT, currency, money, position, entry)

    def compute(name: str) -> Any:
        ours = NAMES.get(name, name)
        at_mark = ours in ("unrealized_pnl", "notional", "maintenance_margin", "margin_ratio", "margin_balance")
        priced = at_mark or (ours == "liquidation_price" and not read.isolated)
        of_money = ours in ("liquidation_price", "margin_ratio", "margin_balance")
        rated = ours in ("liquidation_price", "margin_ratio", "maintenance_margin")
        read.needs(
            mark_price=mark if priced else ZERO,
            maintenance_rate=read.number("mmr") if rated else ZERO,
            leverage=leverage if ours == "initial_margin" else ZERO,
            wallet=own if of_money else ZERO,
        )
        if ours == "liquidation_price":
            return liquidation_price(found.call("liquidation_prices"), read.market)
        pools = found.call("quantities")
        pool = next((one for id, one in pools.items() if id.startswith("isolated:")), None)
        return quantity(pool or next(iter(pools.values())), ours)

    return Task(RULES, "", compute, unsigned=frozenset(("notional",)))

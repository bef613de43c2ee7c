"""Worked examples of OKX: swaps and futures in single-currency mode; other modes go to their own readers."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account, Position
from marginbook.domain.market import Market, Quote
from marginbook.exact import CONTEXT, ONE, ZERO, round_half_up
from marginbook.testing.adapters.okx_spot import spot_task
from marginbook.testing.adapters.positions import (
    EQUITY,
    MARGIN,
    WALLET,
    OnePosition,
    number,
    one_position,
    profit,
    setting,
    table_entry,
)
from marginbook.testing.conformance import agrees
from marginbook.testing.vectors import Setting, Task, Unsupported, liquidation_price, quantity
from marginbook.units import parse_time
from marginbook.venues.okx.parameters import COIN_PLACES, is_inverse, settlement_currency
from marginbook.venues.registry import rule_set

RULES = "okx/single-currency"
AT = parse_time("2023-01-01")
LATEST = parse_time("2026-01-01")
"""When the dated discounts are all in force."""
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
    if "multi-currency" in mode or "collateral" in mode:
        return _collateral(case)
    read = one_position(case)
    if read.market.count("-") == 1 and ("margin" in mode or "spot" in mode or "liab" in str(case.get("collateral"))):
        return spot_task(case)
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


def _collateral(case: Mapping[str, Any]) -> Task:
    """What a balance of one currency counts: `collateral ETH`, a quantity and its value in USD (or a price)."""
    asset = str(case.get("asset") or str(case.get("product", "")).rpartition(" ")[2])
    given = case.get("collateral")
    values = {**(given if isinstance(given, Mapping) else {}), **case}
    amount, value = number(values, "qty"), number(values, "eqUsd") or number(values, "eq_usd")
    price = number(values, "mark") or number(values, "price") or number(values, "index")
    if amount is None:
        amount = number(values, "eq") or number(values, "balance")
    if price is None and value is not None and amount:
        price = CONTEXT.divide(value, amount)
    if not asset or amount is None or price is None:
        raise Unsupported("the case has no balance with a value", "okx/multi-currency")
    found, rules = rule_set("okx/multi-currency"), "okx/multi-currency"
    rate = number(values, "discount") or number(values, "discount_rate")
    overlay = None if rate is None else {asset: {"discount": str(rate)}}
    account = Account(id="case", rules=rules, wallet={asset: amount})
    market = Market(quotes={("okx", asset, "index"): Quote(price)})
    parameters = found.module.parameters(found.version, LATEST, overlay)
    known = Setting(account, market, parameters, LATEST)

    def compute(name: str) -> Any:
        if asset not in parameters.currencies:
            raise Unsupported(f"no discount of {asset} is known")
        pool = known.call("quantities")["cross"]
        return quantity(pool, f"counted_{asset}" if name in ("disEq", "dis_eq") else NAMES.get(name, name))

    return Task(rules, "", compute)


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

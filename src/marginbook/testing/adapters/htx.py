"""Worked examples of HTX coin-margined swaps: margin and profit of one position, at all the digits that it prints."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account, Position
from marginbook.domain.market import Market, Quote
from marginbook.exact import CONTEXT, ZERO, divide
from marginbook.testing.vectors import Setting, Task, Unsupported, liquidation_price
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

RULES = "htx/coin-swap"
AT = parse_time("2025-01-01")


def task(case: Mapping[str, Any], asked: Sequence[str]) -> Task:
    """The case as an account of `htx/coin-swap`; an adjustment factor is the case's own, where it has one."""
    market = str(case.get("product", "")).partition(" ")[0]
    size, entry, mark, leverage = (_number(case, name) for name in ("qty", "entry", "mark", "leverage"))
    if not size or not entry or mark is None or leverage is None:
        raise Unsupported("the case has no position with entry, mark and leverage", RULES)
    factor = _number(case, "adjustment_factor")
    rules = rule_set(RULES)
    parameters = rules.module.parameters(rules.version, AT, {market: {"adjustment_factor": str(factor or 0)}})
    terms = parameters.terms_of(market)
    stated = _number(case, "contract_size") or terms.contract_size
    collateral = case.get("collateral") or {}
    wallet = next(
        (found for key in ("wallet", "balance", "margin_static") if (found := _number(collateral, key))), None
    )
    position = Position(
        market=market,
        side="short" if str(case.get("side")).lower() == "short" else "long",
        quantity=divide(CONTEXT.multiply(abs(size), stated), terms.contract_size),
        entry=entry,
        leverage=leverage,
    )
    account = Account(
        id=str(case.get("id", "case")),
        rules=RULES,
        wallet={parameters.currency_of(market): wallet or ZERO},
        positions=(position,),
    )
    setting = Setting(account, Market(quotes={("htx", market, "mark"): Quote(mark)}), parameters, AT)

    def compute(name: str) -> Any:
        (sums,) = setting.call("risk").values()
        if name in ("position_margin", "initial_margin"):
            return sums.demand_initial
        if name in ("unrealized_pnl", "profit_unreal"):
            return CONTEXT.subtract(sums.margin_balance, wallet or ZERO)
        if name in ("liquidation_price", "margin_balance", "equity") and wallet is None:
            raise Unsupported(f"{name} is one of the account, whose wallet the case does not state")
        if name in ("margin_balance", "equity"):
            return sums.margin_balance
        if name == "liquidation_price" and factor is not None:
            return liquidation_price(setting.call("liquidation_prices"), market)
        raise Unsupported(f"no quantity {name}" if factor is not None else "the case has no adjustment factor")

    return Task(RULES, "", compute)


def _number(values: Mapping[str, Any], name: str) -> Decimal | None:
    value = values.get(name)
    return None if value is None else Decimal(str(value))

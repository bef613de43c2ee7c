"""Exact figures of single accounts for tables and the account page; money is cut as in `check --json`."""

from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.domain.risk import Quantities, Risk
from marginbook.domain.zones import Zone
from marginbook.engine.answers import decimal_text
from marginbook.exact import divide, in_exact_context, round_ceil
from marginbook.margin_calls.assets import underlying
from marginbook.margin_calls.quotes import quotes_of_pools
from marginbook.margin_calls.zones import Borders, borders_of, family_of_pool
from marginbook.service.provider import Json
from marginbook.venues.registry import rule_set

SUMMED = ("margin_balance", "maintenance_margin", "headroom")
INFINITE = Decimal("Infinity")


def danger_of(risk: Risk[Any]) -> Decimal:
    """Demand / support: 1 is the border of liquidation whatever the venue calls it; rounded up to 6 decimals."""
    demand, support = Decimal(risk.demand), Decimal(risk.support)
    if demand <= 0:
        return Decimal(0)
    return round_ceil(divide(demand, support), 6) if support > 0 else INFINITE


@in_exact_context
def table_row(account: Account, zone: Zone, market: Market, parameters: Any, at: int) -> Json:
    """One row of the accounts table, from the exact functions."""
    rules = rule_set(account.rules)
    row: Json = {"account": account.id, "venue": rules.venue, "rules": account.rules, "zone": zone.label}
    try:
        risks = rules.module.risk(account, market, parameters, at)
        pools = rules.module.quantities(account, market, parameters, at)
    except BadInput as bad:
        return row | {"danger": Decimal(0), "exposure": Decimal(0), "ratio": None, "error": str(bad.problem)}
    dangers = {pool: danger_of(risk) for pool, risk in risks.items()}
    row["danger"] = max(dangers.values(), default=Decimal(0))
    row["ratio"] = _ratio(pools[max(dangers, key=lambda pool: dangers[pool])]) if dangers else None
    for name in SUMMED:
        values = [value for value in (getattr(q, name) for q in pools.values()) if value is not None]
        row[name] = decimal_text(name, sum(values, Decimal(0)))
    exposure = [q.debt_value if rules.family == "lending" else q.notional for q in pools.values()]
    row["exposure"] = decimal_text("notional", sum((value or Decimal(0) for value in exposure), Decimal(0)))
    row["currency"] = next(iter(pools.values())).currency if pools else ""
    return row


def _ratio(quantities: Quantities) -> Json | None:
    if quantities.health_factor is not None:
        value = decimal_text("health_factor", quantities.health_factor)
        return {"name": "health factor", "value": value, "unit": "factor"}
    if quantities.margin_ratio is not None:
        name = "effective_leverage" if quantities.margin_ratio.bad == "high" else "health_factor"
        return {"name": "margin ratio", "value": decimal_text(name, quantities.margin_ratio.value), "unit": "percent"}
    return None


@in_exact_context
def gauge_of(account: Account, market: Market, parameters: Any, at: int, borders: Borders | None) -> Json:
    """Where the worst pool stands between its borders, as demand / support, and what its markets cost now."""
    rules = rule_set(account.rules)
    risks = rules.module.risk(account, market, parameters, at)
    dangers = {pool: danger_of(risk) for pool, risk in risks.items()}
    worst = max(dangers, key=lambda pool: dangers[pool], default=None)
    found: Json = {"danger": Decimal(0), "warning": Decimal("0.8"), "call": Decimal("0.9"), "pool": worst}
    if worst is not None:
        found["danger"] = dangers[worst]
        family = family_of_pool(rules, account, worst, market, parameters)
        for border in borders_of(rules, family, borders):
            share = divide(Decimal(border.support_factor), Decimal(border.demand_factor))
            found[border.zone.label] = round_ceil(share, 6)
    keys = [key for pool in quotes_of_pools(rules, account, market, parameters).values() for key in pool]
    quoted = {key[1]: market.quotes[key].price for key in keys if key in market.quotes}
    names = list(dict.fromkeys([*quoted, *markets_of(account)]))
    found["prices"] = quoted
    found["follows"] = {name: underlying(name) for name in names}
    found["assets"] = actions_of(account)
    return found


def markets_of(account: Account) -> list[str]:
    """Markets and assets whose price the account depends on."""
    names = [p.market for p in account.positions] + [o.market for o in account.orders]
    names += [c.asset for c in account.collateral] + [d.asset for d in account.debt]
    return list(dict.fromkeys(names))


def actions_of(account: Account) -> list[Json]:
    """What the page offers to try on this account."""
    if account.collateral or account.debt:
        posted = list(dict.fromkeys(c.asset for c in account.collateral))
        owed = list(dict.fromkeys(d.asset for d in account.debt))
        choices = {"supply": posted, "repay": owed, "withdraw": posted, "borrow": owed}
    else:
        wallets = list(account.wallet)
        held = list(dict.fromkeys(p.market for p in account.positions))
        choices = {"deposit": wallets, "withdrawal": wallets, "buy": held, "sell": held}
    return [{"action": action, "names": names} for action, names in choices.items() if names]

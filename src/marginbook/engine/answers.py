"""Reports as JSON answers: decimal text, 8 decimals rounded toward danger, absent keys where a rule has no number."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from marginbook.domain.errors import Problem
from marginbook.domain.node import Node
from marginbook.domain.risk import LiquidationPrice, Quantities
from marginbook.engine.evaluate import MONEY, RATIOS, PoolReport, Report
from marginbook.engine.portfolio import Portfolio
from marginbook.exact import format_decimal, round_ceil, round_floor
from marginbook.margin_calls.distance import Distances
from marginbook.margin_calls.remedies import Remedy
from marginbook.units import format_time

PLACES = 8
DANGER_IS_HIGH = frozenset(
    ("initial_margin", "maintenance_margin", "margin_used", "debt_value", "effective_leverage", "ltv", "notional")
)
"""Quantities that are rounded up; all others are rounded down."""


def decimal_text(name: str, value: Decimal) -> str:
    """`value` with at most 8 decimals, rounded toward danger for the quantity called `name`.

    >>> decimal_text("free_margin", Decimal("1.000000009")), decimal_text("initial_margin", Decimal("1.000000001"))
    ('1', '1.00000001')
    """
    if not value.is_finite():
        return format_decimal(value)
    rounded = round_ceil(value, PLACES) if name in DANGER_IS_HIGH else round_floor(value, PLACES)
    return format_decimal(rounded)


def problem_json(problem: Problem) -> dict[str, str]:
    """`{"code", "place", "value", "expected"}`."""
    return {"code": problem.code, "place": problem.place, "value": problem.value, "expected": problem.expected}


def report_json(report: Report) -> dict[str, Any]:
    """One row of `check --json`."""
    row: dict[str, Any] = {
        "account": report.account,
        "venue": report.venue,
        "rules": report.rules,
        "owner": report.owner,
        "parameters_as_of": _time(report.parameters_as_of),
        "prices_as_of": _time(report.prices_as_of),
        "at": _time(report.at),
        "zone": report.zone.label if report.zone is not None else None,
        "currency": report.currency,
    }
    row |= {name: decimal_text(name, value) for name, value in report.money.items()}
    if report.worst is not None:
        row |= _ratios(report.worst.quantities)
        row |= _distances(report.worst.distances)
    row |= {
        "liquidation_prices": [liquidation_price_json(p) for pool in report.pools for p in pool.liquidation_prices],
        "pools": [_pool(pool) for pool in report.pools],
        "remedies": [remedy_json(remedy) for remedy in report.remedies],
        "reconciliation": [
            {
                "quantity": line.quantity,
                "venue": format_decimal(line.venue),
                "ours": None if line.ours is None else format_decimal(line.ours),
                "difference": None if line.difference is None else format_decimal(line.difference),
            }
            for line in report.reconciliation
        ],
        "warnings": list(report.warnings),
        "evidence": report.evidence,
        "error": problem_json(report.error) if report.error else None,
    }
    return row


def reports_json(reports: Iterable[Report], owners: Iterable[Portfolio] = ()) -> dict[str, Any]:
    """The whole answer of `check --json`."""
    return {
        "accounts": [report_json(report) for report in reports],
        "owners": [_portfolio_json(found) for found in owners],
    }


def _portfolio_json(found: Portfolio) -> dict[str, Any]:
    row: dict[str, Any] = {
        "owner": found.owner,
        "accounts": list(found.accounts),
        "venues": list(found.venues),
        "zone": found.zone.label if found.zone is not None else None,
        "worst_account": found.worst,
        "currency": found.currency,
    }
    row |= {name: decimal_text(name, value) for name, value in found.money.items()}
    return row | _distances(found.distances) | {"warnings": list(found.warnings)}


def node_json(node: Node) -> dict[str, Any]:
    """An explanation tree."""
    return {
        "quantity": node.quantity,
        "value": format_decimal(node.value),
        "unit": node.unit,
        "formula": node.formula,
        "source": node.source,
        "inputs": [node_json(child) for child in node.inputs],
    }


def remedy_json(remedy: Remedy) -> dict[str, Any]:
    """One remedy, its amount exact to the unit; `shown` is the amount for people, rounded up."""
    row: dict[str, Any] = {
        "action": remedy.action,
        "asset": remedy.asset,
        "amount": format_decimal(remedy.amount),
        "shown": format_decimal(remedy.shown),
        "pool": remedy.pool,
    }
    if remedy.debt is not None and remedy.repaid is not None:
        row |= {"debt": remedy.debt, "repaid": format_decimal(remedy.repaid)}
    row["result"] = {
        name: decimal_text(name, value) if isinstance(value, Decimal) else value
        for name, value in remedy.result.items()
    }
    return row


def _time(at: int | None) -> str | None:
    return None if at is None else format_time(at)


def _ratios(quantities: Quantities) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name in RATIOS:
        value = getattr(quantities, name)
        if value is not None:
            row[name] = decimal_text(name, value)
    ratio = quantities.margin_ratio
    if ratio is not None:
        name = "effective_leverage" if ratio.bad == "high" else "health_factor"
        row["margin_ratio"] = {
            "value": decimal_text(name, ratio.value),
            "definition": ratio.definition,
            "bad": ratio.bad,
        }
    if quantities.venue:
        row["venue_quantities"] = {name: format_decimal(value) for name, value in quantities.venue.items()}
    return row


def _distances(found: Distances | None) -> dict[str, Any]:
    if found is None:
        return {}

    def text(value: Decimal | None) -> str | None:
        return None if value is None else decimal_text("distance", value)

    return {"distance": {"down": text(found.down), "up": text(found.up)}, "distance_worst": text(found.worst)}


def liquidation_price_json(price: LiquidationPrice) -> dict[str, Any]:
    """`{"pool", "market", "side", "price", "when", "source"}`."""
    return {
        "pool": price.pool,
        "market": price.market,
        "side": price.side,
        "price": format_decimal(price.price),
        "when": price.when,
        "source": price.source,
    }


def _pool(pool: PoolReport) -> dict[str, Any]:
    quantities = pool.quantities
    row: dict[str, Any] = {"pool": pool.pool, "zone": pool.zone.label, "currency": quantities.currency}
    for name in MONEY:
        value = getattr(quantities, name)
        if value is not None:
            row[name] = decimal_text(name, value)
    row |= _ratios(quantities) | _distances(pool.distances)
    row["liquidation_prices"] = [liquidation_price_json(price) for price in pool.liquidation_prices]
    return row

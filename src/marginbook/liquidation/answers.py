"""A waterfall as plain values: decimals as text, times as ISO 8601."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from marginbook.exact import format_decimal, round_half_up
from marginbook.liquidation.steps import Step
from marginbook.liquidation.waterfall import Waterfall
from marginbook.units import format_time

PLACES = 18
"""Most decimals of a printed amount; quotients of inverse contracts have more."""


def waterfall_json(found: Waterfall, pool: str) -> dict[str, Any]:
    """One pool's liquidation: outcome, steps, deficit."""
    return {
        "pool": pool,
        "outcome": found.outcome,
        "steps": [_step(step) for step in found.steps],
        "deficit": amounts(found.deficit),
        "fund": amounts(found.fund.balances),
    }


def amounts(found: Mapping[str, Decimal]) -> dict[str, str]:
    """Amounts by asset as text."""
    return {asset: _text(amount) for asset, amount in found.items()}


def _step(step: Step) -> dict[str, Any]:
    return {
        "stage": step.stage,
        "reason": step.reason,
        "time": format_time(step.at),
        "market": step.market or None,
        "quantity": _text(step.quantity) if step.quantity else None,
        "price": None if step.price is None else _text(step.price),
        "flows": [
            {"party": flow.party, "asset": flow.asset, "amount": _text(flow.amount)}
            for flow in step.flows
            if flow.amount
        ],
        "left": {
            "support": _text(step.left.support),
            "demand": _text(step.left.demand),
            "equity": _text(step.left.equity),
            "liquidatable": step.left.liquidatable,
        },
        "source": step.source,
        "verified": step.verified,
    }


def _text(amount: Decimal) -> str:
    exponent = amount.as_tuple().exponent
    cut = isinstance(exponent, int) and exponent < -PLACES
    return format_decimal(round_half_up(amount, PLACES) if cut else amount)

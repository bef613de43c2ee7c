"""Numbers that follow from the seven sums alone, 8 decimals rounded toward danger."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from marginbook.domain.risk import MarginRatio, Quantities, Risk
from marginbook.exact import ZERO, divide, from_raw, round_ceil, round_floor

PLACES = 8
INFINITY = Decimal("Infinity")


def down(value: Decimal) -> Decimal:
    """8 decimals toward minus infinity: what backs an account."""
    return round_floor(value, PLACES)


def up(value: Decimal) -> Decimal:
    """8 decimals toward plus infinity: what is asked of it."""
    return round_ceil(value, PLACES)


def in_units(risk: Risk[Any], scale: int) -> Risk[Decimal]:
    """Integer sums of 10^-scale units as decimals; decimal sums as they are.

    >>> in_units(Risk(15, 0, 15, 15, 5, 15, 3), 1).demand
    Decimal('0.3')
    """
    if isinstance(risk.support, Decimal):
        return risk
    return Risk(*(from_raw(value, scale) for value in astuple(risk)))


def astuple(risk: Risk[Any]) -> tuple[Any, ...]:
    """The seven sums in order."""
    return (
        risk.assets,
        risk.liabilities,
        risk.margin_balance,
        risk.support_initial,
        risk.demand_initial,
        risk.support,
        risk.demand,
    )


def is_breached(support: Any, demand: Any, at_equality: bool) -> bool:
    """demand > 0 and support < demand, or ≤ where the venue liquidates at equality.

    >>> is_breached(5, 5, True), is_breached(5, 5, False), is_breached(-1, 0, True)
    (True, False, False)
    """
    return bool(demand > 0 and (support <= demand if at_equality else support < demand))


def derivative_quantities(
    risk: Risk[Any],
    currency: str,
    *,
    scale: int = 0,
    wallet_balance: Decimal | None = None,
    unrealized_pnl: Decimal | None = None,
    collateral_value: Decimal | None = None,
    debt_value: Decimal | None = None,
    notional: Decimal | None = None,
    withdrawable: Decimal | None = None,
    bankruptcy_price: Decimal | None = None,
    margin_ratio: MarginRatio | None = None,
    venue: Mapping[str, Decimal] | None = None,
) -> Quantities:
    """Every number of a pool of contracts. The margin ratio is demand / support unless the venue has its own."""
    sums = in_units(risk, scale)
    balance = sums.margin_balance
    free, headroom = sums.support_initial - sums.demand_initial, sums.support - sums.demand
    initial = balance - free
    if margin_ratio is None:
        margin_ratio = MarginRatio(_ratio(sums.demand, sums.support), "maintenance_margin / margin_balance", "high")
    return Quantities(
        currency=currency,
        wallet_balance=_maybe(down, wallet_balance),
        unrealized_pnl=_maybe(down, unrealized_pnl),
        collateral_value=_maybe(down, collateral_value),
        debt_value=_maybe(up, debt_value),
        margin_balance=down(balance),
        account_equity=down(sums.assets - sums.liabilities),
        initial_margin=up(initial),
        maintenance_margin=up(balance - headroom),
        margin_used=up(initial),
        free_margin=down(free),
        withdrawable=_maybe(down, withdrawable),
        headroom=down(headroom),
        notional=_maybe(up, notional),
        effective_leverage=up(divide(notional, balance)) if notional is not None and balance > 0 else None,
        margin_level=down(divide(balance, initial)) if initial > 0 else None,
        margin_ratio=margin_ratio,
        bankruptcy_price=bankruptcy_price,
        venue=dict(venue or {}),
    )


def lending_quantities(
    risk: Risk[Any],
    currency: str,
    *,
    scale: int = 0,
    collateral_value: Decimal | None = None,
    health_factor: Decimal | None = None,
    withdrawable: Decimal | None = None,
    borrowable: Decimal | None = None,
    margin_ratio: MarginRatio | None = None,
    venue: Mapping[str, Decimal] | None = None,
) -> Quantities:
    """Every number of a lending pool. `collateral_value` is what counts; default: margin balance + debt.

    `health_factor` is support / demand unless the protocol prints its own.
    """
    sums = in_units(risk, scale)
    debt, balance = sums.liabilities, sums.margin_balance
    value = balance + debt if collateral_value is None else collateral_value
    free, headroom = sums.support_initial - sums.demand_initial, sums.support - sums.demand
    owes = sums.demand > 0
    if health_factor is None:
        health_factor = down(divide(sums.support, sums.demand)) if owes else INFINITY
    if margin_ratio is None:
        margin_ratio = MarginRatio(
            _ratio(sums.demand, sums.support), "debt_value / what the collateral supports", "high"
        )
    return Quantities(
        currency=currency,
        collateral_value=down(value),
        debt_value=up(debt),
        margin_balance=down(balance),
        account_equity=down(sums.assets - debt),
        initial_margin=up(balance - free),
        maintenance_margin=up(balance - headroom),
        margin_used=up(balance - free),
        free_margin=down(free),
        withdrawable=_maybe(down, withdrawable),
        borrowable=down(max(ZERO, free)) if borrowable is None else down(borrowable),
        headroom=down(headroom),
        notional=up(value),
        effective_leverage=up(divide(value, balance)) if balance > 0 else None,
        margin_level=down(divide(balance, balance - free)) if balance - free > 0 else None,
        health_factor=health_factor,
        ltv=up(divide(debt, value)) if value > 0 else (INFINITY if debt > 0 else None),
        collateral_ratio=down(divide(value, debt)) if debt > 0 else INFINITY,
        margin_ratio=margin_ratio,
        venue=dict(venue or {}),
    )


def _maybe(rounding: Any, value: Decimal | None) -> Decimal | None:
    return None if value is None else rounding(value)


def _ratio(demand: Decimal, support: Decimal) -> Decimal:
    if demand <= 0:
        return ZERO
    return up(divide(demand, support)) if support > 0 else INFINITY

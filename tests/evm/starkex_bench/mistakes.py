"""Mistakes of one rounding or one rule each, planted in the rule set to see that walks and vectors find them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from marginbook.exact import div_ceil, div_floor, div_trunc, mul_div_floor
from marginbook.venues.dydx_v3 import fixed_point, rule, transition
from marginbook.venues.dydx_v3.fixed_point import ONE, Status


def _cut(external: int, resolution: int) -> int:
    return mul_div_floor(external, 10**6 * ONE, 10**resolution * 10**18)


def _floor_each(collateral: int, assets: Any) -> int:
    return collateral + sum(div_floor(-asset.funding_delta * asset.balance, ONE) for asset in assets)


def _toward_zero(collateral: int, assets: Any) -> int:
    return div_trunc(collateral * ONE - sum(asset.funding_delta * asset.balance for asset in assets), ONE)


def _bound_exclusive(segments: Any, amount: int) -> int:
    return next(risk for bound, risk in segments if amount < bound)


def _fair_at_equality(before: Status, after: Status) -> bool:
    return before.value * after.risk >= (after.value - ONE) * before.risk


def _least_down(before: Status, value_change: int, risk_after: int) -> int:
    needed = before.value * risk_after - (before.value + value_change) * before.risk
    return div_floor(needed, before.risk * ONE)


def _signs_do_not_matter(before: Any, after: Any) -> bool:
    return all(abs(balance) <= abs(before.get(name, 0)) for name, balance in after.items())


def _no_last_unit(found: Status) -> str | None:
    return "OUT_OF_RANGE_TOTAL_VALUE" if abs(found.value) >= (2**63 - 1) * ONE else None


def _well_above_equality(status: Status) -> bool:
    return status.risk < status.value * ONE


def _ratio_may_fall(before: Status, after: Status, shrinks: bool) -> str | None:
    return None if shrinks else fixed_point.transition_refusal(before, after, shrinks)


def _ceiled(collateral: int, assets: Any) -> int:
    return div_ceil(collateral * ONE - sum(asset.funding_delta * asset.balance for asset in assets), ONE)


MISTAKES: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "a price cut": (rule, "internal_price", _cut),
    "a floor for each asset's funding": (rule, "funded_collateral", _floor_each),
    "funding toward zero": (rule, "funded_collateral", _toward_zero),
    "funding up": (rule, "funded_collateral", _ceiled),
    "segments' bounds exclusive": (fixed_point, "risk_factor", _bound_exclusive),
    "liquidatable at equality": (Status, "is_well_leveraged", _well_above_equality),
    "fair at equality": (fixed_point, "is_fair_deleverage", _fair_at_equality),
    "least collateral down": (rule, "least_collateral", _least_down),
    "a smaller holding may turn round": (transition, "has_smaller_holdings", _signs_do_not_matter),
    "the last unit of value out of range": (fixed_point, "range_refusal", _no_last_unit),
    "value per risk may fall": (transition, "transition_refusal", _ratio_may_fall),
}
"""What is replaced, where, by what."""


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The rule set with one mistake."""
    owner, attribute, wrong = MISTAKES[name]
    with patch.object(owner, attribute, wrong):
        yield

"""How finely amounts may be given: the smallest unit of an asset, the quantity step of a market."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from marginbook.exact import from_raw

PLACES = 8
"""Decimals of money and quantities where the rule set names none."""


def amount_unit(parameters: Any, asset: str) -> Decimal:
    """Smallest amount of `asset`: of its `decimals` in the parameters, else 8."""
    assets: Mapping[str, Any] = getattr(parameters, "assets", {})
    return from_raw(1, getattr(assets.get(asset), "decimals", PLACES))


def quantity_step(parameters: Any, market: str) -> Decimal:
    """Smallest quantity of a position or order in `market`."""
    terms_of: Callable[[str], Any] | None = getattr(parameters, "terms_of", None)
    step: Decimal = terms_of(market).quantity_step if terms_of else from_raw(1, PLACES)
    return step

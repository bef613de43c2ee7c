"""How finely amounts may be given: the smallest unit of an asset, the quantity step of a market."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from marginbook.exact import from_raw

PLACES = 8
"""Decimals of money and quantities where the rule set names none."""


def amount_unit(parameters: Any, asset: str) -> Decimal:
    """Smallest amount of `asset`: by the rule set's `decimals_of`, else 8 decimals."""
    decimals_of: Callable[[str], int] | None = getattr(parameters, "decimals_of", None)
    return from_raw(1, decimals_of(asset) if decimals_of else PLACES)


def quantity_step(parameters: Any, market: str) -> Decimal:
    """Smallest quantity of a position or order in `market`."""
    terms_of: Callable[[str], Any] | None = getattr(parameters, "terms_of", None)
    step: Decimal = terms_of(market).quantity_step if terms_of else from_raw(1, PLACES)
    return step

"""Explanation trees: every shown number with its formula, its inputs and its source."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One number and how it came about. `formula` names the inputs by their `quantity`."""

    quantity: str
    value: Decimal
    unit: str
    formula: str
    source: str
    inputs: tuple["Node", ...] = ()

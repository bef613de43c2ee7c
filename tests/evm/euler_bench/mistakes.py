"""Mistakes of one rounding, one constant or one rule each, planted in the rule set to see that they are found."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from marginbook.exact import div_ceil, mul_div_ceil, mul_div_floor, mul_div_half_up
from marginbook.venues.euler import math, vault
from marginbook.venues.euler.vault import Loan, Revert


def accepted_at_equality(loan: Loan) -> Loan:
    """The status check accepts collateral that just carries the debt."""
    if loan.owed and loan.supports(liquidation=False) < loan.liability(liquidation=False):
        raise Revert("E_AccountLiquidity")
    return vault.replace(loan, last_check=loan.time)


def whole_units(loan: Loan, units: int) -> int:
    """What a liquidator takes over without the exception for less than a unit."""
    return min(units << math.DEBT_SHIFT, loan.owed_exactly)


MISTAKES: dict[str, tuple[Any, str, Callable[..., Any] | int]] = {
    "debt down": (vault, "debt_units", lambda owed: owed >> 31),
    "values up": (math, "mul_div_floor", mul_div_ceil),
    "values half-up": (math, "mul_div_floor", mul_div_half_up),
    "LTV, discount and yield up": (vault, "mul_div_floor", mul_div_ceil),
    "ramp up": (math, "div_floor", div_ceil),
    "shares without the virtual deposit": (vault, "share_value", lambda x, a, s: mul_div_floor(x, a, s) if s else x),
    "no bad debt": (vault, "bad_debt", lambda loan, name, found: 0),
    "bad debt of dust too": (vault, "LEAST_SOCIALIZED", 0),
    "accepted at equality": (vault, "checked", accepted_at_equality),
    "a fraction of a unit left behind": (vault, "moved_debt", whole_units),
}
"""What is replaced, where, by what."""


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The rule set with one mistake."""
    target, attribute, wrong = MISTAKES[name]
    with patch.object(target, attribute, wrong):
        yield

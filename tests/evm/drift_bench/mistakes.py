"""Mistakes of one rounding, constant or rule each, planted in the rule set to see that the comparison finds them."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import isqrt
from typing import Any
from unittest.mock import patch

from marginbook.exact import div_floor, mul_div_ceil, mul_div_floor
from marginbook.venues.drift import account, margin, shortage, units, weights


def _root_up(size: int) -> int:
    return isqrt(10 * size) + 1


def _own_ratio(before: int, sized: int, ratio: int) -> int:
    return ratio


def _position_alone(perp: Any, price: int) -> tuple[int, int]:
    return perp.base, abs(account.base_value(perp.base, price))


def _either_mode(mode: str, kind: str) -> bool:
    return mode != "default"


def _funding_down(base: int, index: int, settled: int) -> int:
    return -div_floor((index - settled) * base, 10**12)


def _losses_in_full_without_buffer(found: Any, name: str, value: int, buffer: int) -> None:
    found.total_collateral += value


MISTAKES: dict[str, tuple[Any, str, Any]] = {
    "root of a size up": (weights, "size_root", _root_up),
    "high leverage at its own ratio of every size": (weights, "high_leverage_ratio", _own_ratio),
    "open orders of perps do not count": (margin, "worst_base", _position_alone),
    "the mode of reductions changes initial margin": (margin, "is_high_leverage", _either_mode),
    "funding toward minus infinity": (account, "funding_due", _funding_down),
    "units of a borrow down": (account, "mul_div_ceil", mul_div_floor),
    "units of a deposit up": (account, "mul_div_floor", mul_div_ceil),
    "an order asks twice as much": (margin, "OPEN_ORDER", 20_000),
    "no buffer on losses": (margin.Calculation, "collateral", _losses_in_full_without_buffer),
    "no average in strict prices": (units.StrictPrice, "least", property(lambda price: price.current)),
    "requirement up": (margin, "mul_div_floor", mul_div_ceil),
    "transfers that cover a shortage up": (shortage, "div_floor", lambda a, b: -(-a // b)),
    "a profit's weight down, losses too": (margin, "mul_div_trunc", mul_div_floor),
    "discount of a size toward nearest": (weights, "div_floor", lambda a, b: (2 * a + b) // (2 * b)),
}
"""What is replaced, where, by what."""


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The rule set with one mistake."""
    owner, attribute, wrong = MISTAKES[name]
    with patch.object(owner, attribute, wrong):
        yield

"""Mistakes of one rounding, one constant or one rule each, planted in the rule set to see that they are found."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from marginbook.exact import div_ceil, mul_div_ceil, mul_div_half_up
from marginbook.venues.maker import auction, vat


def power_down(base: int, exponent: int, scale: int) -> int:
    """Powers cut at every product."""
    result = scale
    for bit in bin(exponent)[2:]:
        result = result * result // scale
        result = result * base // scale if bit == "1" else result
    return result


def at_equality(urn: vat.Urn, rate: int, spot: int) -> bool:
    """Unsafe where the collateral just carries the debt."""
    return urn.ink * spot < urn.art * rate + (urn.art > 0)


MISTAKES: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "powers rounded down": (vat, "rpow_half_up", power_down),
    "powers of a curve rounded down": (auction, "rpow_half_up", power_down),
    "rate and spot half-up": (vat, "mul_div_floor", mul_div_half_up),
    "rate and spot up": (vat, "mul_div_floor", mul_div_ceil),
    "tab and top up": (auction, "mul_div_floor", mul_div_ceil),
    "slice and dart up": (auction, "div_floor", div_ceil),
    "no least rest": (auction, "least_left", lambda ilk: 0),
    "least rest without penalty": (auction, "least_left", lambda ilk: ilk.dust),
    "unsafe at equality": (vat, "is_unsafe", at_equality),
}
"""What is replaced, where, by what."""


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The rule set with one mistake."""
    target, attribute, wrong = MISTAKES[name]
    with patch.object(target, attribute, wrong):
        yield

"""Mistakes of one rounding, one constant or one rule each, planted in the rule set to see that they are found."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from unittest.mock import patch

from liquity_bench import scene
from marginbook.exact import div_ceil, mul_div_ceil, mul_div_half_up
from marginbook.venues.liquity import liquidation, math, redemption, redistribution, stability_pool, system
from marginbook.venues.liquity.liquidation import Found
from marginbook.venues.liquity.redemption import Lot
from marginbook.venues.liquity.revert import Revert
from marginbook.venues.liquity.system import System


def ratio_up(collateral: int, debt: int, price: int) -> int:
    """Ratios rounded up."""
    return mul_div_ceil(collateral, price, debt) if debt else 2**256 - 1


def untouched(s: System, who: str) -> System:
    """What is pending never becomes the trove's own."""
    return s


def one_by_one(s: System, whos: Sequence[str]) -> tuple[System, Found]:
    """A batch as single liquidations, each with the redistribution of those before it."""
    found: Found = {}
    for who in dict.fromkeys(whos):
        if who in s.troves:
            with suppress(Revert):
                s, found[who] = liquidation.liquidated(s, who)
    if not found:
        raise Revert(liquidation.NOTHING_TO_LIQUIDATE)
    return s, found


def forgets_no_surplus(s: System, whos: Sequence[str]) -> tuple[System, Found]:
    """A list takes surplus from the running collateral, as the sequence does."""
    return liquidation._in_turn(s, whos, lambda part: part.to_pool + part.surplus)


def to_the_reserve(s: System, who: str, most: int) -> Lot | None:
    """A redemption may leave less than the minimal debt."""
    trove = s.troves[who]
    debt = min(most, trove.debt - s.terms.gas_reserve)
    collateral = debt * 10**18 // s.price
    surplus = trove.collateral - collateral if debt == trove.debt - s.terms.gas_reserve else None
    return Lot(debt, collateral, surplus)


MISTAKES: dict[str, tuple[Any, str, Callable[..., Any] | int]] = {
    "ratio up": (system, "ratio", ratio_up),
    "fee up": (math, "mul_div_floor", mul_div_ceil),
    "pending up": (redistribution, "mul_div_floor", mul_div_ceil),
    "running totals up": (redistribution, "div_floor", div_ceil),
    "pool's share up": (liquidation, "mul_div_floor", mul_div_ceil),
    "gas compensation up": (liquidation, "div_floor", div_ceil),
    "product half-up": (stability_pool, "mul_div_floor", mul_div_half_up),
    "gains up": (stability_pool, "div_floor", div_ceil),
    "pending never made the trove's own": (system, "touched", untouched),
    "a batch as single liquidations": (scene, "batch", one_by_one),
    "a batch's surplus leaves the totals": (scene, "batch", forgets_no_surplus),
    "a redemption's collateral up": (redemption, "mul_div_floor", mul_div_ceil),
    "a redemption raises the base rate by all of its share": (redemption, "BETA", 1),
    "a redemption leaves less than the minimal debt": (redemption, "lot_of", to_the_reserve),
}
"""What is replaced, where, by what."""


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The rule set with one mistake."""
    target, attribute, wrong = MISTAKES[name]
    with patch.object(target, attribute, wrong):
        yield

"""Least whole number that reaches a goal: a guess from the slack's chord, then exact tests on either side of it."""

from collections.abc import Callable
from decimal import ROUND_CEILING, Decimal
from typing import TypeVar

from marginbook.exact import ZERO, div_floor, divide, in_exact_context

Number = TypeVar("Number", int, Decimal)

HALF = Decimal("0.5")
CHORDS_MAX = 24
"""Interpolations before the exact search takes over; a piecewise linear slack needs about one per kink."""


@in_exact_context
def guess_by_chords(
    slack: Callable[[int], Decimal], low: int, high: int, slack_low: Decimal, slack_high: Decimal
) -> int:
    """About where `slack` rises from `slack_low` < 0 through 0 to `slack_high` ≥ 0, between `low` and `high`.

    Regula falsi with the Illinois halving: it stops when two guesses agree to one unit.

    >>> guess_by_chords(lambda n: Decimal(3 * n - 100), 0, 1000, Decimal(-100), Decimal(2900))
    34
    """
    last, kept = -1, 0
    for _ in range(CHORDS_MAX):
        guess = low + int((divide(-slack_low, slack_high - slack_low) * (high - low)).to_integral_value(ROUND_CEILING))
        guess = min(max(guess, low + 1), high)
        if abs(guess - last) <= 1 or high - low <= 1:
            return guess
        last, found = guess, slack(guess)
        if found < ZERO:
            low, slack_low = guess, found
            slack_high, kept = (slack_high * HALF if kept == 1 else slack_high), 1
        else:
            high, slack_high = guess, found
            slack_low, kept = (slack_low * HALF if kept == -1 else slack_low), -1
    return last


def least_true(holds: Callable[[int], bool], low: int, high: int, guess: int) -> int | None:
    """Smallest n in (low, high] with `holds(n)`; None if there is none. `holds` is false at `low` and never turns back.

    Two tests where the guess is right; otherwise steps that grow eightfold, then bisection.

    >>> least_true(lambda n: n >= 34, 0, 1000, guess=30)
    34
    """
    n, step = min(max(guess, low + 1), high), 1
    if holds(n):
        high = n
        while high - step > low and holds(high - step):
            high, step = high - step, step * 8
        low = max(low, high - step)
    else:
        low = n
        while low < high and not holds(min(low + step, high)):
            low, step = min(low + step, high), step * 8
        if low >= high:
            return None
        high = min(low + step, high)
    while high - low > 1:
        middle = div_floor(low + high, 2)
        if holds(middle):
            high = middle
        else:
            low = middle
    return high

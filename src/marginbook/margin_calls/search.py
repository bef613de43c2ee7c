"""Least whole number that reaches a goal: a guess from secants and chords of its slack, then exact tests around it."""

from collections.abc import Callable
from decimal import ROUND_CEILING, Decimal

from marginbook.exact import ZERO, div_floor, divide, in_exact_context

HALF = Decimal("0.5")
STAIR = 64
SECANTS_MAX = 12
CHORDS_MAX = 24
"""Interpolations before the exact search takes over; a piecewise linear slack needs about one per kink."""


@in_exact_context
def guess_crossing(slack: Callable[[int], Decimal], start: Decimal, probe: int, most: int, near: int = 1) -> int | None:
    """About where `slack` rises through 0; `start` < 0 is its value at 0. None if it is below 0 at `most`.

    Secants from 0 and `probe` until one lands beyond the crossing, then chords (regula falsi, Illinois halving) until
    two of them agree to `near` units.

    >>> guess_crossing(lambda n: Decimal(3 * n - 100), Decimal(-100), probe=5, most=1000)
    34
    """
    known = {0: start}

    def at(n: int) -> Decimal:
        if n not in known:
            known[n] = slack(n)
        return known[n]

    low, high = 0, min(probe, most)
    for _ in range(SECANTS_MAX):
        if at(high) >= ZERO:
            break
        if high == most:
            return None
        if low and high - low <= near:
            return high
        rise = at(high) - at(low)
        if rise > ZERO:
            step = _ceiling(divide(-at(high) * (high - low), rise))
        else:
            step = (high - low) * STAIR if low else most  # a stair of a truncating rule; at the start, the wrong way
        low, high = high, min(high + max(step, 1), most)
    else:
        high = most
        if at(high) < ZERO:
            return None
    return _between(at, low, high, near)


def _between(at: Callable[[int], Decimal], low: int, high: int, near: int) -> int:
    slack_low, slack_high = at(low), at(high)
    last, side = -1, 0
    for _ in range(CHORDS_MAX):
        guess = low + _ceiling(divide(-slack_low * (high - low), slack_high - slack_low))
        if guess >= high or high - low <= near or abs(guess - last) <= near:
            return min(guess, high)
        last = guess = max(guess, low + 1)
        found = at(guess)
        if found < ZERO:
            low, slack_low = guess, found
            slack_high, side = (slack_high * HALF if side == 1 else slack_high), 1
        else:
            high, slack_high = guess, found
            slack_low, side = (slack_low * HALF if side == -1 else slack_low), -1
    return last


def _ceiling(value: Decimal) -> int:
    return int(value.to_integral_value(ROUND_CEILING))


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

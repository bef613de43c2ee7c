"""Borrow rate of Morpho's AdaptiveCurveIrm: a curve around a rate at 90 % utilization that drifts with the error.

    error     e = (u − 0.9) / 0.1 above the target, (u − 0.9) / 0.9 below
    at target r' = r·exp(50 per year · e · Δt), between 0.1 % and 200 % a year; mean of start, twice the middle, end
    curve     r'·(1 + 3·e) above, r'·(1 + 3/4·e) below: at most 4·r', at least r' / 4

Source: formulas of morpho-org/morpho-blue-irm (AdaptiveCurveIrm, ExpLib), confirmed on recorded calls of its contract;
all quotients toward zero, in wad per second. The mean rate between two interactions depends on how long nobody came, so
it is computed for an elapsed time.
"""

from marginbook.exact import WAD, div_trunc, mul_div_floor, mul_div_trunc
from marginbook.units import YEAR_SECONDS

STEEPNESS = 4 * WAD
SPEED = div_trunc(50 * WAD, YEAR_SECONDS)
TARGET = 9 * 10**17
INITIAL_RATE = div_trunc(4 * 10**16, YEAR_SECONDS)
LEAST_RATE = div_trunc(10**15, YEAR_SECONDS)
MOST_RATE = div_trunc(2 * WAD, YEAR_SECONDS)
LN_2 = 693147180559945309
LN_LEAST = -41446531673892822312
EXPONENT_MOST = 93859467695000404319
EXPONENTIAL_MOST = 57716089161558943949701069502944508345128422502756744429568


def exponential(x: int) -> int:
    """exp(x) [wad]: 2^q·(1 + r + r²/2) with x = q·ln 2 + r, q rounded half toward zero.

    >>> exponential(0) == WAD, exponential(LN_2) == 2 * WAD
    (True, True)
    """
    if x < LN_LEAST:
        return 0
    if x >= EXPONENT_MOST:
        return EXPONENTIAL_MOST
    half = LN_2 >> 1
    q = div_trunc(x + (half if x >= 0 else -half), LN_2)
    r = x - q * LN_2
    value = WAD + r + div_trunc(div_trunc(r * r, WAD), 2)
    return value << q if q >= 0 else value >> -q


def borrow_rate(borrow_assets: int, supply_assets: int, rate_at_target: int, elapsed: int) -> tuple[int, int]:
    """(mean rate over `elapsed` seconds, rate at target at its end) [wad per second]; `rate_at_target` 0: first use.

    At the target the rate stays; at full use it is four times the rate at target and both rise.

    >>> borrow_rate(9 * 10**17, 10**18, INITIAL_RATE, 3600) == (INITIAL_RATE, INITIAL_RATE)
    True
    >>> mean, end = borrow_rate(10**18, 10**18, INITIAL_RATE, 86_400)
    >>> mean > 4 * INITIAL_RATE, end > INITIAL_RATE
    (True, True)
    """
    used = mul_div_floor(borrow_assets, WAD, supply_assets) if supply_assets else 0
    error = mul_div_trunc(used - TARGET, WAD, WAD - TARGET if used > TARGET else TARGET)
    if rate_at_target == 0:
        return _curve(INITIAL_RATE, error), INITIAL_RATE
    drift = mul_div_trunc(SPEED, error, WAD) * elapsed
    if drift == 0:
        return _curve(rate_at_target, error), rate_at_target
    end = _moved(rate_at_target, drift)
    middle = _moved(rate_at_target, div_trunc(drift, 2))
    return _curve(div_trunc(rate_at_target + end + 2 * middle, 4), error), end


def _moved(rate: int, drift: int) -> int:
    return max(LEAST_RATE, min(MOST_RATE, mul_div_trunc(rate, exponential(drift), WAD)))


def _curve(rate: int, error: int) -> int:
    slope = WAD - mul_div_trunc(WAD, WAD, STEEPNESS) if error < 0 else STEEPNESS - WAD
    return mul_div_trunc(mul_div_trunc(slope, error, WAD) + WAD, rate, WAD)

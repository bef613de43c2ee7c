"""Value of a European option by Black, Scholes and Merton, with a continuous dividend yield.

    d1 = (ln(S / K) + (r − q + σ² / 2)·T) / (σ·√T),   d2 = d1 − σ·√T
    call = S·e^(−q·T)·N(d1) − K·e^(−r·T)·N(d2),       put = K·e^(−r·T)·N(−d2) − S·e^(−q·T)·N(−d1)

Source: Black and Scholes, Journal of Political Economy 81 (1973); the yield after Merton (1973). Computed in float64
with N(x) = erfc(−x / √2) / 2: the error stays below 10^-13 · (S + K), so that 8 decimals are good up to prices of 10^4.
American exercise is not modelled.
"""

from decimal import Decimal
from math import erfc, exp, log, sqrt

PLACES = 8
"""Decimals of an answer."""
SECONDS_PER_YEAR = 365 * 86_400
"""Years are of 365 days."""


def normal(x: float) -> float:
    """Distribution function of the standard normal.

    >>> normal(0.0), round(normal(1.96), 6)
    (0.5, 0.975002)
    """
    return 0.5 * erfc(-x / sqrt(2.0))


def value(
    call: bool, spot: float, strike: float, years: float, volatility: float, rate: float = 0.0, dividend: float = 0.0
) -> float:
    """Value per unit of the underlying; the intrinsic one without time or volatility.

    Hull's textbook case, S 42, K 40, r 10 %, σ 20 %, half a year: call 4.76, put 0.81.

    >>> round(value(True, 42, 40, 0.5, 0.2, 0.1), 2), round(value(False, 42, 40, 0.5, 0.2, 0.1), 2)
    (4.76, 0.81)
    """
    years = max(0.0, years)
    forward, discounted = spot * exp(-dividend * years), strike * exp(-rate * years)
    width = volatility * sqrt(years)
    if width <= 0.0 or spot <= 0.0:
        return max(0.0, forward - discounted if call else discounted - forward)
    first = log(forward / discounted) / width + width / 2
    if call:
        return forward * normal(first) - discounted * normal(first - width)
    return discounted * normal(width - first) - forward * normal(-first)


def option_value(
    call: bool,
    spot: Decimal,
    strike: Decimal,
    seconds: int,
    volatility: Decimal,
    rate: Decimal = Decimal(0),
    dividend: Decimal = Decimal(0),
) -> Decimal:
    """The same for exact inputs, `seconds` before expiry, at 8 decimals.

    >>> option_value(True, Decimal(42), Decimal(40), SECONDS_PER_YEAR // 2, Decimal("0.2"), Decimal("0.1"))
    Decimal('4.75942239')
    """
    years = seconds / SECONDS_PER_YEAR
    found = value(call, float(spot), float(strike), years, float(volatility), float(rate), float(dividend))
    return Decimal(f"{max(0.0, found):.{PLACES}f}")

"""European options on a forward by Black (1976): value, sensitivities and the volatility that a price implies.

    d1 = ln(F / K) / (σ·√T) + σ·√T / 2,   d2 = d1 − σ·√T
    call = D·(F·N(d1) − K·N(d2)),          put = D·(K·N(−d2) − F·N(−d1))

F forward and K strike per unit of the underlying, T years (of 365 days where a venue counts seconds), σ volatility per
√year, D discount factor of the payment. Source: Black, Journal of Financial Economics 3 (1976) 167-179. Computed in
float64 with N(x) = erfc(−x / √2) / 2; the error stays below 10^-13 · D · (F + K). It is Black-Scholes with the spot
S = F·D, so that both modules of the package agree.

An inverse option pays in the underlying, (S − K)⁺ / S of it for a call; in units of the underlying it is worth V / F,
and changes with the forward by (delta − V / F) / F, its net transaction delta over F (both as on Deribit).
"""

from dataclasses import dataclass
from math import exp, log, pi, sqrt

from marginbook.domain.errors import BadInput
from marginbook.risk_models.black_scholes import normal

STEPS = 200
"""Most halvings in the search for a volatility; each gains one bit at least."""
HIGHEST = 1e3
"""No volatility above 100 000 % is looked for."""


@dataclass(frozen=True, slots=True)
class Sensitivities:
    """Derivatives of the value: `delta` and `gamma` by the forward, `vega` by σ, `theta` per year that passes at a
    fixed forward and a fixed rate −ln(D) / T."""

    delta: float
    gamma: float
    vega: float
    theta: float


def density(x: float) -> float:
    """Density of the standard normal.

    >>> round(density(0.0), 6)
    0.398942
    """
    return exp(-0.5 * x * x) / sqrt(2.0 * pi)


def value(call: bool, forward: float, strike: float, years: float, volatility: float, discount: float = 1.0) -> float:
    """Value per unit; the discounted intrinsic one without time or volatility.

    >>> round(value(True, 100, 100, 1, 0.2), 6), round(value(False, 100, 110, 1, 0.2, 0.95), 6)
    (7.965567, 13.57741)
    >>> value(False, 100, 110, 0, 0.2)
    10.0
    """
    width = volatility * sqrt(max(0.0, years))
    if width <= 0.0 or forward <= 0.0 or strike <= 0.0:
        return discount * max(0.0, forward - strike if call else strike - forward)
    first = log(forward / strike) / width + width / 2
    if call:
        return discount * (forward * normal(first) - strike * normal(first - width))
    return discount * (strike * normal(width - first) - forward * normal(-first))


def sensitivities(
    call: bool, forward: float, strike: float, years: float, volatility: float, discount: float = 1.0
) -> Sensitivities:
    """The derivatives; without time or volatility delta is 0 or ±D and the others are 0.

    >>> found = sensitivities(True, 100, 100, 1, 0.2)
    >>> round(found.delta, 6), round(found.gamma, 6), round(found.vega, 6), round(found.theta, 6)
    (0.539828, 0.019848, 39.695255, -3.969525)
    """
    width = volatility * sqrt(max(0.0, years))
    if width <= 0.0:
        inside = forward > strike if call else forward < strike
        return Sensitivities((discount if call else -discount) if inside else 0.0, 0.0, 0.0, 0.0)
    first = log(forward / strike) / width + width / 2
    delta = discount * (normal(first) if call else -normal(-first))
    gamma = discount * density(first) / (forward * width)
    vega = discount * forward * density(first) * sqrt(years)
    rate = -log(discount) / years
    carried = rate * value(call, forward, strike, years, volatility, discount)
    return Sensitivities(delta, gamma, vega, carried - vega * volatility / (2 * years))


def inverse_value(call: bool, forward: float, strike: float, years: float, volatility: float) -> float:
    """Value of an option settled in the underlying, in units of it, without discount.

    >>> round(inverse_value(True, 50_000, 60_000, 0.25, 0.8), 8)
    0.09188095
    """
    return value(call, forward, strike, years, volatility) / forward


def inverse_delta(call: bool, forward: float, strike: float, years: float, volatility: float) -> float:
    """Net transaction delta: units of the underlying by which an inverse option's value in money moves less its own.

    >>> delta = sensitivities(True, 50_000, 60_000, 0.25, 0.8).delta
    >>> inverse_delta(True, 50_000, 60_000, 0.25, 0.8) == delta - inverse_value(True, 50_000, 60_000, 0.25, 0.8)
    True
    """
    contract = (call, forward, strike, years, volatility)
    return sensitivities(*contract).delta - inverse_value(*contract)


def implied_volatility(
    call: bool, price: float, forward: float, strike: float, years: float, discount: float = 1.0
) -> float:
    """The volatility whose value is `price`: Newton's steps kept inside a shrinking bracket, to the last bit or so.

    BadInput where no volatility gives the price: at or below the intrinsic value, or at or above the largest one.

    >>> round(implied_volatility(True, value(True, 100, 120, 0.5, 0.35), 100, 120, 0.5), 12)
    0.35
    """
    lowest = value(call, forward, strike, years, 0.0, discount)
    highest = discount * (forward if call else strike)
    if not (years > 0 and lowest < price < highest):
        raise BadInput("no_implied_volatility", "price", str(price), f"between {lowest} and {highest}, before expiry")
    low, high = 0.0, HIGHEST
    guess = min(high, max(1e-4, sqrt(2 * abs(log(forward / strike)) / years)) if forward != strike else 0.5)
    for _ in range(STEPS):
        gap = value(call, forward, strike, years, guess, discount) - price
        if gap > 0:
            high = guess
        else:
            low = guess
        slope = sensitivities(call, forward, strike, years, guess, discount).vega
        step = guess - gap / slope if slope > 0 else -1.0
        following = step if low < step < high else (low + high) / 2
        if gap == 0 or following == guess or high - low <= 1e-15 * high:
            break
        guess = following
    return guess

"""Price impact: what net selling does to a price.

An `Impact` maps the net quantity sold so far, negative for bought, to the price as a fraction of the one before. It
never rises with the quantity, is 1 at 0, and takes floats or arrays. Quantities are valued at the price before, so that
curves of one asset hold for every contract on it. Float64.

    square root     1 − Y·σ·√(q/V)            q traded of a volume V per period of volatility σ; Y is about 1
    linear          1 − 0.01·q/D              D moves the price by 1 %
    book            1 − m(q)                  m: cumulative depth of an order book, straight between its levels
    pool            (1 + q/y)^−2              constant product with y on the quote side; also L·√P of a Uniswap v3 range

Form of the square root and its decay as 1/√t: Donier and Bonart, arXiv 1412.4503; arXiv 2502.16246. A price that is
pushed below `FACTOR_LEAST` or above `FACTOR_MOST` of the one before stays there.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from marginbook.domain.errors import BadInput

Impact = Callable[[Any], Any]
"""Net quantity sold [value at the price before] -> price / price before."""

FACTOR_LEAST, FACTOR_MOST = 1e-4, 1e4
LEVELS_MOST = 10_000


def none(sold: Any) -> Any:
    """A market that takes everything at its price.

    >>> float(none(10.0))
    1.0
    """
    return np.ones_like(np.asarray(sold, np.float64))


def square_root(volatility: float, volume: float, prefactor: float = 1.0) -> Impact:
    """ΔP/P = Y·σ·√(Q/V), falling for sales and rising for purchases.

    `volatility` σ [fraction] and `volume` V [value] belong to the same period, a day say.

    >>> impact = square_root(0.04, 1e9)
    >>> float(impact(2.5e8)), float(impact(-2.5e8))
    (0.98, 1.02)
    """
    _positive("square root", volatility=volatility, volume=volume, prefactor=prefactor)

    def factor(sold: Any) -> Any:
        quantity = np.asarray(sold, np.float64)
        return _bounded(1.0 - np.sign(quantity) * prefactor * volatility * np.sqrt(np.abs(quantity) / volume))

    return factor


def linear(depth: float) -> Impact:
    """ΔP/P = 1 % for every `depth` [value] sold.

    >>> float(linear(5e6)(2e7))
    0.96
    """
    _positive("linear", depth=depth)
    return lambda sold: _bounded(1.0 - 0.01 * np.asarray(sold, np.float64) / depth)


def book(bids: Sequence[tuple[float, float]], asks: Sequence[tuple[float, float]] | None = None) -> Impact:
    """The walk down the bids, or up the asks (default: as deep as the bids).

    Each level is (distance from the price [fraction], cumulative depth up to it [value at the price]); between levels
    depth lies evenly, and beyond the last it goes on as before it.

    >>> impact = book([(0.01, 100.0), (0.02, 300.0)], [(0.01, 50.0)])
    >>> [float(impact(q)) for q in (50.0, 200.0, 500.0, -50.0)]
    [0.995, 0.985, 0.97, 1.01]
    """
    down = _levels(bids)
    up = down if asks is None else _levels(asks)

    def factor(sold: Any) -> Any:
        quantity = np.asarray(sold, np.float64)
        moves = np.where(quantity >= 0.0, -_walk(quantity, *down), _walk(-quantity, *up))
        return _bounded(1.0 + moves)

    return factor


def constant_product(quote_reserve: float) -> Impact:
    """Price of a pool x·y = k after selling x worth q at its first price: (y / (y + q))², without its fee.

    >>> float(constant_product(1e6)(1e6))
    0.25
    """
    _positive("pool", quote_reserve=quote_reserve)

    def factor(sold: Any) -> Any:
        share = np.maximum(1.0 + np.asarray(sold, np.float64) / quote_reserve, 1e-9)
        return _bounded(1.0 / (share * share))  # not a power: its last bit depends on the width of vectors

    return factor


def remaining(impact: float, elapsed: float, period: float) -> float:
    """What is left of an impact after `elapsed`, by the slow decay I / √(1 + t/τ); `period` τ in the same unit.

    >>> remaining(0.08, 3.0, 1.0)
    0.04
    """
    _positive("decay", period=period)
    if elapsed < 0:
        raise BadInput("bad_impact", "decay: elapsed", elapsed, "0 or more")
    return float(impact / (1.0 + elapsed / period) ** 0.5)


def _bounded(factor: Any) -> Any:
    return np.clip(factor, FACTOR_LEAST, FACTOR_MOST)


def _positive(place: str, **numbers: float) -> None:
    for name, number in numbers.items():
        if not 0.0 < number < float("inf"):
            raise BadInput("bad_impact", f"impact: {place}: {name}", number, "a number above 0")


def _levels(levels: Sequence[tuple[float, float]]) -> tuple[Any, Any]:
    """(depths, moves), starting at the price itself."""
    rows = np.array([(0.0, 0.0), *levels], np.float64)
    fits = 1 < len(rows) <= LEVELS_MOST and np.isfinite(rows).all() and (np.diff(rows, axis=0) > 0.0).all()
    if not fits:
        raise BadInput(
            "bad_impact", "impact: depth", list(levels)[:5], "levels (move, cumulative depth), both of them growing"
        )
    return rows[:, 1], rows[:, 0]


def _walk(quantity: Any, depths: Any, moves: Any) -> Any:
    slope = (moves[-1] - moves[-2]) / (depths[-1] - depths[-2])
    beyond = np.maximum(quantity - depths[-1], 0.0) * slope
    return np.interp(quantity, depths, moves) + beyond

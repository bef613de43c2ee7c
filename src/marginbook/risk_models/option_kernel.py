"""Compiled loops of `option_arrays`: Black (1976) over columns of contracts and scenarios, serial and parallel."""

from math import erfc, log, sqrt
from typing import Any

from numba import njit, prange

INLINE: dict[str, Any] = {"nogil": True, "_nrt": False, "error_model": "numpy"}
KERNEL: dict[str, Any] = {"cache": True, "nogil": True, "_nrt": False, "error_model": "numpy"}
HALF_ROOT = sqrt(0.5)


@njit(**INLINE)
def black(kind: int, forward: float, strike: float, years: float, volatility: float, discount: float) -> float:
    """Value per unit; the discounted intrinsic one without time, volatility or a positive forward."""
    if kind == 0:
        return forward
    side = 1.0 if kind == 1 else -1.0
    width = volatility * sqrt(max(0.0, years))
    if not (width > 0.0 and forward > 0.0 and strike > 0.0):
        return discount * max(0.0, side * (forward - strike))
    first = log(forward / strike) / width + 0.5 * width
    up = 0.5 * erfc(-side * first * HALF_ROOT)
    down = 0.5 * erfc(-side * (first - width) * HALF_ROOT)
    return discount * side * (forward * up - strike * down)


@njit(**KERNEL)
def values_serial(
    kind: Any, forward: Any, strike: Any, years: Any, volatility: Any, discount: Any, multiplier: Any, out: Any
) -> None:
    """Value of one contract each."""
    for i in range(out.size):
        out[i] = multiplier[i] * black(kind[i], forward[i], strike[i], years[i], volatility[i], discount[i])


@njit(**INLINE)
def _array(
    i: int,
    kind: Any,
    forward: Any,
    strike: Any,
    years: Any,
    volatility: Any,
    discount: Any,
    multiplier: Any,
    price: Any,
    swing: Any,
    cover: Any,
    ahead: float,
    out: Any,
) -> None:
    now = black(kind[i], forward[i], strike[i], years[i], volatility[i], discount[i])
    for s in range(cover.size):
        moved = max(0.0, volatility[i] + swing[i, s])
        then = black(kind[i], forward[i] + price[i, s], strike[i], years[i] - ahead, moved, discount[i])
        out[i, s] = multiplier[i] * cover[s] * (then - now)


@njit(**KERNEL)
def arrays_serial(
    kind: Any,
    forward: Any,
    strike: Any,
    years: Any,
    volatility: Any,
    discount: Any,
    multiplier: Any,
    price: Any,
    swing: Any,
    cover: Any,
    ahead: float,
    out: Any,
) -> None:
    """Profit of one long contract in every scenario."""
    for i in range(len(out)):
        _array(i, kind, forward, strike, years, volatility, discount, multiplier, price, swing, cover, ahead, out)


@njit(parallel=True, **KERNEL)
def arrays_parallel(
    kind: Any,
    forward: Any,
    strike: Any,
    years: Any,
    volatility: Any,
    discount: Any,
    multiplier: Any,
    price: Any,
    swing: Any,
    cover: Any,
    ahead: float,
    out: Any,
) -> None:
    """Twin of `arrays_serial` on all cores."""
    for i in prange(len(out)):
        _array(i, kind, forward, strike, years, volatility, discount, multiplier, price, swing, cover, ahead, out)

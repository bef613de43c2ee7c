"""Risk arrays of futures and European options by full revaluation, one row per contract.

    array[i, s] = multiplier_i·cover_s·(V_i(F + price_(i,s), σ + volatility_(i,s), T − years) − V_i(F, σ, T))

V is the value by Black (1976), discount factor D at its given value; a future is worth its forward. Profit positive,
per one long contract. Shocks are given per contract and scenario, so that a scan in money, in per cent or in standard
deviations is the caller's choice. `black_76` is the scalar twin (tests: equal to 10^-12 of forward + strike).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
FUTURE, CALL, PUT = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Contracts:
    """Columns of contracts: `kind` 0 future, 1 call, 2 put; years to expiry; volatility per √year; discount factor."""

    kind: NDArray[np.int8]
    forward: Floats
    strike: Floats
    years: Floats
    volatility: Floats
    discount: Floats
    multiplier: Floats

    @classmethod
    def of(
        cls,
        kind: ArrayLike,
        forward: ArrayLike,
        strike: ArrayLike = 1.0,
        years: ArrayLike = 0.0,
        volatility: ArrayLike = 0.0,
        discount: ArrayLike = 1.0,
        multiplier: ArrayLike = 1.0,
    ) -> "Contracts":
        """Columns from anything that can be broadcast to the length of `kind`."""
        kinds = np.atleast_1d(np.asarray(kind, np.int8))
        columns = (forward, strike, years, volatility, discount, multiplier)
        return cls(kinds, *(np.ascontiguousarray(np.broadcast_to(np.float64(c), kinds.shape)) for c in columns))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Shocks:
    """What a scenario does to a contract: added to its forward, added to its volatility; share that counts.

    `price` and `volatility` are [contract, scenario] in the units of the columns, `cover` is [scenario].
    """

    price: Floats
    volatility: Floats
    cover: Floats
    years: float = 0.0


def values(contracts: Contracts) -> Floats:
    """Value per contract now [currency].

    >>> values(Contracts.of([CALL, PUT], 100.0, [100.0, 110.0], 1.0, 0.2, [1.0, 0.95])).round(6).tolist()
    [7.965567, 13.57741]
    """
    from marginbook.risk_models.option_kernel import values_serial

    out = np.empty(contracts.kind.size)
    values_serial(*_columns(contracts), out)
    return out


def risk_arrays(contracts: Contracts, shocks: Shocks, parallel: bool = True) -> Floats:
    """[contract, scenario]: profit of one long contract.

    >>> scan = Shocks(np.array([[10.0, -10.0]]), np.zeros((1, 2)), np.array([1.0, 0.35]))
    >>> risk_arrays(Contracts.of([FUTURE], 100.0, multiplier=50.0), scan).tolist()
    [[500.0, -175.0]]
    """
    from marginbook.risk_models import option_kernel

    shape = contracts.kind.size, shocks.cover.size
    out = np.empty(shape)
    moves = [np.ascontiguousarray(np.broadcast_to(m, shape)) for m in (shocks.price, shocks.volatility)]
    run = option_kernel.arrays_parallel if parallel else option_kernel.arrays_serial
    run(*_columns(contracts), *moves, shocks.cover, shocks.years, out)
    return out


def _columns(contracts: Contracts) -> tuple[NDArray[np.int8] | Floats, ...]:
    c = contracts
    return c.kind, c.forward, c.strike, c.years, c.volatility, c.discount, c.multiplier

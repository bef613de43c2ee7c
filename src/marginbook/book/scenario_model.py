"""What a live scenario margin is computed from: contracts on underlyings, a scan of prices and volatilities, a reducer.

    forward F_c = P_u · ratio_c
    value V_c = multiplier·Black(F_c)
    array_cs = multiplier·cover_s·(Black(F_c·(1 + relative_cs) + absolute_cs, volatility + swing_cs) − Black(F_c))
    support = cash + Σ q·V,   demand = max(floor, reducer of the losses −Σ q·array_s) + add-on

Float64, as everywhere in `risk_models.scenarios`. Contracts of one underlying stand side by side.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marginbook.domain.errors import BadInput
from marginbook.domain.market import QuoteKey
from marginbook.risk_models.option_arrays import Contracts, Floats, Shocks, risk_arrays, values
from marginbook.risk_models.reducers import OrderWeights, Reducer, ScenarioWeights, worst

SUM_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Scan:
    """Scenarios: shares of the forward and amounts added to it, amounts added to the volatility, shares that count.

    `relative`, `absolute`, `swing` are [contract, scenario], `cover` is [scenario].
    """

    relative: Floats
    absolute: Floats
    swing: Floats
    cover: Floats
    years: float = 0.0


@dataclass(frozen=True, slots=True)
class ScenarioModel:
    """Contracts by name and column. `underlying` is the number of each contract's price in `prices`, never falling."""

    names: tuple[str, ...]
    prices: tuple[QuoteKey, ...]
    underlying: NDArray[np.int32]
    ratio: Floats
    contracts: Contracts  # `forward` is not read: it follows the prices
    scan: Scan
    reducer: Reducer
    at_equality: bool = False  # liquidatable at support = demand

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        prices: Sequence[QuoteKey],
        underlying: ArrayLike,
        contracts: Contracts,
        scan: Scan,
        reducer: Reducer | None = None,
        ratio: ArrayLike = 1.0,
        at_equality: bool = False,
    ) -> "ScenarioModel":
        """Checked and broadcast; the worst loss where no reducer is given.

        A `ScenarioWeights` becomes the worst loss of weighted arrays. Other reducers must be weights of sum 1, none
        negative, or probabilities: then a loss that grows by at most x in every scenario adds at most x.
        """
        count = contracts.kind.size
        of = np.ascontiguousarray(np.broadcast_to(np.asarray(underlying, np.int32), (count,)))
        shape = count, np.asarray(scan.cover).size
        if len(names) != count or len(set(names)) != count:
            raise BadInput("bad_value", "contracts", len(set(names)), f"{count} different names")
        if (np.diff(of) < 0).any() or not ((of >= 0) & (of < len(prices))).all():
            raise BadInput("bad_value", "underlying", of.tolist()[:20], "numbers of prices, never falling")
        cover = np.array(scan.cover, np.float64)
        if isinstance(reducer, ScenarioWeights):
            if len(reducer.weights) != cover.size:
                raise BadInput("bad_value", "reducer", len(reducer.weights), f"{cover.size} weights")
            cover, reducer = cover * np.array(reducer.weights), worst()
        wide = [
            np.ascontiguousarray(np.broadcast_to(m, shape), np.float64)
            for m in (scan.relative, scan.absolute, scan.swing)
        ]
        columns = (contracts.strike, contracts.years, contracts.volatility, contracts.discount, contracts.multiplier)
        ratios = np.ascontiguousarray(np.broadcast_to(np.asarray(ratio, np.float64), (count,)))
        if not all(np.isfinite(column).all() for column in (*columns, *wide, cover, ratios)):
            raise BadInput("bad_value", "scenario model", "not finite", "finite numbers")
        positive = (contracts.strike, contracts.discount, contracts.multiplier, ratios, 1.0 + wide[0])
        if (cover < 0).any() or any((column < 0).any() for column in positive) or (contracts.strike <= 0).any():
            raise BadInput("bad_value", "scenario model", "negative", "strikes above 0, no fall by more than the price")
        if isinstance(reducer, OrderWeights):
            weights = reducer.weights
            if min(weights) < 0 or abs(sum(weights) - 1.0) > SUM_SLACK or len(weights) > cover.size:
                raise BadInput("bad_value", "reducer", weights[:20], "weights of sum 1, none negative")
        made = Scan(wide[0], wide[1], wide[2], cover, scan.years)
        return cls(tuple(names), tuple(prices), of, ratios, contracts, made, reducer or worst(), at_equality)

    @property
    def is_worst(self) -> bool:
        """Whether the largest loss decides."""
        return isinstance(self.reducer, OrderWeights) and self.reducer.weights == (1.0,)

    @property
    def bounds(self) -> NDArray[np.int64]:
        """First contract of every underlying, and one past the last."""
        return np.searchsorted(self.underlying, np.arange(len(self.prices) + 1)).astype(np.int64)

    def revalued(self, first: int, last: int, price: float) -> tuple[Floats, Floats]:
        """(values [contract], risk arrays [contract, scenario]) of contracts [first, last) at a price."""
        part = self._part(first, last, price)
        scan = self.scan
        moves = part.forward[:, None] * scan.relative[first:last] + scan.absolute[first:last]
        shocks = Shocks(moves, scan.swing[first:last], scan.cover, scan.years)
        return values(part), risk_arrays(part, shocks, parallel=False)

    def _part(self, first: int, last: int, price: float) -> Contracts:
        c = self.contracts
        columns = (c.strike, c.years, c.volatility, c.discount, c.multiplier)
        return Contracts(
            c.kind[first:last], price * self.ratio[first:last], *(column[first:last] for column in columns)
        )

    def gross(self, first: int, last: int, price: float) -> Floats:
        """Largest amount that enters the value or an array of a contract, for the rounding that they carry."""
        c, scan = self.contracts, self.scan
        forward = price * self.ratio[first:last]
        furthest = np.abs(forward[:, None] * (1.0 + scan.relative[first:last]) + scan.absolute[first:last]).max(axis=1)
        largest: Floats = c.multiplier[first:last] * (np.maximum(forward, furthest) + c.strike[first:last])
        return largest * max(1.0, float(scan.cover.max(initial=0.0)))

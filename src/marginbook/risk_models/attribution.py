"""Which position needs the margin, and how large a trade still fits.

    contribution_i = Σ_k w_k·(−q_i·r_i,s(k)),   s(k) the scenario of the k-th largest loss

is Euler's allocation of a reducer that weights ordered losses: the contributions add up to the requirement (to the
rounding of `scenarios`), and each is its derivative by the position where no two losses tie. The worst loss and the
coherent tail mean are convex in every position, so the trades that fit are one interval and bisection finds its end.
"""

from decimal import Decimal

import numpy as np
from numpy.typing import ArrayLike

from marginbook.domain.errors import BadInput
from marginbook.risk_models.reducers import OrderWeights, Reducer, tail_mean
from marginbook.risk_models.scenarios import Floats, Positions, RiskArrays, profits, requirements, what_if

DOUBLINGS, HALVINGS = 64, 200


def contributions(
    positions: Positions, arrays: ArrayLike | RiskArrays, account: int, reducer: OrderWeights
) -> dict[int, float]:
    """Contract -> its part of the requirement of the account; negative for a hedge.

    >>> from marginbook.risk_models.reducers import worst
    >>> held = Positions.of(1, [0, 0], [0, 1], [2.0, 3.0])
    >>> contributions(held, [[-30.0, 20.0], [12.0, -9.0]], 0, worst())
    {0: 60.0, 1: -36.0}
    """
    table = RiskArrays.of(arrays)
    tail = np.argsort(profits(positions, table, account), kind="stable")[: len(reducer.weights)]
    weights = np.asarray(reducer.weights)
    held = positions.only(account)
    return {
        int(contract): -float(quantity * (table.profit[contract, tail] * weights).sum())
        for contract, quantity in zip(held.contract, held.quantity, strict=True)
    }


def largest_trade(
    positions: Positions,
    arrays: ArrayLike | RiskArrays,
    account: int,
    contract: int,
    side: int,
    limit: float,
    confidence: Decimal | None = None,
) -> float:
    """Largest quantity on `side` (1 or −1) after which the requirement is at most `limit`; inf where every size fits.

    By the worst loss, or the tail mean `acerbi_tasche` of a confidence. 0 where the account is above the limit already.
    The size is rounded down: it fits, and the next double or so does not.

    >>> held = Positions.of(1, [0], [0], [2.0])
    >>> round(largest_trade(held, [[-30.0, 20.0]], 0, 0, 1, limit=96.0), 12)
    1.2
    >>> round(largest_trade(held, [[-30.0, 20.0]], 0, 0, -1, limit=90.0), 12)
    6.5
    """
    if side not in (1, -1):
        raise BadInput("bad_value", "side", side, "1 or −1")
    table = RiskArrays.of(arrays)
    reducer: Reducer = OrderWeights((1.0,))
    if confidence is not None:
        reducer = tail_mean(table.profit.shape[1], confidence, "acerbi_tasche")

    def fits(size: float) -> bool:
        after: Floats = what_if(positions, table, account, [contract], [side * size], [reducer])[1]
        return bool(after[0] <= limit)

    if requirements(positions.only(account), table, [reducer], threads=1)[0, 0] > limit:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(DOUBLINGS):
        if not fits(high):
            break
        low, high = high, 2.0 * high
    else:
        return float("inf")
    for _ in range(HALVINGS):
        middle = low + 0.5 * (high - low)
        if not low < middle < high:
            break
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low

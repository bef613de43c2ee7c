"""The scenario engine on any array library, for a GPU: CuPy or PyTorch arrays in, requirements out.

    profits = quantities [accounts, contracts] · arrays [contracts, scenarios], a block of accounts at a time
    requirements = the reducers of `reducers`, over sorted profits

The figures are those of `scenarios.requirements` up to the order of additions: with n positions in an account, each of
the two is within n·2⁻⁵³·Σ|q|·max|r| of the exact profits, and every reducer moves by no more than the profits do, so
they differ by at most twice that (times the largest weight of a `ScenarioWeights`). Where bits matter, use that one.

Memory on the device, in bytes: 8·contracts·scenarios + about 24·block·scenarios + 8·block·contracts.
Needs the extra `gpu` (array-api-compat) and the array library itself; without a GPU nothing else changes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from marginbook.domain.errors import BadInput
from marginbook.risk_models.reducers import OrderWeights, Probabilities, Reducer, ScenarioWeights
from marginbook.risk_models.scenarios import Floats, Positions

BLOCK = 8192
"""Accounts at a time."""


def requirements_on_device(
    positions: Positions, arrays: Any, reducers: Sequence[Reducer], block: int = BLOCK
) -> Floats:
    """One number per account and reducer [account, reducer]; `arrays` [contract, scenario] float64 say where it runs.

    >>> from marginbook.risk_models.reducers import kth_loss, worst
    >>> held = Positions.of(1, [0, 0], [0, 1], [2.0, -1.0])
    >>> arrays = np.array([[-3.0, 0.0, 4.0], [-1.0, 1.0, 2.0]])     # or cupy.asarray(…), torch.tensor(…, device="cuda")
    >>> requirements_on_device(held, arrays, [worst(), kth_loss(2)]).tolist()
    [[5.0, 1.0]]
    """
    try:
        from array_api_compat import array_namespace, device
    except ImportError:
        raise BadInput("missing_extra", "on_device", "array-api-compat", "pip install marginbook[gpu]") from None
    xp, where = array_namespace(arrays), device(arrays)
    contracts, scenarios = arrays.shape
    if positions.contract.size and positions.contract.max() >= contracts:
        raise BadInput("bad_value", "positions.contract", positions.contract.max(), f"at most {contracts - 1}")
    out = np.empty((positions.accounts, len(reducers)))
    for begin in range(0, positions.accounts, block):
        end = min(begin + block, positions.accounts)
        losses = xp.matmul(xp.asarray(_dense(positions, begin, end, contracts), device=where), -arrays)
        ordered = None
        for n, reducer in enumerate(reducers):
            if isinstance(reducer, OrderWeights):
                ordered = xp.sort(losses, axis=1, descending=True) if ordered is None else ordered
                found = _order_statistic(xp, ordered, _column(xp, reducer.weights, scenarios, where))
            elif isinstance(reducer, ScenarioWeights):
                found = xp.max(losses * _row(xp, reducer.weights, scenarios, where), axis=1)
            else:
                found = _probable(xp, losses, reducer, _row(xp, reducer.probability, scenarios, where))
            out[begin:end, n] = _on_host(found)
    return out


def _dense(positions: Positions, begin: int, end: int, contracts: int) -> Floats:
    first, last = positions.starts[begin], positions.starts[end]
    rows = np.repeat(np.arange(end - begin), np.diff(positions.starts[begin : end + 1]))
    dense = np.zeros((end - begin, contracts))
    dense[rows, positions.contract[first:last]] = positions.quantity[first:last]
    return dense


def _row(xp: Any, values: Sequence[float], scenarios: int, where: Any) -> Any:
    if len(values) != scenarios:
        raise BadInput("bad_value", "reducer", f"{len(values)} weights", f"{scenarios}, one per scenario")
    return xp.asarray([values], dtype=xp.float64, device=where)


def _column(xp: Any, weights: Sequence[float], scenarios: int, where: Any) -> Any:
    if len(weights) > scenarios:
        raise BadInput("bad_value", "reducer", f"needs {len(weights)} losses", f"at most {scenarios}, one per scenario")
    return xp.asarray([[weight] for weight in weights], dtype=xp.float64, device=where)


def _order_statistic(xp: Any, ordered: Any, weights: Any) -> Any:
    return xp.matmul(ordered[:, : weights.shape[0]], weights)[:, 0]


def _probable(xp: Any, losses: Any, reducer: Probabilities, probability: Any) -> Any:
    order = xp.argsort(losses, axis=1, descending=True, stable=True)
    sorted_ = xp.take_along_axis(losses, order, axis=1)
    each = xp.take_along_axis(xp.broadcast_to(probability, losses.shape), order, axis=1)
    reached = xp.cumulative_sum(each, axis=1)
    tail = xp.clip(reducer.tail - (reached - each), 0.0, reducer.tail)
    used = xp.minimum(each, tail)
    if reducer.mean:
        return xp.sum(used * sorted_, axis=1) / xp.sum(used, axis=1)
    least = xp.where(reached - each < reducer.tail, sorted_, xp.asarray(np.inf, dtype=xp.float64))
    return xp.min(least, axis=1)


def _on_host(values: Any) -> Floats:
    """Back on this machine: CuPy's `get`, PyTorch's `cpu`, or as it is."""
    moved = values.get() if hasattr(values, "get") else values.cpu() if hasattr(values, "cpu") else values
    return np.asarray(moved, np.float64)

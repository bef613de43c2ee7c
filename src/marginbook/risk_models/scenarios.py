"""The scenario engine: P&L[account, scenario] = Σ position · risk array, reduced to requirements.

A risk array is the profit of one long contract in every scenario [currency], computed once per contract; accounts
gather the arrays of what they hold. Nothing of the size accounts × scenarios is ever stored: a thread works through its
accounts one by one in buffers of 40 bytes per scenario. Memory, in bytes:

    12·positions + 8·accounts + 12·contracts·scenarios + 8·accounts·reducers + 160·threads·scenarios

so 1,000,000 accounts of 10 positions in 1,000 contracts under 10,000 scenarios take 0.27 GB with two reducers (all
profits would be 80 GB).

Every figure is float64's. float32, wrong in the seventh digit (0.50 on a requirement of ten million), only finds which
scenarios can be among the worst, with a bound on its error (`scenario_screen`). Rounding of a profit: at most
n·2^-53·Σ|q·r| for n positions, one rounding each (fused multiply-add).

The result of an account has the same bits for any number of threads and any order of accounts or positions: positions
of an account are merged and added up in the order of their contract numbers (equal ones by quantity). Renumbering the
contracts may change the last bits, within that bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marginbook.domain.errors import BadInput
from marginbook.risk_models.reducers import OrderWeights, Probabilities, Reducer, ScenarioWeights

Floats = NDArray[np.float64]
SLICES = 4
"""Parts of the accounts per thread, each with its own buffers."""
MOST = 1e300
"""No sum may come near the end of float64, where it would become infinite or no number."""
ROOM, SPARE = 3, 32
"""Candidates per order statistic that is needed, and besides, at most about."""


@dataclass(frozen=True, slots=True)
class Positions:
    """Holdings of all accounts: account a holds `quantity[i]` of `contract[i]` for starts[a] ≤ i < starts[a + 1].

    Quantities are signed, in contracts (or units of a factor). `Positions.of` makes the canonical order.
    """

    starts: NDArray[np.int64]
    contract: NDArray[np.int32]
    quantity: Floats

    @classmethod
    def of(cls, accounts: int, account: ArrayLike, contract: ArrayLike, quantity: ArrayLike) -> "Positions":
        """From unordered rows; rows of one account and contract are added up.

        >>> held = Positions.of(2, [1, 0, 1, 1], [5, 2, 3, 5], [1.0, 2.0, -1.0, 3.0])
        >>> held.starts.tolist(), held.contract.tolist(), held.quantity.tolist()
        ([0, 1, 3], [2, 3, 5], [2.0, -1.0, 4.0])
        """
        holder, held = np.asarray(account, np.int64), np.asarray(contract, np.int64)
        size = np.asarray(quantity, np.float64)
        if not holder.shape == held.shape == size.shape or holder.ndim != 1:
            raise BadInput(
                "bad_value", "positions", f"{holder.shape}, {held.shape}, {size.shape}", "three equal columns"
            )
        if holder.size and not (holder.min() >= 0 and holder.max() < accounts and held.min() >= 0):
            raise BadInput(
                "bad_value", "positions.account", f"{holder.min()} to {holder.max()}", f"0 to {accounts - 1}"
            )
        if not np.isfinite(size).all():
            raise BadInput("bad_value", "positions.quantity", "not finite", "finite numbers")
        order = np.lexsort((size, held, holder))
        holder, held, size = holder[order], held[order], size[order]
        first = np.ones(holder.size, bool)
        first[1:] = (holder[1:] != holder[:-1]) | (held[1:] != held[:-1])
        if not first.all():
            size = np.add.reduceat(size, np.flatnonzero(first))
            holder, held = holder[first], held[first]
        starts = np.searchsorted(holder, np.arange(accounts + 1)).astype(np.int64)
        return cls(starts, held.astype(np.int32), np.ascontiguousarray(size))

    @property
    def accounts(self) -> int:
        """Number of accounts."""
        return self.starts.size - 1

    def only(self, account: int) -> "Positions":
        """The holdings of one account; BadInput where there is no such account."""
        if not 0 <= account < self.accounts:
            raise BadInput("unknown_account", "positions", account, f"0 to {self.accounts - 1}")
        first, last = int(self.starts[account]), int(self.starts[account + 1])
        return Positions(np.array([0, last - first]), self.contract[first:last], self.quantity[first:last])

    def plus(self, account: int, contract: Sequence[int], quantity: Sequence[float]) -> "Positions":
        """The holdings of one account after trades: the book of a what-if."""
        held = self.only(account)
        contracts = np.concatenate([held.contract, np.asarray(contract, np.int32)])
        quantities = np.concatenate([held.quantity, np.asarray(quantity, np.float64)])
        return Positions.of(1, np.zeros(contracts.size, np.int64), contracts, quantities)


@dataclass(frozen=True, slots=True)
class RiskArrays:
    """Risk arrays [contract, scenario] that were checked once, for callers that use them again and again."""

    profit: Floats
    largest: float
    singles: tuple[NDArray[np.float32], Floats]  # `scaled`, for `scenario_screen`

    @classmethod
    def of(cls, arrays: "ArrayLike | RiskArrays") -> "RiskArrays":
        """Contiguous and finite; else BadInput."""
        if isinstance(arrays, RiskArrays):
            return arrays
        found = np.ascontiguousarray(arrays, np.float64)
        if found.ndim != 2 or not found.shape[1]:
            raise BadInput("bad_value", "risk arrays", found.shape, "contracts × scenarios")
        largest = _largest(found)
        if not np.isfinite(largest):
            raise BadInput("bad_value", "risk arrays", "not finite", "finite numbers")
        return cls(found, largest, scaled(found))


def scaled(arrays: Floats) -> tuple[NDArray[np.float32], Floats]:
    """(float32 arrays of size at most 1, the power of two that each contract's was divided by).

    >>> rough, scale = scaled(np.array([[3.0, -1.0], [0.0, 0.0]]))
    >>> rough.tolist(), scale.tolist()
    ([[0.75, -0.25], [0.0, 0.0]], [4.0, 1.0])
    """
    largest = np.maximum(arrays.max(axis=1, initial=0.0), -arrays.min(axis=1, initial=0.0))
    scale = np.ldexp(1.0, np.frexp(largest)[1])
    rough = np.empty(arrays.shape, np.float32)
    np.divide(arrays, scale[:, None], out=rough, casting="same_kind")
    return rough, scale


def _largest(values: Floats) -> float:
    """Largest absolute value; nan where there is one."""
    return float(max(values.max(), -values.min())) if values.size else 0.0


def requirements(
    positions: Positions, arrays: ArrayLike | RiskArrays, reducers: Sequence[Reducer], threads: int | None = None
) -> Floats:
    """One number per account and reducer [account, reducer], positive for a loss; `threads` None: all cores.

    >>> from marginbook.risk_models.reducers import kth_loss, worst
    >>> held = Positions.of(1, [0, 0], [0, 1], [2.0, -1.0])
    >>> arrays = [[-3.0, 0.0, 4.0], [-1.0, 1.0, 2.0]]
    >>> requirements(held, arrays, [worst(), kth_loss(2), kth_loss(3)], threads=1).tolist()
    [[5.0, 1.0, -6.0]]
    """
    table = RiskArrays.of(arrays)
    out = np.empty((positions.accounts, len(reducers)))
    ordered = [n for n, reducer in enumerate(reducers) if isinstance(reducer, OrderWeights)]
    if ordered:
        out[:, ordered] = _ordered(positions, table, [reducers[n] for n in ordered], threads)
    for n, reducer in enumerate(reducers):
        if isinstance(reducer, ScenarioWeights):
            weights = _per_scenario(reducer.weights, table)
            out[:, n] = worst_losses(positions, table.profit * weights, threads)[0]
        elif isinstance(reducer, Probabilities):
            out[:, n] = _probable(positions, table, reducer, threads)
    return out


def what_if(
    positions: Positions,
    arrays: ArrayLike | RiskArrays,
    account: int,
    contract: Sequence[int],
    quantity: Sequence[float],
    reducers: Sequence[Reducer],
) -> Floats:
    """[before, after] × reducer: one account before and after a basket of trades, on the calling thread.

    >>> from marginbook.risk_models.reducers import worst
    >>> held = Positions.of(1, [0], [0], [2.0])
    >>> what_if(held, [[-3.0, 4.0], [1.0, -1.0]], 0, [1], [5.0], [worst()]).tolist()
    [[6.0], [1.0]]
    """
    table = RiskArrays.of(arrays)
    before, after = positions.only(account), positions.plus(account, contract, quantity)
    return np.concatenate([requirements(book, table, reducers, threads=1) for book in (before, after)])


def worst_losses(
    positions: Positions, arrays: ArrayLike | RiskArrays, threads: int | None = None
) -> tuple[Floats, NDArray[np.int32]]:
    """Largest loss of each account (negative where it gains everywhere) and the first scenario that has it, from 0."""
    from marginbook.risk_models import scenario_kernel as kernel

    book = _book(positions, arrays)
    out, active = np.empty(positions.accounts), np.empty(positions.accounts, np.int32)
    with _Threads(threads) as count:
        run = kernel.worst_serial if count == 1 else kernel.worst_parallel
        run(book, np.empty((SLICES * count, 1, book[3].shape[1])), out, active)
    return out, active


def profits(positions: Positions, arrays: ArrayLike | RiskArrays, account: int) -> Floats:
    """Profit of one account in every scenario, with the bits that the reducers see."""
    from marginbook.risk_models import scenario_kernel as kernel

    book = _book(positions.only(account), arrays)
    out = np.empty(book[3].shape[1])
    kernel.profits_of(book, 0, out)
    return out


def _ordered(positions: Positions, table: RiskArrays, reducers: Sequence[Any], threads: int | None) -> Floats:
    from marginbook.risk_models import scenario_kernel as kernel
    from marginbook.risk_models import scenario_screen as screen

    scenarios = table.profit.shape[1]
    need = max(len(reducer.weights) for reducer in reducers)
    if need > scenarios:
        raise BadInput("bad_value", "reducer", f"needs {need} losses", f"at most {scenarios}, one per scenario")
    if need == 1:
        losses = worst_losses(positions, table, threads)[0]
        return np.stack([losses * reducer.weights[0] for reducer in reducers], axis=1)
    weights = np.zeros((len(reducers), need))
    for n, reducer in enumerate(reducers):
        weights[n, : len(reducer.weights)] = reducer.weights
    out = np.empty((positions.accounts, len(reducers)))
    book = _book(positions, table)
    with _Threads(threads) as count:
        run = screen.ordered_serial if count == 1 else screen.ordered_parallel
        most = min(scenarios, int(need * ROOM) + SPARE)
        slices, room = SLICES * count, max(scenarios, kernel.SAMPLE)
        held = int(np.diff(positions.starts).max(initial=0))
        rooms = (
            np.empty((slices, 3, room)),
            np.empty((slices, room), np.int32),
            np.empty((slices, 2, scenarios), np.float32),
            np.empty((slices, room), np.int32),
            np.empty((slices, held), np.float32),
        )
        run(book, table.singles, weights, most, rooms, out)
    return out


def _probable(positions: Positions, table: RiskArrays, reducer: Probabilities, threads: int | None) -> Floats:
    from marginbook.risk_models import scenario_kernel as kernel

    given = _per_scenario(reducer.probability, table), reducer.tail
    out = np.empty((positions.accounts, 2))
    with _Threads(threads) as count:
        run = kernel.probable_serial if count == 1 else kernel.probable_parallel
        shape = SLICES * count, table.profit.shape[1]
        run(_book(positions, table), given, np.empty((shape[0], 1, shape[1])), np.empty(shape, np.int32), out)
    found: Floats = out[:, int(reducer.mean)]
    return found


def _per_scenario(values: Sequence[float], table: RiskArrays) -> Floats:
    found = np.asarray(values, np.float64)
    if found.shape != (table.profit.shape[1],):
        raise BadInput("bad_value", "reducer", f"{found.size} weights", f"{table.profit.shape[1]}, one per scenario")
    return found


def _book(positions: Positions, arrays: ArrayLike | RiskArrays) -> tuple[Any, ...]:
    table = RiskArrays.of(arrays)
    if positions.contract.size and positions.contract.max() >= len(table.profit):
        given, most = positions.contract.max(), len(table.profit) - 1
        raise BadInput("bad_value", "positions.contract", given, f"at most {most}")
    bound = _largest(positions.quantity) * table.largest * positions.quantity.size
    if not bound < MOST:
        raise BadInput("bad_value", "positions.quantity", f"profits up to {bound}", f"profits below {MOST}")
    return positions.starts, positions.contract, positions.quantity, table.profit


class _Threads:
    """The asked number of threads (all where None) while the block runs."""

    def __init__(self, asked: int | None) -> None:
        import numba

        self.before = numba.get_num_threads()
        self.count = self.before if asked is None else _threads(asked)

    def __enter__(self) -> int:
        self._set(self.count)
        return self.count

    def __exit__(self, *_: object) -> None:
        self._set(self.before)

    def _set(self, count: int) -> None:
        import numba

        if self.count != self.before:
            numba.set_num_threads(count)


def _threads(asked: int) -> int:
    import numba

    most: int = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    return max(1, min(asked, most))

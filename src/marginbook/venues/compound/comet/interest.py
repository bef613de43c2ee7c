"""Interest per second: utilisation, two separate curves, one simple accrual over the time that passed.

Source: compound-finance/comet d5a30b0a. The views `isLiquidatable` and `isBorrowCollateralized` read the stored
indices; `absorb` and every change of a balance accrue first.
"""

from dataclasses import replace

from marginbook.exact import WAD, mul_div_floor
from marginbook.venues.compound.comet.state import INDEX_SCALE, Pool


def utilisation(pool: Pool) -> int:
    """Lent share of the supply [10^18] at the stored indices; may exceed 1."""
    supplied = mul_div_floor(pool.supply_total, pool.supply_index, INDEX_SCALE)
    borrowed = mul_div_floor(pool.borrow_total, pool.borrow_index, INDEX_SCALE)
    return mul_div_floor(borrowed, WAD, supplied) if supplied else 0


def grown(index: int, rate: int, elapsed: int) -> int:
    """An index after `elapsed` seconds at a rate per second: index + index · (rate · elapsed), rounded down.

    >>> grown(10**15, 10**9, 3600)
    1000003600000000
    """
    return index + mul_div_floor(index, rate * elapsed, WAD)


def accrued_indices(pool: Pool) -> tuple[int, int]:
    """(supply index, borrow index) at the pool's time; the stored ones where totals or curves are unknown."""
    elapsed = pool.time - pool.updated_at
    supply, borrow = pool.config.supply_curve, pool.config.borrow_curve
    if pool.cash is None or supply is None or borrow is None or elapsed <= 0:
        return pool.supply_index, pool.borrow_index
    used = utilisation(pool)
    return grown(pool.supply_index, supply.rate(used), elapsed), grown(pool.borrow_index, borrow.rate(used), elapsed)


def accrue(pool: Pool) -> Pool:
    """The pool with its indices stored at its time."""
    supply_index, borrow_index = accrued_indices(pool)
    return replace(pool, supply_index=supply_index, borrow_index=borrow_index, updated_at=pool.time)


def reserves(pool: Pool) -> int:
    """Signed reserves [base units]: cash − supply + debt, accrued to the pool's time."""
    supply_index, borrow_index = accrued_indices(pool)
    supplied = mul_div_floor(pool.supply_total, supply_index, INDEX_SCALE)
    borrowed = mul_div_floor(pool.borrow_total, borrow_index, INDEX_SCALE)
    return (pool.cash or 0) - supplied + borrowed

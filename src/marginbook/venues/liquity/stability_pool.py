"""The stability pool: what is left of a deposit, and the collateral that it has gained, by a product and sums.

    offset      gain per unit g = ⌊(collateral·10^18 + error) / total⌋, kept remainder
                loss per unit l = ⌊(debt·10^18 − error) / total⌋ + 1, kept excess; all of the pool: l = 1, error 0
                S += g·P;  P' = ⌊P·(1 − l)⌋, times 10^9 and a new scale where that is below 10^9;
                a pool that is used up starts a new epoch with P = 1
    deposit     ⌊d·P / P₀⌋ in its scale, ⌊… / 10^9⌋ in the next, 0 beyond, in a later epoch, or below ⌊d / 10^9⌋
    gain        ⌊⌊d·(S − S₀ + ⌊S of the next scale / 10^9⌋) / P₀⌋ / 10^18⌋

Source: formulas of liquity/dev 87345cc (`StabilityPool`), as deployed in April 2021 (later commits of that repository
never were), confirmed on recorded numbers of that contract. Amounts in wad.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from marginbook.exact import WAD, div_floor, mul_div_floor
from marginbook.venues.liquity.revert import Revert

SCALE_FACTOR = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class StabilityPool:
    """The pool's totals, product and sums."""

    total: int = 0  # [LUSD]
    product: int = WAD
    scale: int = 0
    epoch: int = 0
    sums: Mapping[tuple[int, int], int] = field(default_factory=dict)  # (epoch, scale) -> S
    collateral_error: int = 0
    debt_error: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """A deposit with the pool's figures when it was made or last touched."""

    value: int  # [LUSD]
    product: int
    sum: int
    scale: int
    epoch: int


def deposited(pool: StabilityPool, value: int) -> Deposit:
    """A deposit of `value` as of now; the pool's total is the caller's."""
    here = (pool.epoch, pool.scale)
    return Deposit(value=value, product=pool.product, sum=pool.sums.get(here, 0), scale=pool.scale, epoch=pool.epoch)


def offset(pool: StabilityPool, debt: int, collateral: int) -> StabilityPool:
    """The pool after `debt` is paid out of it for `collateral`; `Revert` where the kept excess is above the loss.

    >>> after = offset(StabilityPool(total=1_000 * WAD), 250 * WAD, WAD)
    >>> after.total // WAD, after.product
    (750, 749999999999999999)
    """
    if not pool.total or not debt:
        return pool
    gains = collateral * WAD + pool.collateral_error
    gain = div_floor(gains, pool.total)
    loss, error = WAD, 0
    if debt != pool.total:
        losses = debt * WAD - pool.debt_error
        if losses < 0:
            raise Revert("SafeMath: subtraction overflow")
        loss = div_floor(losses, pool.total) + 1
        error = loss * pool.total - losses
    here = (pool.epoch, pool.scale)
    pool = replace(
        pool,
        total=pool.total - debt,
        sums={**pool.sums, here: pool.sums.get(here, 0) + gain * pool.product},
        collateral_error=gains - gain * pool.total,
        debt_error=error,
    )
    if loss == WAD:
        return replace(pool, product=WAD, scale=0, epoch=pool.epoch + 1)
    product = mul_div_floor(pool.product, WAD - loss, WAD)
    if product >= SCALE_FACTOR:
        return replace(pool, product=product)
    product = mul_div_floor(pool.product * (WAD - loss), SCALE_FACTOR, WAD)
    if not product:
        raise Revert("assertion")
    return replace(pool, product=product, scale=pool.scale + 1)


def compounded(deposit: Deposit, pool: StabilityPool) -> int:
    """What is left of a deposit [LUSD].

    >>> made = deposited(StabilityPool(total=1_000 * WAD), 1_000 * WAD)
    >>> compounded(made, offset(StabilityPool(total=1_000 * WAD), 250 * WAD, WAD))
    749999999999999999000
    """
    if deposit.epoch < pool.epoch or pool.scale - deposit.scale > 1:
        return 0
    left = mul_div_floor(deposit.value, pool.product, deposit.product)
    if pool.scale > deposit.scale:
        left = div_floor(left, SCALE_FACTOR)
    return 0 if left < div_floor(deposit.value, SCALE_FACTOR) else left


def collateral_gain(deposit: Deposit, pool: StabilityPool) -> int:
    """The collateral that a deposit has gained [ETH].

    >>> made = deposited(StabilityPool(total=1_000 * WAD), 500 * WAD)
    >>> collateral_gain(made, offset(StabilityPool(total=1_000 * WAD), 250 * WAD, WAD))
    500000000000000000
    """
    first = pool.sums.get((deposit.epoch, deposit.scale), 0) - deposit.sum
    second = div_floor(pool.sums.get((deposit.epoch, deposit.scale + 1), 0), SCALE_FACTOR)
    return div_floor(mul_div_floor(deposit.value, first + second, deposit.product), WAD)

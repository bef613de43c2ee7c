"""Debt and collateral of liquidated troves that other troves take over, by their stakes.

    L += ⌊(amount·10^18 + error) / total stakes⌋, remainder kept, for ETH and for LUSD
    pending of a trove = ⌊stake·(L − L₀) / 10^18⌋ with L₀ as of the trove's last touch
    stake of a touched trove = ⌊collateral·stakes / collateral⌋ of the system right after the last liquidation

Source: formulas of liquity/dev 87345cc (`TroveManager`), confirmed on recorded numbers of that contract.
"""

from dataclasses import dataclass, replace

from marginbook.exact import WAD, div_floor, mul_div_floor
from marginbook.venues.liquity.revert import Revert


@dataclass(frozen=True, slots=True, kw_only=True)
class Redistribution:
    """Running totals per unit staked, and the figures as of the last liquidation; None where not known."""

    l_eth: int = 0  # [wad]
    l_lusd: int = 0  # [wad]
    eth_error: int = 0
    lusd_error: int = 0
    total_stakes: int | None = None
    stakes_snapshot: int | None = None
    collateral_snapshot: int | None = None


def redistributed(r: Redistribution, collateral: int, debt: int) -> Redistribution:
    """The totals after `collateral` and `debt` went to all stakes.

    >>> redistributed(Redistribution(total_stakes=4 * WAD), WAD, 2_000 * WAD).l_lusd // WAD
    500
    """
    if not debt or r.total_stakes is None:
        return r
    if not r.total_stakes:
        raise Revert("SafeMath: division by zero")
    eth, lusd = collateral * WAD + r.eth_error, debt * WAD + r.lusd_error
    eth_per_unit, lusd_per_unit = div_floor(eth, r.total_stakes), div_floor(lusd, r.total_stakes)
    return replace(
        r,
        l_eth=r.l_eth + eth_per_unit,
        l_lusd=r.l_lusd + lusd_per_unit,
        eth_error=eth - eth_per_unit * r.total_stakes,
        lusd_error=lusd - lusd_per_unit * r.total_stakes,
    )


def pending(stake: int, total: int, snapshot: int) -> int:
    """What a stake has been given since its snapshot of a running total [wad].

    >>> pending(3 * WAD, 500 * WAD, 100 * WAD) // WAD
    1200
    """
    return mul_div_floor(stake, total - snapshot, WAD)


def stake_of(r: Redistribution, collateral: int) -> int:
    """The stake of a trove with `collateral`; 0 where the system's snapshots are not known.

    `Revert` where all stakes were too small to count at the last liquidation: the contracts assert that they were not.
    """
    if r.collateral_snapshot is None or r.stakes_snapshot is None:
        return 0
    if not r.collateral_snapshot:
        return collateral
    if not r.stakes_snapshot:
        raise Revert("assertion")
    return mul_div_floor(collateral, r.stakes_snapshot, r.collateral_snapshot)

"""Liquidation of one trove: offset against the stability pool, redistribution to the other troves, or both.

    gas compensation   ⌊collateral / 200⌋ ETH and the reserve of 200 LUSD, to who calls
    normal mode        ICR < MCR: offset = min(debt, pool); pool gets ⌊rest of collateral·offset / debt⌋; the others
                       take over what is left of both
    recovery mode      ICR ≤ 100 %: all to the others; ICR < MCR: as in normal mode; ICR < TCR and debt ≤ pool: all of
                       the debt offset for ⌊debt·MCR / price⌋ of collateral (gas compensation out of that), the rest
                       is the owner's to claim
    the last trove is never liquidated

A batch of several goes through them in turn: what the pool has left counts, and in recovery mode the totals less what
is offset, until they leave it; a list of troves forgets the surplus in these totals, the sequence from the lowest ratio
on does not. Offset and redistribution happen once, with the sums, so that no trove of a batch takes over from another.

Source: formulas of liquity/dev 87345cc (`TroveManager`), confirmed step by step by `tests/evm/test_liquity.py`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from marginbook.exact import WAD, div_floor, mul_div_floor
from marginbook.venues.liquity.math import ratio
from marginbook.venues.liquity.redistribution import redistributed
from marginbook.venues.liquity.revert import Revert
from marginbook.venues.liquity.stability_pool import offset
from marginbook.venues.liquity.system import LAST, System, with_trove

NOTHING_TO_LIQUIDATE = "TroveManager: nothing to liquidate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Liquidation:
    """Where a trove's debt and collateral go [wad]."""

    debt: int
    collateral: int
    gas_collateral: int  # to the caller, beside the reserve
    offset: int  # debt paid by the stability pool
    to_pool: int  # collateral
    surplus: int = 0  # collateral that the owner may claim

    @property
    def redistributed_debt(self) -> int:
        """Debt that the other troves take over."""
        return self.debt - self.offset

    @property
    def redistributed_collateral(self) -> int:
        """Collateral that the other troves get."""
        return self.collateral - self.gas_collateral - self.to_pool - self.surplus


def planned(s: System, who: str) -> Liquidation:
    """What a liquidation of one trove would do now; or `Revert`."""
    found = _part(s, who, s.pool.total, s.total_ratio() if s.in_recovery() else None)
    if found is None:
        raise Revert(NOTHING_TO_LIQUIDATE)
    return found


def _part(s: System, who: str, pool: int, total: int | None) -> Liquidation | None:
    """A trove's part at its turn, with what the pool has left; `total`: the ratio of all in recovery mode.

    None where it is left alone.
    """
    collateral, debt = s.whole(who)
    own, is_last = s.ratio(who), s.count is not None and s.count <= 1
    if own >= s.terms.mcr:
        if is_last or total is None or own >= total or not 0 < debt <= pool:
            return None
        part = mul_div_floor(debt, s.terms.mcr, s.price)
        gas = div_floor(part, s.terms.percent_divisor)
        return Liquidation(
            debt=debt,
            collateral=collateral,
            gas_collateral=gas,
            offset=debt,
            to_pool=part - gas,
            surplus=collateral - part,
        )
    if is_last and total is not None:
        return None
    if is_last:
        raise Revert(LAST)
    gas = div_floor(collateral, s.terms.percent_divisor)
    paid = 0 if total is not None and own <= WAD else min(debt, pool)
    to_pool = mul_div_floor(collateral - gas, paid, debt) if paid else 0
    return Liquidation(debt=debt, collateral=collateral, gas_collateral=gas, offset=paid, to_pool=to_pool)


Found = dict[str, Liquidation]


def liquidated(s: System, who: str) -> tuple[System, Liquidation]:
    """The system without the trove, and where it went; or `Revert`."""
    after, found = batch(s, (who,))
    return after, found[who]


def batch(s: System, whos: Sequence[str]) -> tuple[System, Found]:
    """The troves of a list that can be liquidated, in its order, in one call (`batchLiquidateTroves`)."""
    return _in_turn(s, whos, lambda part: part.to_pool)


def sequence(s: System, rising: Sequence[str], most: int) -> tuple[System, Found]:
    """At most so many from the lowest ratio on (`liquidateTroves`); in recovery mode never the highest.

    `rising`: all troves from the lowest ratio up.
    """
    whos = rising[:-1] if s.in_recovery() else rising
    return _in_turn(s, whos[:most], lambda part: part.to_pool + part.surplus)


def _in_turn(s: System, whos: Sequence[str], leaves: Callable[[Liquidation], int]) -> tuple[System, Found]:
    """Every trove at its turn, then all of it at once; `leaves`: what a part takes from the running collateral."""
    collateral, debt, pool = s.total_collateral, s.total_debt, s.pool.total
    found: Found = {}
    in_recovery = s.in_recovery()
    for who in whos:
        if who not in s.troves:
            continue
        total = None
        if in_recovery and collateral is not None and debt is not None:
            total = ratio(collateral, debt, s.price)
        part = _part(s, who, pool, total)
        if part is None:
            continue
        found[who], s, pool = part, with_trove(s, who, None), pool - part.offset
        if in_recovery and collateral is not None and debt is not None:
            collateral, debt = collateral - leaves(part), debt - part.offset
            in_recovery = ratio(collateral, debt, s.price) < s.terms.ccr
    if not found:
        raise Revert(NOTHING_TO_LIQUIDATE)
    return _settled(s, list(found.values())), found


def _settled(s: System, parts: list[Liquidation]) -> System:
    """Offset and redistribution of all parts, and the snapshots after them."""
    paid, to_pool = sum(part.offset for part in parts), sum(part.to_pool for part in parts)
    s = replace(s, pool=offset(s.pool, paid, to_pool))
    shared = redistributed(
        s.redistribution,
        sum(part.redistributed_collateral for part in parts),
        sum(part.redistributed_debt for part in parts),
    )
    gone = sum(part.gas_collateral + part.surplus for part in parts)
    s = s.moved(-(gone + to_pool), -paid)
    snapshots = replace(shared, stakes_snapshot=shared.total_stakes, collateral_snapshot=s.total_collateral)
    return replace(s, redistribution=snapshots)

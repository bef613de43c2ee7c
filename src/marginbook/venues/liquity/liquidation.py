"""Liquidation of one trove: offset against the stability pool, redistribution to the other troves, or both.

    gas compensation   ⌊collateral / 200⌋ ETH and the reserve of 200 LUSD, to who calls
    normal mode        ICR < MCR: offset = min(debt, pool); pool gets ⌊rest of collateral·offset / debt⌋; the others
                       take over what is left of both
    recovery mode      ICR ≤ 100 %: all to the others; ICR < MCR: as in normal mode; ICR < TCR and debt ≤ pool: all of
                       the debt offset for ⌊debt·MCR / price⌋ of collateral (gas compensation out of that), the rest
                       is the owner's to claim
    the last trove is never liquidated

Source: formulas of liquity/dev 87345cc (`TroveManager`), confirmed on recorded numbers of that contract. One trove per
call: a batch of several re-evaluates the mode after each with slightly other totals, which is not modelled.
"""

from dataclasses import dataclass, replace

from marginbook.exact import WAD, div_floor, mul_div_floor
from marginbook.venues.liquity.redistribution import redistributed
from marginbook.venues.liquity.revert import Revert
from marginbook.venues.liquity.stability_pool import offset
from marginbook.venues.liquity.system import LAST, System, touched, with_trove

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
    collateral, debt = s.whole(who)
    own, total, pool = s.ratio(who), s.total_ratio(), s.pool.total
    recovery, is_last = s.in_recovery(), s.count is not None and s.count <= 1
    if own >= s.terms.mcr:
        capped = recovery and not is_last and total is not None and own < total and 0 < debt <= pool
        if not capped:
            raise Revert(NOTHING_TO_LIQUIDATE)
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
    if is_last:
        raise Revert(NOTHING_TO_LIQUIDATE if recovery else LAST)
    gas = div_floor(collateral, s.terms.percent_divisor)
    paid = 0 if recovery and own <= WAD else min(debt, pool)
    to_pool = mul_div_floor(collateral - gas, paid, debt) if paid else 0
    return Liquidation(debt=debt, collateral=collateral, gas_collateral=gas, offset=paid, to_pool=to_pool)


def liquidated(s: System, who: str) -> tuple[System, Liquidation]:
    """The system without the trove, and where it went; or `Revert`."""
    found = planned(s, who)
    after = with_trove(touched(s, who), who, None)
    after = replace(after, pool=offset(after.pool, found.offset, found.to_pool))
    shared = redistributed(after.redistribution, found.redistributed_collateral, found.redistributed_debt)
    after = after.moved(-(found.gas_collateral + found.to_pool + found.surplus), -found.offset)
    snapshots = replace(shared, stakes_snapshot=shared.total_stakes, collateral_snapshot=after.total_collateral)
    return replace(after, redistribution=snapshots), found

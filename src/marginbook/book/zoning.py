"""The zone of a pool as a function of its zone before and its exact sums: the reference that kernel and index obey.

entered_k   support·a_k < demand·b_k
rearmed_k   support·a′_k ≥ demand·b′_k
active_k    entered_k, or the pool was in zone k or worse and is not rearmed
zone        bankrupt / liquidation by the rule set's own decision, else the worst active border, else safe
"""

from functools import cache
from typing import Any, Literal

from marginbook.domain.risk import Risk
from marginbook.domain.zones import DERIVATIVES_BORDERS, LENDING_BORDERS, LOOP_BORDERS, Border, DistanceBorder, Zone
from marginbook.exact import to_raw_exact

Family = Literal["derivatives", "lending", "loop", "broker"]


def next_zone(previous: Zone, risk: Risk[Any], liquidatable: bool, borders: tuple[Border, ...]) -> Zone:
    """The zone after `previous`, given the exact sums and the venue's own decision.

    >>> from marginbook.domain.zones import DERIVATIVES_BORDERS
    >>> at = lambda demand: Risk(100, 0, 100, 100, demand, 100, demand)
    >>> [next_zone(Zone.SAFE, at(d), d >= 100, DERIVATIVES_BORDERS).label for d in (80, 81, 91, 100)]
    ['safe', 'warning', 'call', 'liquidation']
    >>> next_zone(Zone.WARNING, at(79), False, DERIVATIVES_BORDERS).label
    'warning'
    """
    if liquidatable:
        return Zone.BANKRUPT if risk.assets < risk.liabilities else Zone.LIQUIDATION
    worst = Zone.SAFE
    for border in borders:
        entered = risk.support * border.support_factor < risk.demand * border.demand_factor
        held = (
            previous >= border.zone
            and risk.support * border.rearm_support_factor < risk.demand * border.rearm_demand_factor
        )
        if entered or held:
            worst = max(worst, border.zone)
    return worst


def ratio_border(border: DistanceBorder) -> Border:
    """A loop's distance border as one of support against demand: support·(1 − below) < demand.

    In a loop collateral and debt follow one asset, so its distance is the fall of one against the other.

    >>> ratio_border(LOOP_BORDERS[0]).support_factor
    950000
    """
    scale = 10**6
    return Border(
        border.zone, scale - to_raw_exact(border.below, 6), scale, scale - to_raw_exact(border.rearm, 6), scale
    )


@cache
def borders_of_family(family: Family) -> tuple[Border, ...]:
    """The default borders of a family of pools.

    >>> [len(borders_of_family(f)) for f in ("derivatives", "lending", "loop")]
    [2, 2, 2]
    """
    if family == "loop":
        return tuple(ratio_border(border) for border in LOOP_BORDERS)
    return LENDING_BORDERS if family == "lending" else DERIVATIVES_BORDERS

"""Zones of a pool, from safe to bankrupt, and the borders between them."""

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum


class Zone(IntEnum):
    """Ordered by danger; `UNDECIDED` is reported when a stale price leaves the decision open."""

    SAFE = 0
    WARNING = 1
    CALL = 2
    LIQUIDATION = 3
    BANKRUPT = 4
    UNDECIDED = 5

    @property
    def label(self) -> str:
        """Lower-case name as it stands in answers."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Border:
    """A zone is entered where support·`support_factor` < demand·`demand_factor`.

    Warning at demand/support 0.80 is `Border(Zone.WARNING, 80, 100, ...)`; warning below health 1.5 is
    `Border(Zone.WARNING, 10, 15, ...)`. `rearm_*` are the factors of the inner border that must be passed on the way
    back before the zone is left (hysteresis).
    """

    zone: Zone
    support_factor: int
    demand_factor: int
    rearm_support_factor: int
    rearm_demand_factor: int


@dataclass(frozen=True, slots=True)
class DistanceBorder:
    """Zone border for correlated loops: entered where `distance` down is below this fraction."""

    zone: Zone
    below: Decimal
    rearm: Decimal


DERIVATIVES_BORDERS = (
    Border(Zone.WARNING, 80, 100, 78, 100),
    Border(Zone.CALL, 90, 100, 88, 100),
)
LENDING_BORDERS = (
    Border(Zone.WARNING, 100, 150, 100, 155),
    Border(Zone.CALL, 100, 110, 100, 115),
)
LOOP_BORDERS = (
    DistanceBorder(Zone.WARNING, Decimal("0.05"), Decimal("0.055")),
    DistanceBorder(Zone.CALL, Decimal("0.02"), Decimal("0.025")),
)

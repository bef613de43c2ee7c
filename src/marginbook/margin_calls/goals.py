"""What a remedy must reach: a target of policy as one comparison of exact sums."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from marginbook.domain.risk import Risk
from marginbook.domain.zones import Border, Zone

Target = Literal["maintenance", "initial", "out_of_call", "out_of_warning"] | Decimal
"""Not liquidatable; no initial margin lacking; call (warning) zone left; or this health factor, support / demand."""


@dataclass(frozen=True, slots=True)
class Goal:
    """support·`support_factor` ≥ demand·`demand_factor`, on the sums for opening or for keeping.

    `decided_by_rule`: the rule set's own decision alone counts, the sums only guide the search to it.
    """

    support_factor: int | Decimal
    demand_factor: int | Decimal
    opening: bool = False
    decided_by_rule: bool = False

    def slack(self, risk: Risk[Any]) -> Decimal:
        """support·a − demand·b: at least 0 where the goal is reached."""
        support, demand = (risk.support_initial, risk.demand_initial) if self.opening else (risk.support, risk.demand)
        return Decimal(support * self.support_factor - demand * self.demand_factor)

    @property
    def asks_the_rule(self) -> bool:
        """Whether the goal is so near to maintenance (1 %) that the rule set's own decision must agree."""
        return self.opening or self.demand_factor * 100 < self.support_factor * 101


MAINTENANCE = Goal(1, 1, decided_by_rule=True)
ZONE_OF_TARGET = {"out_of_call": Zone.CALL, "out_of_warning": Zone.WARNING}


def goal_of(target: Target, borders: tuple[Border, ...]) -> Goal:
    """The goal behind `target`. A zone is left at its inner border; without such a border the goal is maintenance.

    >>> from marginbook.domain.zones import LENDING_BORDERS
    >>> goal_of("out_of_call", LENDING_BORDERS)
    Goal(support_factor=100, demand_factor=115, opening=False, decided_by_rule=False)
    >>> goal_of(Decimal("1.5"), ()).demand_factor
    Decimal('1.5')
    """
    if isinstance(target, Decimal):
        return Goal(1, target)
    if target == "initial":
        return Goal(1, 1, opening=True)
    for border in borders:
        if border.zone == ZONE_OF_TARGET.get(target):
            return Goal(border.rearm_support_factor, border.rearm_demand_factor)
    return MAINTENANCE

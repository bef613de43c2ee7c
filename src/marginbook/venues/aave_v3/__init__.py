"""Aave v3: `aave/3.0` and `aave/3.6`.

Source: the deployed rules as read from the public contracts (`@aave/core-v3` 1.19.3, `@aave-dao/aave-v3-origin` 3.6.0)
and confirmed by running them: `tests/evm` compares every number of every user and reserve at every step, see
`docs/venues/aave.md`. All arithmetic is on ints in the contracts' units: base currency with 8 decimals, basis points,
wad, ray. Only versions proved this way are here; what differs between them is data (`versions`).

Scope: variable debt, e-mode, caps, isolation and siloed borrowing, liquidation with the underlying token. Not modelled:
stable debt, flash loans, bridging, aToken transfers, grace periods, the price sentinel.
"""

from marginbook.domain.zones import LENDING_BORDERS
from marginbook.venues.aave_v3.applying import apply
from marginbook.venues.aave_v3.lowering import lower
from marginbook.venues.aave_v3.parameters import parameters
from marginbook.venues.aave_v3.planning import plan_liquidation
from marginbook.venues.aave_v3.prices import liquidation_prices
from marginbook.venues.aave_v3.risk import RISK_SCALE, explain, is_liquidatable, quantities, risk
from marginbook.venues.rules import RuleSet


class Module:
    """The functions of the family, by the names that every rule set has."""

    parameters = staticmethod(parameters)
    apply = staticmethod(apply)
    risk = staticmethod(risk)
    quantities = staticmethod(quantities)
    is_liquidatable = staticmethod(is_liquidatable)
    liquidation_prices = staticmethod(liquidation_prices)
    plan_liquidation = staticmethod(plan_liquidation)
    explain = staticmethod(explain)
    lower = staticmethod(lower)


RULE_SETS = tuple(
    RuleSet(
        name=f"aave/{version}",
        version=version,
        venue="aave",
        family="lending",
        price_kind="oracle",
        risk_scale=RISK_SCALE,
        borders=LENDING_BORDERS,
        module=Module(),
        verified=(f"the contracts of {version} in an EVM, step by step (tests/evm)",),
        unverified=("shipped parameters: changes by the risk steward, and any after their date",),
    )
    for version in ("3.0", "3.6")
)

__all__ = [
    "RULE_SETS",
    "apply",
    "explain",
    "is_liquidatable",
    "liquidation_prices",
    "lower",
    "parameters",
    "plan_liquidation",
    "quantities",
    "risk",
]

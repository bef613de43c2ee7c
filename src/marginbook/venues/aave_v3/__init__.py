"""Aave v3: `aave/3.0` and `aave/3.6`.

Source: the deployed rules as read from the public contracts (`@aave/core-v3` 1.19.3, `@aave-dao/aave-v3-origin` 3.6.0)
and confirmed by running them: `tests/evm` compares every number of every user and reserve at every step, see
`docs/venues/aave.md`. All arithmetic is on ints in the contracts' units: base currency with 8 decimals, basis points,
wad, ray. Only versions proved this way are here; what differs between them is data (`versions`).

Scope: variable debt, e-mode, caps, isolation and siloed borrowing, liquidation with the underlying token. Not modelled:
stable debt, flash loans, bridging, aToken transfers, grace periods, the price sentinel.
"""

from marginbook.domain.market import Index
from marginbook.domain.zones import LENDING_BORDERS
from marginbook.venues.aave_v3 import holdings
from marginbook.venues.aave_v3.applying import apply
from marginbook.venues.aave_v3.lowering import lower
from marginbook.venues.aave_v3.parameters import Parameters, parameters
from marginbook.venues.aave_v3.planning import plan_liquidation
from marginbook.venues.aave_v3.prices import liquidation_prices
from marginbook.venues.aave_v3.risk import RISK_SCALE, explain, is_liquidatable, quantities, risk
from marginbook.venues.rules import RuleSet, rule_module


def accrued_index(index: Index, kind: str, parameters: Parameters, at: int) -> int:
    """A stored index [ray] as it stands at `at` [µs UTC], by the version's own formula."""
    return holdings.accrued_index(index, kind, parameters.version, at)


MODULE = rule_module(
    parameters,
    apply,
    risk,
    quantities,
    is_liquidatable,
    liquidation_prices,
    plan_liquidation,
    explain,
    lower,
    accrued_index=accrued_index,
)

RULE_SETS = tuple(
    RuleSet(
        name=f"aave/{version}",
        version=version,
        venue="aave",
        family="lending",
        price_kind="oracle",
        risk_scale=RISK_SCALE,
        borders=LENDING_BORDERS,
        module=MODULE,
        price_decimals=holdings.PRICE_DECIMALS,
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

"""Aave: `aave/2` and `aave/3.0` to `aave/3.7`.

Source: the rules as read from the public contracts (`@aave/protocol-v2` 1.0.1, `@aave/core-v3` 1.19.3 and the tags and
the main branch of `aave-dao/aave-v3-origin`) and confirmed by running them: every number of every user and reserve
compared at every step, see `docs/venues/aave.md`. All arithmetic is on ints in the contracts' units: base currency
(10⁻⁸ USD; version 2 10⁻¹⁸ ETH), basis points, wad, ray. What differs between the versions is data (`versions`).

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
from marginbook.venues.aave_v3.risk import explain, is_liquidatable, quantities, risk, risk_scale
from marginbook.venues.aave_v3.versions import VERSIONS, Version
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

ON_NPM = ("2", "3.0", "3.6")
"""Versions whose contracts are on npm: `tests/evm` runs them. Of the others, recorded numbers are in the tests."""


def _rule_set(version: Version) -> RuleSet:
    by = "tests/evm" if version.name in ON_NPM else "numbers of the run in tests/vectors/aave"
    unverified = "shipped parameters: changes by the risk steward, and any after their date"
    if version.name == "2":
        unverified = "shipped parameters: changes between the launch and February 2023, and after July 2023"
    return RuleSet(
        name=f"aave/{version.name}",
        version=version.name,
        venue=version.venue,
        family="lending",
        price_kind="oracle",
        risk_scale=risk_scale(version),
        borders=LENDING_BORDERS,
        module=MODULE,
        price_decimals=version.base_decimals,
        verified=(f"the contracts of {version.name} in an EVM, step by step ({by})",),
        unverified=(unverified,),
    )


RULE_SETS = tuple(_rule_set(version) for version in VERSIONS.values())

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

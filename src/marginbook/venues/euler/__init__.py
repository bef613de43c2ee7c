"""Euler v2: vaults of the Euler vault kit (EVK), each lending one asset against shares of other vaults.

Rule set `euler/2`, in the contracts' own integers: debts of 31 extra bits, borrow and liquidation LTVs of four
decimals, LTVs that ramp down, a discount that grows with the violation, cool-off, bad debt. What an account owes to one
vault is a pool `main:<vault>`. Not modelled: oracles' own arithmetic beyond one quote, hooks, caps, rate models, the
liquidator's own health.
"""

from marginbook.domain.zones import LENDING_BORDERS
from marginbook.venues.euler.applying import apply
from marginbook.venues.euler.holdings import VENUE, accrued_index
from marginbook.venues.euler.lowering import lower
from marginbook.venues.euler.math import PRICE_DECIMALS
from marginbook.venues.euler.parameters import RULES, parameters
from marginbook.venues.euler.planning import plan_liquidation
from marginbook.venues.euler.risk import explain, is_liquidatable, liquidation_prices, quantities, risk
from marginbook.venues.rules import RuleSet, rule_module

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

RULE_SETS = (
    RuleSet(
        name=RULES,
        version="2",
        venue=VENUE,
        family="lending",
        price_kind="oracle",
        risk_scale=0,
        borders=LENDING_BORDERS,
        module=MODULE,
        price_decimals=PRICE_DECIMALS,
        verified=("the contracts at 5b98b42 in an EVM, step by step (tests/evm, needs a checkout)",),
        unverified=(
            "a price is one quote of the oracle, rounded once; adapters that cross several round more often",
            "shipped parameters: dates are those of the public configuration scripts, not of their execution",
        ),
    ),
)

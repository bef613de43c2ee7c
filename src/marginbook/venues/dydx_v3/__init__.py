"""dYdX v3 (StarkEx, 2021 to 2024): perpetuals against USDC on a validity rollup, in the system's fixed point.

Source: starkware-libs/stark-perpetual at 40f0282 (2023-11-22, Apache-2.0), re-implemented from its formulas. The rule
has no division: a position is liquidatable when Σ |value| · risk factor exceeds its total value, both exact binary
fractions. Deleveraging (total value below 0) happens at the one fair price.

Scope: what the circuit enforces. The exchange's own initial margin, its choice of what to liquidate and its prices
were off chain: a book may state `initial_fraction`; risk factors are a book's as well (`parameters`).
"""

from marginbook.domain.zones import DERIVATIVES_BORDERS
from marginbook.venues.dydx_v3.applying import apply
from marginbook.venues.dydx_v3.lowering import lower
from marginbook.venues.dydx_v3.parameters import parameters
from marginbook.venues.dydx_v3.rule import (
    explain,
    is_liquidatable,
    liquidation_prices,
    plan_liquidation,
    quantities,
    risk,
)
from marginbook.venues.rules import RuleSet, rule_module

RULE_SETS = (
    RuleSet(
        name="dydx/3",
        version="3",
        venue="dydx",
        family="derivatives",
        price_kind="oracle",
        risk_scale=0,
        borders=DERIVATIVES_BORDERS,
        module=rule_module(
            parameters,
            apply,
            risk,
            quantities,
            is_liquidatable,
            liquidation_prices,
            plan_liquidation,
            explain,
            lower,
        ),
        verified=(
            "the circuit itself, in the Cairo machine as others in an EVM: transactions, changes, prices (tests/evm)",
        ),
        unverified=(
            "that the chain's risk factors are the published maintenance fractions, which are shipped for five markets",
            "initial margin and its growth with size, which the exchange enforced off chain",
            "what the operator liquidated first, how much and at what price",
        ),
    ),
)

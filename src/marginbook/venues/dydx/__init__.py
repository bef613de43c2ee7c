"""dYdX v4 (dydxprotocol/v4-chain): perpetuals against USDC on a chain of its own, in the chain's integers.

Source: the chain's code at 84d4664 (2026-03-04), re-implemented from its formulas. Margin is a subaccount's net
collateral against the sum of its positions' requirements; liquidatable when maintenance > 0 and maintenance > net
collateral. Initial margin grows with open interest and with the user's own fraction; maintenance does not.

    quantums      base quantums, quote quantums, parts per million: the chain's arithmetic
    subaccount    positions, settlement, risk; liquidation prices, sizes and deleveraging of the chain
    holdings      a book's account as subaccounts
    risk, planning, applying, lowering, explanation    the functions of a rule set

Scope: USDC as only collateral, as on the chain. Not here: order matching, the pseudo-random choice of positions and
counterparties, withdrawal gates after negative collateral, vaults and equity tiers.
"""

from marginbook.domain.zones import DERIVATIVES_BORDERS
from marginbook.venues.dydx.applying import apply
from marginbook.venues.dydx.explanation import explain
from marginbook.venues.dydx.lowering import lower
from marginbook.venues.dydx.parameters import parameters
from marginbook.venues.dydx.planning import plan_liquidation
from marginbook.venues.dydx.quantums import QUOTE_DECIMALS
from marginbook.venues.dydx.risk import is_liquidatable, liquidation_prices, quantities, risk, warnings
from marginbook.venues.rules import RuleSet, rule_module

RULE_SETS = (
    RuleSet(
        name="dydx/4",
        version="4",
        venue="dydx",
        family="derivatives",
        price_kind="oracle",
        risk_scale=QUOTE_DECIMALS,
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
            warnings=warnings,
        ),
        verified=("the expected values of the chain's own unit tests (tests/vectors/dydx)",),
        unverified=(
            "live governance values of tiers and liquidation limits: the table is the launch genesis and the "
            "repository's sample of defaults",
            "the user's own fraction from a leverage: 10^6 / leverage, up",
            "which position the chain's pseudo-random offset picks first",
        ),
    ),
)

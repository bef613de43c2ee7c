"""Morpho Blue: isolated markets of one collateral and one loan asset, each a pool `main:<market>`.

Rule set `morpho/blue`, all integers in the contract's units (package @morpho-org/morpho-blue 1.0.0; a market's terms
never change). Rates are given (`borrow_rate_raw`, wad per second); `adaptive_curve` computes those of the usual rate
model. Not modelled: authorizations, flash loans, callbacks, pre-liquidations and vaults on top.
"""

from marginbook.domain.zones import LENDING_BORDERS
from marginbook.venues.morpho.applying import apply
from marginbook.venues.morpho.holdings import VENUE, accrued_index
from marginbook.venues.morpho.lowering import lower
from marginbook.venues.morpho.parameters import parameters
from marginbook.venues.morpho.planning import plan_liquidation
from marginbook.venues.morpho.risk import explain, is_liquidatable, liquidation_prices, quantities, risk
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
        name="morpho/blue",
        version="blue",
        venue=VENUE,
        family="lending",
        price_kind="oracle",
        risk_scale=0,
        borders=LENDING_BORDERS,
        module=MODULE,
        verified=("the contract of the npm package 1.0.0 in an EVM, call by call (tests/evm)",),
        unverified=("shipped markets: dates are those of a public listing; fees are not recorded",),
    ),
)

"""Perpetual Protocol v2 (Curie): `perp/2`, cross margin in USDC over virtual markets."""

from marginbook.domain.zones import DERIVATIVES_BORDERS
from marginbook.venues.perp.model import DECIMALS, VENUE, parameters
from marginbook.venues.perp.risk import is_liquidatable, liquidation_prices, quantities, risk, warnings
from marginbook.venues.perp.steps import apply, plan_liquidation
from marginbook.venues.perp.views import explain, lower
from marginbook.venues.rules import RuleSet, rule_module

RULE_SETS = (
    RuleSet(
        name="perp/2",
        version="2",
        venue=VENUE,
        family="derivatives",
        price_kind="oracle",
        risk_scale=DECIMALS,
        borders=DERIVATIVES_BORDERS,
        price_decimals=DECIMALS,
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
        verified=(
            "the contracts of @perp/curie-contract 2.8.4 in an EVM, step by step (tests/evm)",
            "liquidations and free collateral that the venue's own tests assert (tests/vectors/perp)",
        ),
        unverified=("governance values after deployment: collateral ratios and the terms of collateral sales",),
    ),
)

"""Drift v2: `drift/2`, cross and isolated margin of perps, deposits and borrows on Solana.

Source: the program's own text (drift-labs/protocol-v2 at 0ae3e3b1 of 2026-04-01, Apache-2.0), re-implemented on its
integers; see `docs/venues/drift.md`. Size premium and discount have had this form since the first release (2022-10-28),
user ratios per market since #1847 (2025-09-08), high-leverage initial ratios since #1969 (2025-10-22), isolated
positions since #1757 (2026-01-05).
"""

from marginbook.domain.zones import DERIVATIVES_BORDERS
from marginbook.venues.drift.events import apply
from marginbook.venues.drift.explanation import explain
from marginbook.venues.drift.liquidation import plan_liquidation
from marginbook.venues.drift.lowering import lower
from marginbook.venues.drift.parameters import parameters
from marginbook.venues.drift.prices import liquidation_prices
from marginbook.venues.drift.risk import is_liquidatable, quantities, risk
from marginbook.venues.drift.units import KIND, PRICE_DECIMALS, QUOTE_DECIMALS, VENUE
from marginbook.venues.rules import RuleSet, rule_module

RULE_SETS = (
    RuleSet(
        name="drift/2",
        version="2",
        venue=VENUE,
        family="derivatives",
        price_kind=KIND,
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
        ),
        price_decimals=PRICE_DECIMALS,
        verified=(
            "the program's own tests: weights, whole accounts, open orders, liquidations, fees (tests/vectors/drift)",
            "the venue's own SDK in node: margin of accounts in every mode, liquidation sums, funding (tests/evm)",
        ),
        unverified=(
            "an account in high-leverage mode, and funding, by the program: only its SDK and its text have been asked",
            "shipped weights and perp ratios by the chain; the day from which the perp ratios hold",
            "settlement of expired markets, oracle validity, pools other than the main one",
        ),
    ),
)

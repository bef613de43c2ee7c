"""OKX: `okx/single-currency` (swaps and futures).

Source: figures that live accounts and the venue's API pages printed (`tests/vectors/okx`); `parameters` has the
equations. Quantities are base units (USD for coin-margined contracts) unless an overlay gives a `contract_size`.
"""

from marginbook.domain.zones import DERIVATIVES_BORDERS
from marginbook.venues.contracts.events import apply
from marginbook.venues.contracts.explanation import explain
from marginbook.venues.contracts.liquidation import plan_liquidation
from marginbook.venues.contracts.lowering import lower
from marginbook.venues.contracts.prices import liquidation_prices
from marginbook.venues.contracts.sums import is_liquidatable, quantities, risk, warnings
from marginbook.venues.okx.parameters import parameters
from marginbook.venues.rules import RuleSet, rule_module

RULE_SETS = (
    RuleSet(
        name="okx/single-currency",
        version="single-currency",
        venue="okx",
        family="derivatives",
        price_kind="mark",
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
            warnings=warnings,
        ),
        verified=("printed margins, ratios and liquidation prices of cross and isolated positions",),
        unverified=(
            "liquidation at a margin ratio of exactly 100 %",
            "why an isolated liquidation price is printed one tick nearer to the mark",
            "tiers above the first: by the position's own quantity, not by the underlying's",
            "open-order margin as max(position + bids, position − asks)",
            "what a liquidation closes first, and its fee",
        ),
    ),
)

"""OKX: `okx/single-currency`, `okx/multi-currency` (swaps and futures) and `okx/spot-margin` (isolated pairs).

Source: figures that live accounts and the venue's API pages printed (`tests/vectors/okx`); `parameters`, `spot_margin`
and `contracts.multi_currency` have the equations. Quantities are base units (USD for coin-margined contracts) unless an
overlay gives a `contract_size`. Not here: portfolio margin, options, cross spot margin's borrowing limits, what open
orders may take from the adjusted equity.
"""

from marginbook.domain.zones import DERIVATIVES_BORDERS
from marginbook.venues.contracts import events, explanation, liquidation, lowering, prices, sums
from marginbook.venues.contracts.multi_currency_rules import multi_currency_module
from marginbook.venues.okx import spot_margin
from marginbook.venues.okx.parameters import multi_currency_parameters, parameters
from marginbook.venues.rules import RuleModule, RuleSet, rule_module

_UNVERIFIED = (
    "liquidation at a margin ratio of exactly 100 %",
    "tiers above the first: by the position's own quantity, not by the underlying's",
    "open-order margin as max(position + bids, position − asks)",
    "what a liquidation closes first, and its fee",
)


def _rule_set(version: str, module: RuleModule, verified: tuple[str, ...], unverified: tuple[str, ...]) -> RuleSet:
    return RuleSet(
        name=f"okx/{version}",
        version=version,
        venue="okx",
        family="derivatives",
        price_kind="mark",
        risk_scale=0,
        borders=DERIVATIVES_BORDERS,
        module=module,
        verified=verified,
        unverified=unverified,
    )


RULE_SETS = (
    _rule_set(
        "single-currency",
        rule_module(
            parameters,
            events.apply,
            sums.risk,
            sums.quantities,
            sums.is_liquidatable,
            prices.liquidation_prices,
            liquidation.plan_liquidation,
            explanation.explain,
            lowering.lower,
            warnings=sums.warnings,
        ),
        ("printed margins, ratios and liquidation prices of cross and isolated positions, to the last digit",),
        ("why an isolated liquidation price is printed one tick nearer to the mark", *_UNVERIFIED),
    ),
    _rule_set(
        "multi-currency",
        multi_currency_module(multi_currency_parameters),
        ("what nine currencies of a demo account count as collateral",),
        (
            "discount tiers above the first, and what is above the last",
            "a negative equity counts in full and asks its borrow rate",
            *_UNVERIFIED,
        ),
    ),
    _rule_set(
        "spot-margin",
        rule_module(
            spot_margin.parameters,
            spot_margin.apply,
            spot_margin.risk,
            spot_margin.quantities,
            spot_margin.is_liquidatable,
            spot_margin.liquidation_prices,
            spot_margin.plan_liquidation,
            spot_margin.explain,
            spot_margin.lower,
        ),
        ("the formula of the venue's help article",),
        ("any printed figure", "tiers above the first", "how a liquidation sells", "pairs that owe both currencies"),
    ),
)

"""Rule sets for everything that has none of its own: all parameters come from the book."""

from marginbook.domain.zones import DERIVATIVES_BORDERS, LENDING_BORDERS
from marginbook.venues.generic import derivatives, lending
from marginbook.venues.generic.lending_events import apply as apply_lending
from marginbook.venues.generic.lending_explanation import explain as explain_lending
from marginbook.venues.rules import RuleSet, rule_module

LENDING = rule_module(
    lending.parameters,
    apply_lending,
    lending.risk,
    lending.quantities,
    lending.is_liquidatable,
    lending.liquidation_prices,
    lending.plan_liquidation,
    explain_lending,
    lending.lower,
)

RULE_SETS = (
    RuleSet(
        name="generic/derivatives",
        version="derivatives",
        venue="generic",
        family="derivatives",
        price_kind="mark",
        risk_scale=0,
        borders=DERIVATIVES_BORDERS,
        module=derivatives.MODULE,
        verified=("worked examples (tests/venues/test_worked_examples.py); no venue of its own",),
    ),
    RuleSet(
        name="generic/lending",
        version="lending",
        venue="generic",
        family="lending",
        price_kind="oracle",
        risk_scale=0,
        borders=LENDING_BORDERS,
        module=LENDING,
        verified=("worked examples (tests/venues/test_worked_examples.py); no venue of its own",),
    ),
)

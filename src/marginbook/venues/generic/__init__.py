"""Rule sets for everything that has none of its own: all parameters come from the book."""

from marginbook.domain.zones import DERIVATIVES_BORDERS, LENDING_BORDERS
from marginbook.venues.generic import derivatives, lending
from marginbook.venues.generic.lending_events import apply as apply_lending
from marginbook.venues.generic.lending_explanation import explain as explain_lending
from marginbook.venues.rules import RuleSet


class Lending:
    """The functions of `generic/lending`, by the names that every rule set has."""

    parameters = staticmethod(lending.parameters)
    apply = staticmethod(apply_lending)
    risk = staticmethod(lending.risk)
    quantities = staticmethod(lending.quantities)
    is_liquidatable = staticmethod(lending.is_liquidatable)
    liquidation_prices = staticmethod(lending.liquidation_prices)
    plan_liquidation = staticmethod(lending.plan_liquidation)
    explain = staticmethod(explain_lending)
    lower = staticmethod(lending.lower)


RULE_SETS = (
    RuleSet(
        name="generic/derivatives",
        version="derivatives",
        venue="generic",
        family="derivatives",
        price_kind="mark",
        risk_scale=0,
        borders=DERIVATIVES_BORDERS,
        module=derivatives.Module(),
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
        module=Lending(),
        verified=("worked examples (tests/venues/test_worked_examples.py); no venue of its own",),
    ),
)

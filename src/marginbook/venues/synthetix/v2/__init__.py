"""Perps v2: every position is its own margin account in its market; see the modules for the rules."""

from marginbook.venues.rules import rule_module
from marginbook.venues.synthetix.v2.events import apply
from marginbook.venues.synthetix.v2.explanation import explain
from marginbook.venues.synthetix.v2.liquidation import liquidation_prices, plan_liquidation
from marginbook.venues.synthetix.v2.lowering import lower
from marginbook.venues.synthetix.v2.parameters import parameters
from marginbook.venues.synthetix.v2.risk import is_liquidatable, quantities, risk

MODULE = rule_module(
    parameters, apply, risk, quantities, is_liquidatable, liquidation_prices, plan_liquidation, explain, lower
)

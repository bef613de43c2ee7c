"""Compound III (Comet): `compound/3`.

Source: the deployed rules as read from compound-finance/comet d5a30b0a and confirmed by running them: `tests/evm`
compares every number of a Comet and its users at every step, see `docs/venues/compound.md`. Arithmetic is on ints in
the contract's units.

One pool per Comet. Not modelled: rewards, transfers between users, pauses, the sale of seized collateral as an event of
an account (`absorption.quote` gives the price).
"""

from marginbook.venues.compound.comet.applying import apply
from marginbook.venues.compound.comet.holdings import accrued_index
from marginbook.venues.compound.comet.lowering import lower
from marginbook.venues.compound.comet.parameters import parameters
from marginbook.venues.compound.comet.planning import plan_liquidation
from marginbook.venues.compound.comet.prices import liquidation_prices
from marginbook.venues.compound.comet.risk import explain, is_liquidatable, quantities, risk
from marginbook.venues.rules import rule_module

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

"""MakerDAO (Sky): vaults of one collateral against DAI, each a pool `main:<vault type>`.

Rule set `maker/dss`, all integers in the contracts' units (wad 10^-18, ray 10^-27, rad 10^-45): the vault engine,
prices, stability fees and Liquidation 2.0 (from April 2021). Not modelled: Liquidation 1.2 (`flip`), oracle delay,
savings rate, surplus and debt auctions, emergency shutdown, debt ceilings of all types together.
"""

from marginbook.domain.zones import LENDING_BORDERS
from marginbook.venues.maker.applying import apply
from marginbook.venues.maker.holdings import VENUE, WAD_DECIMALS, accrued_index
from marginbook.venues.maker.lowering import lower
from marginbook.venues.maker.parameters import parameters
from marginbook.venues.maker.planning import plan_liquidation
from marginbook.venues.maker.risk import RISK_SCALE, explain, is_liquidatable, liquidation_prices, quantities, risk
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
        name="maker/dss",
        version="dss",
        venue=VENUE,
        family="lending",
        price_kind="oracle",
        risk_scale=RISK_SCALE,
        borders=LENDING_BORDERS,
        module=MODULE,
        price_decimals=WAD_DECIMALS,
        verified=("the contracts at fa4f663 in an EVM, step by step (tests/evm, needs a checkout)",),
        unverified=("shipped parameters: dates are those of spells, not of their execution",),
    ),
)

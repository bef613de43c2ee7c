"""Synthetix perps: `synthetix/3` (v3, Base) and `synthetix/2` (v2, Optimism).

Source: the contracts' own text (Synthetixio/synthetix-v3 markets/perps-market at 23585f73 of 2025-06-12, and
Synthetixio/synthetix PerpsV2Market*.sol at 1609d156 of 2025-03-31, both MIT), re-implemented on ints of 10^-18 that are
cut toward zero at every product. Prices are the oracle's; see `docs/venues/synthetix.md`.
"""

from marginbook.domain.zones import DERIVATIVES_BORDERS
from marginbook.venues.rules import RuleSet, rule_module
from marginbook.venues.synthetix.events import apply
from marginbook.venues.synthetix.explanation import explain
from marginbook.venues.synthetix.liquidation import liquidation_prices, plan_liquidation
from marginbook.venues.synthetix.lowering import lower
from marginbook.venues.synthetix.parameters import parameters
from marginbook.venues.synthetix.risk import is_liquidatable, quantities, risk
from marginbook.venues.synthetix.v2 import MODULE as V2
from marginbook.venues.synthetix.wad import DECIMALS, KIND, VENUE

RULE_SETS = (
    RuleSet(
        name="synthetix/3",
        version="3",
        venue=VENUE,
        family="derivatives",
        price_kind=KIND,
        risk_scale=DECIMALS,
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
        price_decimals=DECIMALS,
        verified=(
            "the modules of @synthetixio/perps-market 3.13.0 in an EVM, step by step (tests/evm)",
            "the venue's own tests: margins, fill price, keeper rewards, liquidation windows (tests/vectors/synthetix)",
            "the published table of accrued funding",
        ),
        unverified=(
            "the rewards' form before 2024-11-01",
            "shipped parameters by the chain: they are the deployment files', dated by their commits",
            "keeper costs: 0 unless the state tells",
        ),
    ),
    RuleSet(
        name="synthetix/2",
        version="2",
        venue=VENUE,
        family="derivatives",
        price_kind=KIND,
        risk_scale=DECIMALS,
        borders=DERIVATIVES_BORDERS,
        module=V2,
        price_decimals=DECIMALS,
        verified=(
            "the contracts of the npm package synthetix 2.102.1 in an EVM, step by step (tests/evm)",
            "the venue's own tests: liquidation fee, canLiquidate of an underwater position",
        ),
        unverified=(
            "funding where parameters change between two records of it",
            "shipped parameters by the chain: they are the deployment file's, dated by its commits",
        ),
    ),
)

"""Compound: `compound/2` (the money market of cTokens), its fork `compound/venus`, and `compound/3` (Comet)."""

from marginbook.domain.zones import LENDING_BORDERS
from marginbook.venues.compound import comet, v2
from marginbook.venues.compound.comet.risk import RISK_SCALE as COMET_SCALE
from marginbook.venues.compound.inputs import PRICE_DECIMALS, VENUE
from marginbook.venues.compound.v2.risk import RISK_SCALE as V2_SCALE
from marginbook.venues.rules import RuleSet

RULE_SETS = (
    RuleSet(
        name="compound/2",
        version="2",
        venue=VENUE,
        family="lending",
        price_kind="oracle",
        risk_scale=V2_SCALE,
        borders=LENDING_BORDERS,
        module=v2.MODULE,
        price_decimals=PRICE_DECIMALS,
        verified=("the contracts at a3214f6 in an EVM, step by step (tests/evm, needs a checkout)",),
        unverified=("shipped parameters are those of a date, see the page", "cETH, COMP rewards and other rate models"),
    ),
    RuleSet(
        name="compound/venus",
        version="venus",
        venue=VENUE,
        family="lending",
        price_kind="oracle",
        risk_scale=V2_SCALE,
        borders=LENDING_BORDERS,
        module=v2.MODULE,
        price_decimals=PRICE_DECIMALS,
        verified=("the contracts of @venusprotocol/venus-protocol 10.3.0 in an EVM, step by step (tests/evm)",),
        unverified=("VAI, other pools than the core pool, bounded prices, the liquidator contract's treasury share",),
    ),
    RuleSet(
        name="compound/3",
        version="3",
        venue=VENUE,
        family="lending",
        price_kind="oracle",
        risk_scale=COMET_SCALE,
        borders=LENDING_BORDERS,
        module=comet.MODULE,
        price_decimals=PRICE_DECIMALS,
        verified=("the contract at d5a30b0a in an EVM, step by step (tests/evm, needs a checkout)",),
        unverified=("shipped parameters are those of the repository, see the page", "rewards"),
    ),
)

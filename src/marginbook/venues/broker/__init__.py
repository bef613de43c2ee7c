"""US brokers: margin accounts under Regulation T and FINRA Rule 4210, and portfolio margin.

`broker/reg-t` is a margin account as its owner knows it: Regulation T when something is bought or sold, FINRA 4210
for keeping it. `broker/finra-4210` asks for FINRA 4210 on both sides, as brokers' systems do during the day. In both,
options and shares go together so that the total is least (`pairing`), with a proof. `broker/portfolio` is portfolio
margin.

A call is made when equity is below the requirement, not at it, and the broker may sell at once: the disclosure of FINRA
Rule 2264 says that it need not call, nor wait. A deadline that it grants is a policy of calls, not of the rules.
"""

from dataclasses import replace
from functools import wraps
from typing import Any

from marginbook.domain.zones import Border, Zone
from marginbook.venues.broker.applying import apply
from marginbook.venues.broker.lowering import lower_by, lower_margin, lower_portfolio
from marginbook.venues.broker.margin_account import FINRA_4210, REG_T, quantities_by
from marginbook.venues.broker.parameters import parameters
from marginbook.venues.broker.planning import plan_by
from marginbook.venues.broker.portfolio import PORTFOLIO
from marginbook.venues.rules import RuleModule, RuleSet, rule_module
from marginbook.venues.statements.functions import module_of
from marginbook.venues.statements.model import Maker

BORDERS = (Border(Zone.WARNING, 85, 100, 83, 100), Border(Zone.CALL, 100, 100, 100, 100))
"""A warning is ours, from 85 % of equity asked for on; a call is the broker's, below the requirement."""
PRINTED = (
    "an exchange's margin manual (43 samples) and table of strategies; SMA of exam questions, a short sale among them",
    "pairings against all divisions of random books",
)
RULES_OF_THUMB = (
    "relief for short shares hedged (protective call, reverse conversion): an exchange's figures differ",
    "index options covered by a fund on the index, loan value of long boxes: not modelled",
    "short straddles of equal sides",
    "spreads of more than four options, and house margins of brokers, which a book's own rows give",
)

TIMED = ("risk", "quantities", "is_liquidatable", "liquidation_prices", "plan_liquidation", "explain")
"""Functions whose last two arguments are parameters and time."""


def at_the_time(function: Any) -> Any:
    """`function` with the time asked for in its parameters: options near their expiry by the clock."""

    @wraps(function)
    def run(*arguments: Any) -> Any:
        *before, rates, at = arguments
        return function(*before, rates if rates.at == at else replace(rates, at=at), at)

    return run


def _module(maker: Maker, table: Any, **more: Any) -> RuleModule:
    functions = vars(
        module_of(maker, parameters, apply, lower_by(maker, table), plan_liquidation=plan_by(maker), **more)
    )
    return rule_module(**{name: at_the_time(found) if name in TIMED else found for name, found in functions.items()})


RULE_SETS = (
    RuleSet(
        name="broker/reg-t",
        version="reg-t",
        venue="broker",
        family="broker",
        price_kind="mark",
        risk_scale=0,
        borders=BORDERS,
        module=_module(REG_T, lower_margin, quantities=quantities_by(REG_T)),
        verified=(
            "12 CFR 220.12 (text); a broker's walkthrough of SMA; the exchange's calculator, 8 uncovered options",
            "a broker's figures for spreads, butterflies, condors",
            *PRINTED,
        ),
        unverified=RULES_OF_THUMB,
    ),
    RuleSet(
        name="broker/finra-4210",
        version="finra-4210",
        venue="broker",
        family="broker",
        price_kind="mark",
        risk_scale=0,
        borders=BORDERS,
        module=_module(FINRA_4210, lower_margin, quantities=quantities_by(FINRA_4210)),
        verified=(
            "the exchange's calculator, 8 uncovered options; a broker's walkthrough of a real-time account",
            "a broker's figures for spreads, butterflies, condors",
            *PRINTED,
        ),
        unverified=RULES_OF_THUMB,
    ),
    RuleSet(
        name="broker/portfolio",
        version="portfolio",
        venue="broker",
        family="broker",
        price_kind="mark",
        risk_scale=0,
        borders=BORDERS,
        module=_module(PORTFOLIO, lower_portfolio),
        verified=(
            "ranges of broad indices: the pilot's table in SEC Release 34-46576",
            "an exchange's table, 15 positions on a share and an index: ±15 %, +6 / −8 %, ten points, 0.375 per unit",
        ),
        unverified=(
            "which index is of which kind beyond SPX and RUT",
            "offsets within product groups, minimum equity of the account: not modelled",
            "the clearing house values American options by a tree with dividends; here Black-Scholes, or by exercise",
        ),
    ),
)

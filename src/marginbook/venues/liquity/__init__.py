"""Liquity v1: troves of ETH against LUSD, the stability pool, redistribution and recovery mode.

Rule set `liquity/1`: the contracts deployed in April 2021, which cannot be changed, in their own integers. One account
is one trove, pool `main`; `liquidation.batch`, `liquidation.sequence` and `redemption.redeemed` are calls that meet
several. Not modelled: fallbacks of the price feed, LQTY.
"""

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.zones import LENDING_BORDERS
from marginbook.venues.liquity.applying import apply
from marginbook.venues.liquity.holdings import VENUE, WAD_DECIMALS, is_known
from marginbook.venues.liquity.lowering import lower
from marginbook.venues.liquity.parameters import RULES, SYSTEM, Parameters, parameters
from marginbook.venues.liquity.planning import plan_liquidation
from marginbook.venues.liquity.risk import RISK_SCALE, explain, is_liquidatable, liquidation_prices, quantities, risk
from marginbook.venues.rules import RuleSet, rule_module


def warnings(account: Account, market: Market, parameters: Parameters, at: int) -> list[str]:
    """What is assumed where the system's totals are missing."""
    if is_known(market) or not account.debt:
        return []
    return [f"state.{VENUE}.{SYSTEM}: without the totals of all troves, normal mode is assumed"]


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
    warnings=warnings,
)

RULE_SETS = (
    RuleSet(
        name=RULES,
        version="1",
        venue=VENUE,
        family="lending",
        price_kind="oracle",
        risk_scale=RISK_SCALE,
        borders=LENDING_BORDERS,
        module=MODULE,
        price_decimals=WAD_DECIMALS,
        verified=("the contracts at 87345cc in an EVM, step by step (tests/evm, needs a checkout)",),
        unverified=("fallbacks of the price feed, LQTY and the frontend's shares are not modelled",),
    ),
)

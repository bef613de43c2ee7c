"""Compound v2, `compound/2`, and its fork Venus (core pool), `compound/venus`.

Source: the deployed rules as read from compound-finance/compound-protocol a3214f6 and confirmed by running them:
`tests/evm` compares every number of every user and market at every step, see `docs/venues/compound.md`. All arithmetic
is on ints in the contracts' units, and every operation truncates.

The comptroller looks at stored balances and stored exchange rates: the rule set decides on them too. Not modelled: COMP
rewards, transfers of cTokens, the pauses of seizing and transferring, listing.
"""

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.venues.compound.v2.applying import apply
from marginbook.venues.compound.v2.holdings import held_assets, is_empty
from marginbook.venues.compound.v2.lowering import lower
from marginbook.venues.compound.v2.parameters import Parameters, parameters
from marginbook.venues.compound.v2.planning import plan_liquidation
from marginbook.venues.compound.v2.prices import liquidation_prices
from marginbook.venues.compound.v2.risk import explain, is_liquidatable, quantities, risk
from marginbook.venues.rules import rule_module


def warnings(account: Account, market: Market, parameters: Parameters, at: int) -> tuple[str, ...]:
    """Debts of deprecated markets: anyone may repay them whole against collateral, without any shortfall."""
    return tuple(
        f"{asset}: the market is deprecated, its debt may be liquidated at any health"
        for asset, (_, owes) in held_assets(account).items()
        if not is_empty(owes) and parameters.asset(asset, f"account {account.id}").deprecated
    )


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

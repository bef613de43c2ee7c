"""GMX: `gmx/2` (synthetics, an isolated pool per position, price impact) and `gmx/1` (vault).

Sources: gmx-io/gmx-synthetics at commit a5c0c8835182 (2026-03-13), gmx-io/gmx-contracts at fe55c4ba8911
(2025-07-21). The modules here are v2's; `vault…` are v1's.
"""

from marginbook.domain.market import Index
from marginbook.domain.zones import DERIVATIVES_BORDERS
from marginbook.venues.gmx import vault, vault_steps, vault_views
from marginbook.venues.gmx.applying import apply
from marginbook.venues.gmx.closing import plan_liquidation
from marginbook.venues.gmx.explanation import explain
from marginbook.venues.gmx.lowering import lower
from marginbook.venues.gmx.parameters import Parameters, parameters
from marginbook.venues.gmx.positions import USD_DECIMALS, VENUE, accrued
from marginbook.venues.gmx.risk import is_liquidatable, liquidation_prices, quantities, risk, warnings
from marginbook.venues.rules import RuleSet, rule_module


def accrued_index(index: Index, kind: str, parameters: Parameters, at: int) -> int:
    """The cumulative borrowing factor at `at` [µs UTC]; funding is as stored.

    >>> accrued_index(Index(5, 2, 10), "borrow", None, 13_000_000), accrued_index(Index(5), "funding", None, 13_000_000)
    (11, 5)
    """
    return accrued(index, at) if kind == "borrow" else index.value_raw


RULE_SETS = (
    RuleSet(
        name="gmx/2",
        version="2",
        venue=VENUE,
        family="derivatives",
        price_kind="min",
        risk_scale=USD_DECIMALS,
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
            warnings=warnings,
            accrued_index=accrued_index,
        ),
        verified=(
            "the libraries at a5c0c883 in an EVM, step by step (tests/evm, needs a checkout)",
            "numbers that the venue's own tests assert: impact, execution price, check, payouts (tests/vectors/gmx), "
            "borrowing and funding",
        ),
        unverified=(
            "on-chain parameter values; the shipped ones are the configuration file's",
            "swaps of profit into collateral, lending to the impact pool",
        ),
    ),
    RuleSet(
        name="gmx/1",
        version="1",
        venue=VENUE,
        family="derivatives",
        price_kind="min",
        risk_scale=USD_DECIMALS,
        borders=DERIVATIVES_BORDERS,
        module=rule_module(
            vault.parameters,
            vault_steps.apply,
            vault.risk,
            vault.quantities,
            vault.is_liquidatable,
            vault.liquidation_prices,
            vault_steps.plan_liquidation,
            vault_views.explain,
            vault_views.lower,
        ),
        verified=(
            "the vault at fe55c4b in an EVM, step by step (tests/evm, needs a checkout)",
            "deltas and liquidation states that the venue's own tests assert (tests/vectors/gmx)",
        ),
        unverified=("governance values after deployment", "prices of the venue's own feed"),
    ),
)

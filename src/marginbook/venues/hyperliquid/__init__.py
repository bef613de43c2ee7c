"""Hyperliquid perpetuals: linear contracts settled in USDC, cross and isolated margin, as differences of `contracts`.

Source: the venue's documentation (trading/margining, margin-tiers, liquidations, auto-deleveraging) and recorded API
answers; the ledger itself is closed. Margin tiers and rules are dated, 2023-03-27 to 2026-09-27 (`params/data`).

    equity       = balance + Σ side · size · (mark − entry)
    maintenance  = notional / (2 · max leverage) − deduction, by the tier of the notional
    liquidatable ⟺ equity < maintenance;  price − side · available / size / (1 − l · side)
    withdrawable = equity − max(initial margin, share of the notional): 0 in 2023, 20 % in 2025-03, then 10 %

Not here: portfolio margin, the liquidator vault's own risk, markets whose margin is not USDC.
"""

from dataclasses import replace

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.risk import Quantities
from marginbook.domain.zones import DERIVATIVES_BORDERS
from marginbook.exact import ZERO, in_exact_context, round_floor
from marginbook.venues.contracts import sums
from marginbook.venues.contracts.events import apply
from marginbook.venues.contracts.explanation import explain
from marginbook.venues.contracts.lowering import lower
from marginbook.venues.contracts.model import pools
from marginbook.venues.contracts.prices import liquidation_prices
from marginbook.venues.hyperliquid.liquidation import plan_liquidation
from marginbook.venues.hyperliquid.parameters import Rules, parameters
from marginbook.venues.rules import RuleSet, rule_module


@in_exact_context
def quantities(account: Account, market: Market, parameters: Rules, at: int) -> dict[str, Quantities]:
    """Every number of every pool; unrealised profit may be withdrawn, as long as the transfer requirement stays."""
    found = sums.quantities(account, market, parameters, at)
    for name, pool in pools(account, parameters).items():
        state = sums.figures(pool, market, parameters)
        if state.leverage_known:
            required = max(state.initial, parameters.transfer_rate * state.notional)
            free = round_floor(max(ZERO, state.balance - required), 8)
            found[name] = replace(found[name], withdrawable=free)
    return found


RULE_SETS = (
    RuleSet(
        name="hyperliquid/perps",
        version="perps",
        venue="hyperliquid",
        family="derivatives",
        price_kind="mark",
        risk_scale=0,
        borders=DERIVATIVES_BORDERS,
        module=rule_module(
            parameters,
            apply,
            sums.risk,
            quantities,
            sums.is_liquidatable,
            liquidation_prices,
            plan_liquidation,
            explain,
            lower,
            warnings=sums.warnings,
        ),
        verified=(
            "liquidation prices of isolated positions that the exchange reported in 2024, within 2e-6 USD of margin; "
            "recorded accounts of 12 positions (2023-03-27) and of 3 (2024-05-04, by today's formula)",
        ),
        unverified=(
            "accounts of several positions after 2024-05-04",
            "the last digit of a displayed liquidation price",
            "liquidation only below maintenance margin, not at it (the documentation says: falls below)",
            "which position of a cross account is closed first; the rounding of 20 %",
            "open-order margin as max(position + bids, position − asks)",
            "portfolio margin: not here",
        ),
    ),
)

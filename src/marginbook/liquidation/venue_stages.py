"""The waterfalls of all rule sets, as data. What a venue does not document, or what was not read, is not verified.

| who | closing | a loss that is left |
|---|---|---|
| exchanges | orders, the part that cures at the mark, else all at the bankruptcy price | fund, deleveraging |
| Hyperliquid | order (20 % above 100,000 USDC), below 2/3 to the vault, below 0 deleveraged | the other side |
| dYdX v4, v3 | orders at the fillable price by block limits; the operator's trade | fund, deleveraging |
| FTX | orders, backstop below half, fund | fund, then all users |
| Drift | share by slots to a liquidator, then borrows against deposits | fund, then all users |
| Perpetual Protocol | half or all to a liquidator | fund, or refused |
| GMX, Synthetix | all, or by window, against the pool | the pool |
| lending protocols | calls up to the close factor | written off, or left on the books |
| Maker | auction | the system's surplus |
| Liquity | stability pool, then all other troves | none |
| brokers, futures commission merchants | what cures, at the mark | the customer owes it |
"""

from collections.abc import Callable, Mapping
from functools import cache

from marginbook.domain.errors import BadInput
from marginbook.liquidation import pauses, rankings
from marginbook.liquidation.perpetual_stages import (
    BINANCE,
    BYBIT,
    FIRST_ORDER,
    PROFITS_FIRST,
    UNREAD,
    drift,
    dydx_3,
    dydx_4,
    exchange,
    ftx,
    hyperliquid,
    perp,
)
from marginbook.liquidation.protocol_stages import calls, comet, customer, liquity, maker, okx_spot, pool_venue
from marginbook.liquidation.stages import Stages
from marginbook.liquidation.venue_acts import (
    call,
    call_for_all_in_tokens,
    call_in_tokens,
    call_offering_all,
)

OWN = "definitions of this project"
AAVE_OLD = "aave v2 and v3.0 to v3.2, LiquidationLogic; run in an EVM"
AAVE_NEW = "aave v3.3 to v3.7, LiquidationLogic with deficits; run in an EVM"
EULER = "euler-vault-kit 5b98b420, source read"
AGREEMENT = "FINRA Rule 2264, margin disclosure statement"
CHOICE = "which position, when and at what price is the broker's choice"

STAGES: Mapping[str, Callable[[], Stages]] = {
    **dict.fromkeys(
        ("aave/2", "aave/3.0", "aave/3.1", "aave/3.2"), lambda: calls(AAVE_OLD, act=call_offering_all, writes_off=False)
    ),
    **dict.fromkeys(
        ("aave/3.3", "aave/3.4", "aave/3.5", "aave/3.6", "aave/3.7"),
        lambda: calls(AAVE_NEW, act=call_offering_all, writes_off=True),
    ),
    "binance/usdm": lambda: exchange(BINANCE, True, rankings.binance, note=FIRST_ORDER),
    "binance/coinm": lambda: exchange(BINANCE, True, rankings.binance, note=FIRST_ORDER),
    "binance/multi-assets": lambda: exchange(BINANCE, score=rankings.binance, several=True, note=FIRST_ORDER),
    "binance/portfolio": lambda: exchange(BINANCE, several=True, note="claims after liquidation at a uniMMR of 100 %"),
    "bitget/usdt": lambda: exchange(UNREAD),
    "bitmex/inverse": lambda: exchange("help pages on liquidation and ADL", score=rankings.bitmex),
    "bitmex/linear": lambda: exchange("help pages on liquidation and ADL", score=rankings.bitmex),
    "broker/finra-4210": lambda: customer(AGREEMENT, CHOICE),
    "broker/portfolio": lambda: customer(AGREEMENT, CHOICE),
    "broker/reg-t": lambda: customer(AGREEMENT, CHOICE),
    "bybit/classic": lambda: exchange(BYBIT, note=PROFITS_FIRST),
    "bybit/inverse": lambda: exchange(BYBIT, note=PROFITS_FIRST),
    "bybit/uta": lambda: exchange(BYBIT, several=True, note=PROFITS_FIRST),
    "cme/fixed": lambda: customer("practice of futures commission merchants", "no rule text was read"),
    "compound/2": lambda: calls("compound-protocol a3214f6; run in an EVM", act=call_in_tokens, writes_off=False),
    "compound/venus": lambda: calls("venus-protocol 10.3.0; run in an EVM", act=call_in_tokens, writes_off=False),
    "compound/3": comet,
    "deribit/portfolio": lambda: exchange(UNREAD),
    "deribit/standard": lambda: exchange(UNREAD),
    "drift/2": drift,
    "dydx/3": dydx_3,
    "dydx/4": dydx_4,
    "euler/2": lambda: calls(EULER, act=call, writes_off=True, waits=pauses.next_after_cool_off),
    "ftx/2022": ftx,
    "generic/derivatives": lambda: exchange(OWN),
    "generic/lending": lambda: calls(OWN, act=call, writes_off=False, verified=False),
    "gmx/1": lambda: pool_venue("gmx-contracts, Vault.sol", "vault", "the vault closes the position"),
    "gmx/2": lambda: pool_venue(
        "gmx-synthetics a5c0c883 (2026-03-13)", "vault", "the keeper closes the position against the pool"
    ),
    "htx/coin-swap": lambda: exchange(UNREAD),
    "hyperliquid/perps": hyperliquid,
    "liquity/1": liquity,
    "maker/dss": maker,
    "morpho/blue": lambda: calls("morpho-blue 1.0.0; run in an EVM", act=call_for_all_in_tokens, writes_off=True),
    "okx/multi-currency": lambda: exchange(UNREAD, several=True),
    "okx/single-currency": lambda: exchange(UNREAD),
    "okx/spot-margin": okx_spot,
    "perp/2": perp,
    "synthetix/2": lambda: pool_venue(
        "PerpsV2MarketLiquidate.sol at 1609d156", "margin", "the keeper liquidates the whole position"
    ),
    "synthetix/3": lambda: pool_venue(
        "LiquidationModule.sol at 23585f73 (2025-06-12)",
        "windows",
        "flagged: all collateral is seized, positions go as far as the windows allow",
    ),
}
"""Rule set → its waterfall."""


@cache
def stages_of(rules: str) -> Stages:
    """The waterfall of a rule set; BadInput `no_waterfall` where none is written down."""
    if rules not in STAGES:
        raise BadInput("no_waterfall", "rules", rules, "a rule set with stages: " + ", ".join(sorted(STAGES)))
    return STAGES[rules]()

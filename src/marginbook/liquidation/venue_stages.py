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
from marginbook.liquidation import deficits, pauses, rankings
from marginbook.liquidation.acts import as_planned, close, hand_over, take_over
from marginbook.liquidation.stages import Act, Stage, Stages, never_waits
from marginbook.liquidation.venue_acts import (
    absorb,
    bark_and_take,
    call,
    call_for_all_with_relief,
    call_measured,
    call_offering_all,
    call_with_relief,
    close_and_settle,
    close_to_backstop,
    flag_and_close,
    perp_or_spot,
    sell_and_repay,
)
from marginbook.liquidation.winners import Score

BINANCE = "help articles on liquidation and insurance fund, text of 2020"
BYBIT = "help articles on liquidation and ADL, texts of 2022 to 2025-11"
UNREAD = "the shape that exchanges of contracts share; the venue's own text was not read"
ONE_PARTY = "who gives up how much: the ranking is the venue's secret or was not found"
FIRST_ORDER = "how large the first order is: ours is the least that cures"
PROFITS_FIRST = "ranking by profit and leverage; the exact formula was not found"


EXCHANGE = Stage(
    name="exchange",
    says="without positions: assets are sold for what is owed, at index prices",
    source="auto-exchange and forced repayment of the venues; order and price were not read",
)


def exchange(
    source: str, verified: bool = False, score: Score | None = None, several: bool = False, note: str = ""
) -> Stages:
    """Contracts behind an insurance fund: orders, the part that cures, the whole position; fund; deleveraging."""
    unverified = [note] if note else []
    if score is None:
        unverified.append(ONE_PARTY)
    return Stages(
        cancel=Stage(name="cancel_orders", says="open orders are cancelled", source=source, verified=verified),
        closing=(
            Stage(
                name="reduce",
                act=close,
                in_part=True,
                says="the part that brings the pool above its requirement, at the mark",
                source=source,
                verified=verified,
            ),
            Stage(
                name="take_over",
                act=take_over,
                price="plan",
                other="insurance",
                says="no part of the position cures: all of it",
                source=source,
                verified=verified,
            ),
        ),
        losses=(
            Stage(name="insurance", other="insurance", says="insurance fund", source=source, verified=verified),
            Stage(name="deleverage", says="auto-deleveraging", source=source, verified=verified),
        ),
        exchange=EXCHANGE if several else None,
        owed=deficits.together if several else deficits.in_wallets,
        score=score,
        unverified=tuple(unverified),
    )


def hyperliquid() -> Stages:
    """The order book, the liquidator vault, deleveraging at the previous mark."""
    source = "documentation, trading/liquidations and trading/auto-deleveraging, read 2026"
    return Stages(
        closing=(
            Stage(
                name="reduce",
                act=close,
                price="plan",
                from_cover=(2, 3),
                says="market order at the mark",
                source=source,
                verified=True,
            ),
            Stage(
                name="hand_over",
                act=hand_over,
                other="liquidator",
                from_cover=(0, 1),
                says="below 2/3 of the requirement: to the liquidator vault, positions at entry, margin with them",
                source=source,
                verified=True,
            ),
            Stage(
                name="deleverage",
                act=close,
                price="plan",
                says="below zero: closed against the other side at the previous mark",
                source=source,
                verified=True,
            ),
        ),
        losses=(Stage(name="deleverage", says="the other side bears what the previous mark left", source=source),),
        owed=deficits.in_wallets,
        score=rankings.hyperliquid,
        noted=pauses.noted_partial,
        unverified=(
            "which position of a cross account goes first, and how 20 % is rounded",
            "markets of builders have no vault",
            "who bears a loss beyond the previous mark",
        ),
    )


def dydx_4() -> Stages:
    """Orders at the fillable price, a block at a time; the fund; deleveraging at the bankruptcy price."""
    source = "v4-chain, x/clob liquidations"
    return Stages(
        closing=(
            Stage(
                name="reduce",
                act=close,
                price="quote",
                says="order for one position at the fillable price",
                source=source,
                verified=True,
            ),
        ),
        losses=(
            Stage(name="insurance", other="insurance", says="insurance fund", source=source, verified=True),
            Stage(name="deleverage", says="deleveraging", source=source, verified=True),
        ),
        owed=deficits.in_wallets,
        places=6,
        noted=pauses.noted_in_block,
        waits=pauses.next_block,
        told=pauses.told_dydx,
        ended=pauses.without_block_marks,
        unverified=(
            "the book is as deep as the order",
            "a block lasts a second",
            "counterparties from a random offset",
        ),
    )


def dydx_3() -> Stages:
    """The operator's trade at the worst price that the system accepts; a deleveraging below zero."""
    source = "stark-perpetual: liquidate and deleverage transactions"
    return Stages(
        closing=(
            Stage(
                name="take_over",
                act=close,
                price="quote",
                says="the position with the most risk, at the price that keeps value / risk",
                source=source,
                verified=True,
            ),
        ),
        losses=(
            Stage(name="insurance", other="insurance", says="insurance fund", source=source),
            Stage(name="deleverage", says="deleveraging", source=source, verified=True),
        ),
        owed=deficits.in_wallets,
        places=6,
        unverified=("size, price and the fund's part are the operator's choice off chain",),
    )


def ftx() -> Stages:
    """Orders through the book, backstop providers, the insurance fund."""
    source = "help articles 360027668712 and 360037937831, 2022"
    return Stages(
        cancel=Stage(name="cancel_orders", says="open orders are cancelled", source=source),
        closing=(
            Stage(
                name="reduce",
                act=close,
                chooses="liquidator",
                from_cover=(1, 2),
                says="one second's order through the book",
                source=source,
                verified=True,
            ),
            Stage(
                name="hand_over",
                act=close_to_backstop,
                price="plan",
                other="liquidator",
                from_cover=(0, 1),
                says="below auto-close: one second's part to backstop providers at the zero price",
                source=source,
                verified=True,
            ),
            Stage(name="take_over", act=take_over, says="nothing left: the fund", source=source, verified=True),
        ),
        losses=(
            Stage(name="insurance", other="insurance", says="insurance fund", source=source, verified=True),
            Stage(name="socialise", says="clawback of profits", source="not read"),
        ),
        exchange=EXCHANGE,
        owed=deficits.together,
        seconds=1,
        unverified=(
            "the size of an order is the largest that the text allows, without its lot",
            "providers take the zero price, not two thirds of it, and at least 1,000 USD as the orders do",
            "what came after the fund",
        ),
    )


def drift() -> Stages:
    """Perps to a liquidator by the share of the slot, then borrows against deposits; fund; all users."""
    source = "protocol-v2 at 0ae3e3b1 (2026-04-01), controller/liquidation.rs"
    return Stages(
        cancel=Stage(name="cancel_orders", says="open orders are cancelled", source=source, verified=True),
        closing=(
            Stage(
                name="seize",
                act=perp_or_spot,
                chooses="liquidator",
                says="the share of this slot, at the oracle price with the liquidator's and the fund's fee",
                source=source,
                verified=True,
            ),
        ),
        losses=(
            Stage(name="insurance", other="insurance", says="insurance fund", source=source, verified=True),
            Stage(
                name="socialise",
                says="through the funding of the market, or the interest of its depositors",
                source=source,
                verified=True,
            ),
        ),
        owed=deficits.as_debts,
        pays="repay",
        places=0,
        noted=pauses.noted_by_drift,
        waits=pauses.next_slots,
        ended=pauses.without_drift_marks,
        unverified=("the fund's cap per tier of market", "losses that are settled against deposits: not planned"),
    )


def perp() -> Stages:
    """Half or all of the largest position to the liquidator; the fund covers the rest, or nothing is done."""
    source = "perp-curie-contract, ClearingHouse.liquidate and Vault"
    return Stages(
        closing=(
            Stage(
                name="seize",
                act=as_planned,
                chooses="liquidator",
                says="taken over by the liquidator at the reference price",
                source=source,
                verified=True,
            ),
        ),
        losses=(
            Stage(name="insurance", other="insurance", says="insurance fund", source=source, verified=True),
            Stage(name="deficit", says="owed by the account", source=source),
        ),
        owed=deficits.by_value,
        places=6,
        told=pauses.told_perp,
    )


ENDORSED = Stage(
    name="seize",
    act=as_planned,
    other="pool",
    says="an endorsed liquidator does",
    source="PerpsV2MarketLiquidate.sol at 1609d156, forceLiquidatePosition",
    verified=True,
)


def pool_venue(source: str, act: str, says: str) -> Stages:
    """Venues whose pool is the counterparty: whatever is missing is its loss."""
    windows = act == "windows"
    acts = {"vault": close_and_settle, "margin": as_planned, "windows": flag_and_close}
    return Stages(
        closing=(Stage(name="seize", act=acts[act], other="pool", says=says, source=source, verified=True),),
        losses=(),
        written_off=Stage(name="socialise", other="pool", says="the pool's loss", source=source, verified=True),
        forced=ENDORSED if act == "margin" else None,
        owed=deficits.nothing,
        waits=pauses.next_window if windows else never_waits,
    )


def calls(source: str, *, act: Act, writes_off: bool, verified: bool = True) -> Stages:
    """A lending protocol: liquidation calls as long as they are allowed.

    `writes_off`: a debt without collateral is the lenders' loss at once; otherwise it stays on the books.
    """
    seize = Stage(
        name="seize",
        act=act,
        other="liquidator",
        chooses="liquidator",
        says="the liquidator repays debt and takes collateral with the bonus",
        source=source,
        verified=verified,
    )
    return protocol(seize, "no collateral is left: the lenders' loss" if writes_off else None)


def protocol(stage: Stage, written_off: str | None) -> Stages:
    """One kind of step; what it writes off has a bearer, and what is owed beyond all collateral stays on the books."""
    source, verified = stage.source, stage.verified
    off = None
    if written_off is not None:
        off = Stage(name="socialise", other="pool", says=written_off, source=source, verified=verified)
    left = Stage(name="deficit", other="pool", says="bad debt stays on the books", source=source, verified=verified)
    return Stages(closing=(stage,), losses=(left,), owed=deficits.in_value, written_off=off)


def comet() -> Stages:
    """Absorption of the whole account by the reserves."""
    source = "comet d5a30b0a, absorb; run in an EVM"
    stage = Stage(
        name="absorb",
        act=absorb,
        other="protocol",
        says="the protocol takes all collateral and repays the debt from its reserves",
        source=source,
        verified=True,
    )
    return protocol(stage, "the reserves' loss")


def maker() -> Stages:
    """An auction per bark; what it does not raise is the system's."""
    source = "dss fa4f663, Dog, Clipper and abaci; run in an EVM"
    stage = Stage(
        name="auction",
        act=bark_and_take,
        other="pool",
        says="falling-price auction, bought whole when its price meets the oracle's",
        source=source,
        verified=True,
    )
    return protocol(stage, "the system's surplus, then a debt auction")


def liquity() -> Stages:
    """The stability pool, then all other troves."""
    source = "liquity/dev 39f1f7f8, TroveManager"
    stage = Stage(
        name="redistribute",
        act=call,
        other="pool",
        says="the stability pool pays the debt for the collateral, then the other troves take over both",
        source=source,
        verified=True,
    )
    return protocol(stage, None)


def okx_spot() -> Stages:
    """Assets are sold for what is owed; the fund pays what is missing."""
    source = "Quick Margin help article"
    return Stages(
        closing=(Stage(name="seize", act=sell_and_repay, says="assets are sold to repay what is owed", source=source),),
        losses=(
            Stage(name="insurance", other="insurance", says="insurance fund", source=source),
            Stage(name="deficit", says="owed by the account", source=source),
        ),
        owed=deficits.as_debts,
        pays="repay",
        places=0,
    )


def customer(source: str, note: str) -> Stages:
    """Brokers: what cures is closed; a debit that is left is the customer's debt."""
    return Stages(
        cancel=Stage(name="cancel_orders", says="open orders are cancelled", source=source),
        closing=(
            Stage(name="reduce", act=close, in_part=True, says="the part that cures, at the mark", source=source),
            Stage(name="take_over", act=take_over, says="no part cures: all of it, at the mark", source=source),
        ),
        losses=(Stage(name="deficit", says="the customer owes it", source=source, verified=True),),
        owed=deficits.in_wallets,
        unverified=(note,),
    )


OWN = "definitions of this project"
AAVE_OLD = "aave v2 and v3.0 to v3.2, LiquidationLogic; run in an EVM"
AAVE_NEW = "aave v3.3 to v3.7, LiquidationLogic with deficits; run in an EVM"
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
    "compound/2": lambda: calls("compound-protocol a3214f6; run in an EVM", act=call_with_relief, writes_off=False),
    "compound/venus": lambda: calls("venus-protocol 10.3.0; run in an EVM", act=call_with_relief, writes_off=False),
    "compound/3": comet,
    "deribit/portfolio": lambda: exchange(UNREAD),
    "deribit/standard": lambda: exchange(UNREAD),
    "drift/2": drift,
    "dydx/3": dydx_3,
    "dydx/4": dydx_4,
    "euler/2": lambda: calls("euler-vault-kit 5b98b420, source read", act=call, writes_off=True),
    "ftx/2022": ftx,
    "generic/derivatives": lambda: exchange(OWN),
    "generic/lending": lambda: calls(OWN, act=call_measured, writes_off=False, verified=False),
    "gmx/1": lambda: pool_venue("gmx-contracts, Vault.sol", "vault", "the vault closes the position"),
    "gmx/2": lambda: pool_venue(
        "gmx-synthetics a5c0c883 (2026-03-13)", "vault", "the keeper closes the position against the pool"
    ),
    "htx/coin-swap": lambda: exchange(UNREAD),
    "hyperliquid/perps": hyperliquid,
    "liquity/1": liquity,
    "maker/dss": maker,
    "morpho/blue": lambda: calls("morpho-blue 1.0.0; run in an EVM", act=call_for_all_with_relief, writes_off=True),
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

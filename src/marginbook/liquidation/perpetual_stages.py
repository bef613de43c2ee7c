"""Stages of exchanges of contracts and of perpetual venues with an insurance fund. Sources at each stage."""

from marginbook.liquidation import deficits, pauses, rankings
from marginbook.liquidation.acts import as_planned, close, hand_over, take_over
from marginbook.liquidation.stages import Stage, Stages
from marginbook.liquidation.venue_acts import close_to_backstop, perp_or_spot
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
                price="plan",
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
                price="plan",
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

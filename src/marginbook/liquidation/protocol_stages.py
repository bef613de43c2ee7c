"""Stages of venues whose pool is the counterparty, of lending protocols, of spot margin and of brokers."""

from dataclasses import replace

from marginbook.liquidation import deficits, pauses
from marginbook.liquidation.acts import as_planned, close, take_over
from marginbook.liquidation.stages import Act, Stage, Stages, Waits, never_waits
from marginbook.liquidation.venue_acts import (
    bark_and_take,
    call,
    close_and_settle,
    flag_and_close,
    sell_and_repay,
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


def calls(source: str, *, act: Act, writes_off: bool, verified: bool = True, waits: Waits = never_waits) -> Stages:
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
    found = protocol(seize, "no collateral is left: the lenders' loss" if writes_off else None)
    return replace(found, waits=waits)


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
        act=call,
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

"""A loss that a closed pool leaves: own assets, the insurance fund, the other side, all users, or a deficit."""

from collections.abc import Sequence
from decimal import Decimal

from marginbook.domain.account import Account, Side
from marginbook.domain.events import Fill
from marginbook.domain.risk import Flow
from marginbook.exact import divide, format_decimal, round_floor
from marginbook.liquidation.acts import after, is_isolated, positions_of
from marginbook.liquidation.deficits import payment
from marginbook.liquidation.deleveraging import Closing, deleverage
from marginbook.liquidation.exchange import exchanged
from marginbook.liquidation.stages import Stage, Stages
from marginbook.liquidation.steps import Progress, add
from marginbook.liquidation.winners import Winner, effective_leverage, rank


def cover(state: Progress, stages: Stages, before: Account, counterparties: Sequence[Winner] | None) -> None:
    """What the pool owes goes through the loss stages."""
    for stage in stages.losses:
        owed = stages.owed(before, state.scene)
        for asset, amount in owed.items():
            match stage.name:
                case "insurance":
                    paid = _cut(min(state.fund.holds(asset), amount), amount, stages.places)
                    _pays(state, stages, stage, asset, paid, f"the fund pays {format_decimal(paid)} {asset}")
                case "deleverage":
                    closings, paid = _deleveraged(state, stages, amount, counterparties)
                    says = f"the other side gives up {format_decimal(paid)} {asset}"
                    _pays(state, stages, stage, asset, paid, says, closings)
                case "socialise":
                    _pays(state, stages, stage, asset, amount, f"{format_decimal(amount)} {asset} over all of them")
                case _:
                    add(state, stage, f"{stage.says}: {format_decimal(amount)} {asset}", market=asset)


def exchange(state: Progress, stage: Stage) -> None:
    """Sell what the cross pool holds for what it owes, where nothing else is left to close."""
    left = state.left
    if is_isolated(state.scene) or positions_of(state.scene) or not (left.liquidatable or left.equity < 0):
        return
    done = exchanged(state.scene)
    if done is not None:
        state.scene = done.scene
        add(state, stage, stage.says, flows=done.flows, events=done.events)


def _pays(
    state: Progress,
    stages: Stages,
    stage: Stage,
    asset: str,
    paid: Decimal,
    says: str,
    closings: tuple[Closing, ...] = (),
) -> None:
    if paid <= 0:
        return
    event = payment(state.scene, stages.pays, asset, paid)
    state.scene = after(state.scene, [event])
    flows = (Flow(stage.other, asset, -paid), Flow("account", asset, paid))
    reason = f"{stage.says}: {says}"
    add(state, stage, reason, market=asset, quantity=paid, flows=flows, events=(event,), closings=closings)


def _cut(amount: Decimal, like: Decimal, least_places: int) -> Decimal:
    """`amount` at the decimals of `like`, or at so many where it has fewer, down."""
    exponent = like.as_tuple().exponent
    digits = -exponent if isinstance(exponent, int) else 0
    cut = round_floor(amount, max(digits, least_places))
    return amount if cut == amount else cut


def _deleveraged(
    state: Progress, stages: Stages, owed: Decimal, counterparties: Sequence[Winner] | None
) -> tuple[tuple[Closing, ...], Decimal]:
    """(what ranked winners give up, how much of the deficit that is): the last close again, at its bankruptcy price."""
    if counterparties is None or state.last is None:
        return (), owed
    fill = next(event for event in state.last.events if isinstance(event, Fill))
    side: Side = "long" if fill.side == "sell" else "short"
    against = [winner for winner in counterparties if winner.side != side]
    ranked = rank(against, fill.price, stages.score or effective_leverage)
    gap = divide(owed, fill.quantity)
    price = fill.price + (gap if side == "long" else -gap)
    found = deleverage(side, fill.quantity, price, fill.price, ranked)
    if not found.left:
        return found.closings, owed
    return found.closings, _cut(gap * (fill.quantity - found.left), owed, stages.places)

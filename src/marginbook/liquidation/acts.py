"""Steps on positions: every change of the account is an event through the rule set's own `apply`.

Where a venue settles in wallets, the flows of a step are what `apply` did: the account's wallets before and after, the
fee for whom the stage says, the rest for the other side. Where it has books of its own (open notionals, margins,
collateral tokens) they are those of the plan, the account's books follow, and the laws in `testing/waterfalls` compare.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Literal

from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Event, Fill, LendingAction, Stamp, Transfer
from marginbook.domain.risk import Flow, Party, Plan
from marginbook.exact import CONTEXT, ZERO, divide, in_exact_context, round_ceil, round_floor, round_trunc
from marginbook.liquidation.stages import Done, Scene, Stage
from marginbook.venues.contracts.liquidation import FEE_PLACES
from marginbook.venues.contracts.model import Holding

ISOLATED = "isolated:"
FLOW_PLACES = 32
"""Decimals of flows: what an inverse contract pays has 128 digits, of which these are far below any unit."""
ActionKind = Literal["supply", "withdraw", "borrow", "repay", "liquidation"]


def stamp_of(scene: Scene) -> Stamp:
    """The stamp of a waterfall's events; `waterfall.run` numbers them."""
    return Stamp(source="liquidation", time=scene.at)


def after(scene: Scene, events: Sequence[Event]) -> Scene:
    """The scene after `events`, each through the rule set's `apply`."""
    account, market = scene.account, scene.market
    for event in events:
        account, market = scene.rules.module.apply(account, market, event, scene.parameters, scene.at)
    return replace(scene, account=account, market=market)


def is_isolated(scene: Scene) -> bool:
    """Whether the pool is an isolated position."""
    return scene.pool.startswith(ISOLATED)


def position_of(scene: Scene, plan: Plan) -> Position:
    """The pool's position that a plan is about; BadInput where the account has none."""
    held = [p for p in scene.account.positions if p.market == plan.market and p.quantity > 0]
    held = [p for p in held if plan.side in (None, p.side)]
    if len(held) > 1:
        held = [p for p in held if in_pool(scene, p)] or held
    if not held:
        raise BadInput("nothing_to_close", f"account {scene.account.id}", plan.market, "a market with a position")
    return held[0]


def in_pool(scene: Scene, position: Position) -> bool:
    """Whether a position belongs to the pool: alone in the account, it is there, and in no other."""
    alone = replace(scene.account, positions=(position,), orders=())
    pools = scene.rules.module.risk(alone, scene.market, scene.parameters, scene.at)
    own = [pool for pool in pools if pool.startswith(ISOLATED)]
    return scene.pool in (own or pools)


def positions_of(scene: Scene) -> list[Position]:
    """The open positions of the pool."""
    return [position for position in scene.account.positions if position.quantity > 0 and in_pool(scene, position)]


def action(scene: Scene, kind: ActionKind, asset: str, amount: Decimal, collateral: str | None = None) -> LendingAction:
    """An action in the pool's market or vault, where its id names one (`main:ETH-A`)."""
    return LendingAction(
        stamp=stamp_of(scene),
        account=scene.account.id,
        kind=kind,
        asset=asset,
        amount=amount,
        collateral_asset=collateral,
        pool=scene.pool.partition(":")[2] or None,
    )


def currency_of(scene: Scene) -> str:
    """Currency of the pool's numbers."""
    found = scene.rules.module.quantities(scene.account, scene.market, scene.parameters, scene.at)
    return str(found[scene.pool].currency)


def mark_of(scene: Scene, market: str) -> Decimal:
    """The price that the venue values a market at."""
    return scene.market.price(scene.rules.venue, market, scene.rules.price_kind)


def fill_of(scene: Scene, position: Position, quantity: Decimal, price: Decimal, fee: Decimal, kind: str) -> Fill:
    """The fill that closes `quantity` of a position."""
    return Fill(
        stamp=stamp_of(scene),
        account=scene.account.id,
        market=position.market,
        side="sell" if position.side == "long" else "buy",
        quantity=quantity,
        price=price,
        fee=fee,
        kind="adl" if kind == "deleverage" else "liquidation",
        position_side=position.side if scene.account.position_mode == "hedge" else None,
        mode=position.mode,
    )


def settlement(scene: Scene, asset: str, amount: Decimal) -> Transfer:
    """Money from or to the account."""
    return Transfer(stamp=stamp_of(scene), account=scene.account.id, kind="settlement", asset=asset, amount=amount)


@in_exact_context
def money_moved(before: Account, now: Account, currency: str) -> dict[str, Decimal]:
    """How much more is in the account's wallets, by asset; isolated wallets are in `currency`."""
    found = {
        asset: now.wallet.get(asset, ZERO) - before.wallet.get(asset, ZERO)
        for asset in dict.fromkeys([*before.wallet, *now.wallet])
    }
    found[currency] = found.get(currency, ZERO) + _isolated(now) - _isolated(before)
    return {asset: change for asset, change in found.items() if change}


def _isolated(account: Account) -> Decimal:
    return sum((position.isolated_wallet or ZERO for position in account.positions), ZERO)


@in_exact_context
def close(scene: Scene, stage: Stage, plan: Plan, amount: Decimal) -> Done:
    """Close `amount` of the plan's position at the stage's price, through the book."""
    position, currency = position_of(scene, plan), currency_of(scene)
    price = _price(scene, stage, plan)
    fee = _fee(scene, plan, position, amount, price) if stage.price == "mark" else _fee_of_plan(plan)
    fill = fill_of(scene, position, amount, price, fee, stage.name)
    found = after(scene, [fill])
    flows = _traded(position, amount, money_moved(scene.account, found.account, currency), currency, fee, stage)
    return Done(scene=found, events=(fill,), flows=flows, quantity=amount, price=price)


@in_exact_context
def take_over(scene: Scene, stage: Stage, plan: Plan, amount: Decimal) -> Done:
    """The whole position at its bankruptcy price, where it stands alone and has one; what is left goes with it.

    Otherwise at the mark, with the fee where the pool is still solvent: a loss beyond its money is for the loss stages.
    """
    position, currency = position_of(scene, plan), currency_of(scene)
    alone = plan.price is not None and plan.price > 0 and not plan.bad_debt and stage.price == "plan"
    price = plan.price if alone and plan.price is not None else mark_of(scene, plan.market)
    fee = ZERO if alone or plan.bad_debt else _fee(scene, plan, position, position.quantity, price)
    events: list[Event] = [fill_of(scene, position, position.quantity, price, fee, stage.name)]
    found = after(scene, events)
    own = money_moved(scene.account, found.account, currency)
    start = scene.account.wallet.get(currency, ZERO) if is_isolated(scene) else ZERO
    left = found.account.wallet.get(currency, ZERO) - start
    gain = ZERO
    if alone:
        holding = _holding(scene, position)
        gain = holding.profit(holding.factor(mark_of(scene, plan.market))) - holding.profit(holding.factor(price))
    flows = _traded(position, position.quantity, own, currency, fee, stage, gain)
    left = round_floor(left, FLOW_PLACES)
    if alone and left > 0:
        events.append(settlement(found, currency, -left))
        found = after(found, events[-1:])
        flows += (Flow("account", currency, -left), Flow(stage.other, currency, left))
    says = f"at its bankruptcy price {price}" if alone else ""
    return Done(scene=found, events=tuple(events), flows=flows, quantity=position.quantity, price=price, says=says)


@in_exact_context
def hand_over(scene: Scene, stage: Stage, plan: Plan, amount: Decimal) -> Done:
    """All positions of the pool and all its money go to `stage.other`, positions at their entry prices."""
    currency, taken = currency_of(scene), positions_of(scene)
    events: list[Event] = [fill_of(scene, p, p.quantity, p.entry, ZERO, stage.name) for p in taken]
    found = after(scene, events)
    own = money_moved(scene.account, found.account, currency)
    start = scene.account.wallet.get(currency, ZERO) if is_isolated(scene) else ZERO
    left = found.account.wallet.get(currency, ZERO) - start
    flows: tuple[Flow, ...] = ()
    for asset, settled in own.items():
        flows += (Flow("account", asset, settled), Flow("counterparties", asset, -settled))
    for position in taken:
        flows += _passed(position, position.quantity, stage.other)
    if left > 0:
        events.append(settlement(found, currency, -left))
        found = after(found, events[-1:])
        flows += (Flow("account", currency, -left), Flow(stage.other, currency, left))
    return Done(scene=found, events=tuple(events), flows=flows, quantity=amount, price=plan.price)


@in_exact_context
def as_planned(scene: Scene, stage: Stage, plan: Plan, amount: Decimal) -> Done:
    """A fill at the plan's price with the plan's fee; the flows are the plan's, in proportion where less is closed."""
    share = divide(amount, plan.close_most)
    fee = plan.fee if amount == plan.close_most else part_of(plan.fee, share)
    event = fill_of(scene, position_of(scene, plan), amount, plan.price or ZERO, fee, stage.name)
    flows = plan.flows if amount == plan.close_most else parts_of(plan.flows, share)
    return Done(scene=after(scene, [event]), events=(event,), flows=flows, quantity=amount, price=plan.price)


def part_of(amount: Decimal, share: Decimal) -> Decimal:
    """`share` of an amount, cut at the amount's own decimals.

    >>> part_of(Decimal("1.0001"), Decimal("0.5"))
    Decimal('0.5000')
    """
    exponent = amount.as_tuple().exponent
    return round_trunc(CONTEXT.multiply(amount, share), max(0, -exponent if isinstance(exponent, int) else 0))


@in_exact_context
def parts_of(flows: Sequence[Flow], share: Decimal) -> tuple[Flow, ...]:
    """`share` of every flow, cut at its own decimals; the account bears what cutting leaves over."""
    others = [Flow(flow.party, flow.asset, part_of(flow.amount, share)) for flow in flows if flow.party != "account"]
    assets = dict.fromkeys(flow.asset for flow in flows)
    own = {asset: -sum((flow.amount for flow in others if flow.asset == asset), ZERO) for asset in assets}
    return (*others, *(Flow("account", asset, amount) for asset, amount in own.items() if amount))


def _holding(scene: Scene, position: Position) -> Holding:
    parameters = getattr(scene.parameters, "contracts", scene.parameters)
    return Holding(position, parameters.terms_of(position.market))


def _fee(scene: Scene, plan: Plan, position: Position, amount: Decimal, price: Decimal) -> Decimal:
    """Liquidation fee of a close at the mark, rounded up as in the plan, where the terms have one."""
    if not plan.fee:
        return ZERO
    holding = _holding(scene, replace(position, quantity=amount))
    return round_ceil(holding.size * holding.factor(price) * (holding.terms.liquidation_fee or ZERO), FEE_PLACES)


def _fee_of_plan(plan: Plan) -> Decimal:
    """What the plan gives the fund, or takes from it where below 0."""
    return sum((flow.amount for flow in plan.flows if flow.party == "insurance"), ZERO)


def _price(scene: Scene, stage: Stage, plan: Plan) -> Decimal:
    """The stage's price; the mark where the plan names none above 0."""
    return plan.price if stage.price == "plan" and plan.price else mark_of(scene, plan.market)


def _passed(position: Position, quantity: Decimal, other: Party) -> tuple[Flow, ...]:
    signed = position.sign * quantity
    return Flow("account", position.market, -signed), Flow(other, position.market, signed)


def _traded(
    position: Position,
    quantity: Decimal,
    own: dict[str, Decimal],
    currency: str,
    fee: Decimal,
    stage: Stage,
    gain: Decimal = ZERO,
) -> tuple[Flow, ...]:
    """The flows of a trade: `own` is what it did to the account's wallets; `gain` is for who took the position over."""
    flows = list(_passed(position, quantity, "counterparties"))
    for asset, moved in own.items():
        change = round_floor(moved, FLOW_PLACES)
        taken = round_floor(fee, FLOW_PLACES) if asset == currency else ZERO
        more = round_floor(gain, FLOW_PLACES) if asset == currency else ZERO
        flows += [Flow("account", asset, change), Flow("counterparties", asset, -change - taken - more)]
        flows += [Flow(stage.fee_to, asset, taken), Flow(stage.other, asset, more)]
    return tuple(flow for flow in flows if flow.amount)

"""Steps that only one family of venues knows: calls of lending protocols, auctions, seizures, books of vaults.

In the flows of a lending protocol a debt that is repaid or written off is received by the account; what its lenders get
for it and what they give up cancel out.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from marginbook.domain.errors import BadInput
from marginbook.domain.events import AccountSnapshot, Event
from marginbook.domain.risk import Flow, Party, Plan
from marginbook.exact import ZERO, divide, format_decimal, from_raw, in_exact_context, round_ceil
from marginbook.liquidation.acts import (
    action,
    after,
    as_planned,
    close,
    fill_of,
    mark_of,
    parts_of,
    position_of,
    settlement,
    stamp_of,
)
from marginbook.liquidation.deficits import balances
from marginbook.liquidation.stages import Done, Scene, Stage
from marginbook.venues.ftx import ORDER_LEAST
from marginbook.venues.maker.auction import Sale, price_at, take
from marginbook.venues.maker.holdings import DEBT, WAD_DECIMALS, prices_of, vault_of
from marginbook.venues.maker.parameters import RAD_DECIMALS, Ilk
from marginbook.venues.maker.planning import liquidation
from marginbook.venues.maker.vat import Revert, feed_price
from marginbook.venues.synthetix.account import book_of
from marginbook.venues.synthetix.events import seized
from marginbook.venues.synthetix.margins import liquidatable_amount
from marginbook.venues.synthetix.wad import DECIMALS
from marginbook.venues.synthetix.windows import window_of

ALL = Decimal("Infinity")
RAY_DECIMALS = 27


@in_exact_context
def call(scene: Scene, stage: Stage, plan: Plan, amount: Decimal) -> Done:
    """One liquidation call that repays `amount` of the plan's debt; the debt is received by the account."""
    event = action(scene, "liquidation", plan.market, amount, plan.collateral)
    return _called(scene, plan, amount, [event])


@in_exact_context
def call_for_all(scene: Scene, stage: Stage, plan: Plan, amount: Decimal) -> Done:
    """As `call`; the largest call is by shares, so that nothing of the debt, or of the collateral, is left over."""
    if amount < plan.close_most:
        return call(scene, stage, plan, amount)
    repays = action(scene, "liquidation", plan.market, ALL, plan.collateral)
    try:
        return _called(scene, plan, amount, [repays])
    except BadInput as bad:
        if plan.collateral is None or bad.problem.code != "refused":
            raise
    seizes = action(scene, "liquidation", plan.collateral, ALL)
    try:
        return _called(scene, plan, amount, [seizes])
    except BadInput as bad:
        if bad.problem.code != "refused":
            raise
    return call(scene, stage, plan, amount)


@in_exact_context
def call_offering_all(scene: Scene, stage: Stage, plan: Plan, amount: Decimal) -> Done:
    """As `call`; the largest call offers more than is taken, as one does that is to take all the collateral."""
    if amount == plan.close_most:
        offer = action(scene, "liquidation", plan.market, ALL, plan.collateral)
        try:
            return _called(scene, plan, amount, [offer])
        except BadInput as bad:
            if bad.problem.code != "refused":
                raise
    done = call(scene, stage, plan, amount)
    if amount < plan.close_most and len(done.scene.account.debt) < len(scene.account.debt):
        return call_offering_all(scene, stage, plan, plan.close_most)  # a part that ends a debt ends all of it
    return done


def _called(scene: Scene, plan: Plan, amount: Decimal, events: Sequence[Event]) -> Done:
    whole = amount == plan.close_most
    found = after(scene, events)
    flows = plan.flows
    if not whole:
        own = [flow for flow in plan.flows if flow.party != "pool" or flow.amount > 0]  # a part writes nothing off
        flows = _as_measured(parts_of(own, divide(amount, plan.close_most)), scene, found, plan, "liquidator")
    return Done(
        scene=found,
        events=tuple(events),
        flows=flows,
        quantity=amount,
        price=plan.price,
        lost=plan.bad_debt if whole else ZERO,
    )


def _as_measured(flows: tuple[Flow, ...], before: Scene, now: Scene, plan: Plan, other: Party) -> tuple[Flow, ...]:
    """Flows corrected by what the call did where the account states amounts: the last units of a rounding.

    What of the collateral differs is the other's, what of the debt the pool's.
    """
    accounts = (before.account, now.account)
    held = [one.amount for account in accounts for one in account.collateral]
    if None in held or None in [one.amount for account in accounts for one in account.debt]:
        return flows
    start, end = balances(before.account), balances(now.account)
    rest: dict[str, Party] = {plan.collateral or "": other, plan.market: "pool"}
    for asset, bearer in rest.items():
        told = sum((flow.amount for flow in flows if (flow.party, flow.asset) == ("account", asset)), ZERO)
        gap = end.get(asset, ZERO) - start.get(asset, ZERO) - told
        if told and gap:
            flows += (Flow("account", asset, gap), Flow(bearer, asset, -gap))
    return flows


@in_exact_context
def call_in_tokens(scene: Scene, stage: Stage, plan: Plan, amount: Decimal) -> Done:
    """As `call`; the last unit that rounding shares of tokens leaves over stays with the pool."""
    done = call(scene, stage, plan, amount)
    return replace(done, flows=_as_measured(done.flows, scene, done.scene, plan, "pool"))


@in_exact_context
def call_for_all_in_tokens(scene: Scene, stage: Stage, plan: Plan, amount: Decimal) -> Done:
    """As `call_for_all`, likewise."""
    done = call_for_all(scene, stage, plan, amount)
    return replace(done, flows=_as_measured(done.flows, scene, done.scene, plan, "pool"))


@in_exact_context
def close_and_settle(scene: Scene, stage: Stage, plan: Plan, amount: Decimal) -> Done:
    """A vault position closed whole; the wallet gets what the plan leaves of its collateral, in the plan's tokens."""
    held = position_of(scene, plan)
    alone = replace(scene, account=replace(scene.account, positions=(held,)))
    price = plan.price if plan.price else mark_of(scene, plan.market)
    fill = fill_of(scene, held, amount, price, ZERO, stage.name)
    events: list[Event] = [replace(fill, position_side=held.side)]
    found = after(alone, events)
    token = "USD" if any(flow.asset == "USD" for flow in plan.flows) else plan.collateral or ""
    due = {token: held.isolated_wallet or ZERO}
    for flow in plan.flows:
        if flow.party == "account":
            due[flow.asset] = due.get(flow.asset, ZERO) + flow.amount
    for asset, wanted in due.items():
        has = found.account.wallet.get(asset, ZERO) - scene.account.wallet.get(asset, ZERO)
        if has != wanted:
            events.append(settlement(found, asset, wanted - has))
            found = after(found, events[-1:])
    kept = tuple(position for position in scene.account.positions if position is not held)
    found = replace(found, account=replace(found.account, positions=kept))
    return Done(
        scene=found,
        events=tuple(events),
        flows=plan.flows,
        quantity=amount,
        price=plan.price,
    )


@in_exact_context
def close_to_backstop(scene: Scene, stage: Stage, plan: Plan, amount: Decimal) -> Done:
    """FTX: one second's part, at least 1,000 USD of the position, so that it ends."""
    held = position_of(scene, plan)
    least = round_ceil(divide(ORDER_LEAST, mark_of(scene, plan.market)), 8)
    return close(scene, stage, plan, min(held.quantity, max(amount, least)))


@in_exact_context
def flag_and_close(scene: Scene, stage: Stage, plan: Plan, amount: Decimal) -> Done:
    """Perps v3: flag, seize everything, and take from each position what its market's window still allows."""
    book = book_of(scene.account, scene.parameters)
    events: list[Event] = []
    for holding in book.holdings:
        window = window_of(scene.market, holding.market, holding.terms, scene.at)
        closed = liquidatable_amount(holding.terms, abs(holding.size), window)
        if not closed:
            continue
        held = next(p for p in scene.account.positions if p.market == holding.market)
        price = scene.market.price(scene.rules.venue, holding.market, scene.rules.price_kind)
        events.append(fill_of(scene, held, from_raw(closed, DECIMALS), price, ZERO, stage.name))
    if not book.holdings:
        events.append(AccountSnapshot(stamp=stamp_of(scene), account=seized(scene.account)))
    return Done(
        scene=after(scene, events),
        events=tuple(events),
        flows=plan.flows,
        quantity=amount,
        price=plan.price,
        lost=plan.bad_debt,
    )


@in_exact_context
def perp_or_spot(scene: Scene, stage: Stage, plan: Plan, amount: Decimal) -> Done:
    """Drift: a perp position goes to the liquidator at the oracle price; else a borrow is swapped for a deposit."""
    if plan.collateral is None or any(p.market == plan.market and p.quantity for p in scene.account.positions):
        return as_planned(scene, stage, plan, amount)
    share = divide(amount, plan.close_most)
    flows = plan.flows if amount == plan.close_most else parts_of(plan.flows, share)
    own = {flow.asset: flow.amount for flow in flows if flow.party == "account"}
    if not own.get(plan.collateral) or not own.get(plan.market):
        return Done(scene=scene, events=(), flows=(), quantity=ZERO, price=None)
    events: list[Event] = [
        action(scene, "withdraw", plan.collateral, -own[plan.collateral]),
        action(scene, "repay", plan.market, own[plan.market]),
    ]
    return Done(
        scene=after(scene, events),
        events=tuple(events),
        flows=flows,
        quantity=amount,
        price=plan.price,
    )


@in_exact_context
def sell_and_repay(scene: Scene, stage: Stage, plan: Plan, amount: Decimal) -> Done:
    """Spot margin: assets are sold for what is owed, and it is repaid; what is still missing stays a debt."""
    given = [(flow.asset, -flow.amount) for flow in plan.flows if flow.party == "account"]
    repaid = plan.close_most - plan.bad_debt
    asset = plan.collateral or ""
    events: list[Event] = [action(scene, "withdraw", name, sold) for name, sold in given if sold]
    if repaid:
        events.append(action(scene, "repay", plan.market, repaid))
    sold = sum((taken for name, taken in given if name == asset), ZERO)
    bought = repaid - sum((taken for name, taken in given if name == plan.market), ZERO)
    flows = (
        Flow("account", asset, -sold),
        Flow("counterparties", asset, sold),
        Flow("account", plan.market, bought),
        Flow("counterparties", plan.market, -bought),
    )
    return Done(
        scene=after(scene, events),
        events=tuple(events),
        flows=tuple(flow for flow in flows if flow.amount),
        quantity=repaid,
        price=plan.price,
    )


@in_exact_context
def bark_and_take(scene: Scene, stage: Stage, plan: Plan, amount: Decimal) -> Done:
    """Maker: the vault goes to an auction, and buyers take all of it once its price is down to the oracle's.

    What is left of the lot goes back to the owner, outside the vault; what is not raised is the system's loss.
    """
    v = vault_of(scene.account, scene.pool, scene.market, scene.parameters, scene.at)
    _, sale, _ = liquidation(v, scene.market, scene.parameters, scene.at)
    event = action(scene, "liquidation", DEBT, ALL)
    wanted = feed_price(prices_of(v, scene.market, scene.parameters)[0], scene.parameters.par)
    waited, gem = _until(sale, v.ilk, wanted), v.ilk.collateral
    found = after(scene, [event])
    try:
        bought = take(sale, v.ilk, sale.lot, sale.top, sale.tic + waited)
    except Revert as revert:
        says = f"nobody buys: {revert.reason}"
        return Done(
            scene=found, events=(event,), flows=plan.flows, quantity=plan.close_most, price=plan.price, says=says
        )
    owe, part = from_raw(bought.owe, RAD_DECIMALS), from_raw(bought.slice, WAD_DECIMALS)
    back, price = from_raw(bought.returned, WAD_DECIMALS), from_raw(bought.price, RAY_DECIMALS)
    rows: list[tuple[Party, str, Decimal]] = [
        ("liquidator", DEBT, -owe),
        ("protocol", DEBT, owe),
        ("pool", gem, -part),
        ("liquidator", gem, part),
        ("pool", gem, -back),
        ("account", gem, back),
    ]
    return Done(
        scene=found,
        events=(event,),
        flows=(*plan.flows, *(Flow(*row) for row in rows if row[2])),
        quantity=plan.close_most,
        price=price,
        lost=max(ZERO, plan.close_most - owe),
        says=f"sold after {waited} s at {price:.6f}; {format_decimal(back)} back to the owner",
    )


def _until(sale: Sale, ilk: Ilk, wanted: int) -> int:
    """Seconds until the auction's price [ray] is at most `wanted`; its tail where it never is before that."""
    low, high = -1, ilk.tail
    while high - low > 1:
        middle = (low + high) >> 1
        low, high = (low, middle) if price_at(ilk, sale.top, middle) <= wanted else (middle, high)
    return high

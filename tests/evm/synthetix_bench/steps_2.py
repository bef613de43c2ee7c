"""What an action does in the model: the rule set's own public functions, and payments beside them."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Order
from marginbook.domain.errors import BadInput
from marginbook.domain.events import AccountSnapshot, Fill, OrderChange, PriceFrame, Transfer
from marginbook.exact import from_raw, round_floor
from marginbook.venues.synthetix.market import touched
from marginbook.venues.synthetix.v2.orders import Kind, check_order
from marginbook.venues.synthetix.v2.risk import figures, holdings, least_margin
from marginbook.venues.synthetix.wad import price_of
from synthetix_bench.scene_2 import (
    ENDORSED,
    FLAGGER,
    KEEPER,
    MARKETS,
    PARAMETERS,
    POOL,
    RULES,
    STAMP,
    Action,
    Disagreement,
    World,
    pool_in,
)


def step(world: World, action: Action) -> tuple[World, str | None]:
    """(the world after the call, why it was refused)."""
    try:
        return _done(world, action), None
    except Refused as refused:
        return world, str(refused)
    except BadInput as bad:
        if bad.problem.code != "refused":
            raise
        return world, bad.problem.value


class Refused(Exception):
    """The contracts' words."""


def _done(w: World, action: Action) -> World:
    user, name = action.user, action.market
    match action.kind:
        case "time":
            return replace(w, time=w.time + action.amount)
        case "price":
            frame = PriceFrame(stamp=STAMP, prices={("synthetix", name, "oracle"): from_raw(action.amount, 18)})
            w = replace(w, market=w.market.with_prices(frame.prices))
            if user and _is_liquidatable(w, user, name) != bool(action.limit):
                raise Disagreement(f"{action.amount} is not the border of {user}'s position in {name}")
            return w
        case "dynamic":
            state = {
                **w.market.state,
                **{("synthetix", m, "dynamic_fee_rate"): from_raw(action.amount, 18) for m in MARKETS},
            }
            return replace(w, market=replace(w.market, state=state))
        case "transfer":
            return _transferred(w, user, name, action.amount)
        case "withdraw_all":
            return _transferred(w, user, name, -accessible(w, user, name))
        case "order":
            return _traded(w, user, name, action.amount, action.limit)
        case "close":
            if w.account(user, name).orders:
                raise Refused("Pending order exists")
            size = sum(held.size for held in holdings(w.account(user, name), PARAMETERS))
            if not size:
                raise Refused("No position open")
            return _traded(w, user, name, -size, action.limit)
        case "submit":
            return _submitted(w, user, name, action.amount, action.limit)
        case "execute":
            return _executed(w, user, name, action.amount)
        case "cancel" | "cancel_own":
            return _cancelled(w, user, name, own=action.kind == "cancel_own")
        case "flag":
            return _flagged(w, user, name)
        case "liquidate" | "force" | "force_by_keeper":
            return _liquidated(w, user, name, action.kind)
    raise ValueError(action.kind)


def _is_liquidatable(w: World, user: str, name: str) -> bool:
    account = w.account(user, name)
    pool = pool_in(account)
    return pool is not None and RULES.is_liquidatable(account, pool, w.market, PARAMETERS, w.at)


def _applied(w: World, user: str, name: str, event: Any) -> World:
    account, market = RULES.apply(w.account(user, name), w.market, event, PARAMETERS, w.at)
    return replace(w.with_account(user, name, account), market=market)


def accessible(w: World, user: str, name: str) -> int:
    """What the venue shows as accessible."""
    account = w.account(user, name)
    found = RULES.quantities(account, w.market, PARAMETERS, w.at)
    shown = [each.venue["accessible_margin"] for each in found.values()] or [account.wallet.get("sUSD", Decimal(0))]
    return int(shown[0].scaleb(18))


def _transferred(w: World, user: str, name: str, amount: int) -> World:
    account = w.account(user, name)
    pool = pool_in(account)
    if amount > w.usd[user]:
        raise Refused("sUSD balance")
    event = Transfer(
        stamp=STAMP,
        account=account.id,
        kind="deposit" if amount > 0 else "withdrawal",
        asset="sUSD",
        amount=from_raw(amount, 18),
        pool=pool,
    )
    if pool and amount < 0:
        _check_free(w, event, user, name)
    w = _applied(w, user, name, event).paid(**{user: -amount})
    return w if pool else _touched(w, name)  # a wallet is of no market: the call was made in this one


def _check_free(w: World, event: Transfer, user: str, name: str) -> None:
    """What is withdrawable goes, one unit more does not."""
    (held,) = holdings(w.account(user, name), PARAMETERS)
    found = figures(held, w.market, PARAMETERS, w.at)
    locked = held.flagged or w.account(user, name).orders
    free = 0 if locked else max(0, found.margin - least_margin(found, held.terms, PARAMETERS.system))
    (shown,) = RULES.quantities(w.account(user, name), w.market, PARAMETERS, w.at).values()
    try:
        _applied(w, user, name, event)
    except BadInput:
        fits = -event.amount > from_raw(free, 18)
    else:
        fits = -event.amount <= from_raw(free, 18)
    if not fits or shown.withdrawable != round_floor(from_raw(free, 18), 8):
        raise Disagreement(f"{-event.amount} against {free} withdrawable, {shown.withdrawable} shown")


def _touched(w: World, name: str) -> World:
    return replace(w, market=touched(w.market, name, PARAMETERS.terms_of(name), w.at))


def _submitted(w: World, user: str, name: str, change: int, limit: int | None) -> World:
    if not change:  # an order of nothing is no event
        if w.account(user, name).orders:
            raise Refused("previous order exists")
        raise Refused(str(check_order(w.account(user, name), name, 0, w.market, PARAMETERS, w.at).reason))
    event = OrderChange(
        stamp=STAMP,
        account=w.account(user, name).id,
        order_id="delayed",
        market=name,
        side="buy" if change > 0 else "sell",
        quantity=from_raw(abs(change), 18),
        price=from_raw(limit or 1, 18),
    )
    return replace(_applied(w, user, name, event), submitted={**w.submitted, (user, name): w.time})


def pending(w: World, user: str, name: str) -> Order:
    """The account's delayed order."""
    account = w.account(user, name)
    if not account.orders:
        raise Refused("no previous order")
    return account.orders[0]


def _executed(w: World, user: str, name: str, price: int) -> World:
    """By the keeper, at an off-chain price which is then not the oracle's."""
    order, quote = pending(w, user, name), w.market.quotes["synthetix", name, "oracle"]
    change = int(order.quantity.scaleb(18)) * (1 if order.side == "buy" else -1)
    there = replace(w, market=w.market.with_prices({("synthetix", name, "oracle"): from_raw(price, 18)}))
    there = _traded(there, user, name, change, int(order.price.scaleb(18)), order.id)
    market = there.market.with_prices({("synthetix", name, "oracle"): quote.price})
    after = replace(there, market=market, published={**w.published, name: w.time})
    return after.paid(**{KEEPER: PARAMETERS.system.min_keeper_fee})


def _cancelled(w: World, user: str, name: str, own: bool) -> World:
    order, deposit = pending(w, user, name), PARAMETERS.system.min_keeper_fee
    event = OrderChange(
        stamp=STAMP,
        account=w.account(user, name).id,
        order_id=order.id,
        market=name,
        side=order.side,
        quantity=Decimal(0),
        price=order.price,
    )
    w = _applied(w, user, name, event)
    return _transferred(w, user, name, deposit).paid(**{user: deposit}) if own else w.paid(**{KEEPER: deposit})


def _traded(w: World, user: str, name: str, change: int, limit: int | None, order: str | None = None) -> World:
    account = w.account(user, name)
    kind: Kind = "offchain" if order else "atomic"
    check = check_order(account, name, change, w.market, PARAMETERS, w.at, kind, limit)
    if check.reason is not None:
        raise Refused(check.reason)
    event = Fill(
        stamp=STAMP,
        account=account.id,
        market=name,
        side="buy" if change > 0 else "sell",
        quantity=from_raw(abs(change), 18),
        price=from_raw(check.fill_price, 18),
        fee=from_raw(check.fee, 18),
        order_id=order,
    )
    after = _applied(w, user, name, event).paid(**{POOL: check.fee})
    left = after.account(user, name)
    kept = sum(held.margin for held in holdings(left, PARAMETERS)) or int(left.wallet["sUSD"].scaleb(18))
    if kept != check.margin:
        raise Disagreement(f"the check leaves {check.margin}, the fill {kept}")
    return after


def _flagged(w: World, user: str, name: str) -> World:
    account = w.account(user, name)
    pool = pool_in(account)
    if pool and account.positions[0].details:
        raise Refused("Position flagged")
    if not _is_liquidatable(w, user, name):
        raise Refused("Position cannot be liquidated")
    (position,) = account.positions
    flagged = replace(account, positions=(replace(position, details={"flagged": "true"}),), orders=())
    deposit = PARAMETERS.system.min_keeper_fee if account.orders else 0  # of the order that goes with it
    w = _applied(w.paid(**{FLAGGER: deposit}), user, name, AccountSnapshot(stamp=STAMP, account=flagged))
    return _touched(replace(w, flaggers={**w.flaggers, (user, name): FLAGGER}), name)


def _liquidated(w: World, user: str, name: str, kind: str) -> World:
    account = w.account(user, name)
    pool = pool_in(account)
    if not pool or not account.positions[0].details:
        raise Refused("Position not flagged")
    plan = RULES.plan_liquidation(account, pool, w.market, PARAMETERS, w.at)
    if kind == "force_by_keeper":
        raise Refused("address not endorsed")
    if kind == "liquidate" and plan.reason is not None:
        raise Refused(
            "price impact of liquidation exceeded" if "position" in plan.reason else "instantaneous P/D exceeded"
        )
    (position,) = account.positions
    (held,) = holdings(account, PARAMETERS)
    found = figures(held, w.market, PARAMETERS, w.at)
    keeper = found.keeper_fee if kind == "liquidate" else 0
    got = {flow.party: int(flow.amount.scaleb(18)) for flow in plan.flows}
    if kind == "force" and plan.reason is None:  # endorsed where nobody has to be: the keeper's fee stays in the margin
        left = max(0, found.margin)
        got |= {"liquidator": found.fee, "protocol": max(0, left - found.fee)}
    event = Fill(
        stamp=STAMP,
        account=account.id,
        market=name,
        side="sell" if position.side == "long" else "buy",
        quantity=position.quantity,
        price=from_raw(price_of(w.market, name), 18),
        kind="liquidation",
    )
    w = _applied(w, user, name, event)
    paid = {w.flaggers[user, name]: got["liquidator"] - keeper, KEEPER if keeper else ENDORSED: keeper}
    flaggers = {key: value for key, value in w.flaggers.items() if key != (user, name)}
    return replace(w, flaggers=flaggers).paid(**paid, **{POOL: got.get("protocol", 0)})

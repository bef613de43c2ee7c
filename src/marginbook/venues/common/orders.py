"""Resting orders and entry prices, where a venue keeps them as everybody does."""

from dataclasses import replace
from decimal import Decimal

from marginbook.domain.account import Account, Order, Position, Side
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Fill, OrderChange
from marginbook.exact import divide, round_ceil, round_floor

ENTRY_PLACES = 16


def with_order(account: Account, event: OrderChange) -> Account:
    """The account after an order is placed, changed or cancelled (quantity 0)."""
    if event.quantity < 0 or (event.quantity and event.price <= 0):
        raise BadInput(
            "bad_order", f"account {account.id}.order {event.order_id}", f"{event.quantity} at {event.price}", "above 0"
        )
    old = next((order for order in account.orders if order.id == event.order_id), None)
    others = tuple(order for order in account.orders if order.id != event.order_id)
    if not event.quantity:
        return replace(account, orders=others)
    order = Order(
        id=event.order_id,
        market=event.market,
        side=event.side,
        quantity=event.quantity,
        price=event.price,
        position_side=event.position_side,
        reduce_only=event.reduce_only,
        leverage=old.leverage if old else None,
    )
    return replace(account, orders=(*others, order))


def without_filled(account: Account, event: Fill) -> Account:
    """The account whose order of this fill has so much less remaining."""
    if event.order_id is None:
        return account
    orders = [
        replace(order, quantity=order.quantity - event.quantity) if order.id == event.order_id else order
        for order in account.orders
    ]
    return replace(account, orders=tuple(order for order in orders if order.quantity > 0))


def averaged_entry(side: Side, quantity: Decimal, entry: Decimal, added: Decimal, price: Decimal) -> Decimal:
    """Entry price after adding to a linear position, by quantity; 16 decimals, against the holder.

    >>> averaged_entry("long", Decimal(1), Decimal(100), Decimal(2), Decimal(103))
    Decimal('102.0000000000000000')
    """
    entry = divide(quantity * entry + added * price, quantity + added)
    return round_ceil(entry, ENTRY_PLACES) if side == "long" else round_floor(entry, ENTRY_PLACES)


def after_fill(held: Position, event: Fill) -> Position | None:
    """A position of linear contracts after a fill: grown, shrunk, turned round, or None where nothing is left.

    Money is not looked at: it is another rule's matter what a close realises.
    """
    direction: Side = "long" if event.side == "buy" else "short"
    if held.side == direction:
        entry = averaged_entry(held.side, held.quantity, held.entry, event.quantity, event.price)
        return replace(held, quantity=held.quantity + event.quantity, entry=entry)
    if event.quantity > held.quantity:
        return replace(held, side=direction, quantity=event.quantity - held.quantity, entry=event.price)
    if event.quantity < held.quantity:
        return replace(held, quantity=held.quantity - event.quantity)
    return None

"""What happens to a margin account: trades against cash, deposits, fees; and the special memorandum account.

A trade moves cash by its whole price. Where the account states its SMA (`details.sma`), a deposit or withdrawal moves
that by its amount, a trade by

    Δ (equity with loan value − Regulation T margin) of the class group, at the price of the trade

so that a purchase and a short sale of shares take half of their value, a sale and a covering purchase give it back, and
a written option takes what it asks for less its premium. Other prices that the class group needs are those of the
market; where one is missing, the trade stands and the SMA is no longer stated. When the day ends the SMA is never less
than equity with loan value − Regulation T margin of the account, which `quantities` shows.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from marginbook.domain.account import Account, Order, Position, Side
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Event, Fill, OrderChange, Transfer
from marginbook.domain.market import Market
from marginbook.exact import ZERO, divide, format_decimal, in_exact_context
from marginbook.venues.broker.instruments import holdings, instrument_of
from marginbook.venues.broker.margin_account import POOL, statement
from marginbook.venues.broker.parameters import Rates
from marginbook.venues.common.fields import detail


@in_exact_context
def apply(account: Account, market: Market, event: Event, parameters: Rates, at: int) -> tuple[Account, Market]:
    """The account after a fill, a transfer or a change of an order; BadInput for what a broker does not know."""
    if isinstance(event, Fill):
        return _filled(account, market, event, replace(parameters, at=at)), market
    if isinstance(event, Transfer):
        return _transferred(account, event), market
    if isinstance(event, OrderChange):
        return _ordered(account, event), market
    raise BadInput("unexpected_event", f"account {account.id}", type(event).__name__, "a fill, a transfer or an order")


def _transferred(account: Account, event: Transfer) -> Account:
    place = f"account {account.id}"
    if event.asset != "USD":
        raise BadInput("unexpected_currency", place, event.asset, "USD")
    if event.to_pool is not None:
        raise BadInput("unknown_pool", place, event.to_pool, "no transfer between pools: there is one")
    after = _with_cash(account, event.amount)
    return _with_sma(after, event.amount)


def _filled(account: Account, market: Market, event: Fill, rates: Rates) -> Account:
    place = f"account {account.id}.{event.market}"
    if event.quantity <= 0 or event.price <= 0:
        raise BadInput("bad_fill", place, f"{event.quantity} at {event.price}", "above 0")
    if event.mode == "isolated" or event.position_side is not None:
        raise BadInput("isolated_not_offered", place, event.mode or "hedge mode", "one position per security")
    held = next((one for one in account.positions if one.market == event.market), None)
    details: Mapping[str, str] = held.details if held else {}
    instrument = instrument_of(event.market, details, place)
    sign = 1 if event.side == "buy" else -1
    value = event.quantity * instrument.multiplier * event.price
    positions = _moved(account.positions, held, event, sign)
    after = replace(_with_cash(account, -sign * value - event.fee), positions=positions)
    holdings(after)
    if "sma" not in account.details:
        return after
    traded = market.with_prices({(rates.venue, event.market, rates.price_kind): event.price})
    try:
        before, now = (_excess(one, instrument.underlying, traded, rates) for one in (account, after))
    except BadInput:
        return replace(after, details={name: text for name, text in after.details.items() if name != "sma"})
    return _with_sma(after, now - before)


def _excess(account: Account, underlying: str, market: Market, rates: Rates) -> Decimal:
    """Equity with loan value − Regulation T margin of cash and one class group [USD]."""
    group = tuple(one for one in account.positions if instrument_of(one.market, one.details).underlying == underlying)
    found = statement(replace(account, positions=group, orders=(), fixed=None), POOL, market, rates)
    return (found.support_initial or ZERO) - (found.initial or ZERO)


def _moved(positions: tuple[Position, ...], held: Position | None, event: Fill, sign: int) -> tuple[Position, ...]:
    before = ZERO if held is None else held.sign * held.quantity
    after = before + sign * event.quantity
    if held is None:
        side: Side = "long" if sign > 0 else "short"
        return (*positions, Position(market=event.market, side=side, quantity=event.quantity, entry=event.price))
    if not after:
        return tuple(one for one in positions if one is not held)
    entry = held.entry
    if before * after < 0:
        entry = event.price
    elif abs(after) > abs(before):
        entry = divide(held.entry * abs(before) + event.price * event.quantity, abs(after))
    moved = replace(held, side="long" if after > 0 else "short", quantity=abs(after), entry=entry)
    return tuple(moved if one is held else one for one in positions)


def _ordered(account: Account, event: OrderChange) -> Account:
    kept = tuple(order for order in account.orders if order.id != event.order_id)
    if event.quantity:
        kept += (
            Order(
                id=event.order_id,
                market=event.market,
                side=event.side,
                quantity=event.quantity,
                price=event.price,
                reduce_only=event.reduce_only,
            ),
        )
    return replace(account, orders=kept)


def _with_cash(account: Account, amount: Decimal) -> Account:
    return replace(account, wallet={**account.wallet, "USD": account.wallet.get("USD", ZERO) + amount})


def _with_sma(account: Account, amount: Decimal) -> Account:
    if "sma" not in account.details:
        return account
    now = detail(account.details, "sma", f"account {account.id}") + amount
    return replace(account, details={**account.details, "sma": format_decimal(now)})

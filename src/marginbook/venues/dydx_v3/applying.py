"""What fills, transfers and orders do to a StarkEx position.

Every transaction applies funding first, with one floor. A fill moves synthetic units against USDC units, floor(size ·
price), the fee on top, rounded up. A withdrawal is refused unless the position is well leveraged afterwards.
"""

from dataclasses import replace
from decimal import Decimal

from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import AccountSnapshot, Event, Fill, OrderChange, PriceFrame, Transfer
from marginbook.domain.market import Market
from marginbook.exact import ZERO, from_raw, in_exact_context, to_raw_ceil, to_raw_floor
from marginbook.venues.common.orders import after_fill, with_order, without_filled
from marginbook.venues.dydx_v3.fixed_point import COLLATERAL_DECIMALS
from marginbook.venues.dydx_v3.parameters import Parameters
from marginbook.venues.dydx_v3.rule import (
    CURRENCY,
    INDEX,
    POOL,
    VENUE,
    asset_of,
    funded,
    held_by,
    synthetic_units,
    usdc_moved,
    usdc_units,
    valued,
)


@in_exact_context
def apply(account: Account, market: Market, event: Event, parameters: Parameters, at: int) -> tuple[Account, Market]:
    """The account and market after `event`; BadInput where the venue refuses it."""
    match event:
        case Fill():
            return _fill(account, market, event, parameters), market
        case Transfer():
            return _transfer(account, market, event, parameters), market
        case OrderChange():
            return with_order(account, event), market
        case AccountSnapshot():
            return event.account, market
        case PriceFrame():
            return account, market.with_prices(event.prices)
    raise BadInput("unsupported_event", f"account {account.id}", type(event).__name__, "an event of a margin account")


def _funded(account: Account, market: Market, parameters: Parameters) -> Account:
    """The account with funding up to now in its collateral."""
    held = held_by(account)
    # Funding does not look at the price.
    assets = [asset_of(position, market, parameters, position.entry) for position in held.positions]
    collateral = from_raw(funded(held.collateral, assets), COLLATERAL_DECIMALS)
    positions = tuple(_with_index(position, market) for position in account.positions)
    return replace(account, wallet={**account.wallet, CURRENCY: collateral}, positions=positions)


def _with_index(position: Position, market: Market) -> Position:
    index = market.state.get((VENUE, position.market, INDEX))
    return position if index is None else replace(position, details={**position.details, INDEX: str(int(index))})


def _paid(account: Account, amount: Decimal) -> Account:
    left = account.wallet.get(CURRENCY, ZERO) + amount
    usdc_units(left, f"account {account.id}.wallet.{CURRENCY}")
    return replace(account, wallet={**account.wallet, CURRENCY: left})


def _fill(account: Account, market: Market, event: Fill, parameters: Parameters) -> Account:
    place = f"account {account.id}.fill {event.market}"
    if event.quantity <= 0 or event.price <= 0:
        raise BadInput("bad_fill", place, f"{event.quantity} at {event.price}", "a quantity and a price above 0")
    opened = Position(
        market=event.market,
        side="long" if event.side == "buy" else "short",
        quantity=event.quantity,
        entry=event.price,
    )
    synthetic_units(opened, parameters.terms_of(event.market))
    account = _funded(account, market, parameters)
    quote = from_raw(to_raw_floor(event.quantity * event.price, COLLATERAL_DECIMALS), COLLATERAL_DECIMALS)
    fee = from_raw(to_raw_ceil(event.fee, COLLATERAL_DECIMALS), COLLATERAL_DECIMALS)
    account = without_filled(_paid(account, (-quote if event.side == "buy" else quote) - fee), event)
    held = next((p for p in account.positions if p.market == event.market), None)
    if held is None:
        return replace(account, positions=(*account.positions, _with_index(opened, market)))
    positions = [after_fill(p, event) if p is held else p for p in account.positions]
    return replace(account, positions=tuple(p for p in positions if p is not None))


def _transfer(account: Account, market: Market, event: Transfer, parameters: Parameters) -> Account:
    place = f"account {account.id}.transfer"
    if event.asset != CURRENCY:
        raise BadInput("unsupported_collateral", f"{place}.asset", event.asset, CURRENCY)
    if event.to_pool is not None or event.pool not in (None, "cross", POOL):
        raise BadInput("unknown_pool", place, event.to_pool or event.pool, POOL)
    usdc_moved(event.amount, f"{place}.amount")
    account = _paid(_funded(account, market, parameters), event.amount)
    if event.amount < 0 and event.kind in ("withdrawal", "transfer"):
        found = valued(account, market, parameters)
        if found.support < found.demand:
            most = found.support - found.demand - event.amount
            raise BadInput("insufficient_collateral", place, -event.amount, f"at most {max(ZERO, most)}")
    return account

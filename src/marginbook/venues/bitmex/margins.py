"""The venue's own fields of a position, in the integers of its ledger."""

from dataclasses import dataclass, replace
from decimal import Decimal

from marginbook.domain.account import Account, Order, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.exact import (
    ONE,
    ZERO,
    divide,
    from_raw,
    grid_ceil,
    grid_floor,
    in_exact_context,
    round_half_up,
    to_raw_ceil,
    to_raw_exact,
    to_raw_floor,
)
from marginbook.venues.bitmex.parameters import Bitmex, Row
from marginbook.venues.common.fields import detail
from marginbook.venues.contracts.model import Holding, is_isolated


@dataclass(frozen=True, slots=True)
class Margins:
    """The venue's own fields of a position, in raw units."""

    cost: int
    init: int
    comm: int
    posted: int  # posInit and the fee of a position that nothing was added to
    margin: int
    maint: int


def value_raw(held: Position | Order, price: Decimal, parameters: Bitmex) -> int:
    """Value of a position or an order at a price in raw units, to the nearest: contract by contract, or as a whole."""
    if parameters.inverse and parameters.row(held.market).values_of == "contract":
        one = to_raw_exact(round_half_up(divide(ONE, price), parameters.decimals), parameters.decimals)
        return to_raw_exact(round_half_up(held.quantity * one, 0), 0)
    value = divide(held.quantity, price) if parameters.inverse else held.quantity * price
    return to_raw_exact(round_half_up(value, parameters.decimals), parameters.decimals)


def fee_raw(cost: int, margin: int, taker_fee: Decimal) -> int:
    """The fee to close where all of a margin is gone, which pays that fee too: ⌈(cost + margin − fee) · taker fee⌉.

    >>> fee_raw(18_668_000, 3_821_884, Decimal("0.00075"))
    16855
    """
    return to_raw_ceil(divide((cost + margin) * taker_fee, ONE + taker_fee), 0)


def margins(holding: Holding, account: Account, market: Market, parameters: Bitmex) -> Margins:
    """posInit, posComm, posMargin and posMaint of a position."""
    position = holding.position
    cost = value_raw(position, position.entry, parameters)
    base, row = parameters.row(position.market), _row_of(holding, account, cost, parameters)
    if position.leverage is not None:
        init = to_raw_ceil(divide(Decimal(cost), position.leverage), 0)
        if row is not base and row.initial is not None:
            init = max(init, to_raw_ceil(cost * row.initial, 0))
    elif row.initial is not None:
        init = to_raw_ceil(cost * row.initial, 0)
    else:
        place = f"account {account.id}.{position.market}.leverage"
        raise BadInput("missing_leverage", place, "nothing", "a leverage, or the market's initial rate")
    comm = to_raw_ceil((cost + init) * row.taker_fee, 0)
    own = posted = init + comm
    if is_isolated(account, position) and position.isolated_wallet is not None:
        own = to_raw_floor(position.isolated_wallet, parameters.decimals)
        comm = max(comm, fee_raw(cost, own, row.taker_fee))
    return Margins(cost, init, comm, posted, own, _required(holding, cost, row, market) + comm)


def order_raw(order: Order, parameters: Bitmex) -> int:
    """initMargin of an order: ⌈cost · (rate + taker fee + (1 + rate) · taker fee)⌉, the fees to open and to close."""
    value = value_raw(order, order.price, parameters)
    row = parameters.row(order.market).at_limit(from_raw(value, parameters.decimals))
    rate = divide(ONE, order.leverage) if order.leverage is not None else row.initial or ONE
    return to_raw_ceil(value * (rate + (2 + rate) * row.taker_fee), 0)


def _row_of(holding: Holding, account: Account, cost: int, parameters: Bitmex) -> Row:
    """The rates of a position: of its chosen risk limit (`details.risk_limit`), or of the least one that holds it."""
    position = holding.position
    least = from_raw(cost, parameters.decimals)
    chosen = detail(position.details, "risk_limit", f"account {account.id}.{position.market}", least)
    return parameters.row(position.market).at_limit(max(least, chosen))


def _required(holding: Holding, cost: int, row: Row, market: Market) -> int:
    """⌈cost · (maintenance + funding rate)⌉; funding is asked of the side that pays it."""
    position = holding.position
    funding = Decimal(market.state.get(("bitmex", position.market, "funding_rate"), row.funding_rate)) * position.sign
    return to_raw_ceil(cost * (row.maintenance + max(ZERO, funding)), 0)


def profit_raw(holding: Holding, mark: Decimal, parameters: Bitmex) -> int:
    """Unrealised profit in raw units."""
    gained = value_raw(holding.position, mark, parameters)
    gained -= value_raw(holding.position, holding.position.entry, parameters)
    return gained * holding.position.sign * (-1 if parameters.inverse else 1)


@in_exact_context
def displayed_prices(
    holding: Holding, account: Account, market: Market, parameters: Bitmex
) -> tuple[Decimal | None, Decimal | None]:
    """(bankruptcy, liquidation) price as the venue prints them, on the tick; None where there is none.

    Of an isolated position, or of an inverse one that has the cross wallet for itself: all of it is then its margin.
    """
    position, found = holding.position, margins(holding, account, market, parameters)
    if not is_isolated(account, position):
        own = to_raw_floor(account.wallet.get(parameters.currency_of(position.market), ZERO), parameters.decimals)
        comm = max(found.comm, fee_raw(found.cost, own, parameters.row(position.market).taker_fee))
        found = replace(found, margin=own, comm=comm, maint=found.maint - found.comm + comm)
    price = _inverse_price if parameters.inverse else _linear_price
    return price(holding, found, found.comm, parameters), price(holding, found, found.maint, parameters)


def _linear_price(holding: Holding, found: Margins, left: int, parameters: Bitmex) -> Decimal | None:
    """Where the margin is worth `left`, its fee apart: entry − side · (posMargin − posComm) / quantity + …"""
    position = holding.position
    own, required = (
        divide(from_raw(raw - found.comm, parameters.decimals), position.quantity) for raw in (found.margin, left)
    )
    return _on_tick(position.entry - position.sign * (own - required), holding, parameters)


def _inverse_price(holding: Holding, found: Margins, left: int, parameters: Bitmex) -> Decimal | None:
    """Where cost ± margin ∓ left is the position's value, rounded against it as values are."""
    position = holding.position
    value = Decimal(found.cost + position.sign * (found.margin - left))
    if parameters.row(position.market).values_of == "contract":
        each = divide(value, position.quantity)
        value = position.quantity * (grid_floor(each, ONE) if position.side == "long" else grid_ceil(each, ONE))
    if value <= 0:
        return None
    return _on_tick(divide(position.quantity, from_raw(1, parameters.decimals) * value), holding, parameters)


def _on_tick(price: Decimal, holding: Holding, parameters: Bitmex) -> Decimal | None:
    tick = parameters.row(holding.position.market).tick or Decimal("0.00000001")
    on_tick = grid_ceil if holding.position.side == "long" else grid_floor
    return found if (found := on_tick(price, tick)) > 0 else None

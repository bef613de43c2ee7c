"""The venue's own fields of a position, in the integers of its ledger."""

from dataclasses import dataclass
from decimal import Decimal

from marginbook.domain.account import Account
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
from marginbook.venues.bitmex.parameters import Bitmex
from marginbook.venues.contracts.model import Holding, is_isolated


@dataclass(frozen=True, slots=True)
class Margins:
    """The venue's own fields of a position, in raw units."""

    cost: int
    init: int
    comm: int
    margin: int
    maint: int


def value_raw(quantity: Decimal, price: Decimal, parameters: Bitmex) -> int:
    """Value of a quantity at a price in raw units, to the nearest."""
    value = divide(quantity, price) if parameters.inverse else quantity * price
    return to_raw_exact(round_half_up(value, parameters.decimals), parameters.decimals)


def margins(holding: Holding, account: Account, market: Market, parameters: Bitmex) -> Margins:
    """posInit, posComm, posMargin and posMaint of a position."""
    position, row = holding.position, parameters.row(holding.position.market)
    rate = divide(ONE, position.leverage) if position.leverage is not None else row.initial
    if rate is None:
        place = f"account {account.id}.{position.market}.leverage"
        raise BadInput("missing_leverage", place, "nothing", "a leverage, or the market's initial rate")
    cost = value_raw(position.quantity, position.entry, parameters)
    init = (
        to_raw_ceil(cost * rate, 0)
        if position.leverage is None
        else to_raw_ceil(divide(Decimal(cost), position.leverage), 0)
    )
    comm = to_raw_ceil((cost + init) * row.taker_fee, 0)
    funding = Decimal(market.state.get(("bitmex", position.market, "funding_rate"), row.funding_rate))
    maint = to_raw_ceil(cost * row.maintenance, 0) + comm + to_raw_ceil(cost * max(ZERO, funding), 0)
    own = init + comm
    if is_isolated(account, position) and position.isolated_wallet is not None:
        own = to_raw_floor(position.isolated_wallet, parameters.decimals)
    return Margins(cost, init, comm, own, maint)


def profit_raw(holding: Holding, mark: Decimal, parameters: Bitmex) -> int:
    """Unrealised profit in raw units."""
    gained = value_raw(holding.position.quantity, mark, parameters)
    gained -= value_raw(holding.position.quantity, holding.position.entry, parameters)
    return gained * holding.position.sign * (-1 if parameters.inverse else 1)


@in_exact_context
def displayed_prices(holding: Holding, account: Account, market: Market, parameters: Bitmex) -> tuple[Decimal, Decimal]:
    """(bankruptcy, liquidation) price of an isolated linear position as the venue prints them, on the tick."""
    position, found = holding.position, margins(holding, account, market, parameters)
    own, required = (
        divide(from_raw(raw - found.comm, parameters.decimals), position.quantity)
        for raw in (found.margin, found.maint)
    )
    bankrupt = position.entry - position.sign * own
    liquidated = bankrupt + position.sign * required
    tick = parameters.row(position.market).tick or Decimal("0.00000001")
    on_tick = grid_ceil if position.side == "long" else grid_floor
    return on_tick(bankrupt, tick), on_tick(liquidated, tick)

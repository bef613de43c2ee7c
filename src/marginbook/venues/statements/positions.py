"""Positions and orders of a cross account of contracts, checked, for statements.

`parameters` is any class with `venue`, `price_kind`, `terms_of(market)` and `currency_of(market)`.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Event, Fill, Setting
from marginbook.domain.market import Market
from marginbook.exact import ZERO
from marginbook.venues.contracts.events import apply as apply_to_contracts
from marginbook.venues.contracts.model import (
    Holding,
    OpenOrders,
    initial_margin,
    is_isolated,
    leg_of,
    open_orders,
)
from marginbook.venues.statements.model import Mover, quoted

TICK = Decimal("0.00000001")
NO_ORDERS = OpenOrders()


def cross_holdings(account: Account, parameters: Any, isolated_too: bool = False) -> list[Holding]:
    """The account's positions with their terms; BadInput for negative or doubled ones, and for isolated ones."""
    found = []
    seen = set()
    for index, position in enumerate(account.positions):
        place = f"account {account.id}.position[{index}]"
        if is_isolated(account, position) and not isolated_too:
            raise BadInput("isolated_not_offered", place, "isolated", f"cross margin in {account.rules}")
        if position.quantity < 0:
            raise BadInput("negative_quantity", f"{place}.quantity", position.quantity, "at least 0")
        if position.entry <= 0:
            raise BadInput("bad_price", f"{place}.entry", position.entry, "above 0")
        if position.leverage is not None and position.leverage <= 0:
            raise BadInput("bad_leverage", f"{place}.leverage", position.leverage, "above 0")
        key = (position.market, position.side if account.position_mode == "hedge" else "")
        if key in seen:
            raise BadInput(
                "duplicate_position", place, position.market, "one position per market (hedge mode: per side)"
            )
        seen.add(key)
        found.append(Holding(position, parameters.terms_of(position.market)))
    return found


def settlement(account: Account, market: str, parameters: Any) -> str:
    """The asset in which a market settles."""
    found = parameters.terms_of(market).currency or parameters.currency_of(market)
    if found is None:
        raise BadInput("unknown_currency", f"parameters.{market}.currency", "nothing", "the settlement currency")
    return str(found)


def factor_of(holding: Holding, market: Market, parameters: Any) -> Decimal:
    """The price of a holding's market, or its inverse."""
    return holding.factor(quoted(market, parameters.venue, holding.position.market, parameters.price_kind))


def resting_orders(account: Account, parameters: Any) -> dict[tuple[str, str], OpenOrders]:
    """What resting orders may add, by (market, leg)."""
    return {key: resting for legs in open_orders(account, parameters).values() for key, resting in legs.items()}


def initial_by_market(
    account: Account, holdings: Iterable[Holding], market: Market, parameters: Any
) -> dict[str, Decimal]:
    """Initial margin [settlement asset] by market: max(|net + bids|, |net − asks|) / leverage, per leg of a hedge."""
    orders = resting_orders(account, parameters)
    found: dict[str, Decimal] = {}
    for holding in holdings:
        name = holding.position.market
        resting = orders.pop((name, leg_of(account, holding.position.side)), NO_ORDERS)
        net = holding.size * factor_of(holding, market, parameters) * holding.position.sign
        most = max(abs(net + resting.bids), abs(net - resting.asks))
        found[name] = found.get(name, ZERO) + holding.initial(most)
    for (name, _), resting in orders.items():
        most = max(resting.bids, resting.asks)
        found[name] = found.get(name, ZERO) + initial_margin(most, resting.leverage, parameters.terms_of(name))
    return found


def position_movers(positions: Iterable[Position], parameters: Any) -> list[Mover]:
    """One mover per market of the positions."""
    by_name: dict[str, list[Position]] = {}
    for position in positions:
        if position.quantity:
            by_name.setdefault(position.market, []).append(position)
    found = []
    for name, held in by_name.items():
        side = held[0].side if len(held) == 1 else "both"
        found.append(
            Mover(
                name,
                ((parameters.venue, name, parameters.price_kind),),
                parameters.terms_of(name).tick or TICK,
                held[0].entry,
                (side, side),
            )
        )
    return found


def apply(account: Account, market: Market, event: Event, parameters: Any, at: int) -> tuple[Account, Market]:
    """As for all contracts; isolated margin is refused."""
    isolated = (isinstance(event, Fill) and event.mode == "isolated") or (
        isinstance(event, Setting) and event.kind == "margin_mode" and event.value == "isolated"
    )
    if isolated:
        raise BadInput("isolated_not_offered", f"account {account.id}", "isolated", f"cross margin in {account.rules}")
    return apply_to_contracts(account, market, event, parameters, at)

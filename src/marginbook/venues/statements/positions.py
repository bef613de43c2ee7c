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
from marginbook.exact import ZERO, divide
from marginbook.venues.contracts.events import apply as apply_to_contracts
from marginbook.venues.contracts.model import Holding, initial_margin, is_isolated
from marginbook.venues.statements.model import Mover, quoted

TICK = Decimal("0.00000001")


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


def resting(account: Account, parameters: Any) -> dict[str, tuple[Decimal, Decimal, Decimal | None]]:
    """Value of opening bids and asks [settlement asset] and the leverage, by market."""
    found: dict[str, tuple[Decimal, Decimal, Decimal | None]] = {}
    for order in account.orders:
        if order.reduce_only or (
            order.position_side is not None and (order.side == "buy") != (order.position_side == "long")
        ):
            continue
        terms = parameters.terms_of(order.market)
        size = order.quantity * terms.contract_size
        value = divide(size, order.price) if terms.inverse else size * order.price
        bids, asks, leverage = found.get(order.market, (ZERO, ZERO, None))
        buys = order.side == "buy"
        found[order.market] = (
            bids + value if buys else bids,
            asks if buys else asks + value,
            leverage or order.leverage,
        )
    return found


def initial_by_market(
    account: Account, holdings: Iterable[Holding], market: Market, parameters: Any
) -> dict[str, Decimal]:
    """Initial margin [settlement asset] by market: max(|net + bids|, |net − asks|) / leverage, per leg of a hedge."""
    orders = resting(account, parameters)
    found: dict[str, Decimal] = {}
    for holding in holdings:
        name = holding.position.market
        bids, asks, _ = orders.pop(name, (ZERO, ZERO, None))
        net = holding.size * factor_of(holding, market, parameters) * holding.position.sign
        found[name] = found.get(name, ZERO) + holding.initial(max(abs(net + bids), abs(net - asks)))
    for name, (bids, asks, leverage) in orders.items():
        found[name] = found.get(name, ZERO) + initial_margin(max(bids, asks), leverage, parameters.terms_of(name))
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

"""Perps v2: what fills, transfers and funding do.

Every fill and transfer settles the position: profit and funding go to the margin, and the last price becomes the fill
price, or the oracle's. What is left of a closed position stays in its market until withdrawn; here it goes to the
wallet, which is the margin without a position. A market that is known whole is written down anew (`market`). What money
may move is in `settling`, delayed orders are in `delayed`. Source: `_trade` of `PerpsV2MarketProxyable.sol`, 1609d156.
"""

from dataclasses import replace
from decimal import Decimal

from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import AccountSnapshot, Event, Fill, IndexUpdate, OrderChange, PriceFrame, Transfer
from marginbook.domain.market import Index, Market
from marginbook.exact import ZERO, from_raw, in_exact_context, to_raw_floor
from marginbook.venues.synthetix.market import funding_now, touched
from marginbook.venues.synthetix.v2.delayed import ordered
from marginbook.venues.synthetix.v2.parameters import Parameters
from marginbook.venues.synthetix.v2.risk import USD, figures_at, holding_of, holdings, idle, is_pending
from marginbook.venues.synthetix.v2.settling import settled
from marginbook.venues.synthetix.wad import DECIMALS, price_of, wad


@in_exact_context
def apply(account: Account, market: Market, event: Event, parameters: Parameters, at: int) -> tuple[Account, Market]:
    """The account and market after `event`; BadInput where the venue refuses it."""
    match event:
        case Fill():
            return _fill(account, market, event, parameters, at)
        case Transfer():
            return _transfer(account, market, event, parameters, at)
        case OrderChange():
            return ordered(account, market, event, parameters, at)
        case AccountSnapshot():
            return event.account, market
        case IndexUpdate() if event.kind == "funding":
            index = Index(to_raw_floor(event.value, DECIMALS))
            return account, replace(market, indices={**market.indices, (event.venue, event.asset, "funding"): index})
        case PriceFrame():
            return account, market.with_prices(event.prices)
    raise BadInput("unsupported_event", f"account {account.id}", type(event).__name__, "a fill, an order or a transfer")


def _fill(account: Account, market: Market, event: Fill, parameters: Parameters, at: int) -> tuple[Account, Market]:
    place, name = f"account {account.id}.fill {event.market}", event.market
    if event.quantity <= 0 or event.price <= 0:
        raise BadInput("bad_fill", place, f"{event.quantity} at {event.price}", "a quantity and a price above 0")
    if event.position_side is not None:
        raise BadInput("unsupported_mode", place, event.position_side, "one-way")
    terms, price = parameters.terms_of(name), wad(event.price, f"{place}.price")
    held = next((h for h in holdings(account, parameters) if h.market == name), None)
    others = tuple(position for position in account.positions if position.market != name)
    before = held.size if held else 0
    kept = tuple(o for o in account.orders if o.market != name) if event.kind == "liquidation" else account.orders
    account = replace(account, orders=tuple(order for order in kept if order.id != event.order_id))
    if event.kind == "liquidation":
        return replace(account, positions=others), touched(market, name, terms, at, before, 0)
    if held is not None and held.flagged:
        raise BadInput("refused", place, "Position flagged", "a position that is not flagged")
    funding = funding_now(market, name, terms, at, price)
    margin = figures_at(held, price, funding, parameters.system).margin if held else idle(account)
    margin -= wad(event.fee, f"{place}.fee")
    if margin < 0:
        raise BadInput("refused", place, "Insufficient margin", "a margin of at least 0 after the fill")
    size = before + wad(event.quantity, f"{place}.quantity") * (1 if event.side == "buy" else -1)
    then = touched(market, name, terms, at, before, size)
    left = account.wallet.get(USD, ZERO) if held else ZERO
    if not size:
        wallet = {**account.wallet, USD: left + from_raw(margin, DECIMALS)}
        return replace(account, positions=others, wallet=wallet), then
    fresh = Position(
        market=name,
        side="long" if size > 0 else "short",
        quantity=from_raw(abs(size), DECIMALS),
        entry=event.price,
        mode="isolated",
        isolated_wallet=from_raw(margin, DECIMALS),
        funding_index_raw=-funding,
    )
    return replace(account, positions=(*others, fresh), wallet={**account.wallet, USD: left}), then


def _transfer(
    account: Account, market: Market, event: Transfer, parameters: Parameters, at: int
) -> tuple[Account, Market]:
    place = f"account {account.id}.transfer"
    if event.asset != USD:
        raise BadInput("unknown_asset", place, event.asset, USD)
    if event.to_pool is None:
        return _moved(account, market, event.pool, event.amount, parameters, at)
    if event.amount < 0:
        raise BadInput("bad_transfer", place, event.amount, "an amount of at least 0")
    account, market = _moved(account, market, event.pool, -event.amount, parameters, at)
    return _moved(account, market, event.to_pool, event.amount, parameters, at)


def _moved(
    account: Account, market: Market, pool: str | None, amount: Decimal, parameters: Parameters, at: int
) -> tuple[Account, Market]:
    place = f"account {account.id}.transfer"
    if pool is None or pool in ("cross", f"cross:{USD}"):
        taken = {position.market for position in account.positions}
        if any(order.market not in taken for order in account.orders):
            raise BadInput("refused", place, "Pending order exists", "no delayed order that waits")
        balance = account.wallet.get(USD, ZERO) + amount
        if balance < 0:
            raise BadInput("refused", place, "Insufficient margin", f"at least -{account.wallet.get(USD, ZERO)}")
        return replace(account, wallet={**account.wallet, USD: balance}), market
    held = holding_of(account, pool, parameters)
    if held.flagged:
        raise BadInput("refused", place, "Position flagged", "a position that is not flagged")
    if is_pending(account, held.market):
        raise BadInput("refused", place, "Pending order exists", "no delayed order that waits")
    then = touched(market, held.market, held.terms, at, held.size, held.size)
    if not amount:
        return account, then
    change, price = wad(amount, place), price_of(market, held.market)
    return settled(account, held, change, price, market, parameters, at), then

"""What fills, transfers, orders, settings and funding do to an account of contracts.

Entry prices average by quantity and are kept at 16 decimals, rounded against the holder (a long up, a short down); the
venue's own digits are not known, so a snapshot of the venue replaces ours. Profit is realised into the wallet. An
isolated position takes its margin, notional / leverage rounded up at 8 decimals, from the wallet when it opens or
grows, and gives back its margin in proportion when it shrinks, with the profit; a larger loss stays with it.

A liquidation that leaves a part of an isolated position settles profit and fee in its own margin, and frees none of it.
One that ends it settles with the wallet: a loss beyond the margin is there until the venue's fund has paid it, which is
an event of its own.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from marginbook.domain.account import Account, Position, Side
from marginbook.domain.errors import BadInput
from marginbook.domain.events import (
    AccountSnapshot,
    Event,
    Fill,
    IndexUpdate,
    OrderChange,
    PriceFrame,
    Setting,
    Transfer,
)
from marginbook.domain.market import Index, Market
from marginbook.exact import ZERO, divide, in_exact_context, parse_decimal, round_ceil, round_floor, to_raw_floor
from marginbook.venues.common.orders import with_order, without_filled
from marginbook.venues.contracts.model import (
    FUNDING_DECIMALS,
    ContractRules,
    Holding,
    currency_of,
    funding_due,
    is_isolated,
    isolated_pool,
    open_orders,
)

ENTRY_PLACES = 16
MONEY_PLACES = 8


@in_exact_context
def apply(account: Account, market: Market, event: Event, parameters: ContractRules, at: int) -> tuple[Account, Market]:
    """The account and market after `event`; BadInput where the venue refuses it."""
    match event:
        case Fill():
            return _fill(account, market, event, parameters), market
        case Transfer():
            return _transfer(account, event), market
        case OrderChange():
            return _ordered(account, event, parameters), market
        case Setting():
            return _setting(account, event), market
        case AccountSnapshot():
            return with_funding_settled(event.account, market), market
        case IndexUpdate() if event.kind == "funding":
            return account, _with_index(market, event)
        case PriceFrame():
            return account, market.with_prices(event.prices)
    raise BadInput("unsupported_event", f"account {account.id}", type(event).__name__, "an event of a margin account")


def with_funding_settled(account: Account, market: Market) -> Account:
    """The account as its venue reports it: funding up to now is in the wallet already."""
    positions = tuple(
        replace(position, funding_index_raw=index.value_raw)
        if (index := market.indices.get((account.venue, position.market, "funding"))) is not None
        else position
        for position in account.positions
    )
    return replace(account, positions=positions)


def _ordered(account: Account, event: OrderChange, parameters: ContractRules) -> Account:
    """The account with the order; one that could not be evaluated is refused, and the account stays as it was."""
    after = with_order(account, event)
    open_orders(replace(after, orders=after.orders[-1:] if event.quantity else ()), parameters)
    return after


def _with_index(market: Market, event: IndexUpdate) -> Market:
    index = Index(to_raw_floor(event.value, FUNDING_DECIMALS))
    return replace(market, indices={**market.indices, (event.venue, event.asset, "funding"): index})


def _fill(account: Account, market: Market, event: Fill, parameters: ContractRules) -> Account:
    place = f"account {account.id}.fill {event.market}"
    if event.quantity <= 0 or event.price <= 0:
        raise BadInput("bad_fill", place, f"{event.quantity} at {event.price}", "a quantity and a price above 0")
    direction: Side = "long" if event.side == "buy" else "short"
    side = event.position_side if account.position_mode == "hedge" else None
    if account.position_mode == "hedge" and side is None:
        raise BadInput("missing_position_side", place, "nothing", "long or short in hedge mode")
    currency = currency_of(account, event.market, parameters)
    held = next((p for p in account.positions if p.market == event.market and (side is None or p.side == side)), None)
    account = without_filled(account, event)
    if held is not None and _is_liquidated_apart(account, event, held):
        held, old = replace(held, isolated_wallet=(held.isolated_wallet or ZERO) - event.fee), held
        account = _with_position(account, old, held)
    else:
        account = _paid(account, currency, -event.fee)
    if held is None:
        if side is not None and side != direction:
            raise BadInput("nothing_to_close", place, event.quantity, f"a {side} position")
        return _opened(account, market, event, direction, event.quantity, currency, parameters)
    account, held = _funded(account, market, held, currency, parameters)
    if held.side == direction:
        return _grown(account, market, event, held, currency, parameters)
    closed = min(event.quantity, held.quantity)
    if side is not None and closed < event.quantity:
        raise BadInput("closes_too_much", place, event.quantity, f"at most {held.quantity}")
    account = _reduced(account, event, held, closed, currency, parameters)
    if closed == event.quantity:
        return account
    return _opened(account, market, event, direction, event.quantity - closed, currency, parameters, held)


def _is_liquidated_apart(account: Account, event: Fill, held: Position) -> bool:
    return event.kind == "liquidation" and is_isolated(account, held)


def _funded(
    account: Account, market: Market, held: Position, currency: str, parameters: ContractRules
) -> tuple[Account, Position]:
    """Settle the position's funding first, so that the new quantity starts from the index of now."""
    index = market.indices.get((parameters.venue, held.market, "funding"))
    if index is None:
        return account, held
    due = funding_due(Holding(held, parameters.terms_of(held.market)), market, parameters.venue)
    settled = replace(held, funding_index_raw=index.value_raw)
    if is_isolated(account, held):
        settled = replace(settled, isolated_wallet=(held.isolated_wallet or ZERO) + due)
    else:
        account = _paid(account, currency, due)
    return _with_position(account, held, settled), settled


def _opened(
    account: Account,
    market: Market,
    event: Fill,
    side: Side,
    quantity: Decimal,
    currency: str,
    parameters: ContractRules,
    before: Position | None = None,
) -> Account:
    leverage = event.leverage or (before.leverage if before else None)
    if leverage is None:
        leverage = next((p.leverage for p in account.positions if p.market == event.market), None)
    index = market.indices.get((parameters.venue, event.market, "funding"))
    position = Position(
        market=event.market,
        side=side,
        quantity=quantity,
        entry=event.price,
        leverage=leverage,
        mode=event.mode or (before.mode if before else None),
        funding_index_raw=index.value_raw if index else None,
    )
    if is_isolated(account, position):
        margin = _isolated_margin(account, position, quantity, event.price, parameters)
        position = replace(position, isolated_wallet=margin)
        account = _paid(account, currency, -margin)
    return replace(account, positions=(*account.positions, position))


def _grown(
    account: Account, market: Market, event: Fill, held: Position, currency: str, parameters: ContractRules
) -> Account:
    quantity = held.quantity + event.quantity
    if parameters.terms_of(held.market).inverse:
        # Inverse contracts average by value: quantity / entry adds up.
        value = divide(held.quantity, held.entry) + divide(event.quantity, event.price)
        entry = divide(quantity, value)
    else:
        entry = divide(held.quantity * held.entry + event.quantity * event.price, quantity)
    entry = round_ceil(entry, ENTRY_PLACES) if held.side == "long" else round_floor(entry, ENTRY_PLACES)
    grown = replace(held, quantity=quantity, entry=entry, leverage=held.leverage or event.leverage)
    if is_isolated(account, held):
        margin = _isolated_margin(account, grown, event.quantity, event.price, parameters)
        grown = replace(grown, isolated_wallet=(held.isolated_wallet or ZERO) + margin)
        account = _paid(account, currency, -margin)
    return _with_position(account, held, grown)


def _reduced(
    account: Account, event: Fill, held: Position, closed: Decimal, currency: str, parameters: ContractRules
) -> Account:
    part = Holding(replace(held, quantity=closed), parameters.terms_of(held.market))
    profit = part.profit(part.factor(event.price))
    left = held.quantity - closed
    if not is_isolated(account, held):
        account = _paid(account, currency, profit)
        return _with_position(account, held, replace(held, quantity=left) if left else None)
    wallet = held.isolated_wallet or ZERO
    if not left:
        return _with_position(_paid(account, currency, wallet + profit), held, None)
    if _is_liquidated_apart(account, event, held):
        return _with_position(account, held, replace(held, quantity=left, isolated_wallet=wallet + profit))
    freed = round_floor(divide(wallet * closed, held.quantity), MONEY_PLACES) + profit
    paid_out = max(ZERO, freed)
    kept = wallet - (freed - profit) + (freed - paid_out)
    account = _paid(account, currency, paid_out)
    return _with_position(account, held, replace(held, quantity=left, isolated_wallet=kept))


def _isolated_margin(
    account: Account, position: Position, quantity: Decimal, price: Decimal, parameters: ContractRules
) -> Decimal:
    part = Holding(replace(position, quantity=quantity, entry=price), parameters.terms_of(position.market), True)
    if position.leverage is None and part.terms.initial_rate is None:
        raise BadInput(
            "missing_leverage",
            f"account {account.id}.fill {position.market}",
            "nothing",
            "a leverage for isolated margin",
        )
    return round_ceil(part.initial(part.size * part.entry_factor), MONEY_PLACES)


def _with_position(account: Account, old: Position, new: Position | None) -> Account:
    kept = [new if position is old or position == old else position for position in account.positions]
    return replace(account, positions=tuple(position for position in kept if position is not None))


def _paid(account: Account, currency: str, amount: Decimal) -> Account:
    if not amount:
        return account
    wallet: Mapping[str, Decimal] = {**account.wallet, currency: account.wallet.get(currency, ZERO) + amount}
    return replace(account, wallet=wallet)


def _transfer(account: Account, event: Transfer) -> Account:
    voluntary = event.kind in ("withdrawal", "transfer")
    if event.to_pool is not None:
        if event.amount < 0:
            raise BadInput("bad_transfer", f"account {account.id}.transfer", event.amount, "an amount of at least 0")
        account = _credit(account, event.pool, event.asset, -event.amount, voluntary)
        return _credit(account, event.to_pool, event.asset, event.amount, voluntary)
    return _credit(account, event.pool, event.asset, event.amount, voluntary)


def _credit(account: Account, pool: str | None, asset: str, amount: Decimal, voluntary: bool) -> Account:
    if pool is None or pool in ("cross", f"cross:{asset}"):
        balance = account.wallet.get(asset, ZERO) + amount
        _covered(account, f"wallet.{asset}", balance, amount, voluntary)
        return replace(account, wallet={**account.wallet, asset: balance})
    for position in account.positions:
        if is_isolated(account, position) and isolated_pool(position) == pool:
            balance = (position.isolated_wallet or ZERO) + amount
            _covered(account, pool, balance, amount, voluntary)
            return _with_position(account, position, replace(position, isolated_wallet=balance))
    raise BadInput("unknown_pool", f"account {account.id}.transfer", pool, "cross, or an isolated position's pool")


def _covered(account: Account, place: str, balance: Decimal, amount: Decimal, voluntary: bool) -> None:
    if voluntary and amount < 0 and balance < 0:
        raise BadInput("insufficient_balance", f"account {account.id}.{place}", amount, f"at most {balance - amount}")


def _setting(account: Account, event: Setting) -> Account:
    place = f"account {account.id}.setting {event.kind}"
    if event.kind == "leverage":
        try:
            leverage = parse_decimal(event.value)
        except ValueError:
            leverage = ZERO
        if leverage <= 0:
            raise BadInput("bad_leverage", place, event.value, "a leverage above 0")
        positions = tuple(
            replace(p, leverage=leverage) if event.market in (None, p.market) else p for p in account.positions
        )
        orders = tuple(replace(o, leverage=leverage) if event.market in (None, o.market) else o for o in account.orders)
        return replace(account, positions=positions, orders=orders)
    if event.kind == "position_mode" and event.value in ("one-way", "hedge"):
        if account.positions or account.orders:
            raise BadInput("mode_in_use", place, event.value, "no open position and no open order")
        return replace(account, position_mode="hedge" if event.value == "hedge" else "one-way")
    if event.kind == "margin_mode" and event.value in ("cross", "isolated"):
        if any(event.market in (None, p.market) for p in account.positions):
            raise BadInput("mode_in_use", place, event.value, "no open position")
        # A market's own mode is carried by its fills; the account's is the default.
        return (
            account
            if event.market is not None
            else replace(account, mode="isolated" if event.value == "isolated" else "cross")
        )
    raise BadInput("unsupported_setting", place, event.value, "leverage, margin_mode or position_mode")

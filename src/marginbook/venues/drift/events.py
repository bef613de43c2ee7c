"""What fills, orders, transfers, spot actions, settings and funding do to an account.

A fill adds its base and the opposite of its value to a position, less the fee; entry is what its open quote makes it,
a reduction takes the open quote in proportion, cut toward zero. A closed position's quote is settled into the quote
asset at once, which the program leaves to a later instruction. Source: `controller/position.rs` at 0ae3e3b1.
"""

from dataclasses import replace
from decimal import Decimal

from marginbook.domain.account import Account, Collateral, Debt, Order, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import (
    AccountSnapshot,
    Event,
    Fill,
    IndexUpdate,
    LendingAction,
    OrderChange,
    PriceFrame,
    Setting,
    Transfer,
)
from marginbook.domain.market import Index, Market
from marginbook.exact import (
    ZERO,
    divide,
    format_decimal,
    from_raw,
    in_exact_context,
    mul_div_floor,
    mul_div_trunc,
    round_floor,
    to_raw_floor,
)
from marginbook.venues.common.fields import detail
from marginbook.venues.drift.account import CROSS, INDEX_TO_FUNDING, MODES, balances, book_of, funding_index, pool_of
from marginbook.venues.drift.margin import Context, calculate
from marginbook.venues.drift.parameters import Parameters
from marginbook.venues.drift.units import (
    BASE,
    BASE_DECIMALS,
    PRICE_DECIMALS,
    QUOTE_DECIMALS,
    price_of,
    raw,
    token_value,
)

KINDS = {"supply": 1, "repay": 1, "withdraw": -1, "borrow": -1}
ENTRY_PLACES = 9


@in_exact_context
def apply(account: Account, market: Market, event: Event, parameters: Parameters, at: int) -> tuple[Account, Market]:
    """The account and market after `event`; BadInput where the venue refuses it."""
    match event:
        case Fill():
            return _fill(account, market, event, parameters), market
        case OrderChange():
            return _order(account, event), market
        case Transfer():
            return _transfer(account, market, event, parameters), market
        case LendingAction() if event.kind in KINDS:
            amount = _asked(account, event, market, parameters)
            return _spot_change(account, event.asset, amount, market, parameters), market
        case Setting():
            return _setting(account, event), market
        case AccountSnapshot():
            return event.account, market
        case IndexUpdate() if event.kind == "funding":
            index = Index(to_raw_floor(event.value, 18))
            return account, replace(market, indices={**market.indices, (event.venue, event.asset, "funding"): index})
        case PriceFrame():
            return account, market.with_prices(event.prices)
    raise BadInput("unsupported_event", f"account {account.id}", type(event).__name__, "an event of a margin account")


def _fill(account: Account, market: Market, event: Fill, parameters: Parameters) -> Account:
    place = f"account {account.id}.fill {event.market}"
    if event.quantity <= 0 or event.price <= 0 or event.position_side is not None:
        raise BadInput("bad_fill", place, f"{event.quantity} at {event.price}", "a one-way fill above 0")
    parameters.terms_of(event.market)
    size = raw(event.quantity, BASE_DECIMALS, f"{place}.quantity")
    value = mul_div_floor(size, to_raw_floor(event.price, PRICE_DECIMALS), BASE)
    change, money = (size, -value) if event.side == "buy" else (-size, value)
    fee = raw(event.fee, QUOTE_DECIMALS, f"{place}.fee")
    book = book_of(account, market, parameters)
    held = next((perp for perp in book.perps if perp.market == event.market), None)
    old = next((position for position in account.positions if position.market == event.market), None)
    base, quote = (held.base, held.quote) if held and old else (0, 0)
    opened = _open_quote(old, base)
    if not base or (base > 0) == (change > 0):
        opened += money
    elif abs(change) <= abs(base):
        opened -= mul_div_trunc(opened, abs(change), abs(base))
    else:
        opened = money - mul_div_trunc(money, abs(base), abs(change))
    base, quote = base + change, quote + money - fee
    account = replace(account, orders=_left(account.orders, event))
    others = tuple(position for position in account.positions if position.market != event.market)
    if not base:
        account = replace(account, positions=others)
        deposit = (
            raw(old.isolated_wallet or ZERO, QUOTE_DECIMALS, place) if old and pool_of(account, old) != CROSS else 0
        )
        settled = from_raw(quote + deposit, QUOTE_DECIMALS)
        return _spot_change(account, parameters.system.quote_asset, settled, market, parameters)
    details = {} if old is None else dict(old.details)
    details["quote_asset_amount"] = format_decimal(from_raw(quote, QUOTE_DECIMALS))
    details["quote_entry_amount"] = format_decimal(from_raw(opened, QUOTE_DECIMALS))
    index = funding_index(market, event.market, base > 0)
    position = Position(
        market=event.market,
        side="long" if base > 0 else "short",
        quantity=from_raw(abs(base), BASE_DECIMALS),
        entry=_entry(opened, base, event.price),
        leverage=old.leverage if old else event.leverage,
        mode=old.mode if old else event.mode,
        isolated_wallet=old.isolated_wallet if old else None,
        funding_index_raw=None if index is None else index * INDEX_TO_FUNDING,
        details=details,
    )
    if position.isolated_wallet is None and pool_of(account, position) != CROSS:
        position = replace(position, isolated_wallet=ZERO)
    return replace(account, positions=(*others, position))


def _open_quote(old: Position | None, base: int) -> int:
    """Quote of the open part without fees and funding [10^-6]: stated, or base · entry."""
    if old is None or not base:
        return 0
    place = f"position {old.market}"
    if "quote_entry_amount" in old.details:
        return raw(detail(old.details, "quote_entry_amount", place), QUOTE_DECIMALS, place)
    return -mul_div_trunc(base, to_raw_floor(old.entry, ENTRY_PLACES), BASE * 1000)


def _entry(opened: int, base: int, price: Decimal) -> Decimal:
    """Entry price: open quote by base, 9 decimals."""
    entry = divide(from_raw(abs(opened), QUOTE_DECIMALS), from_raw(abs(base), BASE_DECIMALS))
    found = round_floor(entry, ENTRY_PLACES)
    return found if found > 0 else price


def _left(orders: tuple[Order, ...], event: Fill) -> tuple[Order, ...]:
    if event.order_id is None:
        return orders
    left = (
        replace(order, quantity=order.quantity - event.quantity) if order.id == event.order_id else order
        for order in orders
    )
    return tuple(order for order in left if order.quantity > 0)


def _order(account: Account, event: OrderChange) -> Account:
    others = tuple(order for order in account.orders if order.id != event.order_id)
    if not event.quantity:
        return replace(account, orders=others)
    if event.quantity < 0 or event.price <= 0 or event.position_side is not None:
        raise BadInput("bad_order", f"account {account.id}.order", event.quantity, "a one-way order above 0")
    order = Order(
        id=event.order_id,
        market=event.market,
        side=event.side,
        quantity=event.quantity,
        price=event.price,
        reduce_only=event.reduce_only,
    )
    return replace(account, orders=(*others, order))


def _signed(account: Account, asset: str, market: Market, parameters: Parameters) -> Decimal:
    units = balances(account, market, parameters).get(asset, 0)
    return from_raw(units, parameters.asset(asset).decimals)


def _spot_change(account: Account, asset: str, amount: Decimal, market: Market, parameters: Parameters) -> Account:
    """The account with `amount` more of an asset; what is below 0 is owed."""
    raw(amount, parameters.asset(asset).decimals, f"account {account.id}.{asset}")
    left = _signed(account, asset, market, parameters) + amount
    wallet = {name: held for name, held in account.wallet.items() if name != asset}
    collateral = tuple(held for held in account.collateral if held.asset != asset)
    debt = tuple(owed for owed in account.debt if owed.asset != asset)
    if left >= 0 and asset == parameters.system.quote_asset:
        wallet[asset] = left
    elif left > 0:
        collateral = (*collateral, Collateral(asset=asset, amount=left))
    elif left < 0:
        debt = (*debt, Debt(asset=asset, amount=-left))
    return replace(account, wallet=wallet, collateral=collateral, debt=debt)


def _asked(account: Account, event: LendingAction, market: Market, parameters: Parameters) -> Decimal:
    place = f"account {account.id}.{event.kind} {event.asset}"
    held = _signed(account, event.asset, market, parameters)
    amount = event.amount
    if amount == Decimal("Infinity"):
        amount = abs(held)
    if amount <= 0:
        raise BadInput("bad_amount", place, event.amount, "above 0")
    if event.kind == "repay" and amount > -held:
        raise BadInput("repays_too_much", place, amount, f"at most {format_decimal(max(ZERO, -held))}")
    if event.kind == "withdraw" and amount > held:
        raise BadInput("insufficient_balance", place, amount, f"at most {format_decimal(max(ZERO, held))}")
    return amount * KINDS[event.kind]


def _transfer(account: Account, market: Market, event: Transfer, parameters: Parameters) -> Account:
    place = f"account {account.id}.transfer"
    if event.to_pool is not None:
        if event.amount < 0:
            raise BadInput("bad_transfer", place, event.amount, "an amount of at least 0")
        account = _moved(account, market, event.pool, event.asset, -event.amount, parameters, True)
        return _moved(account, market, event.to_pool, event.asset, event.amount, parameters, False)
    checked = event.kind == "withdrawal" and event.amount < 0
    return _moved(account, market, event.pool, event.asset, event.amount, parameters, checked)


def _moved(
    account: Account,
    market: Market,
    pool: str | None,
    asset: str,
    amount: Decimal,
    parameters: Parameters,
    checked: bool,
) -> Account:
    place = f"account {account.id}.transfer"
    if checked and amount < 0:
        _check_withdrawal(account, market, pool or CROSS, asset, -amount, parameters)
    if pool is None or pool == CROSS:
        return _spot_change(account, asset, amount, market, parameters)
    if asset != parameters.system.quote_asset:
        raise BadInput("unknown_asset", place, asset, parameters.system.quote_asset)
    raw(amount, QUOTE_DECIMALS, place)
    found = [position for position in account.positions if pool_of(account, position) == pool]
    if not found:
        raise BadInput("unknown_pool", place, pool, "a pool of the account")
    deposit = (found[0].isolated_wallet or ZERO) + amount
    if deposit < 0:
        raise BadInput("insufficient_balance", place, amount, f"at least -{found[0].isolated_wallet}")
    positions = tuple(
        replace(position, isolated_wallet=deposit) if position is found[0] else position
        for position in account.positions
    )
    return replace(account, positions=positions)


def _check_withdrawal(
    account: Account, market: Market, pool: str, asset: str, amount: Decimal, parameters: Parameters
) -> None:
    """A withdrawal must leave the initial margin in place."""
    place = f"account {account.id}.withdrawal {asset}"
    held = _signed(account, asset, market, parameters)
    if pool == CROSS and amount > held:
        raise BadInput("insufficient_balance", place, amount, f"at most {format_decimal(held)}")
    book = book_of(account, market, parameters)
    if not book.perps and not any(spot.amount < 0 for spot in book.spots) and not account.orders:
        return
    found = calculate(book, market, parameters, Context("initial", strict=parameters.system.strict))
    free = found[pool].total_collateral - found[pool].requirement if pool in found else 0
    terms = parameters.asset(asset)
    value = token_value(raw(amount, terms.decimals, place), terms.decimals, price_of(market, asset))
    weight = 10**4 if asset == parameters.system.quote_asset else terms.initial_asset_weight
    if mul_div_floor(value, weight, 10**4) > free:
        limit = format_decimal(from_raw(max(0, free), QUOTE_DECIMALS))
        raise BadInput("insufficient_margin", place, amount, f"a weighted value of at most {limit}")


def _setting(account: Account, event: Setting) -> Account:
    place = f"account {account.id}.setting {event.kind}"
    if event.kind == "margin_mode" and event.value in MODES and event.market is None:
        details = {name: text for name, text in account.details.items() if name != "margin_mode"}
        if event.value != "default":
            details["margin_mode"] = event.value
        return replace(account, details=details)
    raise BadInput("unsupported_setting", place, event.value, "margin_mode: " + ", ".join(MODES))

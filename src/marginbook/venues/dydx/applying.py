"""What fills, transfers, settings and funding do to subaccounts.

Every change settles funding of the whole subaccount first, with one floor. A fill moves base quantums against
floor(size · price) quote quantums of USDC, the fee on top, rounded up; there is no realised profit apart from USDC.
Fills are facts of the chain and are not checked against margin; a withdrawal is refused where it would leave the
subaccount below its initial margin. Entry prices are only for reading: averaged, 16 decimals, against the holder.
"""

from collections.abc import Callable
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
from marginbook.exact import (
    ZERO,
    from_raw,
    in_exact_context,
    parse_decimal,
    to_raw_ceil,
    to_raw_floor,
)
from marginbook.venues.common.orders import after_fill, with_order, without_filled
from marginbook.venues.dydx.holdings import (
    CROSS,
    CURRENCY,
    INDEX_DECIMALS,
    VENUE,
    holding_of,
    index_units,
    pool_named,
    pool_of,
    pools,
    quantums_of,
    quote_quantums_of,
    subaccount_of,
)
from marginbook.venues.dydx.parameters import Parameters
from marginbook.venues.dydx.quantums import QUOTE_DECIMALS
from marginbook.venues.dydx.subaccount import Subaccount

ANY_PRICE = 1
"""Funding does not look at the price."""


@in_exact_context
def apply(account: Account, market: Market, event: Event, parameters: Parameters, at: int) -> tuple[Account, Market]:
    """The account and market after `event`; BadInput where the venue refuses it."""
    match event:
        case Fill():
            return _fill(account, market, event, parameters), market
        case Transfer():
            return _transfer(account, market, event, parameters), market
        case Setting():
            return _setting(account, event), market
        case OrderChange():
            return with_order(account, event), market
        case AccountSnapshot():
            return _snapshot(event.account, market), market
        case IndexUpdate() if event.kind == "funding":
            index = Index(to_raw_floor(event.value, INDEX_DECIMALS))
            index_units(index.value_raw, parameters.terms_of(event.asset), f"indices.{VENUE}.{event.asset}")
            return account, replace(market, indices={**market.indices, (event.venue, event.asset, "funding"): index})
        case PriceFrame():
            return account, market.with_prices(event.prices)
    raise BadInput("unsupported_event", f"account {account.id}", type(event).__name__, "an event of a margin account")


def _index_of(market: Market, name: str) -> int | None:
    index = market.indices.get((VENUE, name, "funding"))
    return None if index is None else index.value_raw


def _snapshot(account: Account, market: Market) -> Account:
    """Positions without a funding index of their own are settled up to now."""
    positions = tuple(
        replace(p, funding_index_raw=_index_of(market, p.market)) if p.funding_index_raw is None else p
        for p in account.positions
    )
    return replace(account, positions=positions)


def _settled(account: Account, pool: str, market: Market, parameters: Parameters) -> Account:
    """The account with the funding of one subaccount in its USDC."""
    own = pool_named(account, pool).positions if pool in pools(account) else ()
    holdings = tuple(holding_of(position, market, parameters, ANY_PRICE) for position in own)
    if not holdings:
        return account
    due = from_raw(Subaccount(usdc=0, holdings=holdings).funding_due(), QUOTE_DECIMALS)
    positions = tuple(
        replace(p, funding_index_raw=_index_of(market, p.market) or p.funding_index_raw) if p in own else p
        for p in account.positions
    )
    return _paid(replace(account, positions=positions), pool, due)


def _paid(account: Account, pool: str, amount: Decimal) -> Account:
    """USDC of a subaccount raised by `amount`."""
    if pool == CROSS:
        return replace(account, wallet={**account.wallet, CURRENCY: account.wallet.get(CURRENCY, ZERO) + amount})
    return _changed(
        account,
        lambda p: pool_of(account, p) == pool,
        lambda p: replace(p, isolated_wallet=(p.isolated_wallet or ZERO) + amount),
    )


def _changed(account: Account, which: Callable[[Position], bool], change: Callable[[Position], Position]) -> Account:
    return replace(account, positions=tuple(change(p) if which(p) else p for p in account.positions))


def _fill(account: Account, market: Market, event: Fill, parameters: Parameters) -> Account:
    place = f"account {account.id}.fill {event.market}"
    if event.quantity <= 0 or event.price <= 0:
        raise BadInput("bad_fill", place, f"{event.quantity} at {event.price}", "a quantity and a price above 0")
    terms = parameters.terms_of(event.market)
    quantums_of(event.quantity, terms, f"{place}.quantity")
    direction: Side = "long" if event.side == "buy" else "short"
    held = _held(account, event)
    mode = event.mode or (account.mode if held is None else held.mode or account.mode)
    if mode == "isolated" and held is None:
        raise BadInput(
            "missing_isolated_wallet", place, "a fill", "a snapshot of the isolated subaccount: a fill brings no USDC"
        )
    pool = CROSS if held is None else pool_of(account, held)
    if held is None and any(
        terms.isolated or parameters.terms_of(p.market).isolated
        for p in account.positions
        if pool_of(account, p) == CROSS and p.quantity
    ):
        raise BadInput("isolated_market", place, event.market, "a subaccount without other positions")
    account = _settled(account, pool, market, parameters)
    quote = from_raw(to_raw_floor(event.quantity * event.price, QUOTE_DECIMALS), QUOTE_DECIMALS)
    fee = from_raw(to_raw_ceil(event.fee, QUOTE_DECIMALS), QUOTE_DECIMALS)
    account = _paid(account, pool, (-quote if event.side == "buy" else quote) - fee)
    account = without_filled(account, event)
    if held is None:
        opened = Position(
            market=event.market,
            side=direction,
            quantity=event.quantity,
            entry=event.price,
            leverage=event.leverage,
            mode=event.mode,
            funding_index_raw=_index_of(market, event.market),
        )
        return replace(account, positions=(*account.positions, opened))
    return _resized(account, pool, event)


def _held(account: Account, event: Fill) -> Position | None:
    """The position that a fill belongs to: of its mode, else of the account's, else the only one in the market."""
    own = [p for p in account.positions if p.market == event.market]
    mode = event.mode or account.mode
    found = next((p for p in own if (p.mode or account.mode) == mode), None)
    return own[0] if found is None and event.mode is None and own else found


def _resized(account: Account, pool: str, event: Fill) -> Account:
    held = next(p for p in account.positions if p.market == event.market and pool_of(account, p) == pool)
    changed = after_fill(held, event)
    if changed is None and held.details.get("quote_balance_raw", "0") != "0":
        changed = replace(held, quantity=ZERO)
    elif changed is None and pool != CROSS:
        # An isolated subaccount's USDC goes back to where it came from.
        account = _paid(account, CROSS, held.isolated_wallet or ZERO)
    positions = [changed if p is held else p for p in account.positions]
    return replace(account, positions=tuple(p for p in positions if p is not None))


def _transfer(account: Account, market: Market, event: Transfer, parameters: Parameters) -> Account:
    place = f"account {account.id}.transfer"
    if event.asset != CURRENCY:
        raise BadInput("unsupported_collateral", f"{place}.asset", event.asset, CURRENCY)
    quote_quantums_of(event.amount, f"{place}.amount")
    given = event.pool if event.pool not in (None, "cross") else CROSS
    moves = [(given, event.amount)]
    if event.to_pool is not None:
        if event.amount < 0:
            raise BadInput("bad_transfer", place, event.amount, "an amount of at least 0")
        moves = [(given, -event.amount), (CROSS if event.to_pool == "cross" else event.to_pool, event.amount)]
    for pool, amount in moves:
        assert pool is not None
        if pool != CROSS:
            pool_named(account, pool)
        account = _paid(_settled(account, pool, market, parameters), pool, amount)
        if amount < 0 and event.kind in ("withdrawal", "transfer"):
            after = subaccount_of(pool_named(account, pool), market, parameters).risk()
            if not after.is_initial_collateralized():
                most = from_raw(after.collateral - after.initial, QUOTE_DECIMALS) - amount
                raise BadInput("insufficient_collateral", place, -amount, f"at most {max(ZERO, most)}")
    return account


def _setting(account: Account, event: Setting) -> Account:
    place = f"account {account.id}.setting {event.kind}"
    if event.kind != "leverage":
        raise BadInput("unsupported_setting", place, event.value, "leverage")
    try:
        leverage = parse_decimal(event.value)
    except ValueError:
        leverage = ZERO
    if leverage < 1:
        raise BadInput("bad_leverage", place, event.value, "a leverage of at least 1")

    def change(position: Position) -> Position:
        details = {name: text for name, text in position.details.items() if name != "custom_imf_ppm"}
        return replace(position, leverage=leverage, details=details)

    return _changed(account, lambda p: event.market in (None, p.market), change)

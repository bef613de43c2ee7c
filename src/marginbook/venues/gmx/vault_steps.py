"""Liquidation and events of GMX v1.

State 2 closes the position as its owner would: the rest of the collateral ± delta, less the margin fees, goes to the
trader. State 1 deletes it: the fees go to the fee reserve, the fixed liquidation fee to the keeper out of the pool, and
the pool keeps the rest. Amounts are USD of the vault's books; it pays them in the collateral token at its max price.

Events are the vault's calls (`vault_calls`), and what it refuses is BadInput `refused` with its reason. A deposit of
`USD` to a position's pool brings so much worth of collateral, up to the next token unit; a withdrawal or transfer
takes collateral, out of which funding is paid. A fill that grows a position takes size / `leverage` from the account's
wallet, also up to the next token unit; one that shrinks it realises profit in proportion. `fee` of a trade is the
position fee; funding is added. A fill of kind `liquidation` is the vault's own, at the fill's price, with the fees that
it takes. Corrections, fees and settlements change the collateral without a call. Without a pool a transfer is the
account's own wallet.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from marginbook.domain.account import Account, Position, Side
from marginbook.domain.errors import BadInput
from marginbook.domain.events import AccountSnapshot, Event, Fill, IndexUpdate, PriceFrame, Transfer
from marginbook.domain.market import Index, Market
from marginbook.domain.risk import Flow, Party, Plan
from marginbook.exact import (
    ZERO,
    divide,
    format_decimal,
    from_raw,
    in_exact_context,
    round_floor,
    to_raw_floor,
)
from marginbook.units import seconds
from marginbook.venues.gmx import vault_calls
from marginbook.venues.gmx.vault import (
    Held,
    Parameters,
    held_named,
    held_of,
    margin_fee,
    positions_of,
    price_of,
    validate,
)
from marginbook.venues.gmx.vault_books import (
    USD_DECIMALS,
    VENUE,
    Books,
    Prices,
    Revert,
    books_of,
    index_prices,
    stable_prices,
    with_books,
)
from marginbook.venues.gmx.vault_calls import Call

RATE_DECIMALS = 18


@in_exact_context
def plan_liquidation(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> Plan:
    """All of the position or nothing; money is in USD. A refusal by a vault that is known whole is the reason."""
    held = held_named(account, pool, parameters)
    found = validate(held, market, at)
    name = held.position.market
    reason = None if found.state else "the remaining collateral is enough"
    if found.state:
        prices = index_prices(market, name)
        try:
            vault_calls.liquidate(books_around(held, market, prices), held, prices, at)
        except Revert as revert:
            reason = f"the vault refuses: {revert.reason}"
    if reason:
        return Plan(pool=pool, market=name, collateral=held.token, reason=reason)
    amounts: dict[Party, int] = {"protocol": found.charged}
    if found.state == 2:
        amounts["account"] = found.delta.signed - found.fees
        amounts["pool"] = -found.delta.signed
    else:
        amounts["account"] = -held.collateral
        amounts["liquidator"] = found.liquidation_fee
        left = held.collateral - found.charged
        amounts["pool"] = (left if held.is_long else max(0, left)) - found.liquidation_fee
        # A short's fees beyond its collateral are booked without a payer: other shorts' collateral lies behind them.
        amounts["counterparties"] = 0 if held.is_long else min(0, left)
    return Plan(
        pool=pool,
        market=name,
        side=held.position.side,
        collateral=held.token,
        close_least=held.position.quantity,
        close_most=held.position.quantity,
        price=from_raw(price_of(held, market), USD_DECIMALS),
        seized=_usd(amounts.get("liquidator", 0)),
        fee=_usd(amounts["protocol"]),
        protocol_fee=_usd(amounts["protocol"]),
        bad_debt=_usd(max(0, -found.remaining)),
        flows=tuple(Flow(party, "USD", _usd(amount)) for party, amount in amounts.items() if amount),
    )


def _usd(raw: int) -> Decimal:
    return from_raw(raw, USD_DECIMALS)


def books_around(held: Held, market: Market, prices: Prices) -> Books:
    """The vault's books of a position's token, at the market's prices; BadInput where they lack its reserve."""
    own = prices if held.is_long else stable_prices(market, held.token)
    books = books_of(market, held.token, held.position.market, held.token_terms.decimals, own)
    if (VENUE, held.token, "funding") not in market.indices:
        books = replace(books, rate=held.rate)
    if books.whole and held.reserve is None:
        raise BadInput(
            "missing_detail", f"{held.pool}.details.reserve_raw", "nothing", "what the vault reserves for it"
        )
    return books


@in_exact_context
def apply(account: Account, market: Market, event: Event, parameters: Parameters, at: int) -> tuple[Account, Market]:
    """The account and market after `event`; BadInput where the vault refuses it."""
    match event:
        case Fill():
            return _fill(account, market, event, parameters, at)
        case Transfer():
            return _transfer(account, market, event, parameters, at)
        case AccountSnapshot():
            return event.account, market
        case IndexUpdate() if event.kind == "funding":
            index = Index(to_raw_floor(event.value, RATE_DECIMALS), time=seconds(event.stamp.time))
            return account, replace(market, indices={**market.indices, (event.venue, event.asset, "funding"): index})
        case PriceFrame():
            return account, market.with_prices(event.prices)
    raise BadInput("unsupported_event", f"account {account.id}", type(event).__name__, "an event of a GMX account")


def _fill(account: Account, market: Market, event: Fill, parameters: Parameters, at: int) -> tuple[Account, Market]:
    place = f"account {account.id}.fill {event.market}"
    if event.quantity <= 0 or event.price <= 0:
        raise BadInput("bad_fill", place, f"{event.quantity} at {event.price}", "a quantity and a price above 0")
    direction: Side = "long" if event.side == "buy" else "short"
    against: Side = "short" if event.side == "buy" else "long"
    held = [one for one in positions_of(account, parameters).values() if one.position.market == event.market]
    side = event.position_side
    if side is None:
        side = against if any(one.position.side == against for one in held) else direction
    of_side = [one for one in held if one.position.side == side]
    if len(of_side) > 1:
        raise BadInput("ambiguous_fill", place, ", ".join(one.pool for one in of_side), "one position of that side")
    if side == direction:
        return _increased(account, market, event, side, of_side[0] if of_side else None, parameters, at)
    if not of_side or event.quantity > of_side[0].position.quantity:
        most = of_side[0].position.quantity if of_side else 0
        raise BadInput("closes_too_much", place, event.quantity, f"at most {most} of a {side} position")
    return _decreased(account, market, event, of_side[0], at)


def _increased(
    account: Account, market: Market, event: Fill, side: Side, held: Held | None, parameters: Parameters, at: int
) -> tuple[Account, Market]:
    place = f"account {account.id}.fill {event.market}"
    size, fee = to_raw_floor(event.quantity * event.price, USD_DECIMALS), to_raw_floor(event.fee, USD_DECIMALS)
    margin = 0 if event.leverage is None else to_raw_floor(divide(_usd(size), event.leverage), USD_DECIMALS)
    if held is None:
        if event.leverage is None:
            raise BadInput("missing_leverage", place, "nothing", "a leverage for a new position")
        held = _opened(event, side, parameters, place)
    prices = _with_fill(index_prices(market, event.market), event, high=side == "long")
    found, market = called(
        market,
        held,
        lambda books: vault_calls.increase(books, held, prices, size, books.tokens_for(margin), fee, at),
        prices,
        place,
    )
    account = _paid(account, _usd(found.paid), place)
    return settled(account, held, found.held, held.position.quantity + event.quantity), market


def _with_fill(prices: Prices, event: Fill, *, high: bool) -> Prices:
    """The market's prices with the fill's own: longs open at the max and close at the min, shorts the reverse."""
    price = to_raw_floor(event.price, USD_DECIMALS)
    return replace(prices, high=price) if high else replace(prices, low=price)


def _opened(event: Fill, side: Side, parameters: Parameters, place: str) -> Held:
    """A position with nothing in it."""
    position = Position(
        market=event.market,
        side=side,
        quantity=ZERO,
        entry=ZERO,
        leverage=event.leverage,
        mode="isolated",
        isolated_wallet=ZERO,
    )
    return replace(held_of(position, parameters, place), reserve=0)


def _decreased(account: Account, market: Market, event: Fill, held: Held, at: int) -> tuple[Account, Market]:
    prices, place = index_prices(market, event.market), f"account {account.id}.fill {event.market}"
    prices = _with_fill(prices, event, high=not held.is_long)
    left = ZERO if event.kind == "liquidation" else held.position.quantity - event.quantity
    closed, fee = held.size, to_raw_floor(event.fee, USD_DECIMALS)
    if left:
        closed = int(round_floor(divide(Decimal(held.size) * event.quantity, held.position.quantity), 0))

    def call(books: Books) -> Call:
        if event.kind != "liquidation":
            return vault_calls.decrease(books, held, prices, 0, closed, fee, at)
        try:
            return vault_calls.liquidate(books, held, prices, at)
        except Revert as revert:
            if revert.reason != vault_calls.SAFE or not validate(held, market, at).state:
                raise
            # Filled at a better price than the one that liquidates: closed as in state 2.
            own = margin_fee(held.size, held.terms.margin_fee)
            return vault_calls.decrease(books, held, prices, 0, held.size, own, at)

    found, market = called(market, held, call, prices, place)
    return settled(_paid(account, _usd(found.paid), None), held, found.held, left), market


def called(
    market: Market, held: Held, call: Callable[[Books], Call], prices: Prices, place: str
) -> tuple[Call, Market]:
    """A call of the vault, and the market after it; BadInput `refused` with the vault's reason."""
    try:
        found = call(books_around(held, market, prices))
    except Revert as revert:
        raise BadInput("refused", place, revert.reason, "a call that the vault accepts") from None
    return found, with_books(market, held.token, held.position.market, found.books)


def settled(account: Account, before: Held, after: Held, quantity: Decimal) -> Account:
    """The account with a position as a call has left it; none where its size is gone."""
    old = before.position
    if not after.size:
        return _with(account, old, None)
    details = {**old.details, "size_in_usd": format_decimal(_usd(after.size))}
    known = {
        "last_increased_time": None if after.increased is None else str(after.increased),
        "reserve_raw": None if after.reserve is None else str(after.reserve),
        "realised_pnl": format_decimal(_usd(after.realised)) if after.realised else None,
    }
    position = replace(
        old,
        quantity=quantity,
        entry=_usd(after.average),
        isolated_wallet=_usd(after.collateral),
        funding_index_raw=after.rate or old.funding_index_raw,
        details={**details, **{name: text for name, text in known.items() if text is not None}},
    )
    return _with(account, old if before.size else None, position)


def _transfer(
    account: Account, market: Market, event: Transfer, parameters: Parameters, at: int
) -> tuple[Account, Market]:
    place = f"account {account.id}.transfer"
    if event.asset != "USD":
        raise BadInput("wrong_asset", place, event.asset, "USD: the vault counts collateral in it")
    if event.to_pool is not None and event.amount < 0:
        raise BadInput("bad_transfer", place, event.amount, "an amount of at least 0")
    calls = event.kind in ("deposit", "withdrawal", "transfer")
    moves = [(event.pool, event.amount)]
    if event.to_pool is not None:
        moves = [(event.pool, -event.amount), (event.to_pool, event.amount)]
    for number, (pool, amount) in enumerate(moves):
        if pool is None or pool == "wallet":
            account = _paid(account, amount, place if calls and event.kind != "deposit" else None)
            continue
        held = held_named(account, pool, parameters)
        if calls:
            account, market, paid = _moved(account, market, held, amount, at)
            if number:
                account = _paid(account, paid + amount, None)  # what the last token unit is worth beyond the amount
            elif len(moves) > 1:
                moves[1] = (event.to_pool, paid)
            continue
        balance = (held.position.isolated_wallet or ZERO) + amount
        if balance < 0:
            most = f"at most {balance - amount}"
            raise BadInput("insufficient_balance", f"account {account.id}.{pool}", amount, most)
        account = _with(account, held.position, replace(held.position, isolated_wallet=balance))
    return account, market


def _moved(account: Account, market: Market, held: Held, amount: Decimal, at: int) -> tuple[Account, Market, Decimal]:
    """Collateral brought to a position, or taken out of it: (account, market, what the vault paid)."""
    prices, raw = index_prices(market, held.position.market), to_raw_floor(abs(amount), USD_DECIMALS)

    def call(books: Books) -> Call:
        if amount < 0:
            return vault_calls.decrease(books, held, prices, raw, 0, 0, at)
        return vault_calls.increase(books, held, prices, 0, books.tokens_for(raw), 0, at)

    found, market = called(market, held, call, prices, f"account {account.id}.{held.pool}")
    return settled(account, held, found.held, held.position.quantity), market, _usd(found.paid)


def _paid(account: Account, amount: Decimal, place: str | None) -> Account:
    """The wallet after a payment; where `place` is given it may not fall below 0."""
    if not amount:
        return account
    balance = account.wallet.get("USD", ZERO) + amount
    if place is not None and balance < 0:
        raise BadInput("insufficient_balance", place, amount, f"at least {-amount} USD in the wallet")
    return replace(account, wallet={**account.wallet, "USD": balance})


def _with(account: Account, old: Position | None, new: Position | None) -> Account:
    kept = [new if position is old else position for position in account.positions]
    if old is None:
        kept.append(new)
    return replace(account, positions=tuple(position for position in kept if position is not None))

"""What events do to an account of GMX v2.

Transfers without a pool fill the account's wallet, by token; deposits, withdrawals and transfers to or from a
position's pool change its collateral, as the venue's orders of size 0: they settle borrowing and funding. A fill that
grows a position takes `leverage` worth of collateral from the wallet (size / leverage at the min price, up to the next
unit), pays borrowing, funding and its own `fee` out of the collateral, and starts the indices anew. One that shrinks it
is settled as `closing` says: profit and what is left are paid into the wallet. Funding received goes there too, as if
it were claimed at once. The venue's refusals are those of fills of kind `trade` and of the owner's transfers.

A position grows by quantity · price [USD], and by quantity of tokens; profit is measured at the fill's price; the
market's index price is meant (min for selling, max for buying), since the impact of the trade is worked out from the
market's open interest: carried by a larger position, realised by a smaller one. Where the state does not tell open
interest there is none, and a price may include it. A fill closes the size that takes exactly its tokens. A liquidation
of a whole position is settled at the venue's own prices and fees, whatever the fill says.

Deviations: impact beyond its cap is a claim that no wallet shows. A deposit of `USD` into a pool is our own way to say
"so much worth of the collateral", at its min price, cut at a unit.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from marginbook.domain.account import Account, Position, Side
from marginbook.domain.errors import BadInput
from marginbook.domain.events import AccountSnapshot, Event, Fill, IndexUpdate, PriceFrame, Transfer
from marginbook.domain.market import Index, Market
from marginbook.exact import (
    ZERO,
    div_floor,
    divide,
    format_decimal,
    from_raw,
    in_exact_context,
    mul_div_ceil,
    round_ceil,
    round_floor,
    to_raw_floor,
)
from marginbook.units import seconds
from marginbook.venues.gmx.closing import Closing, close, impact_closed, receiver_share, settle, size_closed
from marginbook.venues.gmx.impact import balance_of, increase
from marginbook.venues.gmx.margin import Fees, capped_pnl, check, required_to_open
from marginbook.venues.gmx.orders import adjusted
from marginbook.venues.gmx.parameters import Parameters, Terms
from marginbook.venues.gmx.positions import (
    USD_DECIMALS,
    Held,
    accrued,
    borrowing_due_usd,
    claimable_funding,
    funding_due,
    held_named,
    index_of,
    index_price,
    positions_of,
    token_price,
)
from marginbook.venues.gmx.totals import traded

ENTRY_PLACES = 16
INDEX_DECIMALS = {"borrow": 0, "supply": 0, "funding": 18}
"""An index event carries the venue's integer, funding times 10^-18, as for every venue."""


@in_exact_context
def apply(account: Account, market: Market, event: Event, parameters: Parameters, at: int) -> tuple[Account, Market]:
    """The account and market after `event`; BadInput where the venue refuses it."""
    match event:
        case Fill():
            return _fill(account, market, event, parameters, at), market
        case Transfer():
            return _transfer(account, market, event, parameters, at), market
        case AccountSnapshot():
            return event.account, market
        case IndexUpdate():
            decimals = INDEX_DECIMALS[event.kind]
            value, rate = to_raw_floor(event.value, decimals), to_raw_floor(event.rate, 0)
            index = Index(value, rate, seconds(event.stamp.time))
            return account, replace(market, indices={**market.indices, (event.venue, event.asset, event.kind): index})
        case PriceFrame():
            return account, market.with_prices(event.prices)
    raise BadInput("unsupported_event", f"account {account.id}", type(event).__name__, "an event of a GMX account")


def _fill(account: Account, market: Market, event: Fill, parameters: Parameters, at: int) -> Account:
    place = f"account {account.id}.fill {event.market}"
    if event.quantity <= 0 or event.price <= 0:
        raise BadInput("bad_fill", place, f"{event.quantity} at {event.price}", "a quantity and a price above 0")
    direction: Side = "long" if event.side == "buy" else "short"
    against: Side = "short" if event.side == "buy" else "long"
    held = [held for held in positions_of(account, parameters).values() if held.market == event.market]
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
    return _decreased(account, market, event, of_side[0], parameters, at)


def _increased(
    account: Account, market: Market, event: Fill, side: Side, held: Held | None, parameters: Parameters, at: int
) -> Account:
    place = f"account {account.id}.fill {event.market}"
    terms = parameters.terms_of(event.market)
    token = held.token if held else _token_in_wallet(account, terms, place)
    if held is None and event.leverage is None:
        raise BadInput("missing_leverage", place, "nothing", "a leverage for a new position")
    position = held.position if held else _blank(event, side, token)
    grown = held or next(iter(positions_of(replace(account, positions=(position,)), parameters).values()))
    added = round_floor(event.quantity * event.price, USD_DECIMALS)
    size_raw, tokens = to_raw_floor(added, USD_DECIMALS), to_raw_floor(event.quantity, terms.index_decimals)
    fee = to_raw_floor(event.fee, terms.decimals(token))
    fees = _fees(held, market, at, fee) if held else Fees(fee, 0, 0, 0, 0, 0)
    units = 0
    if event.leverage is not None:
        worth = to_raw_floor(divide(event.quantity * event.price, event.leverage), USD_DECIMALS)
        units = mul_div_ceil(worth, 1, token_price(grown, token, market, "min"))
    collateral = (held.collateral if held else 0) + units - fees.total
    if collateral < 0:
        raise BadInput("insufficient_collateral", place, collateral, "fees of at most the collateral")
    size = from_raw((held.size_usd if held else 0) + size_raw, USD_DECIMALS)
    quantity = (held.position.quantity if held else ZERO) + event.quantity
    entry = divide(size, quantity)
    pending = (held.pending_impact if held else 0) + _carried(grown, market, size_raw, place)
    details = {**position.details, "size_in_usd": format_decimal(size), **_fresh(grown, market, at)}
    if pending or "pending_impact" in details:
        details["pending_impact"] = format_decimal(from_raw(pending, terms.index_decimals))
    position = replace(
        position,
        quantity=quantity,
        entry=round_ceil(entry, ENTRY_PLACES) if side == "long" else round_floor(entry, ENTRY_PLACES),
        leverage=event.leverage or position.leverage,
        isolated_wallet=from_raw(collateral, terms.decimals(token)),
        details=details,
    )
    margin = from_raw(units, terms.decimals(token))
    changed = _with(_claimed(_paid(account, token, -margin, place), held, market), held, position)
    if event.kind == "trade":
        kept = fees.without_funding - receiver_share(grown, fees)
        moved = traded(market, grown, size_raw, tokens, {token: kept})
        _refuse(_at(changed, position, parameters), moved, at, place, opens=True)
    return changed


def _blank(event: Fill, side: Side, token: str) -> Position:
    size = format_decimal(round_floor(event.quantity * event.price, USD_DECIMALS))
    return Position(
        market=event.market,
        side=side,
        quantity=event.quantity,
        entry=event.price,
        mode="isolated",
        isolated_wallet=ZERO,
        details={"collateral": token, "size_in_usd": size},
    )


def _carried(held: Held, market: Market, size: int, place: str) -> int:
    """The impact of an increase, which is carried until the position shrinks [index token units]."""
    balance = balance_of(held, market)
    if balance is None:
        return 0
    least, most = (index_price(held, market, kind) for kind in ("min", "max"))
    try:
        return increase(held.terms, balance, size, held.is_long, least, most).impact_amount
    except ValueError as problem:
        raise BadInput("impact_too_large", place, str(problem), "an impact below the size") from None


def _token_in_wallet(account: Account, terms: Terms, place: str) -> str:
    tokens = dict.fromkeys((terms.long_token, terms.short_token))
    known = [token for token in tokens if account.wallet.get(token, ZERO) > 0]
    if len(known) != 1:
        expected = f"one of {terms.long_token} and {terms.short_token} in the wallet"
        raise BadInput("unknown_collateral", place, ", ".join(known) or "nothing", expected)
    return known[0]


def _fees(held: Held, market: Market, at: int, fee: int) -> Fees:
    """Borrowing and funding due, and the `fee` of a fill [collateral token units]."""
    borrowed = div_floor(borrowing_due_usd(held, market, at), token_price(held, held.token, market, "min"))
    return Fees(position=fee, discount=0, borrowing=borrowed, funding=funding_due(held, market), liquidation=0, ui=0)


def _fresh(held: Held, market: Market, at: int) -> Mapping[str, str]:
    """Indices of now, as the position stores them."""
    found = {}
    borrow = index_of(held, market, "borrow")
    if borrow is not None:
        found["borrowing_factor"] = format_decimal(from_raw(accrued(borrow, at), USD_DECIMALS))
    funding = index_of(held, market, "funding", held.token)
    if funding is not None:
        found["funding_fee_per_size_raw"] = str(funding.value_raw)
    for token in (held.terms.long_token, held.terms.short_token):
        claimable = index_of(held, market, "supply", token)
        if claimable is not None:
            found[f"claimable_{token}_raw"] = str(claimable.value_raw)
    return found


def _at(account: Account, position: Position, parameters: Parameters) -> Held:
    return next(held for held in positions_of(account, parameters).values() if held.position is position)


def _refuse(held: Held, market: Market, at: int, place: str, *, opens: bool = False, deposits: bool = False) -> None:
    """What the venue refuses of a position after an order: a larger size, a deposit, or one that takes out."""
    found = check(held, market, at, for_liquidation=deposits)
    if opens and found.collateral < required_to_open(held, market):
        raise BadInput("insufficient_collateral", place, found.collateral, f"at least {required_to_open(held, market)}")
    if (opens or deposits) and held.size_usd < held.terms.min_position_size_usd:
        raise BadInput("min_position_size", place, held.size_usd, f"at least {held.terms.min_position_size_usd}")
    if found.reason if opens or deposits else found.is_too_thin:
        raise BadInput("liquidatable_position", place, found.remaining, f"at least {found.demand}")


def _decreased(account: Account, market: Market, event: Fill, held: Held, parameters: Parameters, at: int) -> Account:
    place = f"account {account.id}.fill {event.market}"
    tokens = to_raw_floor(event.quantity, held.terms.index_decimals)
    whole = tokens == held.size_tokens
    if event.kind == "liquidation" and whole:
        closing, _ = close(held, market, at)
        return settled(account, held, market, closing, at)
    size = size_closed(held, tokens)
    if event.kind == "trade" and adjusted(held, market, size, 0)[0] != size:
        raise BadInput("closes_too_little", place, event.quantity, "the whole: too little would be left")
    fees = _fees(held, market, at, to_raw_floor(event.fee, held.terms.decimals(held.token)))
    worth = to_raw_floor(from_raw(held.size_tokens, held.terms.index_decimals) * event.price, USD_DECIMALS)
    profit = capped_pnl(held, market, worth - held.size_usd if held.is_long else held.size_usd - worth)
    closing = settle(held, market, size, impact_closed(held, market, size), fees, profit)
    if closing.failed and not (whole and event.kind != "trade"):
        raise BadInput("insufficient_collateral", place, closing.failed, "costs that are covered")
    changed = settled(account, held, market, closing, at)
    if event.kind == "trade" and not closing.is_whole:
        _refuse_left(changed, held, market, closing, parameters, at, place)
    return changed


def settled(account: Account, held: Held, market: Market, closing: Closing, at: int) -> Account:
    """The account after a decrease: the wallet has the output, and what funding it received."""
    terms = held.terms
    account = _claimed(account, held, market)
    for token, amount in ((held.token, closing.output), (closing.profit_token, closing.other)):
        account = _paid(account, token, from_raw(amount, terms.decimals(token)), None)
    if closing.is_whole:
        return _with(account, held, None)
    details = {
        **held.position.details,
        "size_in_usd": format_decimal(from_raw(held.size_usd - closing.size, USD_DECIMALS)),
        "pending_impact": format_decimal(from_raw(held.pending_impact - closing.pending, terms.index_decimals)),
        **_fresh(held, market, at),
    }
    left = from_raw(held.size_tokens - closing.tokens, terms.index_decimals)
    wallet = from_raw(closing.collateral, terms.decimals(held.token))
    return _with(account, held, replace(held.position, quantity=left, isolated_wallet=wallet, details=details))


def _refuse_left(
    changed: Account, held: Held, market: Market, closing: Closing, parameters: Parameters, at: int, place: str
) -> None:
    pool = {token: amount for (party, token), amount in closing.amounts.items() if party == "pool"}
    moved = traded(market, held, -closing.size, -closing.tokens, pool)
    _refuse(held_named(changed, held.pool, parameters), moved, at, place)


def _transfer(account: Account, market: Market, event: Transfer, parameters: Parameters, at: int) -> Account:
    place = f"account {account.id}.transfer"
    moves = [(event.pool, event.amount)]
    if event.to_pool is not None:
        if event.amount < 0:
            raise BadInput("bad_transfer", place, event.amount, "an amount of at least 0")
        moves = [(event.pool, -event.amount), (event.to_pool, event.amount)]
    voluntary = event.kind in ("withdrawal", "transfer")
    by_order = voluntary or event.kind == "deposit"
    for pool, amount in moves:
        if pool is None or pool == "wallet":
            account = _paid(account, event.asset, amount, place if voluntary else None)
        else:
            account = _with_collateral(account, market, event.asset, pool, amount, by_order, parameters, at)
    return account


def _with_collateral(
    account: Account,
    market: Market,
    asset: str,
    pool: str,
    amount: Decimal,
    by_order: bool,
    parameters: Parameters,
    at: int,
) -> Account:
    """Collateral in or out of a position; an order of the owner settles borrowing and funding first."""
    held = held_named(account, pool, parameters)
    decimals = held.terms.decimals(held.token)
    place = f"account {account.id}.{pool}"
    if asset == "USD" and amount >= 0:
        units = div_floor(to_raw_floor(amount, USD_DECIMALS), token_price(held, held.token, market, "min"))
    elif asset == held.token:
        units = to_raw_floor(amount, decimals)
    else:
        raise BadInput("wrong_asset", place, asset, held.token)
    if held.collateral + units < 0:
        raise BadInput("insufficient_balance", place, amount, f"at most {from_raw(held.collateral, decimals)}")
    if not by_order:
        left = from_raw(held.collateral + units, decimals)
        return _with(account, held, replace(held.position, isolated_wallet=left))
    if units < 0:
        adjusted(held, market, 0, -units)
    kept = held.collateral + units - _fees(held, market, at, 0).total
    if kept < 0:
        raise BadInput("insufficient_collateral", place, kept, "fees of at most the collateral")
    details = {**held.position.details, **_fresh(held, market, at)}
    position = replace(held.position, isolated_wallet=from_raw(kept, decimals), details=details)
    changed = _with(_claimed(account, held, market), held, position)
    _refuse(held_named(changed, pool, parameters), market, at, place, deposits=units >= 0)
    return changed


def _claimed(account: Account, held: Held | None, market: Market) -> Account:
    """Funding received goes to the wallet when the position starts to count anew."""
    for token, amount in claimable_funding(held, market).items() if held else ():
        account = _paid(account, token, from_raw(amount, held.terms.decimals(token)), None) if held else account
    return account


def _paid(account: Account, token: str, amount: Decimal, place: str | None) -> Account:
    """The wallet after a payment; where `place` is given it may not fall below 0."""
    if not amount:
        return account
    balance = account.wallet.get(token, ZERO) + amount
    if place is not None and balance < 0:
        raise BadInput("insufficient_balance", place, amount, f"at least {-amount} {token} in the wallet")
    return replace(account, wallet={**account.wallet, token: balance})


def _with(account: Account, old: Held | None, new: Position | None) -> Account:
    before = old.position if old else None
    kept = [new if position is before else position for position in account.positions]
    if old is None:
        kept.append(new)
    return replace(account, positions=tuple(position for position in kept if position is not None))

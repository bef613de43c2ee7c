"""What events do to an account of GMX v2.

Transfers without a pool fill the account's wallet, by token; transfers to a position's pool change its collateral. A
fill that grows a position takes `leverage` worth of collateral from the wallet (size / leverage at the min price, up to
the next unit), pays borrowing, funding and its own `fee` out of the collateral, and starts the indices anew; the venue
refuses it where the collateral would not be enough. A fill that shrinks it realises profit in proportion, pays a profit
in the market's profit token at its max price into the wallet, and takes a loss from the collateral.

Deviations: the size in USD that a fill closes is in proportion to its tokens; a fill's price is taken as the execution
price, impact included; pending impact is realised within the maximal factors, and what is beyond is no claim.
A deposit of `USD` into a pool is our own way to say "so much worth of the collateral", at its min price, cut at a unit.
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
    mul_div_floor,
    round_ceil,
    round_floor,
    to_raw_floor,
)
from marginbook.units import seconds
from marginbook.venues.gmx.impact import capped_gain
from marginbook.venues.gmx.margin import check, required_to_open
from marginbook.venues.gmx.parameters import Parameters, Terms
from marginbook.venues.gmx.positions import (
    USD_DECIMALS,
    Held,
    accrued,
    borrowing_due_usd,
    funding_due,
    held_named,
    index_of,
    index_price,
    positions_of,
    token_price,
)
from marginbook.venues.gmx.power import apply_factor, signed

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
    decimals = terms.decimals(token)
    added = event.quantity * event.price
    if held is None:
        blank = Position(
            market=event.market,
            side=side,
            quantity=event.quantity,
            entry=event.price,
            leverage=event.leverage,
            mode="isolated",
            isolated_wallet=ZERO,
            details={"collateral": token, "size_in_usd": format_decimal(round_floor(added, USD_DECIMALS))},
        )
        found = positions_of(replace(account, positions=(blank,)), parameters)
        grown = next(iter(found.values()))
        if event.leverage is None:
            raise BadInput("missing_leverage", place, "nothing", "a leverage for a new position")
        costs, quantity, size = 0, event.quantity, round_floor(added, USD_DECIMALS)
    else:
        grown = held
        costs = _costs(held, market, at)
        quantity = held.position.quantity + event.quantity
        size = from_raw(held.size_usd, USD_DECIMALS) + round_floor(added, USD_DECIMALS)
    margin = ZERO
    if event.leverage is not None:
        worth = to_raw_floor(divide(added, event.leverage), USD_DECIMALS)
        margin = from_raw(mul_div_ceil(worth, 1, token_price(grown, token, market, "min")), decimals)
    collateral = (grown.position.isolated_wallet or ZERO) + margin - from_raw(costs, decimals) - event.fee
    if collateral < 0:
        raise BadInput("insufficient_collateral", place, collateral, "fees of at most the collateral")
    entry = divide(size, quantity)
    position = replace(
        grown.position,
        quantity=quantity,
        entry=round_ceil(entry, ENTRY_PLACES) if side == "long" else round_floor(entry, ENTRY_PLACES),
        leverage=event.leverage or grown.position.leverage,
        isolated_wallet=collateral,
        details={**grown.position.details, "size_in_usd": format_decimal(size), **_fresh(grown, market, at)},
    )
    changed = _with(_paid(account, token, -margin, place), held.position if held else None, position)
    if event.kind == "trade":
        pool = next(pool for pool, one in positions_of(changed, parameters).items() if one.position is position)
        _refuse_thin(held_named(changed, pool, parameters), market, at, place)
    return changed


def _token_in_wallet(account: Account, terms: Terms, place: str) -> str:
    tokens = dict.fromkeys((terms.long_token, terms.short_token))
    known = [token for token in tokens if account.wallet.get(token, ZERO) > 0]
    if len(known) != 1:
        expected = f"one of {terms.long_token} and {terms.short_token} in the wallet"
        raise BadInput("unknown_collateral", place, ", ".join(known) or "nothing", expected)
    return known[0]


def _costs(held: Held, market: Market, at: int) -> int:
    """Borrowing and funding due [collateral token units]."""
    price = token_price(held, held.token, market, "min")
    return div_floor(borrowing_due_usd(held, market, at), price) + funding_due(held, market)


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


def _refuse_thin(held: Held, market: Market, at: int, place: str) -> None:
    """What the venue refuses after an increase or a withdrawal."""
    found = check(held, market, at, for_liquidation=False)
    if held.size_usd < held.terms.min_position_size_usd:
        raise BadInput("min_position_size", place, held.size_usd, f"at least {held.terms.min_position_size_usd}")
    if found.collateral < required_to_open(held, market):
        raise BadInput("insufficient_collateral", place, found.collateral, f"at least {required_to_open(held, market)}")
    if found.reason:
        raise BadInput("liquidatable_position", place, found.remaining, f"at least {found.demand}")


def _decreased(account: Account, market: Market, event: Fill, held: Held, parameters: Parameters, at: int) -> Account:
    terms, decimals = held.terms, held.terms.decimals(held.token)
    closed_tokens = to_raw_floor(event.quantity, terms.index_decimals)
    whole = closed_tokens == held.size_tokens
    closed_usd = held.size_usd if whole else mul_div_floor(held.size_usd, closed_tokens, held.size_tokens)
    worth = to_raw_floor(event.quantity * event.price, USD_DECIMALS)
    pending = signed(held.pending_impact, closed_usd, held.size_usd)
    pending_usd = pending * index_price(held, market, "min" if pending > 0 else "max")
    worst = -apply_factor(closed_usd, terms.negative_max_impact_factor)
    pnl = (worth - closed_usd if held.is_long else closed_usd - worth) + capped_gain(
        terms, max(pending_usd, worst), closed_usd
    )
    price = token_price(held, held.token, market, "min")
    loss = mul_div_ceil(max(0, -pnl), 1, price) + _costs(held, market, at) + to_raw_floor(event.fee, decimals)
    collateral = held.collateral - loss
    if collateral < 0 and not whole:
        place = f"account {account.id}.fill {event.market}"
        raise BadInput("insufficient_collateral", place, from_raw(collateral, decimals), "a loss that is covered")
    if pnl > 0:
        token = terms.pnl_token(held.is_long)
        profit = div_floor(pnl, token_price(held, token, market, "max"))
        if token == held.token and collateral < 0:
            profit, collateral = max(0, profit + collateral), 0
        account = _paid(account, token, from_raw(profit, terms.decimals(token)), held.place)
    collateral = max(0, collateral)
    if whole:
        account = _paid(account, held.token, from_raw(collateral, decimals), held.place)
        return _with(account, held.position, None)
    left = held.position.quantity - event.quantity
    details = {
        **held.position.details,
        "size_in_usd": format_decimal(from_raw(held.size_usd - closed_usd, USD_DECIMALS)),
        "pending_impact": format_decimal(from_raw(held.pending_impact - pending, terms.index_decimals)),
        **_fresh(held, market, at),
    }
    return _with(
        account,
        held.position,
        replace(held.position, quantity=left, isolated_wallet=from_raw(collateral, decimals), details=details),
    )


def _transfer(account: Account, market: Market, event: Transfer, parameters: Parameters, at: int) -> Account:
    place = f"account {account.id}.transfer"
    moves = [(event.pool, event.amount)]
    if event.to_pool is not None:
        if event.amount < 0:
            raise BadInput("bad_transfer", place, event.amount, "an amount of at least 0")
        moves = [(event.pool, -event.amount), (event.to_pool, event.amount)]
    voluntary = event.kind in ("withdrawal", "transfer")
    for pool, amount in moves:
        if pool is None or pool == "wallet":
            account = _paid(account, event.asset, amount, place if voluntary else None)
        else:
            account = _with_collateral(account, market, event.asset, pool, amount, voluntary, parameters, at)
    return account


def _with_collateral(
    account: Account,
    market: Market,
    asset: str,
    pool: str,
    amount: Decimal,
    voluntary: bool,
    parameters: Parameters,
    at: int,
) -> Account:
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
    position = replace(held.position, isolated_wallet=from_raw(held.collateral + units, decimals))
    changed = _with(account, held.position, position)
    if voluntary and units < 0:
        _refuse_thin(held_named(changed, pool, parameters), market, at, place)
    return changed


def _paid(account: Account, token: str, amount: Decimal, place: str | None) -> Account:
    """The wallet after a payment; where `place` is given it may not fall below 0."""
    if not amount:
        return account
    balance = account.wallet.get(token, ZERO) + amount
    if place is not None and balance < 0:
        raise BadInput("insufficient_balance", place, amount, f"at least {-amount} {token} in the wallet")
    return replace(account, wallet={**account.wallet, token: balance})


def _with(account: Account, old: Position | None, new: Position | None) -> Account:
    kept = [new if position is old else position for position in account.positions]
    if old is None:
        kept.append(new)
    return replace(account, positions=tuple(position for position in kept if position is not None))

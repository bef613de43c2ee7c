"""Liquidation and events of GMX v1.

State 2 closes the position as its owner would: the rest of the collateral ± delta, less the margin fees, goes to the
trader. State 1 deletes it: the fees go to the fee reserve, the fixed liquidation fee to the keeper out of the pool, and
the pool keeps the rest. Amounts are USD of the vault's books; it pays them in the collateral token at its max price.

Events: a transfer of `USD` to a position's pool is a deposit of collateral, valued when it comes in; without a pool it
is the account's wallet. A fill that grows a position takes size / `leverage` from the wallet and averages the price as
the vault does; one that shrinks it realises profit in proportion. `fee` of a fill is the position fee; funding is
added.
"""

from dataclasses import replace
from decimal import Decimal

from marginbook.domain.account import Account, Position, Side
from marginbook.domain.errors import BadInput
from marginbook.domain.events import AccountSnapshot, Event, Fill, IndexUpdate, PriceFrame, Transfer
from marginbook.domain.market import Index, Market
from marginbook.domain.risk import Flow, Party, Plan
from marginbook.exact import (
    ZERO,
    div_floor,
    divide,
    format_decimal,
    from_raw,
    in_exact_context,
    mul_div_floor,
    round_floor,
    to_raw_floor,
)
from marginbook.units import MICROSECONDS
from marginbook.venues.gmx.vault import (
    USD_DECIMALS,
    VENUE,
    Held,
    Parameters,
    delta_of,
    funding_fee,
    held_named,
    positions_of,
    price_of,
    validate,
)

RATE_DECIMALS = 18


@in_exact_context
def plan_liquidation(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> Plan:
    """All of the position or nothing; money is in USD."""
    held = held_named(account, pool, parameters)
    found = validate(held, market, at)
    name = held.position.market
    if found.state == 0:
        return Plan(pool=pool, market=name, collateral=held.token, reason="the remaining collateral is enough")
    amounts: dict[Party, int] = {"protocol": found.fees}
    if found.state == 2:
        amounts["account"] = found.delta.signed - found.fees
        amounts["pool"] = -found.delta.signed
    else:
        if 0 <= found.remaining < found.fees:
            amounts["protocol"] = found.remaining
        amounts["account"] = -held.collateral
        amounts["liquidator"] = found.liquidation_fee
        amounts["pool"] = held.collateral - amounts["protocol"] - found.liquidation_fee
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


@in_exact_context
def apply(account: Account, market: Market, event: Event, parameters: Parameters, at: int) -> tuple[Account, Market]:
    """The account and market after `event`; BadInput where the vault refuses it."""
    match event:
        case Fill():
            return _fill(account, market, event, parameters, at), market
        case Transfer():
            return _transfer(account, market, event, parameters, at), market
        case AccountSnapshot():
            return event.account, market
        case IndexUpdate() if event.kind == "funding":
            index = Index(to_raw_floor(event.value, RATE_DECIMALS))
            return account, replace(market, indices={**market.indices, (event.venue, event.asset, "funding"): index})
        case PriceFrame():
            return account, market.with_prices(event.prices)
    raise BadInput("unsupported_event", f"account {account.id}", type(event).__name__, "an event of a GMX account")


def _fill(account: Account, market: Market, event: Fill, parameters: Parameters, at: int) -> Account:
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
        changed, pool = _increased(account, market, event, side, of_side[0] if of_side else None, parameters, at)
        _refuse(held_named(changed, pool, parameters), market, at, place)
        return changed
    if not of_side or event.quantity > of_side[0].position.quantity:
        most = of_side[0].position.quantity if of_side else 0
        raise BadInput("closes_too_much", place, event.quantity, f"at most {most} of a {side} position")
    return _decreased(account, market, event, of_side[0], parameters, at)


def _refuse(held: Held, market: Market, at: int, place: str) -> None:
    """What the vault does not allow after a change: collateral above the size, or any state but 0."""
    if held.size < held.collateral:
        raise BadInput("collateral_exceeds_size", place, _usd(held.collateral), f"at most {_usd(held.size)}")
    found = validate(held, market, at, with_profit=False)
    if found.state:
        raise BadInput("liquidatable_position", place, _usd(found.remaining), f"at least {_usd(found.demand)}")


def _increased(
    account: Account, market: Market, event: Fill, side: Side, held: Held | None, parameters: Parameters, at: int
) -> tuple[Account, str]:
    place = f"account {account.id}.fill {event.market}"
    size = to_raw_floor(event.quantity * event.price, USD_DECIMALS)
    price = to_raw_floor(event.price, USD_DECIMALS)
    margin = ZERO if event.leverage is None else round_floor(divide(_usd(size), event.leverage), USD_DECIMALS)
    costs = event.fee
    if held is None:
        if event.leverage is None:
            raise BadInput("missing_leverage", place, "nothing", "a leverage for a new position")
        position = Position(
            market=event.market,
            side=side,
            quantity=event.quantity,
            entry=event.price,
            leverage=event.leverage,
            mode="isolated",
            isolated_wallet=ZERO,
        )
        average, total = price, size
    else:
        position = held.position
        costs += _usd(funding_fee(held, market))
        delta = delta_of(held, price, at)
        total = held.size + size
        gain = delta.signed if held.is_long else -delta.signed
        average = mul_div_floor(price, total, total + gain)
    collateral = (position.isolated_wallet or ZERO) + margin - costs
    if collateral < 0:
        raise BadInput("insufficient_collateral", place, collateral, "fees of at most the collateral")
    token = held.token if held else event.market.partition("/")[0]
    if held is None and side == "short":
        token = parameters.terms_of(event.market).stable_token
    index = market.indices.get((VENUE, token, "funding"))
    details = {
        **position.details,
        "size_in_usd": format_decimal(_usd(total)),
        "last_increased_time": str(div_floor(at, MICROSECONDS)),
    }
    grown = replace(
        position,
        quantity=position.quantity + event.quantity if held else event.quantity,
        entry=_usd(average),
        isolated_wallet=collateral,
        funding_index_raw=index.value_raw if index else position.funding_index_raw,
        details=details,
    )
    changed = _with(_paid(account, -margin, place), held.position if held else None, grown)
    pool = next(pool for pool, one in positions_of(changed, parameters).items() if one.position is grown)
    return changed, pool


def _decreased(account: Account, market: Market, event: Fill, held: Held, parameters: Parameters, at: int) -> Account:
    place = f"account {account.id}.fill {event.market}"
    whole = event.quantity == held.position.quantity
    part = Decimal(held.size) * event.quantity
    closed = held.size if whole else int(round_floor(divide(part, held.position.quantity), 0))
    delta = delta_of(held, to_raw_floor(event.price, USD_DECIMALS), at)
    realised = mul_div_floor(closed, delta.amount, held.size)
    fee = funding_fee(held, market) + to_raw_floor(event.fee, USD_DECIMALS)
    out = realised if delta.has_profit else 0
    collateral = held.collateral - (0 if delta.has_profit else realised)
    if whole:
        out, collateral = out + collateral, 0
    if out > fee:
        out -= fee
    else:
        collateral -= fee
    if not whole and collateral < 0:
        raise BadInput("insufficient_collateral", place, _usd(collateral), "a loss that is covered")
    account = _paid(account, _usd(max(0, out)), place)
    if whole:
        return _with(account, held.position, None)
    index = market.indices.get((VENUE, held.token, "funding"))
    left = replace(
        held.position,
        quantity=held.position.quantity - event.quantity,
        isolated_wallet=_usd(collateral),
        funding_index_raw=index.value_raw if index else held.position.funding_index_raw,
        details={**held.position.details, "size_in_usd": format_decimal(_usd(held.size - closed))},
    )
    return _with(account, held.position, left)


def _transfer(account: Account, market: Market, event: Transfer, parameters: Parameters, at: int) -> Account:
    place = f"account {account.id}.transfer"
    if event.asset != "USD":
        raise BadInput("wrong_asset", place, event.asset, "USD: the vault counts collateral in it")
    moves = [(event.pool, event.amount)]
    if event.to_pool is not None:
        if event.amount < 0:
            raise BadInput("bad_transfer", place, event.amount, "an amount of at least 0")
        moves = [(event.pool, -event.amount), (event.to_pool, event.amount)]
    voluntary = event.kind in ("withdrawal", "transfer")
    for pool, amount in moves:
        if pool is None or pool == "wallet":
            account = _paid(account, amount, place if voluntary else None)
            continue
        held = held_named(account, pool, parameters)
        balance = (held.position.isolated_wallet or ZERO) + amount
        if balance < 0:
            most = f"at most {balance - amount}"
            raise BadInput("insufficient_balance", f"account {account.id}.{pool}", amount, most)
        account = _with(account, held.position, replace(held.position, isolated_wallet=balance))
        if voluntary and amount < 0:
            _refuse(held_named(account, pool, parameters), market, at, place)
    return account


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

"""Liquidation and events of Perpetual Protocol v2.

The liquidator takes the position over at the reference price; nothing is traded on the pool. How much:

    |value| ≤ 100 USD, or account value < requirement / 2    all of it
    otherwise                                               min(1, ⌊Σ|value| · 1e6 / (2 · |value|)⌋) ppm of it, cut

The trader pays notional · penalty. Half of it (cut) goes to the liquidator and the rest to the insurance fund, all to
the liquidator where the account value is below 0. A remaining negative account value is the fund's to cover; the venue
refuses where its capacity (state `insurance_fund_capacity` of `USDC`, if given) is less.

Deviations: of several positions the largest is proposed, the venue lets the liquidator choose; in events, an increase
is refused without free collateral, slippage and price limits of the pool are not modelled.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from marginbook.domain.account import Account, Collateral, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import AccountSnapshot, Event, Fill, IndexUpdate, PriceFrame, Transfer
from marginbook.domain.market import Index, Market
from marginbook.domain.risk import Flow, Plan
from marginbook.exact import (
    ZERO,
    div_floor,
    div_trunc,
    divide,
    format_decimal,
    from_raw,
    in_exact_context,
    mul_div_floor,
    mul_div_trunc,
    to_raw_floor,
)
from marginbook.venues.perp.model import (
    DECIMALS,
    DUST,
    RATIO,
    UNIT,
    VENUE,
    Figures,
    Held,
    Parameters,
    figures,
    funding_of,
    owed,
    positions_of,
    price_of,
    settlement_balance,
    value_of,
)
from marginbook.venues.perp.risk import known_pool, quantities

OWED = "owed_realized_pnl"


def liquidatable_size(held: Held, market: Market, found: Figures, parameters: Parameters) -> int:
    """The most that a liquidator may take of a position [10^-18], signed; 0 where the account is not liquidatable."""
    required = found.requirement(parameters.mm_ratio)
    if found.value >= required or not held.size:
        return 0
    value = abs(value_of(held, market))
    if value <= parameters.min_partial_value or found.value < div_trunc(required, 2):
        return held.size
    ratio = min(RATIO, mul_div_floor(found.absolute, RATIO, value * 2))
    return mul_div_trunc(held.size, ratio, RATIO)


@dataclass(frozen=True, slots=True)
class Trade:
    """An exchange of base for quote [10^-18], both signed from the account's side."""

    base: int
    quote: int


def realized(size: int, notional: int, trade: Trade) -> int:
    """PnL realised by a trade against a position [10^-18]; 0 where it only adds to it.

    >>> realized(20 * UNIT, -25253 * UNIT, Trade(-10 * UNIT, 13750 * UNIT)) == 11235 * UNIT // 10
    True
    """
    if not size or (size < 0) == (trade.base < 0):
        return 0
    ratio = mul_div_floor(abs(trade.base), UNIT, abs(size))
    if ratio <= UNIT:
        return trade.quote + mul_div_trunc(notional, ratio, UNIT)
    return notional + mul_div_trunc(trade.quote, UNIT, ratio)


@in_exact_context
def plan_liquidation(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> Plan:
    """The largest position as far as it may be taken over now; money is in the settlement token."""
    known_pool(account, pool, parameters)
    found = figures(account, market, parameters)
    if not found.value < found.requirement(parameters.mm_ratio):
        return Plan(pool=pool, market="", reason="the account value covers the requirement")
    if account.orders:
        return Plan(pool=pool, market="", reason="open orders must be cancelled first")
    held = max((one for one in positions_of(account) if one.size), key=lambda one: abs(value_of(one, market)))
    taken = liquidatable_size(held, market, found, parameters)
    notional = mul_div_trunc(taken, price_of(market, held.market), UNIT)
    penalty = mul_div_floor(abs(notional), parameters.liquidation_penalty, RATIO)
    to_liquidator = penalty if found.value < 0 else div_floor(penalty, 2)
    after = with_owed(_traded(account, market, held, Trade(-taken, notional)), -penalty)
    lacking = max(0, -figures(after, market, parameters).value)
    capacity = market.state.get((VENUE, parameters.settlement, "insurance_fund_capacity"))
    if capacity is not None and lacking > to_raw_floor(Decimal(capacity), DECIMALS):
        return Plan(
            pool=pool, market=held.market, bad_debt=_money(lacking), reason="the insurance fund cannot cover it"
        )
    flows = [
        Flow("account", held.market, _money(-taken)),
        Flow("liquidator", held.market, _money(taken)),
        Flow("account", parameters.settlement, _money(notional - penalty)),
        Flow("liquidator", parameters.settlement, _money(to_liquidator - notional)),
        Flow("insurance", parameters.settlement, _money(penalty - to_liquidator)),
    ]
    return Plan(
        pool=pool,
        market=held.market,
        collateral=parameters.settlement,
        close_least=_money(min(1, abs(taken))),
        close_most=_money(abs(taken)),
        price=_money(price_of(market, held.market)),
        seized=_money(to_liquidator),
        fee=_money(penalty),
        bad_debt=_money(lacking),
        flows=tuple(flow for flow in flows if flow.amount),
    )


def _money(raw: int) -> Decimal:
    return from_raw(raw, DECIMALS)


@in_exact_context
def apply(account: Account, market: Market, event: Event, parameters: Parameters, at: int) -> tuple[Account, Market]:
    """The account and market after `event`; BadInput where the venue refuses it."""
    match event:
        case Fill():
            return _fill(account, market, event, parameters), market
        case Transfer():
            return _transfer(account, market, event, parameters, at), market
        case AccountSnapshot():
            return event.account, market
        case IndexUpdate() if event.kind == "funding":
            index = Index(to_raw_floor(event.value, DECIMALS))
            return account, replace(market, indices={**market.indices, (event.venue, event.asset, "funding"): index})
        case PriceFrame():
            return account, market.with_prices(event.prices)
    raise BadInput("unsupported_event", f"account {account.id}", type(event).__name__, "an event of a Perp v2 account")


def _fill(account: Account, market: Market, event: Fill, parameters: Parameters) -> Account:
    place = f"account {account.id}.fill {event.market}"
    if event.quantity <= 0 or event.price <= 0:
        raise BadInput("bad_fill", place, f"{event.quantity} at {event.price}", "a quantity and a price above 0")
    sign = 1 if event.side == "buy" else -1
    base = to_raw_floor(event.quantity, DECIMALS)
    trade = Trade(sign * base, -sign * to_raw_floor(event.quantity * event.price, DECIMALS))
    held = next((one for one in positions_of(account) if one.market == event.market), None)
    grows = held is None or not held.size or (held.size > 0) == (sign > 0) or base > abs(held.size)
    if held is None:
        position = Position(
            market=event.market,
            side="long" if sign > 0 else "short",
            quantity=ZERO,
            entry=event.price,
            leverage=event.leverage,
        )
        account = replace(account, positions=(*account.positions, position))
        held = Held(position, 0, 0)
    changed = with_owed(_traded(account, market, held, trade), -to_raw_floor(event.fee, DECIMALS))
    if grows and event.kind == "trade":
        support, demand = figures(changed, market, parameters).free(parameters.im_ratio)
        if support < demand:
            raise BadInput("not_enough_free_collateral", place, _money(support), f"at least {_money(demand)}")
    return changed


def _traded(account: Account, market: Market, held: Held, trade: Trade) -> Account:
    """The account after a trade: funding settled, PnL realised, the position replaced or gone."""
    pnl = realized(held.size, held.open_notional, trade)
    size, notional = held.size + trade.base, held.open_notional + trade.quote - pnl
    account = with_owed(account, pnl - funding_of(held, market))
    index = market.indices.get((VENUE, held.market, "funding"))
    position: Position | None = None
    if abs(size) >= DUST or abs(notional) >= DUST:
        entry = divide(Decimal(abs(notional)), Decimal(abs(size))) if size and notional else held.position.entry
        position = replace(
            held.position,
            side="long" if size > 0 else "short",
            quantity=_money(abs(size)),
            entry=entry,
            funding_index_raw=index.value_raw if index else held.position.funding_index_raw,
            details={**held.position.details, "open_notional": format_decimal(_money(notional))},
        )
    positions = (position if one is held.position else one for one in account.positions)
    return replace(account, positions=tuple(one for one in positions if one is not None))


def with_owed(account: Account, change: int) -> Account:
    """The account with so much more realised PnL owed to it [10^-18]."""
    if not change:
        return account
    text = format_decimal(_money(owed(account, OWED) + change))
    return replace(account, details={**account.details, OWED: text})


def _transfer(account: Account, market: Market, event: Transfer, parameters: Parameters, at: int) -> Account:
    place = f"account {account.id}.transfer"
    if event.to_pool is not None or event.pool not in (None, "cross", parameters.pool):
        raise BadInput("unknown_pool", place, event.to_pool or event.pool, f"{parameters.pool}, the only one")
    leaves = event.kind in ("withdrawal", "transfer") and event.amount < 0
    if event.asset == parameters.settlement:
        if leaves:
            most = quantities(account, market, parameters, at)[parameters.pool].withdrawable or ZERO
            if -event.amount > most:
                raise BadInput("not_enough_free_collateral", place, event.amount, f"at most {most}")
            account = _settled(account, parameters)
        balance = account.wallet.get(event.asset, ZERO) + event.amount
        return replace(account, wallet={**account.wallet, event.asset: balance})
    parameters.collateral(event.asset)
    held = next((one for one in account.collateral if one.asset == event.asset), None)
    amount = (held.amount or ZERO if held else ZERO) + event.amount
    if amount < 0:
        raise BadInput("insufficient_balance", place, event.amount, f"at most {amount - event.amount}")
    others = tuple(one for one in account.collateral if one is not held)
    kept = (replace(held, amount=amount) if held else Collateral(asset=event.asset, amount=amount),) if amount else ()
    changed = replace(account, collateral=(*others, *kept))
    if leaves:
        found = figures(changed, market, parameters)
        support, demand = found.free(parameters.im_ratio)
        if support < demand or found.settlement + found.unrealized < 0:
            raise BadInput("not_enough_free_collateral", place, event.amount, "free collateral for it")
    return changed


def _settled(account: Account, parameters: Parameters) -> Account:
    """Owed PnL moved into the wallet, floored at the token's decimals, as a withdrawal does first."""
    step = 10 ** (DECIMALS - parameters.settlement_decimals)
    units = div_floor(owed(account, OWED), step) * step
    balance = _money(settlement_balance(account, parameters) + units)
    details = {name: text for name, text in account.details.items() if name != OWED}
    return replace(account, wallet={**account.wallet, parameters.settlement: balance}, details=details)

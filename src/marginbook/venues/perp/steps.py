"""Liquidation and events of Perpetual Protocol v2.

The liquidator takes the position over at the reference price; nothing is traded on the pool. How much:

    |value| ≤ 100 USD, or account value < requirement / 2    all of it
    otherwise                                               min(1, ⌊Σ|value| · 1e6 / (2 · |value|)⌋) ppm of it, cut

The trader pays notional · penalty. Half of it (cut) goes to the liquidator and the rest to the insurance fund, all to
the liquidator where the account value is below 0. A remaining negative account value is the fund's to cover; the venue
refuses where its capacity (state `insurance_fund_capacity` of `USDC`, if given) and its part of this penalty are less.
It pays once no position and no other collateral is left (`settled_bad_debt`).

A trade needs free collateral at the initial ratio afterwards, at the maintenance ratio where it only reduces. PnL is
realised in proportion of the size, ⌊|base| · 1e18 / |size|⌋. Deviations: of several positions the largest is proposed,
the venue lets the liquidator choose; slippage and price limits of the pool are not modelled.
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
from marginbook.venues.perp.collateral import free_of
from marginbook.venues.perp.model import (
    DECIMALS,
    DUST,
    NO_ORDERS,
    POOLED,
    RATIO,
    UNIT,
    VENUE,
    Figures,
    Held,
    Parameters,
    figures,
    funding_of,
    has_orders,
    owed,
    positions_of,
    price_of,
    settlement_balance,
    value_of,
)
from marginbook.venues.perp.risk import is_liquidatable

OWED = "owed_realized_pnl"
RATIO_MOST = 2**24 - 1


def liquidatable_size(held: Held, market: Market, found: Figures, parameters: Parameters) -> int:
    """The most that a liquidator may take of a position [10^-18], signed; 0 where the account is not liquidatable.

    0 also where the ratio does not fit the contract's 24 bits: it cannot divide a position of less than 1/33 of all.
    """
    required = found.requirement(parameters.mm_ratio)
    if found.value >= required or not held.size:
        return 0
    value = abs(value_of(held, market))
    if value <= parameters.min_partial_value or found.value < div_trunc(required, 2):
        return held.size
    ratio = mul_div_floor(found.absolute, RATIO, value * 2)
    return mul_div_trunc(held.size, min(RATIO, ratio), RATIO) if ratio <= RATIO_MOST else 0


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


@dataclass(frozen=True, slots=True)
class Takeover:
    """What a liquidator takes over, and who pays what [10^-18]."""

    size: int  # signed as the position
    notional: int
    penalty: int
    to_liquidator: int
    lacking: int  # negative account value that is left
    after: Account

    @property
    def to_fund(self) -> int:
        """The insurance fund's part of the penalty."""
        return self.penalty - self.to_liquidator


def takeover(account: Account, held: Held, market: Market, parameters: Parameters, asked: int = 0) -> Takeover:
    """`asked` of a position (0: all that is allowed) goes to a liquidator; more than is allowed is cut to it."""
    found = figures(account, market, parameters)
    most = liquidatable_size(held, market, found, parameters)
    size = asked if 0 < abs(asked) <= abs(most) else most
    notional = mul_div_trunc(size, price_of(market, held.market), UNIT)
    penalty = mul_div_floor(abs(notional), parameters.liquidation_penalty, RATIO)
    to_liquidator = penalty if found.value < 0 else div_floor(penalty, 2)
    after = with_owed(_traded(account, market, held, Trade(-size, notional), held.kept), -penalty)
    return Takeover(size, notional, penalty, to_liquidator, max(0, -figures(after, market, parameters).value), after)


@in_exact_context
def plan_liquidation(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> Plan:
    """The largest position as far as it may be taken over now; money is in the settlement token."""
    if not is_liquidatable(account, pool, market, parameters, at):
        return Plan(pool=pool, market="", reason="the account value covers the requirement")
    if has_orders(account):
        return Plan(pool=pool, market="", reason="open orders must be cancelled first")
    held = max((one for one in positions_of(account) if one.size), key=lambda one: abs(value_of(one, market)))
    found = takeover(account, held, market, parameters)
    if not found.size:
        return Plan(pool=pool, market=held.market, reason="the contract cannot divide so small a part of all")
    capacity = market.state.get((VENUE, parameters.settlement, "insurance_fund_capacity"))
    if capacity is not None and found.lacking > to_raw_floor(Decimal(capacity), DECIMALS) + found.to_fund:
        return Plan(
            pool=pool, market=held.market, bad_debt=_money(found.lacking), reason="the insurance fund cannot cover it"
        )
    flows = [
        Flow("account", held.market, _money(-found.size)),
        Flow("liquidator", held.market, _money(found.size)),
        Flow("account", parameters.settlement, _money(found.notional - found.penalty)),
        Flow("liquidator", parameters.settlement, _money(found.to_liquidator - found.notional)),
        Flow("insurance", parameters.settlement, _money(found.to_fund)),
    ]
    return Plan(
        pool=pool,
        market=held.market,
        collateral=parameters.settlement,
        close_least=_money(min(1, abs(found.size))),
        close_most=_money(abs(found.size)),
        price=_money(price_of(market, held.market)),
        seized=_money(found.to_liquidator),
        fee=_money(found.penalty),
        bad_debt=_money(found.lacking),
        flows=tuple(flow for flow in flows if flow.amount),
    )


def settled_bad_debt(account: Account, market: Market, parameters: Parameters) -> int:
    """What the insurance fund pays into the account's balance now [10^-18]: nothing while anything else is held."""
    if account.positions or any(held.amount for held in account.collateral):
        return 0
    return max(0, -figures(account, market, parameters).value)


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
    """A trade's fee is part of what it exchanges; a liquidation's is paid from the realised PnL."""
    place = f"account {account.id}.fill {event.market}"
    if event.quantity <= 0 or event.price <= 0:
        raise BadInput("bad_fill", place, f"{event.quantity} at {event.price}", "a quantity and a price above 0")
    sign, traded = 1 if event.side == "buy" else -1, event.kind == "trade"
    worth, fee = to_raw_floor(event.quantity * event.price, DECIMALS), to_raw_floor(event.fee, DECIMALS)
    trade = Trade(sign * to_raw_floor(event.quantity, DECIMALS), -sign * worth - (fee if traded else 0))
    held = next((one for one in positions_of(account) if one.market == event.market), None)
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
    if not traded:
        return with_owed(_traded(account, market, held, trade, held.kept), -fee)
    changed = _traded(account, market, held, trade, held.taken)
    ratio = parameters.mm_ratio if only_reduces(held, trade) else parameters.im_ratio
    support, demand = figures(changed, market, parameters).free(ratio)
    if support < demand:
        raise BadInput("not_enough_free_collateral", place, _money(support), f"at least {_money(demand)}")
    return changed


def only_reduces(held: Held, trade: Trade) -> bool:
    """Whether a trade is against the position and does not turn it round: it is held to the lower ratio."""
    left = held.kept + trade.base
    against = held.taken and (held.taken < 0) != (trade.base < 0)
    return bool(against) and (abs(left) < DUST or (left < 0) == (held.taken < 0))


def _traded(account: Account, market: Market, held: Held, trade: Trade, before: int) -> Account:
    """The account after a trade: funding settled, PnL realised on a size of `before`, the position replaced or gone."""
    pnl = realized(before, held.open_notional, trade)
    size, notional = held.kept + trade.base, held.open_notional + trade.quote - pnl
    account = with_owed(account, pnl - funding_of(held, market))
    position: Position | None = None
    if abs(size) >= DUST or abs(notional) >= DUST or replace(held.pooled, funding=0) != NO_ORDERS:
        position = replace(
            _settled_position(held, market),
            side="long" if size > 0 else "short",
            quantity=_money(abs(size)),
            entry=divide(Decimal(abs(notional)), Decimal(abs(size))) if size and notional else held.position.entry,
        )
        details = {**position.details, "open_notional": format_decimal(_money(notional))}
        position = replace(position, details=details)
    positions = (position if one is held.position else one for one in account.positions)
    return replace(account, positions=tuple(one for one in positions if one is not None))


def _settled_position(held: Held, market: Market) -> Position:
    """The position with its funding settled up to the market's growth."""
    index = market.indices.get((VENUE, held.market, "funding"))
    return replace(
        held.position,
        funding_index_raw=index.value_raw if index else held.position.funding_index_raw,
        details={name: text for name, text in held.position.details.items() if name != POOLED["funding"]},
    )


def with_funding_settled(account: Account, market: Market) -> Account:
    """Funding of every market moved into the owed PnL, as a withdrawal does first."""
    held = positions_of(account)
    account = with_owed(account, -sum(funding_of(one, market) for one in held))
    return replace(account, positions=tuple(_settled_position(one, market) for one in held))


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
    if event.kind == "deposit" and event.amount <= 0:
        raise BadInput("bad_amount", place, event.amount, "an amount above 0")
    settles = event.asset == parameters.settlement
    decimals = parameters.settlement_decimals if settles else parameters.collateral(event.asset).decimals
    if event.kind in ("withdrawal", "transfer") and event.amount <= 0:
        account = with_funding_settled(account, market)
        most = from_raw(free_of(account, event.asset, market, parameters), decimals)
        if -event.amount > most:
            raise BadInput("not_enough_free_collateral", place, event.amount, f"at most {most}")
        account = _settled(account, parameters) if settles else account
    if settles:
        balance = account.wallet.get(event.asset, ZERO) + event.amount
        return replace(account, wallet={**account.wallet, event.asset: balance})
    held = next((one for one in account.collateral if one.asset == event.asset), None)
    amount = (held.amount or ZERO if held else ZERO) + event.amount
    if amount < 0:
        raise BadInput("insufficient_balance", place, event.amount, f"at most {amount - event.amount}")
    others = tuple(one for one in account.collateral if one is not held)
    kept = (replace(held, amount=amount) if held else Collateral(asset=event.asset, amount=amount),) if amount else ()
    return replace(account, collateral=(*others, *kept))


def _settled(account: Account, parameters: Parameters) -> Account:
    """Owed PnL moved into the wallet, floored at the token's decimals; what is below is lost."""
    step = 10 ** (DECIMALS - parameters.settlement_decimals)
    units = div_floor(owed(account, OWED), step) * step
    balance = _money(settlement_balance(account, parameters) + units)
    details = {name: text for name, text in account.details.items() if name != OWED}
    return replace(account, wallet={**account.wallet, parameters.settlement: balance}, details=details)

"""One step of a liquidation of contracts.

Resting orders go first; then the position with the largest maintenance margin is reduced. `close_least` is the smallest
quantity, on the market's step, whose close at the current price, with its fee rounded up, leaves the pool above its
requirement; where no part is enough, all of it. `price` is the bankruptcy price, at which an insurance fund would take
over.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.risk import Flow, Plan
from marginbook.exact import ZERO, divide, grid_ceil, in_exact_context, round_ceil
from marginbook.venues.contracts.model import ContractRules, Holding, Pool, price_reader
from marginbook.venues.contracts.sums import bankruptcy_price, figures, is_breached, pool_named

HALF = Decimal("0.5")
CHORDS_MOST = 6
FEE_PLACES = 8
"""Decimals of the fee of a close, rounded up."""


@in_exact_context
def plan_liquidation(account: Account, pool: str, market: Market, parameters: ContractRules, at: int) -> Plan:
    """The next step for `pool`, or why there is none."""
    found = pool_named(account, pool, parameters)
    state = figures(found, market, parameters)
    if not is_breached(found, state, parameters):
        return Plan(pool=pool, market="", reason="support covers demand: nothing may be closed")
    price_of = price_reader(market, parameters)

    def required(holding: Holding) -> Decimal:
        return holding.maintenance(holding.factor(price_of(holding.position.market)))

    held = [holding for holding in found.holdings if holding.position.quantity > 0]
    if not held:
        return Plan(pool=pool, market="", reason="no position to close")
    largest = max(held, key=required)
    factor = largest.factor(price_of(largest.position.market))
    fee_rate = largest.terms.liquidation_fee or ZERO

    def closing(quantity: Decimal) -> tuple[bool, Decimal]:
        after = _closed(found, largest, quantity, factor, fee_rate)
        left = figures(after, market, parameters)
        return not is_breached(after, left, parameters), left.balance - left.demand

    whole = largest.position.quantity
    least = _least(whole, largest.terms.quantity_step, state.balance - state.demand, closing)
    fee, flows = _flows(found, largest, factor, fee_rate)
    return Plan(
        pool=pool,
        market=largest.position.market,
        side=largest.position.side,
        close_least=least,
        close_most=whole,
        price=bankruptcy_price(found),
        fee=fee,
        bad_debt=max(ZERO, -state.balance),
        flows=flows,
    )


def _flows(pool: Pool, holding: Holding, factor: Decimal, fee_rate: Decimal) -> tuple[Decimal, tuple[Flow, ...]]:
    """(fee paid, transfers) of closing all of one position now.

    Counterparties pay its profit; the fee, as far as the pool's money goes, is for the insurance fund, which pays what
    is missing.
    """
    profit = holding.profit(factor)
    left = pool.wallet + pool.fixed_support + profit
    fee = round_ceil(holding.size * factor * fee_rate, FEE_PLACES)
    paid = min(fee, max(ZERO, left)) if len(pool.holdings) == 1 else fee
    missing = max(ZERO, -left) if len(pool.holdings) == 1 else ZERO
    return paid, (
        Flow("account", pool.currency, profit - paid + missing),
        Flow("counterparties", pool.currency, -profit),
        Flow("insurance", pool.currency, paid - missing),
    )


def _closed(pool: Pool, holding: Holding, quantity: Decimal, factor: Decimal, fee_rate: Decimal) -> Pool:
    """The pool after closing `quantity` of one position at `factor`, its fee paid and its orders cancelled."""
    part = replace(holding.position, quantity=quantity)
    left = replace(holding.position, quantity=holding.position.quantity - quantity)
    closed = Holding(part, holding.terms)
    wallet = pool.wallet + closed.profit(factor) - round_ceil(closed.size * factor * fee_rate, FEE_PLACES)
    own = wallet + pool.fixed_support
    holdings = tuple(replace(h, position=left if h is holding else h.position, own_wallet=own) for h in pool.holdings)
    return replace(pool, wallet=wallet, holdings=holdings, orders={})


def _least(whole: Decimal, step: Decimal, room: Decimal, closing: Callable[[Decimal], tuple[bool, Decimal]]) -> Decimal:
    """Smallest multiple of `step` that cures; `whole` where none does.

    `closing` tells whether a quantity cures and the room, support − demand, that it leaves; `room` is that of closing
    nothing. Closing more leaves more room, on a line while brackets hold: chords find the border, halves if they stall.
    """
    cured, high_room = closing(whole)
    if not cured:
        return whole
    low, low_room, high = ZERO, room, grid_ceil(whole, step)
    chords = CHORDS_MOST
    while high - low > step:
        middle = (low + high) * HALF
        if chords and high_room > low_room:
            chords -= 1
            middle = low + divide((high - low) * -low_room, high_room - low_room)
        middle = min(max(grid_ceil(middle, step), low + step), high - step)
        cured, left = closing(middle)
        if not cured:
            low, low_room = middle, left
            continue
        high, high_room = middle, left
        cured, left = closing(high - step)
        if not cured:
            return min(high, whole)
        high, high_room = high - step, left
    return min(high, whole)

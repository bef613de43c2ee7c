"""One step of a liquidation on Hyperliquid, by its documentation (trading/liquidations, trading/auto-deleveraging).

1. Equity below maintenance: a market order for the whole position; above 100,000 USDC of notional for 20 % of it
   first, after which a cooldown of 30 s begins in which orders are for the whole. No fee; what is left stays.
2. Equity below 2/3 of maintenance: the liquidator vault takes over the position and its margin, in cross margin all
   positions and the whole balance.
3. Negative equity: the position is closed against the other side at the previous mark price, ranked by `adl_index`.

The account's detail `partially_liquidated_at` is the time of the last partial order; the state `previous_mark` of a
market is the price of deleveraging, by default its mark. Which position of a cross account goes first is not
documented: ours is the one with the largest maintenance margin, and 20 % is rounded up to the size step.
"""

from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.risk import Flow, Plan
from marginbook.exact import ZERO, divide, grid_ceil, in_exact_context
from marginbook.units import MICROSECONDS, parse_time
from marginbook.venues.contracts.model import Holding, Pool, price_reader
from marginbook.venues.contracts.sums import Figures, figures, is_breached, pool_named
from marginbook.venues.hyperliquid.parameters import Rules

PARTIAL_ABOVE = Decimal(100_000)  # [USDC] notional
PARTIAL_SHARE = Decimal("0.2")
COOLDOWN = 30 * MICROSECONDS
TWO, THREE = Decimal(2), Decimal(3)


@in_exact_context
def plan_liquidation(account: Account, pool: str, market: Market, parameters: Rules, at: int) -> Plan:
    """The next step for `pool`, or why there is none."""
    found = pool_named(account, pool, parameters)
    state = figures(found, market, parameters)
    if not is_breached(found, state, parameters):
        return Plan(pool=pool, market="", reason="equity covers maintenance: nothing may be closed")
    price_of = price_reader(market, parameters)
    held = [holding for holding in found.holdings if holding.position.quantity > 0]
    if not held:
        return Plan(pool=pool, market="", reason="no position to close")
    largest = max(held, key=lambda holding: holding.maintenance(price_of(holding.position.market)))
    mark = price_of(largest.position.market)
    if state.balance < 0:
        return _deleveraged(found, largest, market, mark, state)
    if THREE * state.balance < TWO * state.demand:
        return _taken_over(found, held, largest, mark)
    size = _order_size(account, largest, mark, at)
    return _closed(found, largest, size, mark, ZERO)


def _order_size(account: Account, holding: Holding, mark: Decimal, at: int) -> Decimal:
    """Quantity of the market order."""
    whole = holding.position.quantity
    partial = account.details.get("partially_liquidated_at")
    cooling = partial is not None and at < parse_time(partial) + COOLDOWN
    if cooling or holding.size * mark <= PARTIAL_ABOVE:
        return whole
    return min(whole, grid_ceil(whole * PARTIAL_SHARE, holding.terms.quantity_step))


def _closed(pool: Pool, holding: Holding, size: Decimal, price: Decimal, bad_debt: Decimal) -> Plan:
    position = holding.position
    profit = position.sign * size * (price - position.entry)
    signed = position.sign * size
    return Plan(
        pool=pool.name,
        market=position.market,
        close_least=size,
        close_most=size,
        price=price,
        bad_debt=bad_debt,
        flows=(
            Flow("account", pool.currency, profit),
            Flow("counterparties", pool.currency, -profit),
            Flow("account", position.market, -signed),
            Flow("counterparties", position.market, signed),
        ),
    )


def _deleveraged(pool: Pool, holding: Holding, market: Market, mark: Decimal, state: Figures) -> Plan:
    name = holding.position.market
    price = Decimal(market.state.get(("hyperliquid", name, "previous_mark"), mark))
    return _closed(pool, holding, holding.position.quantity, price, -state.balance)


def _taken_over(pool: Pool, held: list[Holding], largest: Holding, mark: Decimal) -> Plan:
    """Positions and margin move to the liquidator vault; the maintenance margin does not come back."""
    flows = [Flow("account", pool.currency, -pool.wallet), Flow("liquidator", pool.currency, pool.wallet)]
    for holding in held:
        signed = holding.position.sign * holding.position.quantity
        flows += [
            Flow("account", holding.position.market, -signed),
            Flow("liquidator", holding.position.market, signed),
        ]
    whole = largest.position.quantity
    return Plan(
        pool=pool.name,
        market=largest.position.market,
        close_least=whole,
        close_most=whole,
        price=mark,
        seized=pool.wallet,
        flows=tuple(flows),
    )


@in_exact_context
def adl_index(mark: Decimal, entry: Decimal, notional: Decimal, account_value: Decimal) -> Decimal:
    """Rank of a position of the other side in auto-deleveraging: (mark / entry) · (notional / account value).

    As documented, for longs; the largest goes first.

    >>> adl_index(Decimal(120), Decimal(100), Decimal(1200), Decimal(400))
    Decimal('3.6')
    """
    return divide(mark * notional, entry * account_value)

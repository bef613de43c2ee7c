"""Perps v2: delayed orders that wait for an off-chain price, the only kind with bearable fees since 2023.

Submission asks what an order at the oracle's price would (`orders`), settles the position at its fill price and takes
the keeper's deposit, `min_keeper_fee`, out of the margin. Until it is executed or cancelled no margin moves. Execution
is a fill with the order's id. Whoever executes or cancels gets the deposit: to the owner who cancels, by a transfer.

An order's `price` is the worst that its owner accepts. Source: `PerpsV2MarketDelayedIntent.sol`,
`PerpsV2MarketDelayedExecution.sol` at 1609d156. When an order may be executed or cancelled is not looked at.
"""

from dataclasses import replace

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.events import OrderChange
from marginbook.domain.market import Market
from marginbook.exact import ZERO, from_raw
from marginbook.venues.common.orders import with_order
from marginbook.venues.synthetix.market import touched
from marginbook.venues.synthetix.v2.orders import check_order, shrinks
from marginbook.venues.synthetix.v2.parameters import Parameters
from marginbook.venues.synthetix.v2.risk import USD, holdings, idle, is_pending
from marginbook.venues.synthetix.v2.settling import settled
from marginbook.venues.synthetix.wad import DECIMALS, wad


def ordered(
    account: Account, market: Market, event: OrderChange, parameters: Parameters, at: int
) -> tuple[Account, Market]:
    """The account and market after a delayed order is submitted, or cancelled (quantity 0); BadInput `refused`."""
    place, name = f"account {account.id}.order {event.order_id}", event.market
    with_it = with_order(account, event)
    if not event.quantity:
        return with_it, market
    if event.position_side is not None:
        raise BadInput("unsupported_mode", place, event.position_side, "one-way")
    if is_pending(account, name):
        raise BadInput("refused", place, "previous order exists", "no delayed order that waits")
    change = wad(event.quantity, place) * (1 if event.side == "buy" else -1)
    check = check_order(account, name, change, market, parameters, at)
    if check.reason is not None:
        raise BadInput("refused", place, check.reason, "an order that the contracts accept")
    held = next((held for held in holdings(account, parameters) if held.market == name), None)
    deposit, size = parameters.system.min_keeper_fee, held.size if held else 0
    if held:
        less = shrinks(size, size + change)
        with_it = settled(with_it, held, -deposit, check.fill_price, market, parameters, at, less)
    else:
        left = from_raw(idle(account) - deposit, DECIMALS)
        if left < ZERO:
            raise BadInput("refused", place, "Insufficient margin", f"at least {from_raw(deposit, DECIMALS)} {USD}")
        with_it = replace(with_it, wallet={**account.wallet, USD: left})
    return with_it, touched(market, name, parameters.terms_of(name), at, size, size)

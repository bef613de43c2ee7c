"""The events that every lending protocol takes alike: prices, indices, snapshots, and transfers as supplies."""

from collections.abc import Callable
from dataclasses import replace

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.events import AccountSnapshot, Event, IndexUpdate, LendingAction, PriceFrame, Transfer
from marginbook.domain.market import Index, Market
from marginbook.units import seconds

Step = Callable[[LendingAction], tuple[Account, Market]]


def applied(account: Account, market: Market, event: Event, step: Step, expected: str) -> tuple[Account, Market]:
    """Account and market after `event`; `step` is what the protocol does with an action of its own.

    A deposit or withdrawal is a supply or withdrawal of the asset. BadInput `unsupported_event` for anything else.
    """
    match event:
        case LendingAction():
            return step(event)
        case Transfer(kind="deposit" | "withdrawal") if event.amount:
            return step(
                LendingAction(
                    stamp=event.stamp,
                    account=event.account,
                    kind="supply" if event.amount > 0 else "withdraw",
                    asset=event.asset,
                    amount=abs(event.amount),
                    pool=event.pool,
                )
            )
        case IndexUpdate():
            index = Index(int(event.value), int(event.rate), seconds(event.stamp.time))
            return account, replace(market, indices={**market.indices, (event.venue, event.asset, event.kind): index})
        case PriceFrame():
            return account, market.with_prices(event.prices)
        case AccountSnapshot():
            return event.account, market
    raise BadInput("unsupported_event", f"account {account.id}", type(event).__name__, expected)

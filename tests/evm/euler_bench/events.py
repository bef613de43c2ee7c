"""Calls as events of a book that states one account."""

from collections.abc import Callable
from decimal import Decimal

from euler_bench.scene import ASSET, NAMES, VAULT, Call, Model, book, parameters
from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.events import LendingAction, Stamp
from marginbook.domain.market import Market
from marginbook.exact import from_raw
from marginbook.units import MICROSECONDS
from marginbook.venues.euler import apply
from marginbook.venues.euler.holdings import ASSETS, CASH, SHARES, VENUE

Check = Callable[[Model], str | None]
ALL = Decimal("Infinity")


def event_of(m: Model, call: Call) -> LendingAction | None:
    """The call as one event of a book; None where it has no such event."""
    kind, who, n = call

    def event(action: str, asset: str, amount: Decimal, taken: str | None = None) -> LendingAction:
        return LendingAction(
            stamp=Stamp(),
            account=who,
            kind=action,  # type: ignore[arg-type]
            asset=asset,
            amount=amount,
            pool=VAULT,
            collateral_asset=taken,
        )

    if kind in ("supply", "withdraw"):
        return event(kind, NAMES[n[0]], from_raw(n[1], m.scene.decimals[n[0] + 1]))
    if kind == "redeem" and n[1] == m.loans[who].balances[NAMES[n[0]]]:
        return event("withdraw", NAMES[n[0]], ALL)
    if kind in ("borrow", "repay") and (kind == "borrow" or m.loans[who].owed):
        return event(kind, ASSET, from_raw(n[0], m.scene.decimals[0]))
    if kind == "liquidate" and n[1] and m.loans[who].is_liquidatable and m.loans[who].balances[NAMES[n[0]]]:
        amount = ALL if n[1] < 0 else from_raw(n[1], m.scene.decimals[0])
        return event("liquidation", ASSET, amount, NAMES[n[0]])
    return None


def as_event(before: Model, call: Call, reason: str | None) -> Check | None:
    """What an event on the book before the call gives, to be compared with the model after it."""
    said = event_of(before, call)
    if said is None:
        return None
    account, market = book(before, said.account)
    try:
        after, moved = apply(account, market, said, parameters(before), before.time * MICROSECONDS)
    except BadInput as refused:
        wrong = None if refused.problem.value == reason else f"refused {reason}, as an event {refused}"
        return lambda _: wrong

    def check(m: Model) -> str | None:
        wanted = book(m, said.account)
        if reason is not None or _plain(after, moved) != _plain(*wanted):
            return f"refused {reason}, {_plain(*wanted)}, as an event {_plain(after, moved)}"
        return None

    return check


def _plain(account: Account, market: Market) -> list[object]:
    """What both must agree on; a status check's time is kept where a cool-off or a debt needs it."""
    held = sorted((c.asset, c.scaled_raw) for c in account.collateral)
    owed = [(d.scaled_raw, d.index_raw) for d in account.debt]
    keys = [(VENUE, VAULT, CASH), *((VENUE, name, what) for name in NAMES for what in (ASSETS, SHARES))]
    index = market.indices[VENUE, VAULT, "borrow"]
    return [held, owed, [market.state[key] for key in keys], (index.value_raw, index.time)]

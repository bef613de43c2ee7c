"""Calls as events of a book that states one trove and the system."""

from decimal import Decimal
from typing import Any

from liquity_bench.scene import TERMS, Call, book, wad
from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.events import LendingAction, Stamp
from marginbook.domain.market import Market
from marginbook.units import MICROSECONDS
from marginbook.venues.liquity.applying import apply
from marginbook.venues.liquity.system import UNDERFLOW, System


def events_of(s: System, call: Call) -> list[LendingAction]:
    """The call as events of a book; none where it has no such event."""
    kind, who, n = call
    everything = Decimal("Infinity")
    said: list[tuple[str, str, Decimal]] = []
    if kind == "open" and who not in s.troves:
        said = [("supply", "ETH", wad(n[0])), ("borrow", "LUSD", wad(n[1]))]
    elif kind == "adjust" and who in s.troves and sum(map(bool, n)) == 1:
        sides = (("supply", "ETH"), ("withdraw", "ETH"), ("borrow", "LUSD"), ("repay", "LUSD"))
        said = [(*side, wad(amount)) for side, amount in zip(sides, n, strict=True) if amount]
    elif kind == "close":
        said = [("repay", "LUSD", everything)]
    elif kind == "liquidate":
        said = [("liquidation", "LUSD", everything)]
    stamp = Stamp()
    return [
        LendingAction(stamp=stamp, account=who, kind=action, asset=asset, amount=amount)  # type: ignore[arg-type]
        for action, asset, amount in said
    ]


def as_event(before: System, after: System, call: Call, reason: str | None) -> tuple[bool, str | None]:
    """Whether a call is an event on a book that states the trove and the system; what the event gave otherwise."""
    kind, who, numbers = call
    events = events_of(before, call)
    if kind == "redeem" and reason is None:
        met = [one for one in before.troves if after.troves.get(one) != before.troves[one]]
        if len(met) == 1 and before.whole(met[0])[1] - before.terms.gas_reserve >= numbers[0]:
            who = met[0]
            amount = wad(numbers[0])
            events = [LendingAction(stamp=Stamp(), account=who, kind="liquidation", asset="LUSD", amount=amount)]
    if not events or (reason is not None and "LUSD" in reason):
        return False, None
    account, market = book(before, who)
    try:
        for event in events:
            account, market = apply(account, market, event, TERMS, before.time * MICROSECONDS)
    except BadInput as refused:
        said = refused.problem.value
        if reason is None or (said != reason and not reason.startswith("TroveManager: Trove does not")):
            return True, f"refused {reason}, as an event {refused}"
        return True, None
    if reason == UNDERFLOW and kind == "liquidate" and before.pool.debt_error:
        return False, None  # the excess that the pool keeps is nothing that a book states
    wanted = book(after, who)
    if reason is not None or _plain(account, market) != _plain(*wanted):
        return True, f"refused {reason}, {_plain(*wanted)}, as an event {_plain(account, market)}"
    return True, None


def _plain(account: Account, market: Market) -> tuple[Any, ...]:
    held = [one.amount for one in (*account.collateral, *account.debt)]
    return held, dict(account.details), dict(market.state)

"""Calls as events of a book that states one vault."""

from collections.abc import Callable
from decimal import Decimal

from maker_bench.scene import Call, System, book, terms
from marginbook.domain.errors import BadInput
from marginbook.domain.events import LendingAction, Stamp
from marginbook.exact import RAY, from_raw
from marginbook.units import MICROSECONDS
from marginbook.venues.maker.applying import apply
from marginbook.venues.maker.vat import drawn, dripped

Check = Callable[[System], tuple[bool, str | None]]


def event(who: str, kind: str, asset: str, amount: Decimal, pool: str) -> LendingAction:
    """An event of a vault."""
    return LendingAction(stamp=Stamp(), account=who, kind=kind, asset=asset, amount=amount, pool=pool)  # type: ignore[arg-type]


def event_of(s: System, call: Call) -> LendingAction | None:
    """The call as one event of a book; None where it has no such event."""
    kind, whom, n = call
    name, _, who = whom.partition("/")
    if kind == "draw":
        return event(who, "borrow", "DAI", from_raw(n[0], 18), name)
    if kind == "bark":
        return event(who, "liquidation", "DAI", Decimal("Infinity"), name)
    if kind != "frob" or bool(n[0]) == bool(n[1]):
        return None
    dink, dart = n
    rate, art = s.kinds[name].rate, s.kinds[name].urns[who].art
    if dink:
        return event(who, "supply" if dink > 0 else "withdraw", "ETH", from_raw(abs(dink), 18), name)
    if dart > 0:
        return event(who, "borrow", "DAI", from_raw(dart * rate // RAY, 18), name)
    if -dart > art:
        return None  # a repayment of more is one of all of it
    return event(who, "repay", "DAI", from_raw(-(dart * rate // RAY), 18), name)


def as_event(before: System, call: Call, reason: str | None) -> Check | None:
    """What an event on the book before the call gives; to be compared with the system after it."""
    said = event_of(before, call)
    if said is None:
        return None
    name, who = str(said.pool), said.account
    account, market = book(before, name, who, fresh=call[0] == "draw")
    try:
        after, moved = apply(account, market, said, terms(before), before.time * MICROSECONDS)
    except BadInput as refused:
        wrong = None if refused.problem.value == reason else f"refused {reason}, as an event {refused}"
        return lambda _: (True, wrong)

    def check(s: System) -> tuple[bool, str | None]:
        if reason is not None:
            return True, f"refused {reason}, as an event done"
        k, wanted = s.kinds[name], s.kinds[name].urns[who]
        ink = sum((c.amount for c in after.collateral if c.amount), Decimal(0))
        art = sum(d.scaled_raw or 0 for d in after.debt)
        found = (ink, art, moved.indices["maker", name, "borrow"].value_raw)
        if found != (from_raw(wanted.ink, 18), wanted.art, k.rate):
            return True, f"{wanted}, rate {k.rate}, as an event {found}"
        if kept != moved.state["maker", name, "total_art_raw"] and call[0] != "bark":
            return True, "total art differs"
        return True, None

    kept = int(market.state["maker", name, "total_art_raw"]) + _change(before, call, name)
    return check


def _change(s: System, call: Call, name: str) -> int:
    """Normalized debt that a call adds."""
    k = s.kinds[name]
    return drawn(call[2][0], dripped(k.rate, k.duty, s.time - k.rho)) if call[0] == "draw" else (call[2] or [0, 0])[-1]

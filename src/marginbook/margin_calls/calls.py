"""The life of a margin call: opened, acknowledged, escalated, eased, expired, cured or closed.

A pure state machine over the zones of one pool. A call is latched: it opens with the first zone worse than safe and
lives, at the zone that it is in now, until the pool is safe again (the zones' own hysteresis decides when that is).
Every change says whose it is: a warning is always ours; a call is the venue's where the venue makes calls, else ours; a
liquidation is the venue's. Where a deadline is granted, a shortfall is a call until the deadline has passed.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from marginbook.domain.zones import Zone
from marginbook.units import MICROSECONDS

Issuer = Literal["ours", "venue"]
Action = Literal["opened", "acknowledged", "escalated", "eased", "expired", "cured", "closed"]
NO_CURE = frozenset(("liquidation", "adl", "account closed"))
"""Causes that end a call without anybody having cured it."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grace:
    """Time between a venue's call and its liquidation."""

    kind: Literal["none", "minutes", "business_days"] = "none"
    amount: int = 0  # [minutes, or business days]
    close: int = 0  # [minutes after midnight on the venue's clock] at which the last business day ends
    utc_offset: int = 0  # [minutes] of the venue's clock
    holidays: frozenset[str] = frozenset()  # ISO dates on the venue's clock


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPolicy:
    """Whether the venue itself makes margin calls, and how long it then waits. Exchanges and protocols do not and do
    not: their calls are our warnings."""

    venue_calls: bool = False
    grace: Grace = Grace()


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An open call of one pool."""

    id: str
    account: str
    pool: str
    zone: Zone  # what the call stands at: a shortfall within its grace stands at `CALL`
    found: Zone  # what the pool is in
    worst: Zone
    opened: int  # [µs UTC]
    deadline: int | None = None  # [µs UTC]
    acknowledged_by: str = ""
    acknowledged: int | None = None  # [µs UTC]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallChange:
    """One step of a call's life: the audit trail, in order of (sequence, position)."""

    time: int  # [µs UTC]
    sequence: int
    account: str
    pool: str
    call: str
    action: Action
    issuer: Issuer
    from_zone: str
    to_zone: str
    cause: str
    deadline: int | None = None  # [µs UTC]
    by: str = ""


def deadline_of(grace: Grace, at: int) -> int | None:
    """When the grace that begins at `at` [µs UTC] ends; None if there is none.

    `n` business days end at `close` on the n-th business day after the day of the call.

    >>> from marginbook.units import format_time, parse_time
    >>> friday = parse_time("2026-11-20T15:00:00Z")
    >>> format_time(deadline_of(Grace(kind="business_days", amount=3, close=960), friday))
    '2026-11-25T16:00:00Z'
    >>> format_time(deadline_of(Grace(kind="minutes", amount=60), friday))
    '2026-11-20T16:00:00Z'
    """
    if grace.kind == "none":
        return None
    if grace.kind == "minutes":
        return at + grace.amount * 60 * MICROSECONDS
    offset = timedelta(minutes=grace.utc_offset)
    day = (_EPOCH + timedelta(microseconds=at) + offset).replace(hour=0, minute=0, second=0, microsecond=0)
    left = grace.amount
    while left:
        day += timedelta(days=1)
        if day.weekday() < 5 and day.date().isoformat() not in grace.holidays:
            left -= 1
    since = day + timedelta(minutes=grace.close) - offset - _EPOCH
    return (since.days * 86_400 + since.seconds) * MICROSECONDS


def follow(
    call: Call | None,
    *,
    account: str,
    pool: str,
    zone: Zone,
    at: int,
    sequence: int,
    cause: str,
    policy: CallPolicy,
) -> tuple[Call | None, tuple[CallChange, ...]]:
    """The call after the pool was found in `zone`, and what there is to tell.

    >>> seen = dict(account="a", pool="main", at=0, sequence=1, cause="price", policy=CallPolicy())
    >>> call, told = follow(None, zone=Zone.WARNING, **seen)
    >>> [(change.action, change.issuer) for change in told]
    [('opened', 'ours')]
    >>> call, told = follow(call, zone=Zone.LIQUIDATION, **seen)
    >>> [(change.action, change.issuer, change.to_zone) for change in told]
    [('escalated', 'venue', 'liquidation')]
    """
    if call is None and zone == Zone.SAFE:
        return None, ()
    deadline = call.deadline if call else None
    if zone < Zone.CALL:
        deadline = None
    elif deadline is None and policy.venue_calls:
        deadline = deadline_of(policy.grace, at)
    level = zone
    if zone > Zone.CALL and deadline is not None and at < deadline:
        level = Zone.CALL
    if call is None:
        identity = f"{account}/{pool}/{sequence}"
        call = Call(
            id=identity, account=account, pool=pool, zone=level, found=zone, worst=level, opened=at, deadline=deadline
        )
        return call, (_told(call, "opened", Zone.SAFE, at, sequence, cause, policy),)
    before = call.zone
    after = replace(call, zone=level, found=zone, worst=max(call.worst, level), deadline=deadline)
    if level == before:
        return after, ()
    if level == Zone.SAFE:
        ending: Action = "closed" if cause in NO_CURE else "cured"
        return None, (_told(after, ending, before, at, sequence, cause, policy),)
    action: Action = "escalated" if level > before else "eased"
    return after, (_told(after, action, before, at, sequence, cause, policy),)


def acknowledge(
    call: Call, by: str, *, at: int, sequence: int, policy: CallPolicy
) -> tuple[Call, tuple[CallChange, ...]]:
    """Somebody has seen the call; the first one is kept."""
    if call.acknowledged is not None:
        return call, ()
    after = replace(call, acknowledged=at, acknowledged_by=by)
    told = _told(after, "acknowledged", call.zone, at, sequence, "operator", policy)
    return after, (replace(told, by=by),)


def expire(call: Call, *, at: int, sequence: int, policy: CallPolicy) -> tuple[Call, tuple[CallChange, ...]]:
    """The call once its deadline has passed: a shortfall is then what it is, a liquidation."""
    if call.deadline is None or at < call.deadline or call.zone == call.found:
        return call, ()
    after = replace(call, zone=call.found, worst=max(call.worst, call.found))
    return after, (_told(after, "expired", call.zone, at, sequence, "deadline", policy),)


def issuer_of(zone: Zone, policy: CallPolicy) -> Issuer:
    """Whose word a zone is: warnings are ours, liquidations the venue's, calls whoever makes them."""
    if zone >= Zone.LIQUIDATION or (zone == Zone.CALL and policy.venue_calls):
        return "venue"
    return "ours"


def _told(
    call: Call, action: Action, before: Zone, at: int, sequence: int, cause: str, policy: CallPolicy
) -> CallChange:
    return CallChange(
        time=at,
        sequence=sequence,
        account=call.account,
        pool=call.pool,
        call=call.id,
        action=action,
        issuer=issuer_of(max(before, call.zone), policy),
        from_zone=before.label,
        to_zone=call.zone.label,
        cause=cause,
        deadline=call.deadline,
    )

"""Feeds that are pushed when a price moves far enough, or a heartbeat is due (Chainlink, API3).

    sent    at the first tick with |p / p_last − 1| ≥ deviation or t − t_last ≥ heartbeat
    read    from `delay` later on (time to include); meanwhile no second update is sent
    stale   |p / p_read − 1| at a tick: up to about the deviation plus the drift during the delay

p_last is the last price sent, t_last when it was sent. Exact `Decimal`s. Sources, read 2026-11: the deviation page of
API3's documentation, and Chainlink's feed pages (parameters with their evidence in `params/data/oracles.json`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from marginbook.domain.errors import BadInput
from marginbook.exact import ONE, ZERO, divide, in_exact_context

Ticks = Iterable[tuple[int, Decimal]]
"""(time [µs UTC], price), oldest first."""


@dataclass(frozen=True, slots=True)
class PushRule:
    """Deviation as a fraction of the last price; times in µs."""

    deviation: Decimal
    heartbeat: int
    delay: int = 0


@dataclass(frozen=True, slots=True)
class Update:
    """One price that was sent, and from when on it is read."""

    price: Decimal
    sent: int  # [µs UTC]
    read: int  # [µs UTC]
    why: Literal["first", "deviation", "heartbeat"]


@dataclass(frozen=True, slots=True)
class StaleError:
    """The furthest that a reader was off: price over the price that was read, less 1."""

    error: Decimal
    at: int  # [µs UTC]


@in_exact_context
def updates(ticks: Ticks, rule: PushRule) -> list[Update]:
    """What a feed sends over a price history; its first price is there from the start.

    A heartbeat is seen at the first tick at or after it: give ticks as often as the feed looks.

    >>> hour = 3_600_000_000
    >>> day = [(0, Decimal("23.01")), (23 * hour, Decimal("23.02")), (24 * hour, Decimal("23.02"))]
    >>> rule = PushRule(Decimal("0.01"), 24 * hour)
    >>> [(found.sent // hour, str(found.price), found.why) for found in updates(day, rule)]
    [(0, '23.01', 'first'), (24, '23.02', 'heartbeat')]
    """
    if rule.deviation <= 0 or rule.heartbeat <= 0 or rule.delay < 0:
        raise BadInput("bad_rule", "push rule", rule, "a positive deviation and heartbeat")
    found: list[Update] = []
    for time, price in ticks:
        if price <= 0:
            raise BadInput("bad_price", "ticks", price, "a positive price")
        if not found:
            found.append(Update(price, time, time, "first"))
            continue
        last = found[-1]
        if time < last.read:
            continue
        if abs(price - last.price) >= rule.deviation * last.price:
            found.append(Update(price, time, time + rule.delay, "deviation"))
        elif time - last.sent >= rule.heartbeat:
            found.append(Update(price, time, time + rule.delay, "heartbeat"))
    return found


def read_at(sent: Sequence[Update], at: int) -> Update | None:
    """What a contract reads at `at` [µs UTC]; None before the first update."""
    return next((update for update in reversed(sent) if update.read <= at), None)


@in_exact_context
def worst_stale_error(ticks: Ticks, rule: PushRule) -> StaleError:
    """The largest |price / price read − 1| over a history.

    >>> found = worst_stale_error([(0, Decimal(100)), (5, Decimal(99)), (9, Decimal(80)), (10, Decimal(80))],
    ...                           PushRule(Decimal("0.005"), 3_600_000_000, delay=5))
    >>> found
    StaleError(error=Decimal('-0.2'), at=9)
    """
    history = list(ticks)
    sent = updates(history, rule)
    worst, reading = StaleError(ZERO, history[0][0] if history else 0), 0
    for time, price in history:
        while reading + 1 < len(sent) and sent[reading + 1].read <= time:
            reading += 1
        error = divide(price, sent[reading].price) - ONE
        if abs(error) > abs(worst.error):
            worst = StaleError(error, time)
    return worst

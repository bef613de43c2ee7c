"""Circuit breakers: what price to use, whether anyone may be liquidated on it, and why.

Each is one small function. A price that is missing, not a number, zero or negative gives no price and no liquidation;
a price that a breaker changes, and every pause, has a reason, so that nobody is liquidated or shielded in silence.
`in_turn` runs several: each sees the price that the one before left, and all must allow.

    deviation_bound       beyond reference·(1 ± band): the bound, paused
    step_limit            one update moves the price by at most `step` of the last: the limit, allowed
    growth_cap            a rising rate is capped at base·(1 + rate·years): the cap, allowed (falls pass)
    stale_pause           older than max_age, or of unknown age: the price, paused
    frozen_pause          not moved for max_unchanged, though it was sent again: the price, paused
    confidence_gate       an uncertainty beyond limit·price: the price, paused
    sequencer_grace       chain down, or up for no more than `grace`: the price, paused
    platform_lock         index beyond band of an external benchmark, or no index: locked
    last_price_protected  no stable index: the contract's last price, paused beyond a band of the last mark

Exact `Decimal`s, times in µs UTC. Exactly on a bound and exactly at max_age is inside; a grace must be over. Sources,
read 2026-11: pages of Chainlink (sequencer feeds, grace 3,600 s), Pyth (confidence), Deribit (benchmark lock), Binance
(last price protected: its purpose is published, the band here is the caller's); growth caps as Aave's CAPO.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from marginbook.exact import ONE, divide, in_exact_context
from marginbook.units import MICROSECONDS, YEAR_SECONDS

YEAR = YEAR_SECONDS * MICROSECONDS


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows for one price. `reason` is "" only where the price is used as it came and all is allowed."""

    price: Decimal | None  # None: nobody can be judged
    allow_liquidation: bool
    reason: str = ""


Step = Callable[[Decimal | None], Decision]


def unusable(price: Decimal | None) -> str:
    """Why a price cannot be used by anyone; "" if it can.

    >>> unusable(Decimal(0)), unusable(None), unusable(Decimal("NaN")), unusable(Decimal(1))
    ('the price is zero', 'the price is missing', 'the price is no number', '')
    """
    if price is None:
        return "the price is missing"
    if not price.is_finite():
        return "the price is no number"
    if price == 0:
        return "the price is zero"
    return "the price is negative" if price < 0 else ""


def plain(price: Decimal | None) -> Decision:
    """No breaker but the least: a price that cannot be one is not used."""
    why = unusable(price)
    return Decision(None, False, why) if why else Decision(price, True)


@in_exact_context
def deviation_bound(price: Decimal | None, reference: Decimal | None, band: Decimal) -> Decision:
    """Within `band` of an independent reference, or nobody is liquidated.

    >>> deviation_bound(Decimal(80), Decimal(100), Decimal("0.1"))
    Decision(price=Decimal('90.0'), allow_liquidation=False, reason='80 is beyond 0.1 of the reference 100')
    """
    if price is None or unusable(price):
        return plain(price)
    if reference is None or unusable(reference):
        return Decision(price, False, f"no reference to compare with: {unusable(reference)}")
    bound = min(max(price, reference * (ONE - band)), reference * (ONE + band))
    if bound == price:
        return Decision(price, True)
    return Decision(bound, False, f"{price} is beyond {band} of the reference {reference}")


@in_exact_context
def step_limit(price: Decimal | None, last: Decimal | None, step: Decimal) -> Decision:
    """At most `step` of the last price per update; the limited price counts for everybody.

    >>> step_limit(Decimal(80), Decimal(100), Decimal("0.05")).price
    Decimal('95.00')
    """
    if price is None or unusable(price):
        return plain(price)
    if last is None or unusable(last):
        return Decision(price, False, f"no last price to step from: {unusable(last)}")
    limited = min(max(price, last * (ONE - step)), last * (ONE + step))
    if limited == price:
        return Decision(price, True)
    return Decision(limited, True, f"{price} is more than {step} away from the last price {last}: limited")


@in_exact_context
def growth_cap(price: Decimal | None, base: Decimal, rate: Decimal, since: int, at: int) -> Decision:
    """A staking or vault rate may grow by `rate` a year from `base` at `since`; more is taken for manipulation."""
    if price is None or unusable(price):
        return plain(price)
    cap = base * (ONE + rate * divide(Decimal(max(0, at - since)), Decimal(YEAR)))
    if price <= cap:
        return Decision(price, True)
    return Decision(cap, True, f"{price} has grown faster than {rate} a year from {base}: capped")


def stale_pause(price: Decimal | None, time: int | None, at: int, max_age: int) -> Decision:
    """No liquidation on a price that is older than `max_age`, whose age is not known, or that is not there yet.

    >>> stale_pause(Decimal(1), 0, 61, 60).reason, stale_pause(Decimal(1), 0, 60, 60).allow_liquidation
    ('the price is 61 µs old, at most 60', True)
    """
    if price is None or unusable(price):
        return plain(price)
    if time is None:
        return Decision(price, False, "the price has no time")
    if time > at:
        return Decision(price, False, f"the price is from the future, {time - at} µs ahead")
    if at - time > max_age:
        return Decision(price, False, f"the price is {at - time} µs old, at most {max_age}")
    return Decision(price, True)


def frozen_pause(price: Decimal | None, changed: int | None, at: int, max_unchanged: int) -> Decision:
    """No liquidation on a price that has stood still for longer than `max_unchanged`, however fresh its time is.

    >>> frozen_pause(Decimal(1), 0, 61, 60).reason
    'the price has not moved for 61 µs, at most 60'
    """
    if price is None or unusable(price):
        return plain(price)
    if changed is None:
        return Decision(price, False, "when the price last moved is not known")
    if at - changed > max_unchanged:
        return Decision(price, False, f"the price has not moved for {at - changed} µs, at most {max_unchanged}")
    return Decision(price, True)


@in_exact_context
def confidence_gate(price: Decimal | None, confidence: Decimal | None, limit: Decimal) -> Decision:
    """No liquidation on a price whose uncertainty is more than `limit` of it, or not stated."""
    if price is None or unusable(price):
        return plain(price)
    if confidence is None or not confidence.is_finite() or confidence < 0:
        return Decision(price, False, "the price states no confidence")
    if confidence > limit * price:
        return Decision(price, False, f"the confidence {confidence} is more than {limit} of {price}")
    return Decision(price, True)


def sequencer_grace(price: Decimal | None, up: bool, since: int | None, at: int, grace: int) -> Decision:
    """A rollup's sequencer must be up, and have been for more than `grace` [µs], so that users could act first.

    >>> [sequencer_grace(Decimal(1), True, 0, at, 3600).allow_liquidation for at in (3600, 3601)]
    [False, True]
    """
    if price is None or unusable(price):
        return plain(price)
    if not up:
        return Decision(price, False, "the sequencer is down")
    if since is None or at - since <= grace:
        return Decision(price, False, "the sequencer has come back too recently, or when is not known")
    return Decision(price, True)


@in_exact_context
def platform_lock(price: Decimal | None, benchmark: Decimal | None, band: Decimal) -> Decision:
    """The whole platform stops where there is no index, or it is far from the external benchmark."""
    if price is None or unusable(price):
        return Decision(None, False, f"platform locked: {unusable(price)}")
    if benchmark is None or unusable(benchmark):
        return Decision(price, False, f"platform locked: no benchmark, {unusable(benchmark)}")
    if abs(price - benchmark) > band * benchmark:
        return Decision(price, False, f"platform locked: {price} is beyond {band} of the benchmark {benchmark}")
    return Decision(price, True)


@in_exact_context
def last_price_protected(
    price: Decimal | None, contract: Decimal | None, last_mark: Decimal | None, band: Decimal
) -> Decision:
    """A mark without a stable index falls back on the contract's last price; far from the last mark it only shows.

    >>> last_price_protected(None, Decimal(99), Decimal(100), Decimal("0.05")).reason
    'the price is missing: the last contract price 99'
    """
    if not unusable(price):
        return Decision(price, True)
    if contract is None or unusable(contract):
        return Decision(None, False, f"{unusable(price)}, and no last contract price")
    why = f"{unusable(price)}: the last contract price {contract}"
    if last_mark is None or unusable(last_mark) or abs(contract - last_mark) > band * last_mark:
        return Decision(contract, False, f"{why}, not within {band} of the last mark {last_mark}")
    return Decision(contract, True, why)


def in_turn(price: Decimal | None, steps: Iterable[Step]) -> Decision:
    """Several breakers, each on the price that the one before left; liquidation only if every one allows it.

    >>> steps = [lambda p: step_limit(p, Decimal(100), Decimal("0.1")), lambda p: stale_pause(p, 0, 10, 5)]
    >>> found = in_turn(Decimal(50), steps)
    >>> found.price, found.allow_liquidation, found.reason.count("; ")
    (Decimal('90.0'), False, 1)
    """
    allowed, reasons = True, []
    for step in steps:
        found = step(price)
        price, allowed = found.price, allowed and found.allow_liquidation
        if found.reason:
            reasons.append(found.reason)
    least = plain(price)
    if least.reason and not reasons:
        reasons.append(least.reason)
    return Decision(least.price, allowed and least.allow_liquidation, "; ".join(reasons))

"""Circuit breakers on the prices that come in: `oracle.breakers` decides, the engine acts on it.

    step         a frame moves the price by at most `limit` of the last: the limited price counts, all is allowed
    deviation    beyond `limit` of the reference: the bound counts, nobody is liquidated on it
    confidence   an uncertainty (the reference quote) beyond limit · price: the price counts, nobody is liquidated on it
    frozen       the same price for more than `limit` seconds: the price counts, nobody is liquidated on it
    lock         beyond `limit` of the benchmark (the reference): nobody is liquidated on any price of the venue

A reference that is missing or stale pauses too. A paused price is judged anew when it or its reference moves. What a
guard changed, paused or let go is told once (`PriceGuarded`); pools that are due and depend on a paused price are
`Undecided` until it is let go.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Literal

from marginbook.domain.market import Market, QuoteKey
from marginbook.exact import to_raw_floor
from marginbook.oracle import breakers
from marginbook.oracle.breakers import Decision, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """One circuit breaker of one price."""

    kind: Literal["step", "deviation", "confidence", "frozen", "lock"]
    limit: Decimal  # [fraction; seconds for "frozen"]
    reference: QuoteKey | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What the guards of a price did, where that differs from the last time."""

    key: QuoteKey
    given: Decimal
    decision: Decision


@dataclass(frozen=True, slots=True)
class Guarded:
    """What is known of a guarded price."""

    given: Decimal  # as it came
    since: int  # [µs UTC] when it last changed
    decision: Decision
    locks: bool = False  # its venue


class Guards:
    """The guarded prices, and what follows for the others of their venues."""

    def __init__(
        self,
        guards: Mapping[QuoteKey, tuple[Guard, ...]],
        market: Market,
        known: Mapping[QuoteKey, Guarded],
    ) -> None:
        self.guards = guards
        self.known = dict(known)
        self._followers: dict[QuoteKey, list[QuoteKey]] = {}
        for key, own in guards.items():
            for guard in own:
                if guard.reference is not None:
                    self._followers.setdefault(guard.reference, []).append(key)
            if key in market.quotes and key not in known:
                quote = market.quotes[key]
                self._judge(key, quote.price, quote.time or 0, {}, market, quote.time or 0, ())

    def paused(self, keys: Collection[QuoteKey]) -> set[QuoteKey]:
        """Those of `keys` on which nobody may be liquidated."""
        own = {key for key, price in self.known.items() if not price.decision.allow_liquidation}
        locked = {key[0] for key, price in self.known.items() if price.locks}
        return own | {key for key in keys if key[0] in locked} if locked else own

    def passed(
        self, changes: Mapping[QuoteKey, Decimal], market: Market, at: int, stale: Collection[QuoteKey]
    ) -> tuple[dict[QuoteKey, Decimal], list[Told]]:
        """The frame's prices as they count, with guarded ones whose reference moved; and what is new about them."""
        found, told = dict(changes), []
        followers = {key for moved in changes for key in self._followers.get(moved, ()) if key in self.known}
        for key in sorted((self.guards.keys() & changes.keys()) | followers):
            before = self.known.get(key)
            given, since = changes.get(key), at
            if given is None or (before is not None and before.given == given):
                assert before is not None  # followers are known
                given, since = before.given, before.since
            decision = self._judge(key, given, since, changes, market, at, stale)
            assert decision.price is not None  # frames hold positive prices only
            if key in changes or decision.price != market.quotes[key].price:
                found[key] = decision.price
            if before is None or _kind(before.given, before.decision) != _kind(given, decision):
                told.append(Told(key, given, decision))
        return found, [new for new in told if new.decision.reason or new.key in market.quotes]

    def _judge(
        self,
        key: QuoteKey,
        given: Decimal,
        since: int,
        changes: Mapping[QuoteKey, Decimal],
        market: Market,
        at: int,
        stale: Collection[QuoteKey],
    ) -> Decision:
        steps = list(self._steps(key, since, changes, market, at, stale))
        decision = breakers.in_turn(given, [step for _, step in steps])
        lock = breakers.in_turn(given, [step for kind, step in steps if kind == "lock"])
        self.known[key] = Guarded(given, since, decision, locks=not lock.allow_liquidation)
        return decision

    def _steps(
        self,
        key: QuoteKey,
        since: int,
        changes: Mapping[QuoteKey, Decimal],
        market: Market,
        at: int,
        stale: Collection[QuoteKey],
    ) -> Iterator[tuple[str, Step]]:
        last = market.quotes[key].price if key in market.quotes else None
        for guard in self.guards[key]:
            limit, other = guard.limit, _reference(guard.reference, changes, market, stale)
            match guard.kind:
                case "step":
                    if last is not None and key in changes:
                        yield guard.kind, partial(breakers.step_limit, last=last, step=limit)
                case "deviation":
                    yield guard.kind, partial(breakers.deviation_bound, reference=other, band=limit)
                case "confidence":
                    yield guard.kind, partial(breakers.confidence_gate, confidence=other, limit=limit)
                case "frozen":
                    most = to_raw_floor(limit, 6)
                    yield (
                        guard.kind,
                        partial(breakers.frozen_pause, changed=since, at=at, max_unchanged=most),
                    )
                case "lock":
                    yield guard.kind, partial(breakers.platform_lock, benchmark=other, band=limit)


def _kind(given: Decimal, decision: Decision) -> tuple[bool, bool]:
    return decision.allow_liquidation, decision.price == given


def _reference(
    key: QuoteKey | None, changes: Mapping[QuoteKey, Decimal], market: Market, stale: Collection[QuoteKey]
) -> Decimal | None:
    if key is None:
        return None
    if key in changes:
        return changes[key]
    quote = market.quotes.get(key)
    return None if quote is None or key in stale else quote.price

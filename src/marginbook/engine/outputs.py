"""What the engine has to say, in order; every record names time, sequence, account and pool."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from marginbook.domain.events import ZoneChange
from marginbook.margin_calls.calls import CallChange


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidationIntent:
    """One step of a liquidation: to be executed (authority), or what the venue is expected to do (`forecast`).

    `key` makes executing it idempotent: the same crossing and step always carry the same key.
    """

    time: int  # [µs UTC]
    sequence: int
    account: str
    pool: str
    key: str
    step: int
    forecast: bool
    market: str  # position market, or debt asset
    collateral: str | None
    close_least: Decimal
    close_most: Decimal
    price: Decimal | None
    reason: str | None  # why nothing can be done


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentEnded:
    """An intent needs no more doing: `filled` by the venue, or `withdrawn`: the pool is no longer liquidatable."""

    time: int  # [µs UTC]
    sequence: int
    account: str
    pool: str
    key: str
    how: Literal["filled", "withdrawn"]
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """An event that was refused and changed nothing."""

    time: int  # [µs UTC]
    sequence: int
    account: str
    pool: str
    source: str
    source_sequence: int
    code: str
    place: str
    value: str
    expected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LatePrices:
    """Prices older than the ones known: logged and ignored."""

    time: int  # [µs UTC]
    sequence: int
    account: str
    pool: str
    since: int  # [µs UTC] the source's time
    markets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceGuarded:
    """A circuit breaker changed a price, paused liquidations on it, or (an empty `reason`) let it go."""

    time: int  # [µs UTC]
    sequence: int
    account: str
    pool: str
    price: str  # venue:market:kind
    given: Decimal
    used: Decimal
    liquidations: bool  # whether anybody may be liquidated on it
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Revised:
    """An account event came late: it applies now, and what was said about the account since its time stands revised."""

    time: int  # [µs UTC]
    sequence: int
    account: str
    pool: str
    since: int  # [µs UTC]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotEvaluated:
    """An account that is in the book but cannot be evaluated; an empty `code` says that it can be again."""

    time: int  # [µs UTC]
    sequence: int
    account: str
    pool: str
    code: str
    place: str
    expected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided:
    """A price in doubt leaves the decision open: nobody acts, somebody must look. `resolved` ends it."""

    time: int  # [µs UTC]
    sequence: int
    account: str
    pool: str
    zone: str  # the venue's decision on the prices that it would use
    prices: tuple[str, ...]  # the stale or suspect ones
    resolved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Brake:
    """A frame would have liquidated too many at once: its liquidations are held until somebody, or the price, releases
    them."""

    time: int  # [µs UTC]
    sequence: int
    account: str
    pool: str
    state: Literal["held", "released"]
    accounts: int
    notional: Decimal | None
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The venue's printed figure beside ours; `ours` is None where we have none."""

    quantity: str
    venue: Decimal
    ours: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """A snapshot of an account carried the venue's own figures."""

    time: int  # [µs UTC]
    sequence: int
    account: str
    pool: str
    lines: tuple[Difference, ...]


Output = (
    ZoneChange
    | CallChange
    | LiquidationIntent
    | IntentEnded
    | Rejected
    | LatePrices
    | PriceGuarded
    | Revised
    | NotEvaluated
    | Undecided
    | Brake
    | Reconciled
)

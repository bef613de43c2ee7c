"""The state of a fold, and the policy that it is folded under: plain frozen data, to be saved and compared."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Literal

from marginbook.book.zoning import ratio_border
from marginbook.domain.account import Account
from marginbook.domain.errors import Problem
from marginbook.domain.market import Market, QuoteKey
from marginbook.domain.zones import Border, DistanceBorder, Zone
from marginbook.engine.guards import Guard, Guarded
from marginbook.margin_calls.calls import Call, CallPolicy

PoolKey = tuple[str, str]  # (account, pool)
TableKey = tuple[str, str | None, str | None]  # (rules, overlay name, network)
Overlay = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Brakes:
    """When the liquidations of one event are too many to be true; None: no such limit."""

    accounts: Decimal | None = Decimal("0.05")  # [fraction of the book]
    accounts_least: int = 10  # fewer never brake
    notional: Decimal | None = None  # [settlement currency]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is ours to choose; the rules of the venues are not."""

    mode: Literal["authority", "observe"] = "observe"
    borders: Mapping[str, tuple[Border, ...]] = field(default_factory=dict)  # derivatives, lending, loop
    calls: Mapping[str, CallPolicy] = field(default_factory=dict)  # by rules; default: ours, no grace
    brakes: Brakes = Brakes()
    stale_band: Decimal = Decimal("0.1")  # [fraction] a stale price may be off by this much either way
    stale_bands: Mapping[QuoteKey, Decimal] = field(default_factory=dict)
    max_age: int | None = None  # [µs] of a quote that declares none itself; None: it never gets stale
    jump_most: Decimal | None = Decimal("0.5")  # [fraction] a larger move in one frame is not believed at once
    guards: Mapping[QuoteKey, tuple[Guard, ...]] = field(default_factory=dict)  # circuit breakers by price


def settled(policy: Policy) -> Policy:
    """The policy with distance borders, as a book's `[zones.loop]` gives them, put as ratio borders."""
    borders = {
        family: tuple(ratio_border(border) if isinstance(border, DistanceBorder) else border for border in given)
        for family, given in policy.borders.items()
    }
    return replace(policy, borders=borders)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A parameter table in use: the time that it was read for, and the changes since, on top of the book's overlay."""

    at: int  # [µs UTC]
    changes: Overlay | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """An intent that is out."""

    key: str
    step: int
    market: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Blind:
    """An account that cannot be evaluated now, and why; its calls stay as they were until it can be seen again."""

    account: Account
    problem: Problem
    zones: Mapping[str, Zone] = field(default_factory=dict)  # when last seen


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything that the next event needs to know."""

    policy: Policy = Policy()
    sequence: int = 0
    clock: int = 0  # [µs UTC] the latest time of any event
    market: Market = field(default_factory=Market)
    accounts: Mapping[str, Account] = field(default_factory=dict)
    zones: Mapping[PoolKey, Zone] = field(default_factory=dict)
    blind: Mapping[str, Blind] = field(default_factory=dict)
    overlays: Mapping[str, Overlay] = field(default_factory=dict)  # of the book, by name
    tables: Mapping[TableKey, Table] = field(default_factory=dict)
    marks: Mapping[str, int] = field(default_factory=dict)
    calls: Mapping[PoolKey, Call] = field(default_factory=dict)
    intents: Mapping[PoolKey, Intent] = field(default_factory=dict)
    held: Mapping[PoolKey, int] = field(default_factory=dict)  # by the brake: since which sequence
    undecided: Mapping[PoolKey, tuple[str, ...]] = field(default_factory=dict)  # the prices in doubt
    suspect: Mapping[QuoteKey, Decimal] = field(default_factory=dict)  # jumped: the price before
    guarded: Mapping[QuoteKey, Guarded] = field(default_factory=dict)  # by circuit breakers

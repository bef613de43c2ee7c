"""What the service needs from an engine: everything that a page or an API call may ask, and nothing else.

A provider answers from an immutable published view, from any thread. Answers are plain values (dicts, lists, text, int,
bool, None, `Decimal`, float only for shares of a chart); `wire` turns them into JSON with decimal strings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

Json = dict[str, Any]

SORT_KEYS = ("danger", "exposure", "margin_balance", "maintenance_margin", "headroom", "account")
"""Columns that the accounts table sorts by. `danger` is demand / support: the worst account first.

`exposure` is the gross notional of positions, or the debt on a lending protocol: what a liquidation is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageQuery:
    """One page of the accounts table."""

    sort: str = "danger"
    descending: bool = True
    search: str = ""  # part of an account's id, any case
    zone: str = ""  # "" is all
    venue: str = ""  # "" is all
    offset: int = 0
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeQuery:
    """A shock and how markets react to what it liquidates; texts as on the command line of `cascade`."""

    shocks: tuple[tuple[str, Decimal], ...]
    only: bool = False
    impact: tuple[str, ...] = ()  # curves, of all assets or `ETH=…`
    funds: Mapping[str, Decimal] = field(default_factory=dict)  # "venue:currency" -> amount
    execution: Decimal = Decimal("0.5")  # share of a round's move that fills bear
    rounds: int = 200  # most of them
    waterfall: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What every answer names: the time and sequence it stands on, and the rules that made it."""

    as_of: int  # [µs UTC]
    sequence: int
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A body and its stamp."""

    body: Json
    stamp: Stamp


class Provider(Protocol):
    """The engine as the service sees it. Raises `BadInput`; `unknown_account` becomes 404."""

    def start(self) -> None:
        """Begin to run (starts the engine's thread)."""

    def stop(self) -> None:
        """Stop the engine's thread and wait for it."""

    def alive(self) -> bool:
        """Whether the engine's thread runs."""

    def number(self) -> int:
        """Grows by one with each published view: cheap to poll."""

    def summary(self) -> Answer:
        """Mode, clock, counts, notional and ages: all that is always in sight."""

    def page(self, query: PageQuery) -> Answer:
        """`{"total", "offset", "rows": […]}`."""

    def account(self, account: str) -> Answer:
        """`{"account": the row of check --json, "gauge": {…}}`."""

    def explain(self, account: str) -> Answer:
        """`{"tree": node}` with node = quantity, value, unit, formula, source, inputs."""

    def remedies(self, account: str) -> Answer:
        """`{"account", "remedies": [{action, asset, amount, result}]}`."""

    def what_if(self, account: str, change: Mapping[str, Any]) -> Answer:
        """`{"before", "after", "accepted", "reason"}` for an event that is not applied."""

    def what_if_orders(self, account: str, orders: Sequence[str]) -> Answer:
        """A basket of orders in words on one account; `engine.orders.orders_json`."""

    def what_if_book(self, orders: Sequence[str], limit: int) -> Answer:
        """The same on every account; `engine.book_orders.book_orders_json`."""

    def scenarios(self, offset: int, limit: int) -> Answer:
        """`{"total", "offset", "evaluations", "rows": […]}` of the accounts under scenario margin."""

    def scenario(self, account: str, fresh: bool) -> Answer:
        """One row of it, of now where it is to be `fresh`."""

    def shock(self, shocks: Sequence[tuple[str, Decimal]], only: bool) -> Answer:
        """`{"shocks", "moved", "before", "after", "liquidatable", "bad_debt", "worst"}`."""

    def cascade(self, query: CascadeQuery) -> Answer:
        """The answer of `cascade --json` from the book as it stands; nothing is applied. One at a time."""

    def cascade_progress(self) -> Answer:
        """`{"running", "stage", "round", "done", "of", "seconds", "seconds_most"}` of the one that runs."""

    def cancel_cascade(self) -> Answer:
        """End it: `{"cancelled"}`."""

    def ladder(self, asset: str, by: str) -> Answer:
        """`{"asset", "by", "steps": [{"move", "accounts", "notional", "stacks": {name: notional}}]}`."""

    def timeline(self, after: int, limit: int) -> Answer:
        """`{"events": [zone change], "number": last, "bars": [{time, minutes, entered}]}`: events above `after`, oldest
        first; bars over the whole run."""

    def prices(self) -> Answer:
        """`{"prices": [{venue, market, kind, price, age_seconds, stale}]}`."""

    def parameters(self) -> Answer:
        """`{"parameters": [{rules, as_of, age_days, stale}]}`."""

    def submit(self, lines: bytes) -> Answer:
        """JSON lines of events: `{"accepted", "problems": […]}`. Accepted ones are logged before the answer."""

    def load(self, name: str, content: bytes) -> Answer:
        """One's own file becomes the book shown: `{"accounts", "problems": […]}`."""

    def restore(self) -> Answer:
        """Back to the book that was served first."""

    def control(self, paused: bool | None, speed: Decimal | None) -> Answer:
        """Pause, go on, or change the speed of a replay."""

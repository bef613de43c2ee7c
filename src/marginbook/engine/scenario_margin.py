"""Scenario margin beside the engine: events in, zone changes out.

Positions and money are exact (`Decimal`); the margin model sees them as float64. A fill at price p pays quantity · p ·
multiplier out of the account's cash and its fee; the value of what is held is part of the support. A schedule may ask
that no account's numbers be older than an age: then the oldest are evaluated at every event, a few at a time.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from marginbook.book.scenario_accounts import Portfolio, ScenarioAccounts, ZoneMove
from marginbook.domain.errors import BadInput
from marginbook.domain.events import AccountClosed, Event, Fill, PriceFrame, Transfer, ZoneChange
from marginbook.domain.market import QuoteKey
from marginbook.engine.ports import admit
from marginbook.exact import ZERO, divide, format_decimal, grid_floor, in_exact_context, round_ceil
from marginbook.risk_models.reducers import requirement
from marginbook.units import MICROSECONDS, format_time

POOL = "portfolio"
PLACES = Decimal("1e-8")
"""Numbers of a model are shown in these steps, toward danger."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """An account under scenario margin, exactly [currency]."""

    id: str
    cash: Decimal
    quantities: Mapping[str, Decimal] = field(default_factory=dict)
    add_on: Decimal = ZERO
    floor: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Schedule:
    """Numbers older than `age` [µs] are made anew, up to `most` accounts an event."""

    age: int
    most: int = 16


class ScenarioMargin:
    """Accounts of one scenario model, following events. One thread at a time."""

    def __init__(
        self, live: ScenarioAccounts, holdings: Iterable[Holdings] = (), schedule: Schedule | None = None, at: int = 0
    ) -> None:
        self.live = live
        self.schedule = schedule
        self._multipliers = dict(zip(live.model.names, live.model.contracts.multiplier.tolist(), strict=True))
        self._holdings = {held.id: held for held in holdings}
        self._marks: dict[str, int] = {}
        self._times: dict[QuoteKey, int] = {}  # [µs UTC] of the prices known: older ones are passed over
        live.put([_portfolio(held) for held in self._holdings.values()], at)

    def __contains__(self, account: str) -> bool:
        return account in self._holdings

    def concerns(self, event: Event) -> bool:
        """Whether the event is about one of these accounts."""
        return getattr(event, "account", None) in self._holdings

    def holdings(self, account: str) -> Holdings:
        """What an account holds; BadInput `unknown_account`."""
        found = self._holdings.get(account)
        if found is None:
            raise BadInput("unknown_account", "account", account, "an account under scenario margin")
        return found

    @in_exact_context
    def step(self, event: Event, sequence: int = 0) -> list[ZoneChange] | None:
        """What a frame of prices, or an account's own fill, transfer or closing, changes; BadInput refuses it.

        None for an own event that its source has numbered and that has come before: it changes nothing.
        """
        at = event.stamp.time
        moves, cause = [], "price"
        if isinstance(event, PriceFrame):
            known = self._times
            fresh = {key: price for key, price in event.prices.items() if known.get(key, at) <= at}
            moves = self.live.prices(fresh, at)
            known.update(dict.fromkeys(fresh, at))
        elif self.concerns(event):
            admission = admit(self._marks, (event,))
            if admission.duplicates:
                return None
            self._marks |= admission.marks
            moves, cause = self._own(event, at)
        changes = [_change(move, at, sequence, cause) for move in moves]
        if self.schedule is not None:
            due = self.live.older_than(self.schedule.age, self.schedule.most)
            if due:
                changes += self.fresh(due, at, sequence)
        return changes

    def fresh(self, accounts: Iterable[str], at: int, sequence: int = 0) -> list[ZoneChange]:
        """Evaluate accounts at the prices of now: their zones stay, their numbers are of `at`. KeyError without one."""
        return [_change(move, at, sequence, "schedule") for move in self.live.evaluate(accounts, at)]

    @property
    def ids(self) -> list[str]:
        """Accounts, in the order in which they came."""
        return list(self._holdings)

    def row(self, account: str) -> dict[str, Any]:
        """Numbers of an account as text, and how old they are; BadInput `unknown_account`."""
        self.holdings(account)
        found = self.live.figures(account)
        return {
            "account": account,
            "zone": found.zone.label,
            "support": _down(found.support),
            "requirement": format_decimal(requirement(found.requirement, PLACES)),
            "headroom": _down(found.support - found.requirement),
            "evaluated": format_time(found.as_of),
            "age_seconds": format_decimal(divide(Decimal(found.age), Decimal(MICROSECONDS))),
            "band_used": format_decimal(round_ceil(Decimal(found.used), 4)),
        }

    def _own(self, event: Event, at: int) -> tuple[list[ZoneMove], str]:
        match event:
            case Fill():
                return self._put(self._filled(event), at), "fill"
            case Transfer():
                held = self.holdings(event.account)
                return self._put(replace(held, cash=held.cash + event.amount), at), event.kind
            case AccountClosed():
                self.live.remove(event.account)
                del self._holdings[event.account]
                return [], "account closed"
        raise BadInput("unsupported_event", "event", type(event).__name__, "a fill, a transfer or a closing")

    def _filled(self, event: Fill) -> Holdings:
        held = self.holdings(event.account)
        unit = self._multipliers.get(event.market)
        if unit is None or event.quantity <= 0 or event.price < 0:
            place = f"account {event.account}.fill {event.market}"
            raise BadInput("bad_fill", place, f"{event.quantity} at {event.price}", "a contract of the model")
        signed = event.quantity if event.side == "buy" else -event.quantity
        left = held.quantities.get(event.market, ZERO) + signed
        quantities = {name: q for name, q in held.quantities.items() if name != event.market}
        if left:
            quantities[event.market] = left
        return replace(
            held, cash=held.cash - signed * event.price * Decimal(repr(unit)) - event.fee, quantities=quantities
        )

    def _put(self, held: Holdings, at: int) -> list[ZoneMove]:
        moves = self.live.put([_portfolio(held)], at)
        self._holdings[held.id] = held
        return moves


def _portfolio(held: Holdings) -> Portfolio:
    quantities = {name: float(quantity) for name, quantity in held.quantities.items()}
    return Portfolio(held.id, float(held.cash), quantities, float(held.add_on), float(held.floor))


def _change(move: ZoneMove, at: int, sequence: int, cause: str) -> ZoneChange:
    return ZoneChange(
        time=at,
        sequence=sequence,
        account=move.account,
        pool=POOL,
        from_zone=move.before.label,
        to_zone=move.after.label,
        cause=cause,
    )


def _down(value: float) -> str:
    return format_decimal(grid_floor(Decimal(value), PLACES))

"""The running book behind the service: the engine's fold, as the service's thread drives it."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from marginbook.book.book import Book
from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput, Problem
from marginbook.domain.events import Event, PriceFrame, ZoneChange
from marginbook.domain.market import Market
from marginbook.engine.evaluate import parameters_source
from marginbook.engine.outputs import Rejected
from marginbook.service.setup import Setup
from marginbook.venues.registry import rule_set

Progress = Callable[[int], None]
CHUNK = 500


class Core:
    """One book, from a setup, taking events."""

    def __init__(self, setup: Setup, progress: Progress) -> None:
        self.parameters = parameters_source(setup.overlays, setup.at)
        self.sequence = 0
        self.problems: list[Problem] = []
        self._tables: dict[str, Any] = {}
        self.book = Book.from_accounts(self._known(setup, progress), setup.market, self.parameters, setup.at)

    def _known(self, setup: Setup, progress: Progress) -> Iterable[Account]:
        for number, account in enumerate(setup.accounts()):
            if number % CHUNK == 0:
                progress(number)
            try:
                rules_of = rule_set(account.rules)
                rules_of.module.risk(account, setup.market, self.parameters(account), setup.at)
            except BadInput as bad:
                self.problems.append(bad.problem)
                continue
            self._tables.setdefault(account.rules, self.parameters(account))
            yield account

    @property
    def rules(self) -> tuple[str, ...]:
        """Rule sets in use."""
        return tuple(sorted(self._tables))

    def tables(self) -> list[tuple[str, Any]]:
        """Parameter tables in use, by rule set."""
        return sorted(self._tables.items())

    def refused(self, outputs: Iterable[Any]) -> list[Problem]:
        """What the engine refused among its outputs."""
        return [Problem(o.code, o.place, o.value, o.expected) for o in outputs if isinstance(o, Rejected)]

    @property
    def clock(self) -> int:
        """[µs UTC] the latest time of any event."""
        return self.book.at

    @property
    def market(self) -> Market:
        """Prices and indices as applied."""
        return self.book.market

    def submit(self, events: Sequence[Event]) -> list[Any]:
        """Fold events; what the engine has to say about them."""
        outputs: list[Any] = []
        for event in events:
            if not isinstance(event, PriceFrame):
                raise BadInput("unsupported", "event", type(event).__name__, "a price frame")
            self.sequence += 1
            for c in self.book.prices(event.prices, event.stamp.time):
                outputs.append(
                    ZoneChange(
                        time=event.stamp.time,
                        sequence=self.sequence,
                        account=c.account,
                        pool=c.pool,
                        from_zone=c.from_zone.label,
                        to_zone=c.to_zone.label,
                        cause="price",
                    )
                )
        return outputs

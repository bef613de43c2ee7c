"""What the engine needs from a store of events: any ledger with this shape will do (SQLite today, PostgreSQL later)."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from marginbook.domain.events import Event


@dataclass(frozen=True, slots=True)
class Gap:
    """A source's numbers jumped: events are missing between."""

    source: str
    expected: int
    got: int


@dataclass(frozen=True, slots=True)
class Admission:
    """Which events of a batch are new, and the high-water marks after it."""

    fresh: tuple[Event, ...]
    duplicates: int
    gaps: tuple[Gap, ...]
    marks: Mapping[str, int]  # only of the sources that moved


@dataclass(frozen=True, slots=True)
class Appended:
    """A batch on disk: its events have the sequences `first`, `first` + 1, …"""

    first: int
    admission: Admission

    @property
    def last(self) -> int:
        """Sequence of the last event of the batch; `first` − 1 if none was new."""
        return self.first + len(self.admission.fresh) - 1


@dataclass(frozen=True, slots=True)
class Run:
    """The events of one flat type in a logged batch, as columns; strings are indices into the batch's.

    `columns` holds source, source_sequence, time and the event's own fields: arrays of integers, for decimals a pair
    (coefficients, exponents). An index of `NONE`, or an exponent of `TEXT` with a negative coefficient, is None; an
    exponent of `TEXT` marks a number kept as text.
    """

    event: type[Any]
    count: int
    columns: dict[str, Any]


NONE = 0xFFFFFFFF
TEXT = 127


class EventBatch(Protocol):
    """A logged batch that is not yet events: `kinds` gives their order, `runs` the members of each kind in order."""

    @property
    def kinds(self) -> bytes:
        """The kind of every event."""

    @property
    def strings(self) -> list[Any]:
        """What the columns point to."""

    @property
    def runs(self) -> Mapping[int, Run | list[Event]]:
        """Kind -> its events, as columns or as they are."""

    def events(self) -> list[Event]:
        """All events, in order."""

    def event(self, index: int) -> Event:
        """One of them."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A saved state: `state` as given to `save_snapshot`, and the folder that its writers filled.

    The folder is still being checked against its checksums: `intact` waits for that, and nothing may be read from the
    folder before.
    """

    sequence: int
    state: Any
    folder: Path
    intact: Callable[[], bool]


Recorded = TypeVar("Recorded")


class Ledger(Protocol):
    """An append-only log of events with snapshots."""

    def append(self, events: Sequence[Event]) -> Appended:
        """Put the new ones on disk in one transaction with their sources' marks; durable when it returns."""

    def read(self, after: int = 0) -> Iterator[tuple[int, Event]]:
        """Events with a sequence greater than `after`, in order."""

    def batches(self, after: int = 0) -> Iterator[tuple[int, EventBatch]]:
        """(sequence of its first event, batch) of every batch that reaches beyond `after`, in order."""

    def last_sequence(self) -> int:
        """Sequence of the last event; 0 if there is none."""

    def marks(self) -> Mapping[str, int]:
        """The high-water mark of every source."""

    def record(self, outputs: Iterable[Any]) -> None:
        """Outputs of the engine into the time line; recording one again changes nothing."""

    def recorded(self, kind: type[Recorded], after: int = 0) -> Iterator[Recorded]:
        """The outputs of one kind that the time line has after a sequence, in order."""

    def save_snapshot(self, sequence: int, state: Any, kind: Any, write: Callable[[Path], None] | None = None) -> None:
        """`state` (a dataclass of type `kind`) and whatever `write` puts into a folder, as of `sequence`."""

    def snapshots(self, kind: Any) -> Iterator[Snapshot]:
        """The snapshots, newest first, without those whose state is damaged."""

    def close(self) -> None:
        """Release the ledger."""


def admit(marks: Mapping[str, int], events: Iterable[Event]) -> Admission:
    """The events above their source's high-water mark; those at or below it are duplicates, a jump is a gap.

    A source that does not number its events (number 0) has no mark: its events are always new.

    >>> from marginbook.domain.events import AccountClosed, Stamp
    >>> event = AccountClosed(stamp=Stamp(source="s", source_sequence=7), account="a")
    >>> found = admit({"s": 5}, [event, event])
    >>> len(found.fresh), found.duplicates, found.gaps, dict(found.marks)
    (1, 1, (Gap(source='s', expected=6, got=7),), {'s': 7})
    """
    fresh: list[Event] = []
    gaps: list[Gap] = []
    moved: dict[str, int] = {}
    duplicates = 0
    for event in events:
        source, number = event.stamp.source, event.stamp.source_sequence
        if number > 0:
            mark = moved.get(source, marks.get(source))
            if mark is not None and number <= mark:
                duplicates += 1
                continue
            if mark is not None and number > mark + 1:
                gaps.append(Gap(source, mark + 1, number))
            moved[source] = number
        fresh.append(event)
    return Admission(tuple(fresh), duplicates, tuple(gaps), moved)

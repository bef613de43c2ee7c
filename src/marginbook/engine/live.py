"""The live engine: logged, then folded, then published.

    submit   admit (duplicates, gaps) → ledger (durable) → fold → outputs → time line → view

What `submit` returned for survives a kill: after a restart the state is the snapshot and the events after it, folded by
the same code. One thread folds at a time; any thread reads the view. `offer` hands events to the engine's own thread,
which commits what has gathered in one transaction and may pass over frames that a later one replaces whole.
"""

import gc
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from queue import Empty, Full, Queue

from marginbook.book.book import Book
from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Event, OrderChange
from marginbook.domain.market import Market
from marginbook.engine.batch import fold_batch
from marginbook.engine.book_store import BookStore
from marginbook.engine.coalesce import coalesced
from marginbook.engine.fold import Fold
from marginbook.engine.outputs import LiquidationIntent, Output, Rejected
from marginbook.engine.ports import Admission, Gap, Ledger, Snapshot, admit
from marginbook.engine.reserve import Reservation, margin_for
from marginbook.engine.state import Overlay, Policy, State, settled
from marginbook.engine.tables import Tables

QUEUE_MOST = 10_000
"""Batches that may wait; a producer that is faster is told so."""
GATHERED_MOST = 256
"""Batches that one transaction takes."""
TAIL = 500
"""Outputs that a view shows."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a batch. Its events have the sequences `first` … `last`; all of them are on disk."""

    first: int
    last: int
    duplicates: int
    gaps: tuple[Gap, ...]
    coalesced: int
    outputs: tuple[Output, ...]

    @property
    def rejected(self) -> tuple[Rejected, ...]:
        """Events that were taken and refused by the rules."""
        return tuple(output for output in self.outputs if isinstance(output, Rejected))


@dataclass(frozen=True, slots=True)
class View:
    """What readers see: one moment of the engine, immutable."""

    sequence: int = 0
    clock: int = 0  # [µs UTC]
    accounts: int = 0
    blind: int = 0
    calls: int = 0
    intents: int = 0
    held: int = 0
    undecided: int = 0
    doubtful: tuple[str, ...] = ()  # stale or suspect prices
    events: int = 0
    rejected: int = 0
    duplicates: int = 0
    coalesced: int = 0
    waiting: int = 0
    tail: tuple[Output, ...] = ()


class Engine:
    """Accounts, calls and liquidations of one book, live."""

    def __init__(self, state: State, store: BookStore, tables: Tables, ledger: Ledger | None) -> None:
        self.fold = Fold(state, store, tables)
        self.store = store
        self.ledger = ledger
        self._base = replace(state, accounts={}, zones={})
        self._lock = threading.RLock()
        self._tail: deque[Output] = deque(maxlen=TAIL)
        self._unrecorded: list[Output] = []
        self._totals = {"events": 0, "rejected": 0, "duplicates": 0, "coalesced": 0}
        self._view = View()
        self._broken: Exception | None = None
        self._queue: Queue[tuple[tuple[Event, ...], Future[Receipt]] | None] = Queue(QUEUE_MOST)
        self._thread: threading.Thread | None = None

    @classmethod
    def open(
        cls,
        *,
        ledger: Ledger | None = None,
        accounts: Iterable[Account] = (),
        market: Market | None = None,
        overlays: Mapping[str, Overlay] | None = None,
        at: int = 0,
        policy: Policy | None = None,
    ) -> "Engine":
        """An engine over what the ledger holds, or a new one over `accounts` as they are at `at`.

        A ledger that is not empty wins: the accounts given are then those of the past and are not read.
        """
        if ledger is not None:
            restored = cls._restored(ledger)
            if restored is not None:
                return restored
        state = State(policy=settled(policy or Policy()), clock=at, market=market or Market(), overlays=overlays or {})
        tables = Tables(state.overlays, {}, at)
        store, blind = BookStore.from_accounts(accounts, state.market, tables.of, at, state.policy.borders)
        engine = cls(replace(state, blind=blind), store, tables, ledger)
        engine._said(engine.fold.opened(store.moves_from_safe()))
        if ledger is not None:
            engine.snapshot()
        engine.publish()
        return engine

    @classmethod
    def _restored(cls, ledger: Ledger) -> "Engine | None":
        for snapshot in ledger.snapshots(State):
            tables = Tables(snapshot.state.overlays, snapshot.state.tables, snapshot.state.clock)
            tables.build()
            # Kernels trust the numbers of a book: none runs on bytes that are not what was written.
            if snapshot.intact():
                with _no_collection():
                    return cls._from(ledger, snapshot, tables)
        if ledger.last_sequence():
            raise BadInput("no_snapshot", "ledger", "events without a snapshot", "the snapshot that they follow")
        return None

    @classmethod
    def _from(cls, ledger: Ledger, snapshot: Snapshot, tables: Tables) -> "Engine":
        """The engine that a snapshot and the events after it make."""
        state: State = snapshot.state
        store = BookStore(Book.load(snapshot.folder / "book", tables.of, state.policy.borders))
        engine = cls(state, store, tables, ledger)
        said = ledger.recorded(LiquidationIntent, snapshot.sequence)
        engine.fold.liquidations.said = {intent.key: intent for intent in said}
        for first, batch in ledger.batches(snapshot.sequence):
            skip = max(0, snapshot.sequence + 1 - first)
            outputs = list(fold_batch(engine.fold, store, batch, skip))
            engine._tail.extend(outputs)
            engine._unrecorded += outputs
        engine.fold.liquidations.said = {}
        engine._record()
        engine.publish()
        return engine

    def submit(self, events: Iterable[Event]) -> Receipt:
        """Log and fold these events now; the receipt says what they gave rise to."""
        (receipt,) = self._commit([tuple(events)])
        return receipt

    def reserve(self, order: OrderChange) -> Reservation:
        """Accept an order if its margin is there, and take it into the book at once; else refuse it.

        Checking and taking are one step: two orders that come together never spend the same margin.
        """
        with self._lock:
            account = self.fold.account(order.account)
            after, market = self.fold.after(order)
            tables = self.fold.tables
            margin = margin_for(account, after, self.fold.market, market, tables.of(account), self.fold.clock)
            if margin.short and order.quantity:
                return Reservation(False, margin)
            receipt = self.submit((order,))
            return Reservation(not receipt.rejected and receipt.last >= receipt.first, margin)

    def offer(self, events: Iterable[Event], timeout: float | None = None) -> "Future[Receipt]":
        """Hand events to the engine's thread. BadInput `queue_full` if there is no room within `timeout` [s]."""
        future: Future[Receipt] = Future()
        try:
            self._queue.put((tuple(events), future), timeout=timeout)
        except Full:
            raise BadInput("queue_full", "engine", QUEUE_MOST, "a queue with room: send slower, or in frames") from None
        return future

    def start(self) -> None:
        """Start the engine's own thread."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="marginbook-engine", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Work off the queue and end the thread."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def alive(self) -> bool:
        """Whether the engine can take events."""
        return self._broken is None

    def snapshot(self) -> None:
        """Save the state as of the last event: a restart begins there."""
        if self.ledger is None:
            raise BadInput("no_ledger", "engine", "nothing", "an engine with a ledger")
        with self._lock:
            self._record()
            book = self.store.book
            self.ledger.save_snapshot(
                self.fold.sequence, self.fold.frozen(self._base), State, lambda folder: book.save(folder / "book")
            )

    def view(self) -> View:
        """The view last published."""
        return self._view

    def publish(self) -> View:
        """Publish a view of now."""
        with self._lock:
            fold, liquidations = self.fold, self.fold.liquidations
            self._view = View(
                sequence=fold.sequence,
                clock=fold.clock,
                accounts=self.store.count(),
                blind=len(fold.blind),
                calls=len(fold.calls),
                intents=len(liquidations.intents),
                held=len(liquidations.held),
                undecided=len(liquidations.undecided),
                doubtful=tuple(sorted(":".join(key) for key in fold.doubts.doubtful())),
                waiting=self._queue.qsize(),
                tail=tuple(self._tail),
                **self._totals,
            )
            return self._view

    def state(self) -> State:
        """The whole state as plain data, comparable with that of `apply`: for tests and for small books."""
        with self._lock:
            accounts = {name: self.store.book.account(name) for name in self.store.ids()}
            zones = {(name, pool): zone for name in accounts for pool, zone in self.store.zones(name).items()}
            return replace(self.fold.frozen(self._base), accounts=accounts, zones=zones)

    def close(self) -> None:
        """Stop, write the rest of the time line, and release the ledger."""
        self.stop()
        if self.ledger is not None:
            with self._lock:
                self._record()
            self.ledger.close()

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _commit(self, batches: Sequence[tuple[Event, ...]], gathered: bool = False) -> list[Receipt]:
        """Log and fold; of batches that have `gathered`, frames that a later one replaces are passed over."""
        with self._lock:
            if self._broken is not None:
                raise BadInput("engine_stopped", "engine", self._broken, "a restart from the ledger")
            marks = dict(self.fold.marks)
            admissions = []
            for batch in batches:
                admission = admit(marks, batch)
                marks |= admission.marks
                admissions.append(admission)
            fresh = [admission.fresh for admission in admissions]
            kept, passed = coalesced(fresh) if gathered else (fresh, [0] * len(fresh))
            if self.ledger is not None:
                self.ledger.append([event for events in kept for event in events])
            try:
                return [self._fold(*one) for one in zip(admissions, kept, passed, strict=True)]
            except Exception as error:
                self._broken = error
                raise

    def _fold(self, admission: Admission, events: tuple[Event, ...], passed: int) -> Receipt:
        first = self.fold.sequence + 1
        outputs = tuple(output for event in events for output in self.fold.step(event))
        self._said(outputs)
        self._totals["events"] += len(events)
        self._totals["duplicates"] += admission.duplicates
        self._totals["coalesced"] += passed
        return Receipt(first, self.fold.sequence, admission.duplicates, admission.gaps, passed, outputs)

    def _said(self, outputs: Sequence[Output]) -> None:
        if not outputs:
            return
        self._tail.extend(outputs)
        self._totals["rejected"] += sum(isinstance(output, Rejected) for output in outputs)
        if self.ledger is not None:
            self._unrecorded += outputs
            if len(self._unrecorded) >= TAIL:
                self._record()

    def _record(self) -> None:
        """Write what was said into the time line. What fails stays for the next time: it can be folded again, unlike
        the events themselves."""
        if self.ledger is not None and self._unrecorded:
            with suppress(BadInput):
                self.ledger.record(self._unrecorded)
                self._unrecorded.clear()

    def _run(self) -> None:
        published = time.monotonic()
        while True:
            try:
                item = self._queue.get(timeout=0.25)
            except Empty:
                self._idle()
                continue
            gathered = [item]
            while len(gathered) < GATHERED_MOST and gathered[-1] is not None:
                try:
                    gathered.append(self._queue.get_nowait())
                except Empty:
                    break
            self._take([one for one in gathered if one is not None])
            if gathered[-1] is None:
                self._idle()
                return
            if time.monotonic() - published > 0.25:
                self._idle()
                published = time.monotonic()

    def _idle(self) -> None:
        with self._lock:
            self._record()
            self.store.book.maintain()
            self.publish()

    def _take(self, gathered: "Sequence[tuple[tuple[Event, ...], Future[Receipt]]]") -> None:
        try:
            receipts = self._commit([events for events, _ in gathered], gathered=True)
        except Exception as error:
            for _, future in gathered:
                future.set_exception(error)
            return
        for (_, future), receipt in zip(gathered, receipts, strict=True):
            future.set_result(receipt)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without looking for cycles among a million objects that all stay."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()

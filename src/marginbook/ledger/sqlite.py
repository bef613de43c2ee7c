"""An event log in one SQLite file: packed batches, one durable transaction each.

A batch and the high-water marks of its sources commit together (WAL, synchronous = FULL), so what `append` returned for
survives a kill, and what a source sends again is recognised. Calls and liquidations are also rows of an ordinary
indexed table, `timeline`. Snapshots are folders beside the file (`snapshots`).
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.domain.events import Event
from marginbook.engine.ports import Appended, Recorded, Snapshot, admit
from marginbook.ledger import snapshots
from marginbook.ledger.encoding import Batch, checksum, decode_batch, encode_batch, read_batch
from marginbook.ledger.records import from_plain, to_plain

FORMAT = 1
SCHEMA = """
CREATE TABLE IF NOT EXISTS batches (
    first INTEGER PRIMARY KEY, count INTEGER NOT NULL, checksum INTEGER NOT NULL, events BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS marks (source TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS timeline (
    sequence INTEGER NOT NULL, ordinal INTEGER NOT NULL, time INTEGER NOT NULL, kind TEXT NOT NULL,
    account TEXT NOT NULL, pool TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (sequence, ordinal)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS timeline_account ON timeline (account, sequence);
CREATE INDEX IF NOT EXISTS timeline_time ON timeline (time);
CREATE INDEX IF NOT EXISTS timeline_kind ON timeline (kind, sequence);
"""
_CODES = {"locked": "ledger_locked", "busy": "ledger_locked", "full": "disk_full", "readonly": "ledger_read_only"}


class LedgerError(BadInput):
    """The log could not be written or read; nothing was acknowledged."""


class SqliteLedger:
    """The log of one engine. One writer at a time; readers may open the same file."""

    def __init__(self, path: str | Path, *, writer: bool = True) -> None:
        self.path = Path(path)
        self._lock: sqlite3.Connection | None = None
        with self._clear_errors():
            if writer:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._lock = self._locked()
            self._connection = self._opened(writer)
            self._marks = dict(self._connection.execute("SELECT source, number FROM marks"))

    def append(self, events: Sequence[Event]) -> Appended:
        """The new events among these, durable when it returns. LedgerError: nothing of the batch is on disk."""
        first = self.last_sequence() + 1
        admission = admit(self._marks, events)
        if not admission.fresh:
            return Appended(first, admission)
        blob = encode_batch(admission.fresh)
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO batches VALUES (?, ?, ?, ?)", (first, len(admission.fresh), checksum(blob), blob)
            )
            connection.executemany("INSERT OR REPLACE INTO marks VALUES (?, ?)", admission.marks.items())
        self._marks.update(admission.marks)
        return Appended(first, admission)

    def read(self, after: int = 0) -> Iterator[tuple[int, Event]]:
        """Events with a sequence greater than `after`, in order."""
        for first, blob in self.read_batches(after):
            for sequence, event in enumerate(decode_batch(blob), first):
                if sequence > after:
                    yield sequence, event

    def batches(self, after: int = 0) -> Iterator[tuple[int, Batch]]:
        """(sequence of its first event, batch) of every batch that reaches beyond `after`, in order."""
        return ((first, read_batch(blob)) for first, blob in self.read_batches(after))

    def read_batches(self, after: int = 0) -> Iterator[tuple[int, bytes]]:
        """(sequence of its first event, bytes) of every batch that reaches beyond `after`, checked."""
        expected: int | None = None
        with self._clear_errors():
            rows = self._connection.execute(
                "SELECT first, count, checksum, events FROM batches WHERE first + count - 1 > ? AND first >= "
                "coalesce((SELECT max(first) FROM batches WHERE first <= ?), 0) ORDER BY first",
                (after, after + 1),
            )
            for first, count, expected_checksum, blob in rows:
                place = f"{self.path}: batch {first}"
                if expected is not None and first != expected:
                    raise LedgerError("ledger_corrupt", place, first, f"the batch that begins with {expected}")
                if checksum(blob) != expected_checksum:
                    raise LedgerError("ledger_corrupt", place, f"{count} events", "the bytes that were written")
                expected = first + count
                yield first, blob

    def last_sequence(self) -> int:
        """Sequence of the last event; 0 if there is none."""
        with self._clear_errors():
            row = self._connection.execute(
                "SELECT first + count - 1 FROM batches ORDER BY first DESC LIMIT 1"
            ).fetchone()
        return row[0] if row else 0

    def marks(self) -> Mapping[str, int]:
        """The high-water mark of every source."""
        return dict(self._marks)

    def record(self, outputs: Iterable[Any]) -> None:
        """All outputs of some events into the time line; recording them again changes nothing."""
        rows = []
        previous, ordinal = -1, 0
        for output in outputs:
            ordinal = ordinal + 1 if output.sequence == previous else 0
            previous = output.sequence
            text = json.dumps(to_plain(output, type(output)), separators=(",", ":"))
            kind = type(output).__name__
            rows.append((previous, ordinal, output.time, kind, output.account or "", output.pool or "", text))
        if rows:
            with self._transaction() as connection:
                connection.executemany("INSERT OR REPLACE INTO timeline VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def timeline(
        self, *, after: int = 0, account: str | None = None, kind: str | None = None, limit: int = 1000
    ) -> list[dict[str, Any]]:
        """The oldest `limit` rows of the time line after a sequence, as JSON values with `type`."""
        conditions, values = ["sequence > ?"], [after]
        for column, value in (("account", account), ("kind", kind)):
            if value is not None:
                conditions.append(f"{column} = ?")
                values.append(value)  # type: ignore[arg-type]
        with self._clear_errors():
            where = " AND ".join(conditions)
            rows = self._connection.execute(
                f"SELECT kind, record FROM timeline WHERE {where} ORDER BY sequence, ordinal LIMIT ?", (*values, limit)
            )
            return [{"type": kind, **json.loads(record)} for kind, record in rows]

    def recorded(self, kind: type[Recorded], after: int = 0) -> Iterator[Recorded]:
        """The outputs of one kind that the time line has after a sequence, in order."""
        with self._clear_errors():
            rows = self._connection.execute(
                "SELECT record FROM timeline WHERE kind = ? AND sequence > ? ORDER BY sequence, ordinal",
                (kind.__name__, after),
            )
            for (record,) in rows:
                yield from_plain(json.loads(record), kind)

    def save_snapshot(self, sequence: int, state: Any, kind: Any, write: Callable[[Path], None] | None = None) -> None:
        """`state` and whatever `write` puts into a folder, as of `sequence`; whole or not at all."""
        with self._clear_errors():
            snapshots.save(self.snapshot_folder, sequence, to_plain(state, kind), write)

    def snapshots(self, kind: Any) -> Iterator[Snapshot]:
        """The snapshots, newest first, without those whose state is damaged."""
        return snapshots.load(self.snapshot_folder, kind)

    def load_snapshot(self, kind: Any) -> Snapshot | None:
        """The newest whole snapshot, or None."""
        return next((snapshot for snapshot in self.snapshots(kind) if snapshot.intact()), None)

    @property
    def snapshot_folder(self) -> Path:
        """Where snapshots are kept."""
        return self.path.with_name(self.path.name + ".snapshots")

    def close(self) -> None:
        """Close the file and let another writer in."""
        self._connection.close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> "SqliteLedger":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _locked(self) -> sqlite3.Connection:
        """A tiny database held exclusively while the ledger is open: the system frees it when the process dies."""
        lock = sqlite3.connect(self.path.with_name(self.path.name + ".lock"), timeout=0.2, check_same_thread=False)
        lock.isolation_level = None
        lock.execute("PRAGMA locking_mode = EXCLUSIVE")
        lock.execute("BEGIN EXCLUSIVE")
        return lock

    def _opened(self, writer: bool) -> sqlite3.Connection:
        mode = "rwc" if writer else "ro"
        connection = sqlite3.connect(f"{self.path.absolute().as_uri()}?mode={mode}", uri=True, check_same_thread=False)
        connection.isolation_level = None
        connection.execute("PRAGMA busy_timeout = 2000")
        if writer:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            (found,) = connection.execute("PRAGMA user_version").fetchone()
            if found == 0:
                connection.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {FORMAT}; COMMIT;")
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found != FORMAT:
            raise LedgerError("unknown_format", str(self.path), found, f"a ledger of format {FORMAT}")
        return connection

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._clear_errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            text = str(error)
            code = next((code for word, code in _CODES.items() if word in text), "ledger_corrupt")
            if isinstance(error, sqlite3.OperationalError) and code == "ledger_corrupt" and "malformed" not in text:
                code = "ledger_unusable"
            raise LedgerError(code, str(self.path), text, _EXPECTED.get(code, "a whole ledger")) from error
        except OSError as error:
            raise LedgerError("ledger_unusable", str(self.path), error, "a folder that can be written") from error


_EXPECTED = {
    "ledger_locked": "a ledger that no other engine writes",
    "disk_full": "room on the disk; the batch was not taken",
    "ledger_read_only": "a ledger that may be written",
    "ledger_unusable": "a SQLite ledger that can be opened",
}

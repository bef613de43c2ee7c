"""The log: durable, idempotent, and clear about what it could not do."""

import sqlite3
from dataclasses import dataclass
from decimal import Decimal

import pytest

from marginbook.domain.events import AccountClosed, Stamp, Transfer, ZoneChange
from marginbook.ledger.sqlite import LedgerError, SqliteLedger


def transfer(number, source="s", account="a", amount="1"):
    stamp = Stamp(source=source, source_sequence=number, time=number)
    return Transfer(stamp=stamp, account=account, kind="deposit", asset="USDT", amount=Decimal(amount))


@pytest.fixture
def ledger(tmp_path):
    with SqliteLedger(tmp_path / "log.db") as ledger:
        yield ledger


def test_read_gives_back_what_was_appended_in_order(ledger):
    first = ledger.append([transfer(1), transfer(2)])
    second = ledger.append([transfer(3), AccountClosed(stamp=Stamp(source="t", source_sequence=1), account="a")])
    assert (first.first, first.last, second.first, second.last) == (1, 2, 3, 4)
    assert [sequence for sequence, _ in ledger.read()] == [1, 2, 3, 4]
    assert [event.stamp.source_sequence for _, event in ledger.read(after=1)] == [2, 3, 1]
    assert list(ledger.read(after=4)) == []
    assert ledger.marks() == {"s": 3, "t": 1}


def test_what_is_sent_again_is_skipped_and_a_gap_is_reported(tmp_path):
    with SqliteLedger(tmp_path / "log.db") as ledger:
        ledger.append([transfer(1), transfer(2)])
    with SqliteLedger(tmp_path / "log.db") as ledger:
        again = ledger.append([transfer(1), transfer(2), transfer(5), transfer(5)])
        assert [event.stamp.source_sequence for event in again.admission.fresh] == [5]
        assert again.admission.duplicates == 3
        assert [(gap.expected, gap.got) for gap in again.admission.gaps] == [(3, 5)]
        nothing = ledger.append([transfer(4)])
        assert nothing.last == ledger.last_sequence() == 3
        assert nothing.admission.duplicates == 1


def test_sources_without_numbers_are_always_taken(ledger):
    ledger.append([transfer(0), transfer(0)])
    assert ledger.append([transfer(0)]).last == 3
    assert ledger.marks() == {}


def test_a_second_writer_is_refused_and_readers_are_not(ledger, tmp_path):
    ledger.append([transfer(1)])
    with pytest.raises(LedgerError) as error:
        SqliteLedger(tmp_path / "log.db")
    assert error.value.problem.code == "ledger_locked"
    with SqliteLedger(tmp_path / "log.db", writer=False) as reader:
        assert reader.last_sequence() == 1
        with pytest.raises(LedgerError):
            reader.append([transfer(2)])


def test_a_full_disk_takes_nothing_and_loses_nothing(ledger):
    ledger.append([transfer(1)])
    pages = ledger._connection.execute("PRAGMA page_count").fetchone()[0]
    ledger._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(LedgerError) as error:
        ledger.append([transfer(n, account=f"account-{n}") for n in range(2, 5000)])
    assert error.value.problem.code == "disk_full"
    assert ledger.last_sequence() == 1
    assert ledger.marks() == {"s": 1}
    ledger._connection.execute("PRAGMA max_page_count = 1000000")
    assert ledger.append([transfer(2)]).last == 2


def test_damaged_bytes_are_named_not_replayed(ledger, tmp_path):
    ledger.append([transfer(1)])
    ledger.append([transfer(2)])
    with sqlite3.connect(tmp_path / "log.db") as other:
        blob = bytearray(other.execute("SELECT events FROM batches WHERE first = 2").fetchone()[0])
        blob[-3] ^= 1
        other.execute("UPDATE batches SET events = ? WHERE first = 2", (bytes(blob),))
    with pytest.raises(LedgerError) as error:
        list(ledger.read())
    assert error.value.problem.code == "ledger_corrupt"
    assert "batch 2" in error.value.problem.place


def test_a_missing_batch_is_named(ledger, tmp_path):
    for number in (1, 2, 3):
        ledger.append([transfer(number)])
    with sqlite3.connect(tmp_path / "log.db") as other:
        other.execute("DELETE FROM batches WHERE first = 2")
    with pytest.raises(LedgerError) as error:
        list(ledger.read())
    assert error.value.problem.code == "ledger_corrupt"


def test_a_file_that_is_no_ledger(tmp_path):
    (tmp_path / "log.db").write_bytes(b"not a database at all, but long enough to be read as one" * 100)
    with pytest.raises(LedgerError) as error:
        SqliteLedger(tmp_path / "log.db")
    assert error.value.problem.code == "ledger_corrupt"


def test_the_time_line_is_an_ordinary_table(ledger):
    def change(sequence, account, to):
        return ZoneChange(
            time=sequence, sequence=sequence, account=account, pool="main", from_zone="safe", to_zone=to, cause="price"
        )

    changes = [change(1, "a", "warning"), change(1, "b", "warning"), change(2, "a", "call")]
    ledger.record(changes)
    ledger.record(changes)
    assert [(row["account"], row["to_zone"]) for row in ledger.timeline()] == [
        ("a", "warning"),
        ("b", "warning"),
        ("a", "call"),
    ]
    assert [row["sequence"] for row in ledger.timeline(account="a", after=1)] == [2]
    assert ledger.timeline(kind="Nothing") == []


@dataclass(frozen=True)
class Notes:
    total: Decimal
    clock: int = 0


def test_the_newest_whole_snapshot_is_loaded(ledger):
    assert ledger.load_snapshot(Notes) is None
    for sequence in (5, 9, 12):
        ledger.save_snapshot(
            sequence, Notes(Decimal(sequence)), Notes, lambda folder: (folder / "columns.bin").write_bytes(b"x" * 100)
        )
    assert ledger.load_snapshot(Notes).state == Notes(Decimal(12))
    assert len(list(ledger.snapshot_folder.iterdir())) == 2
    (ledger.snapshot_folder / f"{12:020d}" / "columns.bin").write_bytes(b"y" * 100)
    found = ledger.load_snapshot(Notes)
    assert (found.sequence, found.state.total) == (9, Decimal(9))
    (ledger.snapshot_folder / f"{9:020d}" / "manifest.json").write_text("{")
    assert ledger.load_snapshot(Notes) is None


def test_a_snapshot_that_was_being_built_is_not_seen(ledger):
    def killed(folder):
        (folder / "half").write_bytes(b"x")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ledger.save_snapshot(3, Notes(Decimal(1)), Notes, killed)
    assert ledger.load_snapshot(Notes) is None
    ledger.save_snapshot(3, Notes(Decimal(1)), Notes)
    assert ledger.load_snapshot(Notes).sequence == 3

"""Bytes for batches of events, versioned by their first byte.

    batch    version u8 · length u32 · strings (JSON list; a price key is a list of three)
             count u32 · kind u8 of every event in order · one body per kind, in rising order of kinds
    body     JSON (kind 0): length u32 · JSON list of records; packed (others): one column after the other
    column   string: u32 index into strings; integer: i64; decimal: i64 coefficients, then i8 exponents

Frequent, flat events are packed; rare ones (whole accounts, parameters) are JSON. A decimal keeps its exponent, so what
is read back is what was written, digit for digit; one that does not fit 64 bits is an index to its text (exponent 127).
"""

import json
import struct
import sys
import zlib
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.domain.events import (
    AccountClosed,
    Event,
    Fill,
    IndexUpdate,
    LendingAction,
    OrderChange,
    PriceFrame,
    Setting,
    Stamp,
    Transfer,
)
from marginbook.engine.ports import NONE, TEXT, Run
from marginbook.exact import CONTEXT
from marginbook.ledger.records import from_plain, to_plain

VERSION = 1
_JSON, _FRAMES = 0, 1
_HEAD = struct.Struct("<BI")

Columns = tuple[tuple[str, str], ...]
PACKED: dict[int, tuple[type[Any], Columns]] = {
    2: (
        Fill,
        (
            ("account", "string"),
            ("market", "string"),
            ("side", "string"),
            ("quantity", "decimal"),
            ("price", "decimal"),
            ("fee", "decimal"),
            ("kind", "string"),
            ("position_side", "string"),
            ("leverage", "decimal"),
            ("mode", "string"),
            ("order_id", "string"),
        ),
    ),
    3: (
        Transfer,
        (
            ("account", "string"),
            ("kind", "string"),
            ("asset", "string"),
            ("amount", "decimal"),
            ("pool", "string"),
            ("to_pool", "string"),
        ),
    ),
    4: (
        OrderChange,
        (
            ("account", "string"),
            ("order_id", "string"),
            ("market", "string"),
            ("side", "string"),
            ("quantity", "decimal"),
            ("price", "decimal"),
            ("position_side", "string"),
            ("reduce_only", "flag"),
        ),
    ),
    5: (
        LendingAction,
        (
            ("account", "string"),
            ("kind", "string"),
            ("asset", "string"),
            ("amount", "decimal"),
            ("collateral_asset", "string"),
        ),
    ),
    6: (Setting, (("account", "string"), ("kind", "string"), ("market", "string"), ("value", "string"))),
    7: (
        IndexUpdate,
        (("venue", "string"), ("asset", "string"), ("kind", "string"), ("value", "decimal"), ("rate", "decimal")),
    ),
    8: (AccountClosed, (("account", "string"),)),
    9: (
        LendingAction,
        (
            ("account", "string"),
            ("kind", "string"),
            ("asset", "string"),
            ("amount", "decimal"),
            ("collateral_asset", "string"),
            ("pool", "string"),
        ),
    ),
}
"""Kind -> event type and its columns after the stamp. A number once given never changes its meaning: a new layout is a
new kind, and the later one is written."""

_KIND_OF: dict[type, int] = {PriceFrame: _FRAMES, **{event: kind for kind, (event, _) in PACKED.items()}}


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch, not yet made into events: `kinds` gives the order, `runs` the members of each kind in order."""

    kinds: bytes
    strings: list[Any]
    runs: dict[int, Run | list[Event]]

    def events(self) -> list[Event]:
        """All events, in order."""
        members = {
            kind: iter(run if isinstance(run, list) else run_events(run, self.strings))
            for kind, run in self.runs.items()
        }
        return [next(members[kind]) for kind in self.kinds]

    def event(self, index: int) -> Event:
        """One of them, without making the others."""
        kind = self.kinds[index]
        run, place = self.runs[kind], self.kinds.count(kind, 0, index)
        return run[place] if isinstance(run, list) else run_events(_one(run, place), self.strings)[0]


def encode_event(event: Event) -> bytes:
    """One event: a batch of one.

    >>> from marginbook.domain.events import Stamp
    >>> event = AccountClosed(stamp=Stamp(source="s", source_sequence=1, time=2), account="a")
    >>> decode_event(encode_event(event)) == event
    True
    """
    return encode_batch((event,))


def decode_event(blob: bytes) -> Event:
    """The only event of a batch of one."""
    (event,) = decode_batch(blob)
    return event


def encode_batch(events: Iterable[Event]) -> bytes:
    """All events, in order."""
    members: dict[int, list[Any]] = {}
    kinds = bytearray()
    for event in events:
        kind = _KIND_OF.get(type(event), _JSON)
        kinds.append(kind)
        members.setdefault(kind, []).append(event)
    table = _Strings()
    bodies = [_body(kind, members[kind], table) for kind in sorted(members)]
    strings = json.dumps(table.texts, separators=(",", ":")).encode()
    head = _HEAD.pack(VERSION, len(strings)) + strings
    return head + struct.pack("<I", len(kinds)) + bytes(kinds) + b"".join(bodies)


def decode_batch(blob: bytes) -> list[Event]:
    """The events of a batch. BadInput `unknown_encoding` or `bad_record` where the bytes are none of ours."""
    return read_batch(blob).events()


def read_batch(blob: bytes) -> Batch:
    """A batch as columns, or as events where they were JSON or frames."""
    try:
        return _read(blob)
    except (struct.error, IndexError, KeyError, ValueError, EOFError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput("bad_record", "batch", f"{len(blob)} bytes", f"a whole batch ({error})") from error


def checksum(blob: bytes) -> int:
    """CRC-32 of a batch."""
    return zlib.crc32(blob)


def _body(kind: int, members: list[Any], table: "_Strings") -> bytes:
    if kind == _JSON:
        text = json.dumps([to_plain(event, Event) for event in members], separators=(",", ":")).encode()
        return struct.pack("<I", len(text)) + text
    return _stamps(members, table) + (
        _pack_frames(members, table) if kind == _FRAMES else _pack(members, PACKED[kind][1], table)
    )


def _read(blob: bytes) -> Batch:
    version, length = _HEAD.unpack_from(blob, 0)
    if version != VERSION:
        raise BadInput("unknown_encoding", "batch", version, f"version {VERSION}")
    reader = _Reader(blob, _HEAD.size + length)
    strings: list[Any] = json.loads(blob[_HEAD.size : reader.offset])
    kinds = reader.sized()
    runs: dict[int, Run | list[Event]] = {}
    for kind in sorted(set(kinds)):
        count = kinds.count(kind)
        if kind == _JSON:
            runs[kind] = [from_plain(record, Event) for record in json.loads(reader.sized())]
        elif kind == _FRAMES:
            runs[kind] = _read_frames(reader, count, strings)
        else:
            event, columns = PACKED[kind]
            read: dict[str, Any] = {"source": reader.column("I", count), "source_sequence": reader.column("q", count)}
            read["time"] = reader.column("q", count)
            for name, form in columns:
                read[name] = reader.decimals(count) if form == "decimal" else reader.column("I", count)
            runs[kind] = Run(event, count, read)
    if reader.offset != len(blob):
        raise EOFError(f"{len(blob) - reader.offset} bytes too many")
    return Batch(kinds, strings, runs)


def run_events(run: Run, strings: list[Any]) -> list[Event]:
    """The events that a run of columns stands for."""
    kind = _KIND_OF[run.event]
    stamps = _read_stamps(run.columns, strings)
    columns: list[Sequence[Any]] = [stamps]
    names = ["stamp"]
    for name, form in PACKED[kind][1]:
        if name not in run.columns:  # an older layout
            continue
        raw = run.columns[name]
        names.append(name)
        if form == "string":
            columns.append([None if index == NONE else strings[index] for index in raw])
        elif form == "flag":
            columns.append([bool(flag) for flag in raw])
        else:
            columns.append(decimals_of(raw, strings))
    make = run.event
    return [make(**dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]


def _one(run: Run, place: int) -> Run:
    def cut(column: Any) -> Any:
        return (
            tuple(part[place : place + 1] for part in column)
            if isinstance(column, tuple)
            else column[place : place + 1]
        )

    return Run(run.event, 1, {name: cut(column) for name, column in run.columns.items()})


def decimals_of(column: tuple[Sequence[int], Sequence[int]], strings: list[str]) -> list[Decimal | None]:
    """The decimals of a column, digit for digit."""
    values: list[Decimal | None] = []
    for coefficient, exponent in zip(*column, strict=True):
        if exponent == TEXT:
            values.append(None if coefficient < 0 else Decimal(strings[coefficient]))
        else:
            values.append(Decimal(coefficient).scaleb(exponent, CONTEXT))
    return values


class _Strings:
    """Strings and price keys of a batch, each once."""

    def __init__(self) -> None:
        self.texts: list[str | tuple[str, str, str]] = []
        self.index: dict[str | tuple[str, str, str], int] = {}

    def __call__(self, text: str | tuple[str, str, str] | None) -> int:
        if text is None:
            return NONE
        found = self.index.get(text)
        if found is None:
            found = self.index[text] = len(self.texts)
            self.texts.append(text)
        return found

    def decimal(self, value: Decimal | None) -> tuple[int, int]:
        """(coefficient, exponent), or an index to the text and 127; −1 and 127 for None."""
        if value is None:
            return -1, TEXT
        text = str(value)
        whole, _, fraction = text.partition(".")
        digits = whole + fraction
        if len(digits) < 19 and len(fraction) < 127 and digits.lstrip("-").isdigit():
            coefficient = int(digits)
            if coefficient or text[0] != "-":
                return coefficient, -len(fraction)
        return self(text), TEXT


class _Reader:
    """Reads columns one after the other; the bytes are little-endian wherever they were written."""

    def __init__(self, blob: bytes, offset: int) -> None:
        self.blob = blob
        self.offset = offset

    def column(self, code: str, count: int) -> "array[int]":
        values: array[int] = array(code)
        end = self.offset + count * values.itemsize
        if end > len(self.blob):
            raise EOFError("the batch ends inside a column")
        values.frombytes(self.blob[self.offset : end])
        self.offset = end
        if sys.byteorder == "big":
            values.byteswap()
        return values

    def decimals(self, count: int) -> "tuple[array[int], array[int]]":
        coefficients = self.column("q", count)
        return coefficients, self.column("b", count)

    def sized(self) -> bytes:
        (length,) = struct.unpack_from("<I", self.blob, self.offset)
        self.offset += 4 + length
        if self.offset > len(self.blob):
            raise EOFError("the batch ends inside a text")
        return self.blob[self.offset - length : self.offset]


def _bytes(code: str, values: Iterable[int]) -> bytes:
    column = array(code, values)
    if sys.byteorder == "big":
        column.byteswap()
    return column.tobytes()


def _decimal_bytes(values: Iterable[Decimal | None], split: Callable[[Decimal | None], tuple[int, int]]) -> bytes:
    pairs = [split(value) for value in values]
    return _bytes("q", (pair[0] for pair in pairs)) + _bytes("b", (pair[1] for pair in pairs))


def _stamps(events: Sequence[Any], table: _Strings) -> bytes:
    stamps = [event.stamp for event in events]
    return (
        _bytes("I", (table(stamp.source) for stamp in stamps))
        + _bytes("q", (stamp.source_sequence for stamp in stamps))
        + _bytes("q", (stamp.time for stamp in stamps))
    )


def _read_stamps(columns: dict[str, Any], strings: list[str]) -> list[Stamp]:
    return [
        Stamp(source=strings[source], source_sequence=sequence, time=time)
        for source, sequence, time in zip(columns["source"], columns["source_sequence"], columns["time"], strict=True)
    ]


def _pack(events: Sequence[Any], columns: Columns, table: _Strings) -> bytes:
    parts = []
    for name, form in columns:
        values = [getattr(event, name) for event in events]
        if form == "decimal":
            parts.append(_decimal_bytes(values, table.decimal))
        else:
            parts.append(_bytes("I", map(table if form == "string" else int, values)))
    return b"".join(parts)


def _pack_frames(frames: Sequence[PriceFrame], table: _Strings) -> bytes:
    keys = [table(key) for frame in frames for key in frame.prices]
    prices = [price for frame in frames for price in frame.prices.values()]
    return (
        _bytes("I", (len(frame.prices) for frame in frames)) + _bytes("I", keys) + _decimal_bytes(prices, table.decimal)
    )


def _read_frames(reader: _Reader, count: int, strings: list[str]) -> list[Event]:
    stamps = {
        name: reader.column(code, count) for name, code in (("source", "I"), ("source_sequence", "q"), ("time", "q"))
    }
    sizes = reader.column("I", count)
    total = sum(sizes)
    indices = reader.column("I", total)
    prices = decimals_of(reader.decimals(total), strings)
    keys = {index: tuple(strings[index]) for index in set(indices)}
    frames: list[Event] = []
    start = 0
    for stamp, size in zip(_read_stamps(stamps, strings), sizes, strict=True):
        rows = range(start, start + size)
        frames.append(PriceFrame(stamp=stamp, prices={keys[indices[row]]: prices[row] for row in rows}))  # type: ignore[misc]
        start += size
    return frames

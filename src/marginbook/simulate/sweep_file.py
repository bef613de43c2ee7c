"""Finished chunks of a sweep in a file, so that a run that was killed goes on where it was.

Lines of JSON: first the job's digest, then a line per chunk with its arrays in base64 and a SHA-256 of them. A last
line that was torn off is cut away; a chunk whose checksum fails is computed again; a file of another job is refused.
"""

import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from hashlib import sha256
from os import fsync
from pathlib import Path
from typing import IO, Any

import numpy as np

from marginbook.domain.errors import BadInput
from marginbook.simulate.path_kernel import COLUMNS
from marginbook.simulate.sweeps import CHUNK, Chunk, Job

FORMAT = "marginbook-sweep/1"


def opened(path: Path, job: Job) -> tuple[list[Chunk], IO[bytes]]:
    """(the whole chunks in the file, the file at its end); BadInput `another_sweep`."""
    head = {"format": FORMAT, "job": job.digest(), "chunk": CHUNK}
    path.touch()
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    lines = whole.split(b"\n")[:-1]
    if lines and _parsed(lines[0]) != head:
        raise BadInput(
            "another_sweep", path.name, lines[0][:100].decode(errors="replace"), "results of this very sweep"
        )
    found = {chunk.first: chunk for chunk in _chunks(lines[1:], job)}
    file = path.open("r+b")
    file.truncate(len(whole))
    file.seek(len(whole))
    if not lines:
        _write(file, head)
    return list(found.values()), file


def _chunks(lines: list[bytes], job: Job) -> Iterator[Chunk]:
    for line in lines:
        row = _parsed(line)
        if not isinstance(row, dict) or row.get("sum") != _checksum(row):
            continue
        rows = np.frombuffer(b64decode(row["rows"]), "<f8").reshape(-1, COLUMNS)
        hits = np.frombuffer(zlib.decompress(b64decode(row["hits"])), "<i4")
        if len(hits) == job.accounts:
            yield Chunk(row["first"], rows, hits)


def append(file: IO[bytes], chunk: Chunk) -> None:
    """Put a chunk on disk."""
    rows = b64encode(chunk.rows.astype("<f8").tobytes()).decode()
    hits = b64encode(zlib.compress(chunk.hits.astype("<i4").tobytes(), 1)).decode()
    row: dict[str, Any] = {"first": chunk.first, "rows": rows, "hits": hits}
    _write(file, row | {"sum": _checksum(row)})


def _write(file: IO[bytes], row: dict[str, Any]) -> None:
    file.write(json.dumps(row).encode() + b"\n")
    file.flush()
    fsync(file.fileno())


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _checksum(row: dict[str, Any]) -> str:
    return sha256(f"{row.get('first')} {row.get('rows')} {row.get('hits')}".encode()).hexdigest()

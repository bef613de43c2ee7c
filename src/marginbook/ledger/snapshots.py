"""Snapshots: one folder each, whole or absent.

    <ledger>.snapshots/00000000000000001200/   manifest.json   state.json   what the writer put there

A folder is filled under another name, made durable, and renamed. The manifest names every file with size and CRC-32; a
snapshot that does not match is passed over for the one before it, which costs a longer replay and nothing else.
"""

import json
import mmap
import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.engine.ports import Snapshot
from marginbook.ledger.records import from_plain

STATE = "state.json"
KEPT = 2
THREADS = min(4, max(1, (os.cpu_count() or 1) - 1))
FORMAT = 1


def save(folder: Path, sequence: int, state: Any, write: Callable[[Path], None] | None) -> None:
    """A durable snapshot; the newest `KEPT` are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{sequence:020d}"
    building = folder / f"{target.name}.building"
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    (building / STATE).write_text(json.dumps(state, separators=(",", ":")))
    if write is not None:
        write(building)
    files = {str(path.relative_to(building)): _print(path) for path in _files(building)}
    manifest = {"format": FORMAT, "sequence": sequence, "files": files}
    (building / "manifest.json").write_text(json.dumps(manifest))
    for path in (*_files(building), *(path for path in building.rglob("*") if path.is_dir()), building):
        _sync(path)
    if target.exists():
        shutil.rmtree(target)
    building.rename(target)
    _sync(folder)
    for old in _names(folder)[KEPT:]:
        shutil.rmtree(folder / old, ignore_errors=True)


def load(folder: Path, kind: Any) -> Iterator[Snapshot]:
    """The snapshots, newest first; their folders are checked meanwhile, by threads of their own."""
    for name in _names(folder):
        path = folder / name
        try:
            manifest = json.loads((path / "manifest.json").read_text())
            files = {path / file: tuple(expected) for file, expected in manifest["files"].items()}
            sequence, written = int(manifest["sequence"]), manifest["format"]
            if _print(path / STATE) != files.pop(path / STATE):
                continue
        except (OSError, KeyError, TypeError, ValueError):
            continue
        if written > FORMAT:
            raise BadInput("unknown_format", str(path), written, f"a snapshot of format {FORMAT}")
        with ThreadPoolExecutor(THREADS) as pool:
            checks = [pool.submit(_matches, file, expected) for file, expected in files.items()]
            state = from_plain(json.loads((path / STATE).read_text()), kind)
            yield Snapshot(sequence, state, path, lambda checks=checks: all(check.result() for check in checks))  # type: ignore[misc]


def _matches(path: Path, expected: tuple[int, int]) -> bool:
    try:
        return _print(path) == expected
    except OSError:
        return False


def _print(path: Path) -> tuple[int, int]:
    """(size, CRC-32)."""
    size = path.stat().st_size
    if not size:
        return 0, 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        return size, zlib.crc32(view)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _names(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted((path.name for path in folder.iterdir() if path.name.isdigit()), reverse=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

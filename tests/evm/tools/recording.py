"""Walks beside contracts as files of plain numbers, which tests replay without an EVM."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def changed(last: list[int], shown: list[int]) -> list[int]:
    """Flat (place, value) pairs of what differs from `last`, which becomes `shown`."""
    found = [x for i, (a, b) in enumerate(zip(last, shown, strict=True)) if a != b for x in (i, b)]
    last[:] = shown
    return found


def write(path: Path, head: Mapping[str, Any], walks: Iterable[tuple[Mapping[str, Any], list[list[Any]]]]) -> None:
    """`head` and walks of (what a walk starts with, its rows), a row to a line."""
    written = []
    for start, steps in walks:
        rows = ",\n".join(json.dumps(row, separators=(",", ":")) for row in steps)
        written.append(json.dumps(start)[:-1] + f', "steps": [\n{rows}\n]}}')
    text = json.dumps(head, separators=(",", ":"))[:-1]
    path.write_text(f'{text},\n"walks": [\n' + ",\n".join(written) + "\n]}\n")

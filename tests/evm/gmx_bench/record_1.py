"""Writes `tests/vectors/gmx/vault_v1.json`: what the vault showed on chosen walks, so that tests need no EVM.

Run as `python tests/evm/gmx_bench/record_1.py`, with the checkout named (`gmx_bench/packages_1.py`).
"""

import json
import sys
from dataclasses import astuple
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.recording import changed

from gmx_bench.packages_1 import contracts
from gmx_bench.run_1 import compare
from gmx_bench.scene_1 import Action, labels

FILE = Path(__file__).parents[2] / "vectors" / "gmx" / "vault_v1.json"
WALKS = ((8, 200), (5, 150), (2, 150))
NOTE = (
    "Numbers shown by the unmodified contracts of the repository named in `source`, executed in an in-process EVM by "
    "tests/evm on seeded random actions. Plain facts, produced by this project, under its licence (Apache-2.0); no "
    "code of theirs is included."
)
FORMAT = (
    "walks[].steps[] = [kind, user, index, long, tokens, taken, size, low, high, refused because | null, changes]; "
    "changes = flat list of (place in `labels`, value) pairs; the empty vault of a seed is "
    "tests/evm/gmx_bench/scene_1.scene"
)


def walk_of(artifacts: dict[str, Any], seed: int, steps: int) -> list[list[Any]]:
    """The rows of one walk."""
    rows: list[list[Any]] = []
    last = [0] * len(labels())

    def keep(action: Action, reason: str | None, shown: list[int]) -> None:
        changes = changed(last, shown)
        rows.append([*astuple(action), reason, changes])

    compare(artifacts, seed, steps, record=keep)
    return rows


def main() -> None:
    """Write the walks."""
    artifacts = contracts()
    head = {"source": "gmx-io/gmx-contracts fe55c4b", "note": NOTE, "format": FORMAT, "labels": labels()}
    walks = []
    for seed, steps in WALKS:
        rows = ",\n".join(json.dumps(row, separators=(",", ":")) for row in walk_of(artifacts, seed, steps))
        walks.append(f'{{"seed": {seed}, "steps": [\n{rows}\n]}}')
    text = json.dumps(head, separators=(",", ":"))[:-1]
    FILE.write_text(f'{text},\n"walks": [\n' + ",\n".join(walks) + "\n]}\n")


if __name__ == "__main__":
    main()

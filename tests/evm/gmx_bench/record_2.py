"""Writes `tests/vectors/gmx/synthetics_v2.json`: what the libraries showed on walks, so that tests need no EVM.

Run as `python tests/evm/gmx_bench/record_2.py`, with the checkout named (`gmx_bench/packages_2.py`).
"""

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from compound_bench.run import compare
from tools.recording import changed

from gmx_bench.market_2 import labels
from gmx_bench.model_2 import KEYS, Action
from gmx_bench.packages_2 import COMMIT, contracts
from gmx_bench.run_2 import bench

FILE = Path(__file__).parents[2] / "vectors" / "gmx" / "synthetics_v2.json"
WALKS = dict.fromkeys(range(1, 9), 38)
NOTE = (
    "Numbers shown by the unmodified libraries of the repository named in `source`, executed in an in-process EVM by "
    "tests/evm on seeded random actions. Plain facts, produced by this project, under its licence (Apache-2.0); no "
    "code of theirs is included."
)
FORMAT = (
    "walks[].steps[] = [kind, place in model_2.KEYS | -1, size, amount, token, refused because | null, changes]; "
    "changes = flat list of (place in `labels`, value) pairs, negative values as 2^256 less; the start of a seed is "
    "tests/evm/gmx_bench/scene_2.scene"
)


def walk_of(artifacts: dict[str, Any], seed: int, steps: int) -> list[list[Any]]:
    """The rows of one walk."""
    rows: list[list[Any]] = []
    last = [0] * len(labels())

    def keep(action: Action, reason: str | None, shown: list[int], state: Any) -> None:
        changes = changed(last, shown)
        key = KEYS.index(action.key) if action.key[0] else -1
        rows.append([action.kind, key, action.size, action.amount, action.token, reason, changes])

    compare(bench(seed), artifacts, seed, steps, record=keep)
    return rows


def main() -> None:
    """Write the walks."""
    artifacts = contracts()
    head = {"source": f"gmx-io/gmx-synthetics {COMMIT}", "note": NOTE, "format": FORMAT, "labels": labels()}
    walks = []
    for seed, steps in WALKS.items():
        rows = ",\n".join(json.dumps(row, separators=(",", ":")) for row in walk_of(artifacts, seed, steps))
        walks.append(f'{{"seed": {seed}, "steps": [\n{rows}\n]}}')
    text = json.dumps(head, separators=(",", ":"))[:-1]
    FILE.write_text(f'{text},\n"walks": [\n' + ",\n".join(walks) + "\n]}\n")


if __name__ == "__main__":
    main()

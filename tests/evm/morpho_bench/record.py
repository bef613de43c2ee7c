"""Writes `tests/vectors/morpho/blue.json`: what the contract showed on chosen walks, so that tests need no EVM.

Run as `python tests/evm/morpho_bench/record.py`.
"""

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.recording import changed

from morpho_bench.figures import Action, numbers, scene
from morpho_bench.packages import contracts
from morpho_bench.run import LABELS, compare

FILE = Path(__file__).parents[2] / "vectors" / "morpho" / "blue.json"
WALKS = ((1, 500), (4, 700), (5, 700), (6, 500))
NOTE = (
    "Numbers shown by the unmodified contract of the npm package named in `source`, executed in an in-process EVM by "
    "tests/evm on seeded random actions. Plain facts, produced by this project, under its licence (Apache-2.0); no "
    "code of the package is included."
)
FORMAT = (
    "walks[].steps[] = [kind, user, assets, shares, refused because | returned numbers | null, changes]; changes = "
    "flat list of (place in `labels`, value) pairs; the empty market of a seed is tests/evm/morpho_bench/figures.scene"
)


def walk_of(artifacts: dict[str, Any], seed: int, steps: int) -> list[list[Any]]:
    """The rows of one walk."""
    last, rows = numbers(scene(seed)), []

    def keep(action: Action, outcome: Any, shown: list[int]) -> None:
        changes = changed(last, shown)
        rows.append([action.kind, action.user, action.assets, action.shares, outcome, changes])

    compare(artifacts, seed, steps, record=keep)
    return rows


def main() -> None:
    """Write the walks."""
    artifacts = contracts()
    head = {"source": "@morpho-org/morpho-blue 1.0.0", "note": NOTE, "format": FORMAT, "labels": LABELS}
    walks = []
    for seed, steps in WALKS:
        rows = ",\n".join(json.dumps(row, separators=(",", ":")) for row in walk_of(artifacts, seed, steps))
        walks.append(f'{{"seed": {seed}, "steps": [\n{rows}\n]}}')
    FILE.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(head, indent=1)[:-2]
    FILE.write_text(f'{text},\n "walks": [\n' + ",\n".join(walks) + "\n]\n}\n")


if __name__ == "__main__":
    main()

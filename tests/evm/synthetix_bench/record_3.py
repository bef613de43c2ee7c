"""Writes `tests/vectors/synthetix/perps_v3_walks.json`: what the contracts showed, so that tests need no EVM.

Run as `python tests/evm/synthetix_bench/record_3.py`.
"""

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from synthetix_bench.figures_3 import labels, model_numbers
from synthetix_bench.packages_3 import PACKAGE, contracts
from synthetix_bench.pool_3 import Action
from synthetix_bench.run_3 import compare
from synthetix_bench.scene_3 import scene

FILE = Path(__file__).parents[2] / "vectors" / "synthetix" / "perps_v3_walks.json"
WALKS = {5: 120, 6: 130, 20: 160}
NOTE = (
    "Numbers shown by the unmodified modules of the npm package named in `source` (MIT), executed in an in-process EVM "
    "by tests/evm on seeded random actions. Plain facts, produced by this project, under its licence (Apache-2.0); no "
    "code of the package is included."
)
FORMAT = (
    "walks.<seed>[] = [kind, user, asset, amount, price, refused because with arguments | returned numbers, changes]; "
    "changes = flat list of (place in `labels`, value) pairs; the start is scene(seed) of the bench's scene_3.py"
)


def walk_of(artifacts: dict[str, Any], seed: int, steps: int) -> list[list[Any]]:
    """The rows of one walk."""
    last, rows = model_numbers(scene(seed)), []

    def keep(action: Action, outcome: Any, shown: list[int]) -> None:
        changes = [x for i, (a, b) in enumerate(zip(last, shown, strict=True)) if a != b for x in (i, b)]
        last[:] = shown
        rows.append([action.kind, action.user, action.asset, action.amount, action.price, outcome, changes])

    compare(artifacts, seed, steps, record=keep)
    return rows


def main() -> None:
    """Write the walks."""
    artifacts = contracts()
    head = {"source": PACKAGE, "note": NOTE, "format": FORMAT, "labels": labels()}
    walks = []
    for seed, steps in WALKS.items():
        rows = ",\n".join(json.dumps(row, separators=(",", ":")) for row in walk_of(artifacts, seed, steps))
        walks.append(f'"{seed}": [\n{rows}\n]')
    text = json.dumps(head, indent=1)[:-2]
    FILE.write_text(f'{text},\n "walks": {{\n' + ",\n".join(walks) + "\n}}\n")


if __name__ == "__main__":
    main()

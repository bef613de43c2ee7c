"""Writes `tests/vectors/synthetix/perps_v2.json`: what the contracts showed on a walk, so that tests need no EVM.

Run as `python tests/evm/synthetix_bench/record_2.py`.
"""

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from synthetix_bench.figures_2 import LABELS, Action, World
from synthetix_bench.packages_2 import PACKAGE, contracts
from synthetix_bench.run_2 import compare

FILE = Path(__file__).parents[2] / "vectors" / "synthetix" / "perps_v2.json"
SEED, STEPS = 4, 700
NOTE = (
    "Numbers shown by the unmodified contracts of the npm package named in `source`, executed in an in-process EVM by "
    "tests/evm on seeded random actions. Plain facts, produced by this project, under its licence (Apache-2.0); no "
    "code of the package is included."
)
FORMAT = (
    "steps[] = [kind, user, market, amount, worst price | null, refused because | null, changes]; changes = flat list "
    "of (place in `labels`, value) pairs from zeros; the empty markets are tests/evm/synthetix_bench/figures_2.scene"
)


def main() -> None:
    """Write the walk."""
    rows: list[str] = []
    last = [0] * len(LABELS)

    def keep(action: Action, reason: str | None, shown: list[int], world: World) -> None:
        changes = [x for i, (a, b) in enumerate(zip(last, shown, strict=True)) if a != b for x in (i, b)]
        last[:] = shown
        row: list[Any] = [action.kind, action.user, action.market, action.amount, action.limit, reason, changes]
        rows.append(json.dumps(row, separators=(",", ":")))

    compare(contracts(), SEED, STEPS, record=keep)
    head = {"source": PACKAGE, "note": NOTE, "format": FORMAT, "seed": SEED, "labels": LABELS}
    FILE.write_text(json.dumps(head, separators=(",", ":"))[:-1] + ',\n"steps":[\n' + ",\n".join(rows) + "\n]}\n")


if __name__ == "__main__":
    main()

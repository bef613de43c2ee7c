"""Writes `tests/vectors/compound/*.json`: what the contracts showed on a walk, so that tests need no EVM.

Run as `python tests/evm/compound_bench/record.py`, with both checkouts named (`compound_bench/packages.py`).
"""

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from compound_bench.benches import BENCH_2, BENCH_3
from compound_bench.packages import compound_2, compound_3
from compound_bench.run import Bench, compare
from compound_bench.venus import BENCH_VENUS, PACKAGE, artifacts

FOLDER = Path(__file__).parents[2] / "vectors" / "compound"
CHOSEN = (
    ("2", BENCH_2, compound_2, "compound-finance/compound-protocol a3214f6", 1, 900),
    ("3", BENCH_3, compound_3, "compound-finance/comet d5a30b0a", 1, 900),
    ("venus", BENCH_VENUS, artifacts, PACKAGE, 1, 700),
)
NOTE = (
    "Numbers shown by the unmodified contracts of the repository or package named in `source`, executed in an "
    "in-process EVM by tests/evm on seeded random actions. Plain facts, produced by this project, under its licence "
    "(Apache-2.0); no code of theirs is included."
)
FORMAT = (
    "steps[] = [kind, user, asset, amount, collateral, refused because | null, changes]; changes = flat list of "
    "(place, value) pairs in the numbers of tests/evm/compound_bench/figures_*.py"
)


def walk(bench: Bench, contracts: dict[str, Any], seed: int, steps: int) -> list[list[Any]]:
    """The rows of one walk."""
    rows: list[list[Any]] = []
    last = [0] * len(bench.model_numbers(bench.scene()))

    def keep(action: Any, reason: str | None, numbers: list[int]) -> None:
        changes = [x for i, (a, b) in enumerate(zip(last, numbers, strict=True)) if a != b for x in (i, b)]
        last[:] = numbers
        head = [action.kind, action.user, action.asset, action.amount, getattr(action, "collateral", "")]
        rows.append([*head, reason, changes])

    compare(bench, contracts, seed, steps, record=keep)
    return rows


def main() -> None:
    """Write both files."""
    FOLDER.mkdir(exist_ok=True)
    for version, bench, contracts, source, seed, steps in CHOSEN:
        rows = walk(bench, contracts(), seed, steps)
        head = json.dumps({"source": source, "note": NOTE, "format": FORMAT, "seed": seed}, indent=1)[:-2]
        lines = ",\n".join("  " + json.dumps(row, separators=(",", ":")) for row in rows)
        (FOLDER / f"{version}.json").write_text(f'{head},\n "steps": [\n{lines}\n ]\n}}\n')


if __name__ == "__main__":
    main()

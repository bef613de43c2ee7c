"""Writes `tests/vectors/liquity/v1.json`: what the contracts showed on chosen walks, so that tests need no EVM.

Run as `python tests/evm/liquity_bench/record.py`, with the checkout named (`liquity_bench/packages.py`).
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.recording import changed, write

from liquity_bench.packages import contracts
from liquity_bench.run import compare, start_of
from liquity_bench.scene import LABELS, Call

FILE = Path(__file__).parents[2] / "vectors" / "liquity" / "v1.json"
WALKS = ((1, 250), (5, 400), (9, 200), (12, 400))
NOTE = (
    "Numbers shown by the unmodified contracts of the commit named in `source` (April 2021, as deployed), with the "
    "price feed of its test networks, executed in an in-process EVM by tests/evm on seeded random calls. Plain facts, "
    "produced by this project, under its licence (Apache-2.0); no code of theirs is included. Amounts in wad."
)
FORMAT = (
    "walks[].steps[] = [kind, who, numbers, refused because | null, changes]; changes = flat list of (place in "
    "`labels`, value) pairs; the empty system is tests/evm/liquity_bench/scene.empty(price)"
)


def walk_of(artifacts: dict[str, Any], seed: int, steps: int) -> list[list[Any]]:
    """The rows of one walk."""
    rows: list[list[Any]] = []
    last = [0] * len(LABELS)

    def keep(call: Call, reason: str | None, shown: list[int]) -> None:
        rows.append([*call, reason, changed(last, shown)])

    compare(artifacts, seed, steps, record=keep)
    return rows


def main() -> None:
    """Write the walks."""
    artifacts = contracts()
    head = {"source": "liquity/dev 87345cc", "note": NOTE, "format": FORMAT, "labels": LABELS}
    write(FILE, head, (({"price": start_of(seed)}, walk_of(artifacts, seed, steps)) for seed, steps in WALKS))


if __name__ == "__main__":
    main()

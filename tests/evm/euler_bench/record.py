"""Writes `tests/vectors/euler/evk.json`: what the contracts showed on chosen walks, so that tests need no EVM.

Run as `python tests/evm/euler_bench/record.py`, with the checkout named (`euler_bench/packages.py`).
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.recording import changed, write

from euler_bench.packages import contracts
from euler_bench.run import compare
from euler_bench.scene import LABELS, Call

FILE = Path(__file__).parents[2] / "vectors" / "euler" / "evk.json"
WALKS = ((1, 300), (2, 300), (5, 250), (8, 250), (11, 250))
NOTE = (
    "Numbers shown by the unmodified contracts of the commits named in `source`, with the settable oracle and tokens "
    "of the kit's own tests and a fixed rate, executed in an in-process EVM by tests/evm on seeded random calls. Plain "
    "facts, produced by this project, under its licence (Apache-2.0); no code of theirs is included."
)
FORMAT = (
    "walks[].steps[] = [kind, account or name, numbers, refused because | null, changes]; changes = flat list of "
    "(place in `labels`, value) pairs; `totals` are stated after a step; the start is "
    "tests/evm/euler_bench/scene.scene(seed)"
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
    source = "euler-xyz/euler-vault-kit 5b98b42 and euler-xyz/ethereum-vault-connector 084b322"
    head = {"source": source, "note": NOTE, "format": FORMAT, "labels": LABELS}
    write(FILE, head, (({"seed": seed}, walk_of(artifacts, seed, steps)) for seed, steps in WALKS))


if __name__ == "__main__":
    main()

"""Writes `tests/vectors/maker/dss.json`: what the contracts showed on chosen walks, so that tests need no EVM.

Run as `python tests/evm/maker_bench/record.py`, with the checkout named (`maker_bench/packages.py`).
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.recording import write

from maker_bench.packages import contracts
from maker_bench.run import compare
from maker_bench.scene import Call

FILE = Path(__file__).parents[2] / "vectors" / "maker" / "dss.json"
WALKS = ((1, 350), (2, 350), (3, 350), (4, 350))
NOTE = (
    "Numbers shown by the unmodified contracts of the commit named in `source` (Vat, Vow, Jug, Spotter, Dog, Clipper "
    "and the three price curves), with a settable price feed, executed in an in-process EVM by tests/evm on seeded "
    "random calls. Plain facts, produced by this project, under its licence (Apache-2.0); no code of theirs is "
    "included. wad 10^-18, ray 10^-27, rad 10^-45."
)
FORMAT = (
    "walks[].steps[] = [kind, type/user, numbers, refused because | null, changes]; changes = label -> value, null "
    "where it is gone; the start is tests/evm/maker_bench/scene.system(seed)"
)


def walk_of(artifacts: dict[str, Any], seed: int, steps: int) -> list[list[Any]]:
    """The rows of one walk."""
    rows: list[list[Any]] = []
    last: dict[str, int] = {}

    def keep(call: Call, reason: str | None, shown: dict[str, int]) -> None:
        changes = {label: shown.get(label) for label in {**last, **shown} if last.get(label) != shown.get(label)}
        last.clear()
        last.update(shown)
        rows.append([*call, reason, changes])

    compare(artifacts, seed, steps, record=keep)
    return rows


def main() -> None:
    """Write the walks."""
    artifacts = contracts()
    head = {"source": "makerdao/dss fa4f663", "note": NOTE, "format": FORMAT}
    write(FILE, head, (({"seed": seed}, walk_of(artifacts, seed, steps)) for seed, steps in WALKS))


if __name__ == "__main__":
    main()

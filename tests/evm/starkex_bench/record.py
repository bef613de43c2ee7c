"""Writes `tests/vectors/dydx/starkex.json`: what the circuit showed on chosen walks, so that tests need no Cairo.

Run as `python tests/evm/starkex_bench/record.py`, with checkout and Python named (`starkex_bench/packages.py`).
"""

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from starkex_bench import changes
from starkex_bench.figures import Action
from starkex_bench.market import Circuit, running
from starkex_bench.packages import VERSION, circuit
from starkex_bench.run import LABELS, compare

FILE = Path(__file__).parents[2] / "vectors" / "dydx" / "starkex.json"
WALKS = ((4, 150), (5, 150), (8, 250))
CHANGES = ((1, 150), (4, 150))
NOTE = (
    "Numbers shown by the unmodified program of the repository named in `source`, executed in the Cairo machine by "
    "tests/evm on seeded random transactions. Plain facts, produced by this project, under its licence (Apache-2.0); "
    "no code of the repository is included."
)
FORMAT = (
    "walks[].steps[] = [[kind, user, other, market, buying, amount, collateral, fee, plan], refused because | null, "
    "{user: numbers as in `labels`}], shown after the step; the empty scene of a seed is "
    "tests/evm/starkex_bench/figures.scene; changes[].rows[] = [{market: price [10^-18 USDC]}, [collateral, {market: "
    "balance}] before, the same after, code of the change]"
)


def fields(action: Action) -> list[Any]:
    """An action as a row."""
    a = action
    return [a.kind, a.user, a.other, a.market, a.buying, a.amount, a.collateral, a.fee, a.plan]


def _part(seed: int, name: str, rows: list[list[Any]]) -> str:
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    return f'{{"seed": {seed}, "{name}": [\n{lines}\n]}}'


def _steps(machine: Circuit, seed: int, count: int) -> list[list[Any]]:
    rows: list[list[Any]] = []
    compare(machine, seed, count, record=lambda action, *shown: rows.append([fields(action), *shown]))
    return rows


def _changes(machine: Circuit, seed: int, count: int) -> list[list[Any]]:
    rows: list[list[Any]] = []
    keep = rows.append
    changes.compare(
        machine, seed, count, lambda prices, change, code: keep([prices, change.before, change.after, code])
    )
    return rows


def main() -> None:
    """Write walks and changes."""
    source = f"starkware-libs/stark-perpetual 40f0282, {VERSION}"
    with running(circuit()) as machine:
        walks = [_part(seed, "steps", _steps(machine, seed, count)) for seed, count in WALKS]
        direct = [_part(seed, "rows", _changes(machine, seed, count)) for seed, count in CHANGES]
    head = json.dumps({"source": source, "note": NOTE, "format": FORMAT, "labels": LABELS}, indent=1)[:-2]
    parts = f' "walks": [\n{",".join(walks)}\n],\n "changes": [\n{",".join(direct)}\n]'
    FILE.write_text(f"{head},\n{parts}\n}}\n")


if __name__ == "__main__":
    main()

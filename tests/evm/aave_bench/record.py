"""Writes `tests/vectors/aave/*.json`: what the contracts showed on chosen walks, so that tests need no EVM.

Run as `python tests/evm/aave_bench/record.py`.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from aave_bench.figures import model_numbers
from aave_bench.packages import compiled_3_6, core_3_0
from aave_bench.run import compare
from aave_bench.scene import USERS, scene
from marginbook.venues.aave_v3.steps import Action
from marginbook.venues.aave_v3.versions import AAVE_3_0, AAVE_3_6, Version

FOLDER = Path(__file__).parents[2] / "vectors" / "aave"
CHOSEN = (
    (AAVE_3_0, core_3_0, "@aave/core-v3 1.19.3", ((4, 700), (8, 700))),
    (AAVE_3_6, compiled_3_6, "@aave-dao/aave-v3-origin 3.6.0", ((4, 700), (7, 700))),
)
NOTE = (
    "Numbers shown by the unmodified contracts of the npm package named in `source`, executed in an in-process EVM "
    "by tests/evm on seeded random actions. Plain facts, produced by this project, under its licence (Apache-2.0); "
    "no code of the package is included."
)
FORMAT = (
    "walks[].steps[] = [kind, user, asset, amount, collateral, refused because | [repaid, seized] | null, changes]; "
    "changes = flat list of (place, value) pairs in the numbers of tests/evm/aave_bench/figures.py"
)


def plain(value: Any) -> Any:
    """JSON of a configuration: sets sorted."""
    if isinstance(value, frozenset):
        return sorted(value)
    return {key: plain(inner) for key, inner in value.items()} if isinstance(value, dict) else value


def record(version: Version, contracts: dict[str, Any], seed: int, steps: int) -> dict[str, Any]:
    """One walk."""
    last = [0] * len(model_numbers(scene(version), USERS))
    rows: list[list[Any]] = []

    def keep(action: Action, outcome: tuple[Any, Any], numbers: list[int]) -> None:
        call, reason = outcome
        changes = [x for i, (a, b) in enumerate(zip(last, numbers, strict=True)) if a != b for x in (i, b)]
        last[:] = numbers
        head = [action.kind, action.user, action.asset, action.amount, action.collateral]
        rows.append([*head, reason or (list(call) if call else None), changes])

    compare(version, contracts, seed, steps, record=keep)
    return {"seed": seed, "steps": rows}


def main() -> None:
    """Write both files."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for version, load, source, walks in CHOSEN:
        pool, contracts = scene(version), load()
        content = {
            "source": source,
            "note": NOTE,
            "format": FORMAT,
            "version": version.name,
            "time": pool.time,
            "users": USERS,
            "configs": {name: asdict(config) for name, config in pool.configs.items()},
            "emodes": {str(number): plain(asdict(emode)) for number, emode in pool.emodes.items()},
            "reserves": {name: asdict(reserve) for name, reserve in pool.reserves.items()},
            "prices": pool.prices,
        }
        recorded = [record(version, contracts, seed, steps) for seed, steps in walks]
        head = json.dumps(content, indent=1)[:-2]
        lines = ",\n".join(
            json.dumps({"seed": w["seed"]})[:-1]
            + ', "steps": [\n'
            + ",\n".join(json.dumps(row, separators=(",", ":")) for row in w["steps"])
            + "\n]}"
            for w in recorded
        )
        (FOLDER / f"{version.name}.json").write_text(f'{head},\n "walks": [\n{lines}\n]\n}}\n')


if __name__ == "__main__":
    main()

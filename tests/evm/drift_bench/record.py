"""Writes `tests/vectors/drift/sdk.json`: what the SDK answered to drawn questions, so that tests need no node.

Run as `python tests/evm/drift_bench/record.py`.
"""

import json
import sys
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1]))

from drift_bench.figures import case, shown
from drift_bench.packages import SDK, load
from drift_bench.questions import question

FILE = Path(__file__).parents[2] / "vectors" / "drift" / "sdk.json"
SEED, ACCOUNTS, SUMS = 1, 150, 400
NOTE = (
    "Numbers shown by the unmodified arithmetic of the npm package named in `source`, run in node by tests/evm on "
    "seeded random accounts. Plain facts, produced by this project, under its licence (Apache-2.0); no code of the "
    "package is included."
)
FORMAT = (
    "The questions are those that tests/evm/drift_bench (figures.case, then questions.question) draws from `seed`. "
    "accounts[] = [liquidatable, {kind: {pool: [collateral, requirement, …]}}] in 10^-6 USDC; sums[] = [kind, given, "
    "answer | null for everything]"
)


def main() -> None:
    """Ask and write."""
    sdk, random = load(), Random(SEED)
    cases = [case(random) for _ in range(ACCOUNTS)]
    answers = sdk.ask([{"ask": "account", "given": c.asked} for c in cases])
    rows = [[a["liquidatable"], shown(a, c.whole)] for c, a in zip(cases, answers, strict=True)]
    asked = [question(random)[0] for _ in range(SUMS)]
    found = [None if text is None else int(text) for text in sdk.ask(asked)]
    sums = [[one["ask"], one["given"], answer] for one, answer in zip(asked, found, strict=True)]
    head = json.dumps({"source": SDK, "note": NOTE, "format": FORMAT, "seed": SEED}, indent=1)[:-2]
    lines = [",\n".join("  " + json.dumps(row, separators=(",", ":")) for row in part) for part in (rows, sums)]
    FILE.write_text(f'{head},\n "accounts": [\n{lines[0]}\n ],\n "sums": [\n{lines[1]}\n ]\n}}\n')


if __name__ == "__main__":
    main()

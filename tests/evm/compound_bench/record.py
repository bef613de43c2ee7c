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
from compound_bench.scene_2 import USERS
from compound_bench.venus import BENCH_VENUS, PACKAGE, artifacts
from marginbook.exact import format_decimal, from_raw
from marginbook.venues.compound.v2.holdings import TO_RAY
from marginbook.venues.compound.v2.state import Pool, exchange_rate

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

    def keep(action: Any, reason: str | None, numbers: list[int], pool: Any) -> None:
        changes = [x for i, (a, b) in enumerate(zip(last, numbers, strict=True)) if a != b for x in (i, b)]
        last[:] = numbers
        head = [action.kind, action.user, action.asset, action.amount, getattr(action, "collateral", "")]
        rows.append([*head, reason, changes])

    compare(bench, contracts, seed, steps, record=keep)
    return rows


def text(raw: int, decimals: int) -> str:
    """A decimal as a book file writes it."""
    return format_decimal(from_raw(raw, decimals))


def account(pool: Pool, name: str) -> dict[str, Any]:
    """A user of the money market as an account of a book."""
    found: dict[str, Any] = {"collateral": [], "debt": []}
    user = pool.user(name)
    for asset, position in user.positions.items():
        if position.tokens:
            index = exchange_rate(pool.configs[asset], pool.markets[asset]) * TO_RAY
            row = {"asset": asset, "scaled_raw": position.tokens, "index_raw": index}
            found["collateral"].append(row | {"enabled": asset in user.entered})
        if position.principal:
            index, details = pool.markets[asset].index * TO_RAY, {"interest_index_raw": str(position.index)}
            row = {"asset": asset, "scaled_raw": position.principal, "index_raw": index}
            found["debt"].append(row | {"details": details})
    return found


def table(pool: Pool) -> dict[str, Any]:
    """The pool's parameters as a book's overlay."""
    general = {"close_factor": text(pool.close_factor, 18), "liquidation_incentive": text(pool.incentive, 18)}
    found: dict[str, Any] = {"comptroller": general}
    for name, config in pool.configs.items():
        found[name] = {"decimals": config.decimals, "collateral_factor": text(config.collateral_factor, 18)}
        if pool.version.own_threshold:
            found[name]["liquidation_threshold"] = text(config.liquidation_threshold, 18)
    return found


def accounts(bench: Bench, contracts: dict[str, Any], source: str, seed: int, every: int) -> list[dict[str, Any]]:
    """What `getAccountLiquidity` (Venus: also `getBorrowingPower`) printed for users with debt, as vectors."""
    found: list[dict[str, Any]] = []
    steps = 0

    def keep(action: Any, reason: str | None, numbers: list[int], pool: Pool) -> None:
        nonlocal steps
        steps += 1
        name, count = USERS[steps % len(USERS)], len(pool.configs)
        posted = all(price % 10 ** (28 - pool.configs[asset].decimals) == 0 for asset, price in pool.prices.items())
        if steps % every or not posted or not any(p.principal for p in pool.user(name).positions.values()):
            return
        each = (4 if pool.version.own_threshold else 2) + 3 * count
        start = (9 + count) * count + USERS.index(name) * each
        limits = numbers[start : start + each - 3 * count]
        expected = {"headroom": text(limits[0] - limits[1], 18), "free_margin": text(limits[-2] - limits[-1], 18)}
        prices = {asset: text(price, 36 - pool.configs[asset].decimals) for asset, price in pool.prices.items()}
        found.append(
            {
                "id": f"compound-{pool.version.name}-{steps}-{name}",
                "rules": f"compound/{pool.version.name}",
                "function": "quantities",
                "inputs": {
                    "account": account(pool, name),
                    "prices": {"compound": prices},
                    "parameters": table(pool),
                    "at": "2026-10-01T00:00:00Z",
                },
                "expected": expected,
                "tolerance": "0.00000001",
                "source": f"getAccountLiquidity of {source}, unmodified, in an in-process EVM",
            }
        )

    compare(bench, contracts, seed, 1_500, record=keep)
    return found


def main() -> None:
    """Write every file."""
    FOLDER.mkdir(exist_ok=True)
    rows = [accounts(BENCH_2, compound_2(), CHOSEN[0][3], 3, 9), accounts(BENCH_VENUS, artifacts(), PACKAGE, 3, 9)]
    lines = ",\n".join("  " + json.dumps(row) for found in rows for row in found)
    about = json.dumps(NOTE.replace("seeded random actions", "seeded random actions (a number has 8 decimals here)"))
    (FOLDER / "accounts.json").write_text(f'{{\n "about": {about},\n "vectors": [\n{lines}\n ]\n}}\n')
    for version, bench, contracts, source, seed, steps in CHOSEN:
        rows = walk(bench, contracts(), seed, steps)
        head = json.dumps({"source": source, "note": NOTE, "format": FORMAT, "seed": seed}, indent=1)[:-2]
        lines = ",\n".join("  " + json.dumps(row, separators=(",", ":")) for row in rows)
        (FOLDER / f"{version}.json").write_text(f'{head},\n "steps": [\n{lines}\n ]\n}}\n')


if __name__ == "__main__":
    main()

"""Writes `tests/vectors/synthetix/perps_v3_*.json`: what the contracts showed, so that tests need no EVM.

`perps_v3_walks.json` holds walks, `perps_v3_accounts.json` accounts as a book would state them. Run as
`python tests/evm/synthetix_bench/record_3.py`.
"""

import json
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from marginbook.exact import format_decimal, from_raw
from marginbook.venues.synthetix.account import POOL
from marginbook.venues.synthetix.interest import accrued
from synthetix_bench.figures_3 import labels, model_numbers
from synthetix_bench.packages_3 import PACKAGE, contracts
from synthetix_bench.pool_3 import Action, Pool, next_funding, step
from synthetix_bench.run_3 import NEAR, compare
from synthetix_bench.scene_3 import USERS, scene

FOLDER = Path(__file__).parents[2] / "vectors" / "synthetix"
FREE = (3, 6)
"""Seeds whose keepers have no costs as long as nobody sets them: a vector states none."""
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


def text(raw: int) -> str:
    """A wad as a book file writes it."""
    return format_decimal(from_raw(raw, 18))


def overlay(pool: Pool) -> dict[str, Any]:
    """The pool's parameters as a book's overlay."""
    whole, rest = ("window_seconds", "max_positions", "max_collaterals"), ("tick", "quantity_step", "decimals")
    groups = {**pool.parameters.markets, **pool.parameters.assets, "system": pool.parameters.guards}
    found: dict[str, Any] = {}
    for name, terms in groups.items():
        values = {f.name: getattr(terms, f.name) for f in fields(terms) if f.name not in rest}
        found[name] = {
            key: value if key in whole else text(value) for key, value in values.items() if not isinstance(value, bool)
        }
    return found


def account_of(pool: Pool, user: str) -> dict[str, Any]:
    """A user as a book file states it; funding and interest are counted from the present ones."""
    book, positions = pool.book(user), []
    interest = accrued(pool.interest[0], pool.interest[1], pool.time - pool.interest[2])
    for held in book.holdings:
        value = next_funding(pool, held.market, pool.prices[held.market])[1]
        positions.append(
            {
                "market": held.market,
                "side": "long" if held.size > 0 else "short",
                "quantity": text(abs(held.size)),
                "entry": text(held.entry),
                "funding_index_raw": value - held.funding,
                "details": {"interest_accrued": text(held.interest - interest)},
            }
        )
    details = {"debt": text(book.debt)} if book.debt else {}
    return {
        "wallet": {"snxUSD": text(book.usd)},
        "collateral": [{"asset": synth.asset, "amount": text(synth.amount)} for synth in book.synths],
        "position": positions,
        "details": {**details, "flagged": "true"} if book.flagged else details,
    }


def cases(pool: Pool, user: str, shown: dict[str, int], name: str) -> list[dict[str, Any]]:
    """What the contracts' views show of one account."""
    reward = shown["reward"]
    views = {
        "available_margin": shown["available"],
        "required_initial_margin": shown["initial"] - reward,
        "required_maintenance_margin": shown["maintenance"] - reward,
        "liquidation_reward": reward,
        "notional": shown["open interest"],
        "debt_value": shown["debt"],
    }
    account = account_of(pool, user)
    needed = {row["market"] for row in account["position"]} | {row["asset"] for row in account["collateral"]}
    common = {
        "rules": "synthetix/3",
        "inputs": {
            "account": account,
            "prices": {"synthetix": {key: text(price) for key, price in pool.prices.items() if key in needed}},
            "parameters": {key: row for key, row in overlay(pool).items() if key in needed or key == "system"},
            "at": "2026-10-01T00:00:00Z",
        },
        "source": f"views of the modules of {PACKAGE}, unmodified",
    }
    expected = {key: text(value) for key, value in views.items()}
    return [
        {"id": name, "function": "quantities", **common, "expected": expected, "tolerance": "0.00000001"},
        {
            "id": f"{name}-weak",
            "function": "is_liquidatable",
            **common,
            "expected": {POOL: bool(shown["liquidatable"])},
        },
    ]


def accounts_of(artifacts: dict[str, Any], seed: int, steps: int, every: int) -> list[dict[str, Any]]:
    """Accounts with positions on a walk, some at random, and all within a millionth of their border."""
    found: list[dict[str, Any]] = []
    pool, names, count = scene(seed), labels(), 0

    def keep(action: Action, outcome: Any, numbers: list[int]) -> None:
        nonlocal pool, count
        pool, count = step(pool, action)[0], count + 1
        by_name = dict(zip(names, numbers, strict=True))
        for user in USERS:
            shown = {key.removeprefix(f"{user} "): value for key, value in by_name.items() if key.startswith(user)}
            near = 0 < abs(shown["available"] - shown["maintenance"]) < NEAR and action.kind in ("price", "transfer")
            if pool.account(user).positions and not any(pool.costs) and (near or count % every == 0):
                found.extend(cases(pool, user, shown, f"{seed}-{count}-{user}"))

    compare(artifacts, seed, steps, record=keep)
    return found


def main() -> None:
    """Write the walks."""
    artifacts = contracts()
    head = {"source": PACKAGE, "note": NOTE, "format": FORMAT, "labels": labels()}
    walks = []
    for seed, steps in WALKS.items():
        rows = ",\n".join(json.dumps(row, separators=(",", ":")) for row in walk_of(artifacts, seed, steps))
        walks.append(f'"{seed}": [\n{rows}\n]')
    start = json.dumps(head, indent=1)[:-2]
    (FOLDER / "perps_v3_walks.json").write_text(f'{start},\n "walks": {{\n' + ",\n".join(walks) + "\n}}\n")
    rows = [json.dumps(row) for seed in FREE for row in accounts_of(artifacts, seed, 500, 20)]
    text_of_rows = ",\n".join(rows)
    about = json.dumps(NOTE)
    (FOLDER / "perps_v3_accounts.json").write_text(f'{{"about": {about},\n"vectors": [\n{text_of_rows}\n]}}\n')


if __name__ == "__main__":
    main()

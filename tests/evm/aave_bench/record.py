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
from aave_bench.packages import compiled_3_6, core_3_0, protocol_2
from aave_bench.run import compare
from aave_bench.scene import USERS, scene
from marginbook.exact import format_decimal, from_raw
from marginbook.venues.aave_v3.reserve import normalized_debt, normalized_income
from marginbook.venues.aave_v3.state import NO_DEBT, Pool
from marginbook.venues.aave_v3.steps import Action
from marginbook.venues.aave_v3.versions import AAVE_2, AAVE_3_0, AAVE_3_6, Version

FOLDER = Path(__file__).parents[2] / "vectors" / "aave"
CHOSEN = (
    (AAVE_2, protocol_2, "@aave/protocol-v2 1.0.1", ((2, 600), (6, 400))),
    (AAVE_3_0, core_3_0, "@aave/core-v3 1.19.3", ((4, 700), (8, 700))),
    (AAVE_3_6, compiled_3_6, "@aave-dao/aave-v3-origin 3.6.0", ((4, 700), (7, 700))),
)
EVERY = {"3.0": 23, "3.6": 23}
NOTE = (
    "Numbers shown by the unmodified contracts named in `source`, executed in an in-process EVM on the seeded random "
    "actions of tests/evm. Plain facts, produced by this project, under its licence (Apache-2.0); "
    "no code of theirs is included."
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

    def keep(action: Action, outcome: tuple[Any, Any], numbers: list[int], _: Pool) -> None:
        call, reason = outcome
        changes = [x for i, (a, b) in enumerate(zip(last, numbers, strict=True)) if a != b for x in (i, b)]
        last[:] = numbers
        head = [action.kind, action.user, action.asset, action.amount, action.collateral]
        rows.append([*head, reason or (list(call) if call else None), changes])

    compare(version, contracts, seed, steps, record=keep)
    return {"seed": seed, "steps": rows}


def text(raw: int, decimals: int) -> str:
    """A decimal as a book file writes it."""
    return format_decimal(from_raw(raw, decimals))


def table(pool: Pool) -> dict[str, Any]:
    """The pool's parameters as a book's overlay."""
    found: dict[str, Any] = {
        name: {
            "decimals": config.decimals,
            "ltv": text(config.ltv, 4),
            "liquidation_threshold": text(config.liquidation_threshold, 4),
        }
        for name, config in pool.configs.items()
    }
    for number, emode in pool.emodes.items():
        found[f"emode:{number}"] = {
            "ltv": text(emode.ltv, 4),
            "liquidation_threshold": text(emode.liquidation_threshold, 4),
            "collateral": sorted(emode.collateral),
            "borrowable": sorted(emode.borrowable),
            "zero_ltv": sorted(emode.zero_ltv),
            **({"isolated": True} if emode.isolated else {}),
        } | ({"price_source": emode.price_source} if emode.price_source else {})
    return found


def account(pool: Pool, name: str) -> dict[str, Any]:
    """A user as an account of a book: scaled balances at the indices of the moment."""
    user = pool.user(name)
    found: dict[str, Any] = {"emode": user.emode, "collateral": [], "debt": []}
    for asset, position in user.positions.items():
        reserve = pool.reserves[asset]
        if position.scaled_supply:
            index = normalized_income(reserve, pool.time)
            row = {"asset": asset, "scaled_raw": position.scaled_supply, "index_raw": index}
            found["collateral"].append(row | {"enabled": position.collateral})
        if position.scaled_debt:
            index = normalized_debt(pool.version, reserve, pool.time)
            found["debt"].append({"asset": asset, "scaled_raw": position.scaled_debt, "index_raw": index})
    return found


def accounts(version: Version, contracts: dict[str, Any], source: str, every: int) -> list[dict[str, Any]]:
    """What `getUserAccountData` printed for users with debt, `every` so many steps of a walk, as vectors."""
    found: list[dict[str, Any]] = []
    steps, places = 0, version.base_decimals

    def keep(action: Action, _: Any, numbers: list[int], pool: Pool) -> None:
        nonlocal steps
        steps += 1
        name = USERS[steps % len(USERS)]
        each = (7 if version.treasury_minted else 8) + 4 * len(pool.configs)
        users = numbers[len(numbers) - len(USERS) * each :]
        start = USERS.index(name) * each
        collateral, debt, borrowable, _threshold, _ltv, health = users[start : start + 6]
        if steps % every or health == NO_DEBT:
            return
        found.append(
            {
                "id": f"aave-{version.name}-{steps}-{name}",
                "rules": f"aave/{version.name}",
                "function": "quantities",
                "inputs": {
                    "account": account(pool, name),
                    "prices": {version.venue: {key: text(price, places) for key, price in pool.prices.items()}},
                    "parameters": table(pool),
                    "at": "2026-10-01T00:00:00Z",
                },
                "expected": {
                    "collateral_value": text(collateral, places),
                    "debt_value": text(debt, places),
                    "borrowable": text(borrowable, places),
                    "health_factor": text(health, 18),
                },
                "tolerance": "0",
                "source": f"getUserAccountData of {source}, unmodified, in an in-process EVM",
            }
        )

    compare(version, contracts, 3, 2_000, record=keep)
    return found


def write(version: Version, contracts: dict[str, Any], source: str, walks: tuple[tuple[int, int], ...]) -> None:
    """The walks of one version."""
    pool = scene(version)
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


def main() -> None:
    """Write the walks, and the accounts."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / "accounts.json"
    run = {f"aave/{version.name}" for version, *_ in CHOSEN}
    kept = json.loads(path.read_text())["vectors"] if path.is_file() else []
    vectors: list[dict[str, Any]] = [vector for vector in kept if vector["rules"] not in run]
    for version, load, source, walks in CHOSEN:
        contracts = load()
        write(version, contracts, source, walks)
        vectors += accounts(version, contracts, source, EVERY.get(version.name, 97))
    vectors.sort(key=lambda vector: str(vector["rules"]))
    rows = ",\n".join("  " + json.dumps(vector) for vector in vectors)
    path.write_text(f'{{\n "about": {json.dumps(NOTE)},\n "vectors": [\n{rows}\n ]\n}}\n')


if __name__ == "__main__":
    main()

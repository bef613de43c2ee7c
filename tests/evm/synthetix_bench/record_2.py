"""Writes `tests/vectors/synthetix/perps_v2*.json`: what the contracts showed on walks, so that tests need no EVM.

Run as `python tests/evm/synthetix_bench/record_2.py`.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.recording import changed

from marginbook.exact import format_decimal, from_raw
from synthetix_bench.figures_2 import LABELS, near_border
from synthetix_bench.packages_2 import PACKAGE, contracts
from synthetix_bench.run_2 import compare
from synthetix_bench.scene_2 import MARKETS, OVERLAY, USERS, Action, World, pool_in

FILE = Path(__file__).parents[2] / "vectors" / "synthetix" / "perps_v2.json"
SEED, STEPS = 7, 700
NOTE = (
    "Numbers shown by the unmodified contracts of the npm package named in `source`, executed in an in-process EVM by "
    "tests/evm on seeded random actions. Plain facts, produced by this project, under its licence (Apache-2.0); no "
    "code of the package is included."
)
FORMAT = (
    "steps[] = [kind, user, market, amount, worst price | null, refused because | null, changes]; changes = flat list "
    "of (place in `labels`, value) pairs from zeros; the empty markets are tests/evm/synthetix_bench/scene_2.scene"
)


def rows_of_walk() -> list[str]:
    """Every step of the walk."""
    rows: list[str] = []
    last = [0] * len(LABELS)

    def keep(action: Action, reason: str | None, shown: list[int], world: World) -> None:
        changes = changed(last, shown)
        row: list[Any] = [action.kind, action.user, action.market, action.amount, action.limit, reason, changes]
        rows.append(json.dumps(row, separators=(",", ":")))

    compare(contracts(), SEED, STEPS, record=keep)
    return rows


def text(raw: int) -> str:
    """A wad as a book file writes it."""
    return format_decimal(from_raw(raw, 18))


def rows_of_accounts() -> list[str]:
    """Positions as accounts of a book: where a price or a transfer has put one near its border, and now and then."""
    rows: list[str] = []
    steps = 0

    def keep(action: Action, reason: str | None, shown: list[int], world: World) -> None:
        nonlocal steps
        steps += 1
        numbers = dict(zip(LABELS, shown, strict=True))
        for user in USERS:
            for name in MARKETS:
                pool, moved = pool_in(world.account(user, name)), action.kind in ("price", "transfer")
                if pool and (steps % 70 == 0 or (moved and _is_near(world, user, name))):
                    rows.extend(cases(f"{steps}-{user}", pool, name, numbers, f"{user} {name}"))

    compare(contracts(), SEED + 1, STEPS, record=keep)
    return rows


def _is_near(world: World, user: str, name: str) -> bool:
    return near_border(replace(world, accounts={(user, name): world.account(user, name)})) > 0


def cases(name: str, pool: str, market: str, numbers: dict[str, int], whose: str) -> Iterator[str]:
    """What the contracts' views show of one position."""

    def shown(label: str) -> int:
        return numbers[f"{whose} {label}"]

    size, funding = shown("size"), shown("funding")
    last = numbers[f"{market} recorded value"] + numbers[f"{market} unrecorded"]
    position = {
        "market": market,
        "side": "long" if size > 0 else "short",
        "quantity": text(abs(size)),
        "entry": text(shown("last price")),
        "mode": "isolated",
        "isolated_wallet": text(shown("margin")),
        "funding_index_raw": last - shown("funding value at the last change"),  # counted from the market's present one
    }
    if shown("flagged"):
        position["details"] = {"flagged": "true"}
    inputs = {
        "account": {"position": [position]},
        "prices": {"synthetix": {market: text(numbers[f"{market} price"])}},
        "parameters": {key: OVERLAY[key] for key in ("system", market)},
        "at": "2026-10-01T00:00:00Z",
    }
    views = {
        "remaining_margin": shown("remaining margin"),
        "accessible_margin": shown("accessible margin"),
        "liquidation_margin": shown("liquidation margin"),
        "notional": abs(shown("notional")),
        "unrealized_pnl": shown("profit") + funding,
    }
    common = {"rules": "synthetix/2", "inputs": inputs, "source": f"views of the contracts of {PACKAGE}, unmodified"}
    expected: dict[str, Any] = {key: text(value) for key, value in views.items()}
    head = {"id": f"{name}-{market}", "function": "quantities"}
    yield json.dumps({**head, **common, "expected": expected, "tolerance": "0.00000001"})
    head = {"id": f"{name}-{market}-liquidatable", "function": "is_liquidatable"}
    yield json.dumps({**head, **common, "expected": {pool: bool(shown("liquidatable"))}})


def main() -> None:
    """Write the walk and the accounts."""
    head = {"source": PACKAGE, "note": NOTE, "format": FORMAT, "seed": SEED, "labels": LABELS}
    rows = ",\n".join(rows_of_walk())
    FILE.write_text(json.dumps(head, separators=(",", ":"))[:-1] + f',\n"steps":[\n{rows}\n]}}\n')
    rows = ",\n".join(rows_of_accounts())
    FILE.with_stem("perps_v2_accounts").write_text(f'{{"about":{json.dumps(NOTE)},\n"vectors":[\n{rows}\n]}}\n')


if __name__ == "__main__":
    main()

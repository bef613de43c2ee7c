"""Writes `tests/vectors/perp/walks.json` and `accounts.json`: what the contracts showed, so that tests need no EVM.

Run as `python tests/evm/perp_bench/record.py`.
"""

import json
import sys
from dataclasses import astuple
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from marginbook.domain.account import Account
from marginbook.exact import ZERO, format_decimal, from_raw
from marginbook.venues.perp.steps import with_funding_settled
from perp_bench.deploy import deploy
from perp_bench.figures import OVERLAY, Action, Given, State, mark, market_of
from perp_bench.market import view_words
from perp_bench.packages import PERP, contracts
from perp_bench.run import LABELS, compare
from perp_bench.scene import COLLATERALS, MARKETS, SHOWN, TRADERS

FOLDER = Path(__file__).parents[2] / "vectors" / "perp"
WALKS = ((1, 200), (2, 200))
NOTE = (
    "Numbers shown by the unmodified contracts of the npm package named in `source`, executed in an in-process EVM by "
    "tests/evm on seeded random actions. Plain facts, produced by this project, under its licence (Apache-2.0); no "
    "code of the package is included."
)
FORMAT = (
    "walks[].steps[] = [action, given, refused because | null, {user: changes}]; action and given are the fields of "
    "tests/evm/perp_bench/figures.Action and .Given; changes = flat list of (place in `labels`, value) pairs"
)


def walk_of(artifacts: dict[str, Any], seed: int, steps: int, vectors: list[dict[str, Any]]) -> list[list[Any]]:
    """The rows of one walk; its accounts are added to `vectors`."""
    last = {user: [0] * len(LABELS) for user in SHOWN}
    rows: list[list[Any]] = []

    def keep(state: State, action: Action, given: Given, reason: str | None, found: dict[str, list[int]]) -> None:
        changes = {}
        for user in sorted(found):
            pairs = enumerate(zip(last[user], found[user], strict=True))
            changes[user] = [x for i, (a, b) in pairs if a != b for x in (i, b)]
            last[user] = found[user]
            shown = dict(zip(LABELS, found[user], strict=True))
            if len(rows) % 4 == 0 and user in TRADERS and shown["absolute"]:
                vectors.append(vector(state, user, shown, f"{seed}-{len(rows)}"))
        swap = list(astuple(given)) if given.size or given.refused else []
        rows.append([list(astuple(action)), swap, reason, changes])

    compare(artifacts, seed, steps, record=keep)
    return rows


def vector(state: State, user: str, shown: dict[str, int], name: str) -> dict[str, Any]:
    """An account as a book states it, its funding in the owed PnL, and what the contracts print of it."""
    expected = {
        "margin_balance": from_raw(shown["account value"], 6),
        "maintenance_margin": from_raw(shown["requirement"], 18),
        "notional": from_raw(shown["absolute"], 18),
        "unrealized_pnl": from_raw(shown["unrealized"], 18),
        "withdrawable": from_raw(shown["free USDC"], 6),
    }
    prices = {market: text(mark(state, market), 18) for market in MARKETS}
    prices |= {asset: text(price, COLLATERALS[asset].feed) for asset, price in state.prices.items()}
    return {
        "id": f"perp-{name}-{user}",
        "rules": "perp/2",
        "function": "quantities",
        "inputs": {
            "account": account_of(with_funding_settled(state.accounts[user], market_of(state))),
            "prices": {"perp": prices},
            "parameters": {asset: OVERLAY[asset] for asset in COLLATERALS},
            "at": "2023-11-14T22:13:20Z",
        },
        "expected": {key: format_decimal(value) for key, value in expected.items()},
        "tolerance": "0.00000001",
        "source": f"{PERP}, unmodified, in an in-process EVM",
    }


def account_of(account: Account) -> dict[str, Any]:
    """In the keys of a book file."""
    return {
        "wallet": {name: format_decimal(amount) for name, amount in account.wallet.items()},
        "details": dict(account.details),
        "collateral": [
            {"asset": one.asset, "amount": format_decimal(one.amount or ZERO)} for one in account.collateral
        ],
        "position": [
            {
                "market": position.market,
                "side": position.side,
                "quantity": format_decimal(position.quantity),
                "entry": format_decimal(round(position.entry, 18)),
                "details": dict(position.details),
            }
            for position in account.positions
        ],
    }


def text(raw: int, decimals: int) -> str:
    """A decimal as a book file writes it."""
    return format_decimal(from_raw(raw, decimals))


def main() -> None:
    """Write both files."""
    artifacts, vectors, walks = contracts(), list[dict[str, Any]](), []
    for seed, steps in WALKS:
        rows = walk_of(artifacts, seed, steps, vectors)
        lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
        walks.append(f'{{"seed": {seed}, "steps": [\n{lines}\n]}}')
    at = deploy(artifacts)
    ticks = {name: view_words(at, pool)[1] for name, pool in at.pools.items()}
    head = {"source": PERP, "note": NOTE, "format": FORMAT, "labels": LABELS, "ticks": ticks}
    start = json.dumps(head, indent=1)[:-2]
    (FOLDER / "walks.json").write_text(f'{start},\n "walks": [\n' + ",\n".join(walks) + "\n]\n}\n")
    lines = ",\n".join("  " + json.dumps(row) for row in vectors)
    (FOLDER / "accounts.json").write_text(f'{{\n "about": {json.dumps(NOTE)},\n "vectors": [\n{lines}\n ]\n}}\n')


if __name__ == "__main__":
    main()

"""Model and contracts of perps v3 side by side.

Run as `python tests/evm/synthetix_bench/run_3.py` for the full walks, seeds 1 to 8 of 2,000 steps; or name some seeds.
"""

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from synthetix_bench.figures_3 import labels, model_numbers
from synthetix_bench.market_3 import Deployment, deploy
from synthetix_bench.packages_3 import contracts as load
from synthetix_bench.pool_3 import Action, Pool, check, settlement_cost, step
from synthetix_bench.scene_3 import USERS, scene
from synthetix_bench.walk_3 import walk

NEAR = 10**12


class Difference(AssertionError):
    """The model and the contracts disagree."""


@dataclass
class Tally:
    """What a walk met."""

    steps: int = 0
    numbers: int = 0
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    partial: int = 0  # liquidations that left a position
    near: int = 0  # decisions about accounts and orders within a millionth of a snxUSD of their border


Record = Callable[[Action, Any, list[int]], None]


def compare(contracts: dict[str, Any], seed: int, steps: int, record: Record | None = None) -> Tally:
    """Walk, and compare every number and every refusal after every step; `Difference` at the first that differs."""
    random, pool, tally = Random(seed), scene(seed), Tally()
    chain, names = deploy(contracts, pool), labels()
    borders = [(names.index(f"{user} available"), names.index(f"{user} maintenance")) for user in USERS]
    while tally.steps < steps:
        action = walk(random, pool)
        where = f"seed {seed}, step {tally.steps}, {action}"
        if action.kind in ("commit", "settle"):
            tally.numbers += _compare_order(chain, pool, action, where)
        returned, reason = chain.do(action, pool)
        after, expected, predicted = step(pool, action)
        if (returned, reason) != (expected, predicted):
            raise Difference(f"{where}: model {expected} {predicted}, contract {returned} {reason}")
        shown, ours = chain.numbers(), model_numbers(after)
        if shown != ours:
            wrong = [f"{n}: model {a}, contract {b}" for n, a, b in zip(names, ours, shown, strict=True) if a != b]
            raise Difference(f"{where}: " + "; ".join(wrong[:8]))
        if record:
            record(action, reason or returned, shown)
        _count(tally, action, reason, after)
        tally.near += sum(shown[need] > 0 and abs(shown[has] - shown[need]) < NEAR for has, need in borders)
        tally.numbers += len(shown) + len(returned) + len(reason or ()) - bool(reason)
        pool = after
    return tally


def _compare_order(chain: Deployment, pool: Pool, action: Action, where: str) -> int:
    """The venue's own answers about an order, before it is placed."""
    order = pool.orders.get(action.user)
    if action.kind == "settle" and order is None:
        return 0
    market, change = (
        (order.market, order.change) if order and action.kind == "settle" else (action.asset, action.amount)
    )
    price = action.price if action.kind == "settle" else pool.prices[market]
    found = check(pool, action.user, market, change, price)
    if found.fill_price < 0:
        return 0
    cost = settlement_cost(pool)
    ours = [found.fees - cost, found.fill_price, found.required - cost]
    shown = chain.order_numbers(action.user, market, change, price)
    if ours != shown:
        raise Difference(f"{where}: fees, fill price, required: model {ours}, contract {shown}")
    return len(shown)


def _count(tally: Tally, action: Action, reason: Any, after: Pool) -> None:
    tally.steps += 1
    if reason:
        tally.refused[f"{action.kind}: {reason[0]}"] += 1
        tally.near += len(reason) == 3 and abs(reason[1] - reason[2]) < NEAR
        return
    tally.done[action.kind] += 1
    tally.partial += action.kind == "liquidate" and bool(after.account(action.user).positions)


def main() -> None:
    """The full walks, a line for each."""
    for seed in [int(name) for name in sys.argv[1:]] or range(1, 9):
        tally = compare(load(), seed, 2_000)
        sys.stdout.write(f"{seed}: {tally}\n")


if __name__ == "__main__":
    main()

"""One walk on the chain and in the model, compared number by number."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from aave_bench.deploy import deploy_3_0, deploy_3_6
from aave_bench.deploy_2 import deploy_2
from aave_bench.figures import model_call, model_numbers, shown_reason
from aave_bench.market import Market
from aave_bench.scene import SOURCE, USERS, scene
from aave_bench.walk import opening, walk
from marginbook.venues.aave_v3.state import Pool
from marginbook.venues.aave_v3.steps import Action, step
from marginbook.venues.aave_v3.versions import Version

DEPLOYMENTS: dict[str, Callable[[dict[str, Any], Pool, tuple[str, ...]], Market]] = {
    "2": deploy_2,
    "3.0": deploy_3_0,
    "3.6": deploy_3_6,
}
"""Version -> how its contracts become a market."""


@dataclass
class Tally:
    """What a walk met."""

    steps: int = 0
    numbers: int = 0
    liquidations: int = 0
    write_offs: int = 0
    same_asset: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)


class Difference(AssertionError):
    """Chain and model disagree."""


def follow(source: Action, pool: Pool) -> list[Action]:
    """The action, and with a price of 3.0's category members now and then its source's."""
    if source.kind == "price" and source.asset == "ETH" and SOURCE in pool.prices:
        return [source, Action(kind="price", asset=SOURCE, amount=source.amount)]
    return [source]


def compare(
    version: Version,
    contracts: dict[str, Any],
    seed: int,
    steps: int,
    record: Callable[[Action, Any, list[int], Pool], None] | None = None,
    model: Version | None = None,
) -> Tally:
    """Walk `steps` steps; `Difference` at the first number that is not equal. `model` plants a changed version."""
    random, pool = Random(seed), scene(version)
    market = DEPLOYMENTS[version.name](contracts, pool, USERS)
    if model is not None:
        from dataclasses import replace

        pool = replace(pool, version=model)
    tally, labels = Tally(), market.labels()
    waiting = list(opening())
    while tally.steps < steps:
        if not waiting:
            waiting = follow(walk(random, pool), pool)
        action = waiting.pop(0)
        chain_call, chain_reason = market.do(action, pool)
        after, call, reason = step(pool, action)
        where = f"version {version.name}, seed {seed}, step {tally.steps}: {action}"
        if chain_reason != shown_reason(version, action, reason):
            raise Difference(f"{where}: the chain says {chain_reason}, the model {reason}")
        if chain_call != model_call(action, call):
            raise Difference(f"{where}: the chain moved {chain_call}, the model {model_call(action, call)}")
        chain, ours = market.numbers(), model_numbers(after, USERS)
        if chain != ours:
            wrong = [f"{n}: chain {a}, model {b}" for n, a, b in zip(labels, chain, ours, strict=True) if a != b]
            raise Difference(f"{where}: " + "; ".join(wrong[:6]))
        if record:
            record(action, (chain_call, chain_reason), chain, after)
        tally.steps += 1
        tally.numbers += len(chain)
        if reason:
            tally.refused[f"{action.kind}: {reason}"] += 1
        else:
            tally.done[action.kind] += 1
        if call:
            tally.liquidations += 1
            tally.write_offs += call.takes_everything
            tally.same_asset += action.asset == action.collateral
        pool = after
    return tally

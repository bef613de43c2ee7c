"""scenario-live: ticks over accounts with scenario margin, beside evaluating every holder of what moved at every tick.

40 underlyings of 20 futures and options, 16 scenarios, worst loss; one to six contracts per account. Support is 1.05 to
30 times the requirement (log-uniform). One price moves per tick, by 0.05 % (normal), one in 200 ticks by 3 %.
"""

import time
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np

from marginbook.benchmarks.measure import row
from marginbook.book.scenario_accounts import ScenarioAccounts
from marginbook.testing.scenario_worlds import scenario_world

MOST = 20_000
TICKS, COMPARED = 2_000, 100
UNDERLYINGS, EACH = 40, 20


def run(accounts: int, seed: int) -> list[dict[str, Any]]:
    """Time and evaluations per tick; zones are compared with those of brute force."""
    size = min(accounts, MOST)
    world = scenario_world(seed, size, UNDERLYINGS, EACH)
    random = np.random.default_rng(seed)
    live, every, unfunded = (ScenarioAccounts(world.model, world.prices) for _ in range(3))
    unfunded.put(world.portfolios, 0)
    funded = []
    for portfolio in world.portfolios:
        found = unfunded.figures(portfolio.id)
        share = 1.05 * float(np.exp(random.uniform(0.0, np.log(30 / 1.05))))
        funded.append(replace(portfolio, cash=portfolio.cash + found.requirement * share - found.support))
    for one in (live, every):
        one.put(funded, 0)
    keys = [world.model.prices[u] for u in world.model.underlying]
    names = dict(zip(world.model.names, keys, strict=True))
    holders: dict[Any, list[str]] = {key: [] for key in world.model.prices}
    for portfolio in funded:
        for key in {names[contract] for contract, quantity in portfolio.quantities.items() if quantity}:
            holders[key].append(portfolio.id)
    prices, begun, refreshed = dict(world.prices), live.evaluations, live.refreshes
    taken: list[float] = []
    brute: list[float] = []
    changes = wrong = evaluated = 0
    for at in range(1, TICKS + 1):
        key = world.model.prices[int(random.integers(UNDERLYINGS))]
        size_of_move = 0.03 if random.random() < 1 / 200 else 0.0005
        moved = float(prices[key]) * float(np.exp(random.normal(0, size_of_move)))
        prices[key] = Decimal(repr(round(moved, 6)))
        started = time.perf_counter()
        moves = live.prices({key: prices[key]}, at)
        taken.append(time.perf_counter() - started)
        changes += len(moves)
        if at <= COMPARED:
            before = {name: every.zone(name) for name in holders[key]}
            started = time.perf_counter()
            every.prices({key: prices[key]}, at)
            every.evaluate(holders[key], at)
            brute.append(time.perf_counter() - started)
            expected = {name: every.zone(name) for name, zone in before.items() if every.zone(name) is not zone}
            wrong += expected != {move.account: move.after for move in moves}
            evaluated += len(holders[key])
    middle, slow = float(np.mean(taken)) * 1e6, float(np.mean(brute)) * 1e6
    each, all_of_them = (live.evaluations - begun) / TICKS, evaluated / COMPARED
    return [
        row(
            "scenario-live",
            middle,
            f"µs a tick, mean of {TICKS} on {size} accounts, {changes} zone changes",
            f"every holder evaluated, {slow:.3g} µs",
            slow / middle,
        ),
        row("scenario-live p99", float(np.percentile(taken, 99)) * 1e6, "µs"),
        row(
            "scenario-live evaluations",
            each,
            "accounts a tick",
            f"every holder, {all_of_them:.4g}",
            all_of_them / max(each, 1 / TICKS),
        ),
        row(
            "scenario-live refreshes",
            (live.refreshes - refreshed) / TICKS,
            "underlyings a tick, arrays made anew",
        ),
        row("scenario-live wrong", wrong, f"of {COMPARED} ticks compared with brute force"),
    ]

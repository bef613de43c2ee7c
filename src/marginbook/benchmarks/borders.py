"""borders: kernel decisions against the exact functions, within two price steps of the border, on every rule set.

A wrong decision would be one that the kernel takes outside its allowance and the exact functions take otherwise.
"""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

from marginbook.benchmarks.measure import row
from marginbook.domain.legs import PoolLegs
from marginbook.exact import CONTEXT
from marginbook.testing.laws import UNIT, kernel_sums, settings
from marginbook.testing.vectors import Setting
from marginbook.testing.worlds import module_of
from marginbook.venues.registry import all_rule_sets, rule_set

SHARE = 1_000
"""Decisions per rule set: accounts / SHARE."""
STEPS = (-2, -1, 0, 1, 2)


def run(accounts: int, seed: int) -> list[dict[str, Any]]:
    """Per family: decisions, share that the kernel leaves to the exact functions, wrong ones."""
    found: dict[str, list[int]] = {}
    for rules in all_rule_sets():
        counts = found.setdefault(rules.name.partition("/")[0], [0, 0, 0])
        for decided, refined, wrong in _decisions(rules.name, accounts // SHARE, seed):
            counts[0] += decided
            counts[1] += refined
            counts[2] += wrong
    rows = []
    for family, (decided, refined, wrong) in found.items():
        rows.append(row(f"borders {family}", decided, "decisions within two steps of a border"))
        rows.append(row(f"borders {family} refined", refined / max(1, decided), "share decided exactly"))
        rows.append(row(f"borders {family} wrong", wrong, "decisions missed or invented"))
    return rows


def _decisions(rules: str, least: int, seed: int) -> Iterator[tuple[int, int, int]]:
    """(decisions, refined, wrong) of accounts, until there are at least `least` decisions."""
    done = 0
    for setting in settings(rules, max(1, least), seed):
        if done >= least:
            return
        counts = _of_account(setting)
        done += max(1, counts[0])
        yield counts


def _of_account(setting: Setting) -> tuple[int, int, int]:
    decided = refined = wrong = 0
    rules = rule_set(setting.account.rules)
    step_of = getattr(module_of(setting.account.rules), "step", None)
    lowered = {p.pool: p for p in rules.module.lower(setting.account, setting.market, setting.parameters).pools}
    for price in setting.call("liquidation_prices"):
        keys = [key for key in setting.market.quotes if key[:2] == (rules.venue, price.market)]
        if price.source != "exact" or not keys:
            continue
        step = UNIT if step_of is None else step_of(setting, price.market)
        for n in STEPS:
            value = CONTEXT.add(price.price, n * step)
            if value <= 0:
                continue
            at = replace(setting, market=setting.market.with_prices(dict.fromkeys(keys, Decimal(value))))
            ours = _by_kernel(lowered[price.pool], at)
            decided += 1
            refined += ours is None
            wrong += ours is not None and ours != at.call("is_liquidatable", price.pool)
    return decided, refined, wrong


def _by_kernel(legs: PoolLegs, setting: Setting) -> bool | None:
    """What the kernel decides at these prices, as a live book does with legs lowered at others; None where the border
    lies within its allowance, or the pool is opaque."""
    if legs.opaque:
        return None
    sums, gross = kernel_sums(legs, setting)
    allowance = 2 * (legs.absolute + legs.relative * gross)
    if sums.demand - sums.support > allowance:
        return True
    return False if sums.support - sums.demand > allowance else None

"""mixed-book: one sweep over accounts of every venue against one over Binance's alone, time per leg.

Accounts of all rule sets, lowered, repeated until the book is large, grouped by rule set as a book keeps them. Opaque
pools hold legs too, for display, and are swept like the others.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from marginbook.benchmarks.measure import row, seconds
from marginbook.book import kernel
from marginbook.book.columns import Names
from marginbook.book.factors import Factors
from marginbook.book.layout import OUTPUT, Records
from marginbook.book.store import Store
from marginbook.domain.legs import Factor, Leg
from marginbook.testing.laws import factor_value, settings
from marginbook.testing.vectors import Setting
from marginbook.venues.registry import all_rule_sets, rule_set

SAMPLES = 40
"""Different accounts of a rule set."""
SINGLE = "binance/usdm"


def run(accounts: int, seed: int) -> list[dict[str, Any]]:
    """Nanoseconds per leg of both books."""
    every = [rules.name for rules in all_rule_sets()]
    single, legs_single, _ = _sweep([SINGLE], accounts, seed)
    mixed, legs, pools = _sweep(every, accounts, seed)
    one, all_ = single / legs_single * 1e9, mixed / legs * 1e9
    return [
        row(
            "mixed-book",
            all_,
            f"ns per leg, {len(every)} rule sets, {pools} pools",
            f"{SINGLE}, {one:.4g} ns",
            all_ / one,
        ),
    ]


def _sweep(rules: list[str], accounts: int, seed: int) -> tuple[float, int, int]:
    """(seconds, legs, pools) of a sweep of all outputs."""
    store = Store(Factors(), Names())
    for name in rules:
        for n, setting in enumerate(settings(name, SAMPLES, seed)):
            _add(store, setting, f"{name}#{n}")
    records = _repeated(store, accounts)
    out = np.zeros(len(records.pools), OUTPUT)
    taken = seconds(lambda: kernel.sweep_outputs_parallel(records, out))
    return taken, len(records.legs), len(records.pools)


def _add(store: Store, setting: Setting, tag: str) -> None:
    rules = rule_set(setting.account.rules)
    values: dict[Any, float] = {}
    for pool in rules.module.lower(setting.account, setting.market, setting.parameters).pools:
        currencies = tuple(
            replace(
                one,
                factor=_own_factor(one.factor, setting, tag, values),
                legs=_over_own_factors(one.legs, setting, tag, values),
            )
            for one in pool.currencies
        )
        legs = _over_own_factors(pool.legs, setting, tag, values)
        own = replace(pool, legs=legs, currencies=currencies, opaque=False, inputs=(), timed=False)
        borders = store.border_set(rules.borders)
        store.add_pool(0, own, borders, rules.name, values.__getitem__, None)


def _over_own_factors(legs: Iterable[Leg], setting: Setting, tag: str, values: dict[Any, float]) -> tuple[Leg, ...]:
    return tuple(replace(leg, factor=_own_factor(leg.factor, setting, tag, values)) for leg in legs)


def _own_factor(factor: Factor, setting: Setting, tag: str, values: dict[Any, float]) -> Factor:
    """A quote of its own, of the value that `factor` has in its own world."""
    own: Factor = (("quote", tag.partition("/")[0], f"{tag} {factor}", "mark"),)
    values[own[0][1], own[0][2], "mark", ""] = factor_value(factor, setting)
    return own


def _repeated(store: Store, accounts: int) -> Records:
    """The records of a store, each pool repeated in place so that there are about `accounts` of them."""
    found = store.records
    times = max(1, accounts // len(found.pools))
    pools = np.repeat(found.pools, times)
    counts = pools["count"].astype(np.int64)
    starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
    first = np.repeat(pools["start"].astype(np.int64) - starts, counts)
    legs = found.legs[first + np.arange(len(first))]
    pools["start"] = starts
    return found._replace(pools=pools, legs=legs)

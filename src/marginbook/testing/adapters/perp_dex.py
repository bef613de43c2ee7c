"""Numeric cases of on-chain perpetual venues (`cases`): each venue has its own reader."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from marginbook.testing.vectors import Task, Unsupported

READERS: dict[str, str] = {
    "drift_v2": "drift",
    "gmx_v1": "gmx",
    "gmx_v2": "gmx",
    "dydx_v4": "dydx",
    "hyperliquid": "hyperliquid",
    "synthetix_v3": "synthetix",
}
"""Venue as the cases name it -> module of this package with the same `task`."""


def task(case: Mapping[str, Any], asked: Sequence[str]) -> Task:
    """What the venue's reader makes of a case; Unsupported with the venue that has none."""
    venue = str(case.get("venue", "unknown"))
    if venue not in READERS:
        raise Unsupported(f"no rule set for {venue}", venue, str(case.get("function", "")))
    found: Task = import_module(f"marginbook.testing.adapters.{READERS[venue]}").task(case, asked)
    return found

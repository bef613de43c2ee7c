"""Worked examples of centralised exchanges (`examples`): each venue has its own reader."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from marginbook.testing.vectors import Task, Unsupported

READERS = {name: name for name in ("binance", "bitget", "bitmex", "bybit", "deribit", "ftx", "htx", "okx")}
"""First word of a case's venue -> module of this package with the same `task`."""


def task(case: Mapping[str, Any], asked: Sequence[str]) -> Task:
    """What the venue's reader makes of a case; Unsupported with the venue that has none."""
    venue = str(case.get("venue", "unknown")).partition(" ")[0]
    if venue not in READERS:
        raise Unsupported(f"no rule set for {venue}", venue)
    found: Task = import_module(f"marginbook.testing.adapters.{READERS[venue]}").task(case, asked)
    return found

"""Numeric groups of initial margin models (`groups`): each model has its own reader."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from marginbook.testing.vectors import Task, Unsupported

READERS: dict[str, str] = {
    "drift_size_premium": "drift",
}
"""Id of a group -> module of this package with the same `task`."""


def task(case: Mapping[str, Any], asked: Sequence[str]) -> Task:
    """What the model's reader makes of a group; Unsupported with the model that is missing."""
    model = str(case.get("model", "unknown"))
    reader = READERS.get(str(case.get("id", "")))
    if reader is None:
        raise Unsupported(f"no model {model}", model, "initial_margin")
    found: Task = import_module(f"marginbook.testing.adapters.{reader}").task(case, asked)
    return found

"""Numeric groups of risk-based initial margin models: none is here yet."""

from collections.abc import Mapping, Sequence
from typing import Any

from marginbook.testing.vectors import Task, Unsupported


def task(case: Mapping[str, Any], asked: Sequence[str]) -> Task:
    """Always unsupported, with the model that is missing."""
    model = str(case.get("model", "unknown"))
    raise Unsupported(f"no model {model}", model, "initial_margin")

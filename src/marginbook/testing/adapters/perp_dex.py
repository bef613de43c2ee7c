"""Numeric cases of on-chain perpetual venues: no rule set for them yet."""

from collections.abc import Mapping, Sequence
from typing import Any

from marginbook.testing.vectors import Task, Unsupported


def task(case: Mapping[str, Any], asked: Sequence[str]) -> Task:
    """Always unsupported, with the venue that is missing."""
    venue = str(case.get("venue", "unknown"))
    raise Unsupported(f"no rule set for {venue}", venue, str(case.get("function", "")))

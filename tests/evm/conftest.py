"""Makes the benches importable, and decides between skipping and failing where a tool is missing."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from tools.packages import Missing

collect_ignore = ["starkex_bench/machine.py"]  # run by a Python of its own, which has the Cairo machine


@pytest.fixture(scope="session")
def need() -> Callable[[Callable[[], Any]], Any]:
    """need(load): what `load` gives, or a skip (a failure where MARGINBOOK_REQUIRE asks for the benches)."""

    def need_of(load: Callable[[], Any]) -> Any:
        try:
            import pyrevm  # noqa: F401

            return load()
        except (Missing, ImportError) as problem:
            if "evm" in os.environ.get("MARGINBOOK_REQUIRE", "").split(","):
                pytest.fail(f"MARGINBOOK_REQUIRE asks for the EVM bench: {problem}")
            pytest.skip(f"EVM bench: {problem}")

    return need_of


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Benches of contracts that no package carries take part only where a checkout of them is named."""
    absent = [m for m in items if any(mark.args[0] not in os.environ for mark in m.iter_markers("checkout"))]
    if absent:
        config.hook.pytest_deselected(items=absent)
        items[:] = [item for item in items if item not in absent]

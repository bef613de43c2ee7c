"""Makes the bench importable, and decides between skipping and failing where a tool is missing."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from aave_bench.packages import Missing, compiled_3_6, core_3_0


def _need(load):  # type: ignore[no-untyped-def]
    try:
        import pyrevm  # noqa: F401

        return load()
    except (Missing, ImportError) as problem:
        if "evm" in os.environ.get("MARGINBOOK_REQUIRE", "").split(","):
            pytest.fail(f"MARGINBOOK_REQUIRE asks for the EVM bench: {problem}")
        pytest.skip(f"EVM bench: {problem}")


@pytest.fixture(scope="session")
def contracts_3_0():  # type: ignore[no-untyped-def]
    """Name -> artifact of the Aave 3.0 package."""
    return _need(core_3_0)


@pytest.fixture(scope="session")
def contracts_3_6():  # type: ignore[no-untyped-def]
    """Name -> artifact of Aave 3.6, compiled once."""
    return _need(compiled_3_6)

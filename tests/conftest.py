"""Shared fixtures: where real data lies, when a skip is a failure, and which random examples are tried."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples on every run, so that a red build is a change's fault; MARGINBOOK_EXPLORE=1 looks for new ones.
settings.register_profile("repeatable", derandomize=True)
settings.register_profile("explore", derandomize=False)
settings.load_profile("explore" if os.environ.get("MARGINBOOK_EXPLORE") else "repeatable")

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real prices, liquidations and accounts; tests skip where it is absent."""
    folder = Path(os.environ.get("MARGINBOOK_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: set MARGINBOOK_DATA to its folder")
    return folder

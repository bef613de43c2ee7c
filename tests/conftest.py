"""Shared fixtures: where real data lies, and when a skip is a failure."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real prices, liquidations and accounts; tests skip where it is absent."""
    folder = Path(os.environ.get("MARGINBOOK_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: set MARGINBOOK_DATA to its folder")
    return folder

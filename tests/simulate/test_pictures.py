"""The pictures of the pages on liquidators and lending books are what the functions draw."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from marginbook.testing.simulation_pictures import PICTURES, path_of

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_current_and_shown(name: str) -> None:
    drawn = PICTURES[name]()
    ElementTree.fromstring(drawn)
    assert (ROOT / path_of(name)).read_text() == drawn, "run: python -m marginbook.testing.simulation_pictures"
    assert any(path_of(name).name in page.read_text() for page in (ROOT / "docs").rglob("*.md"))

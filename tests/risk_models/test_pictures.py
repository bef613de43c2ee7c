"""Every page on a margin model shows a picture, and no picture is stale."""

import re
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest

from marginbook.testing.charts import bars, lines, points
from marginbook.testing.pictures import HISTORIES, PICTURES, frontier, path_of

ROOT = Path(__file__).parent.parent.parent
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def same(one: str, other: str) -> bool:
    """Equal but for a fifth of a pixel: another processor may round the last bit of a float the other way."""
    if NUMBER.sub("#", one) != NUMBER.sub("#", other):
        return False
    pairs = zip(NUMBER.findall(one), NUMBER.findall(other), strict=True)
    return all(abs(float(a) - float(b)) <= 0.2 for a, b in pairs)


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_current(name: str) -> None:
    drawn = PICTURES[name]()
    fromstring(drawn)
    assert same((ROOT / path_of(name)).read_text(), drawn), "run: python -m marginbook.testing.pictures"


@pytest.mark.long
def test_the_frontier_is_current(data: Path) -> None:
    for name in HISTORIES:
        if not (data / f"binance_spot_{name}_1h_2017-08_2022-10.csv.gz").exists():
            pytest.skip(f"no history of {name} in {data}")
    drawn = frontier(data)
    assert same((ROOT / path_of("backtest")).read_text(), drawn), "run: python -m marginbook.testing.pictures . FOLDER"


def test_every_page_has_a_picture_and_every_picture_a_page() -> None:
    pages = {page.name: page.read_text() for page in (ROOT / "docs" / "models").glob("*.md")}
    for name, text in pages.items():
        assert "](../pictures/model-" in text, f"docs/models/{name} has no picture"
    shown = "".join(pages.values())
    for picture in (ROOT / "docs" / "pictures").glob("model-*.svg"):
        assert f"({Path('..') / 'pictures' / picture.name})" in shown, f"no page shows {picture.name}"


def test_a_moved_point_moves_its_mark() -> None:
    before = lines("t", "x", "y", {"a": [(0, 0), (1, 1)], "b": [(0, 1), (1, 3)]})
    after = lines("t", "x", "y", {"a": [(0, 0), (1, 1.1)], "b": [(0, 1), (1, 3)]})
    assert same(before, before)
    assert not same(before, after)
    assert "<script" not in bars("<script>", "x", "y", ["a"], {"b": [1.0]})
    fromstring(points("t", "x", "y", {"s": {"a & b": ((1.0, 2.0), 1.0), "c": ((1.0, 2.0), 0.5)}}))

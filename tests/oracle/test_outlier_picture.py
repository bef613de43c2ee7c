"""The picture of index rules is the one that the rules draw."""

from decimal import Decimal as D
from pathlib import Path

from marginbook.render.outlier_picture import LINES, points, svg

FILE = Path(__file__).parents[2] / "docs" / "pictures" / "oracle-outliers.svg"


def test_the_picture_is_current() -> None:
    assert FILE.read_text() == svg(), "draw it again: python -m marginbook.render.outlier_picture"


def test_the_lines_are_the_rules() -> None:
    by_name = {name: dict(points(rule)) for name, rule, _ in LINES}
    assert by_name["plain mean"][D(115)] == 105
    # the median is 100.1, so 115 is taken at 100.6005
    assert abs(by_name["Deribit ±0.5 %"][D(115)] * 3 - D("300.6005")) < D("1e-20")
    assert by_name["BitMEX, out at 10 %"][D(115)] == 100

"""The largest haircut of each rule in each wave of 10 October 2025, as a picture for `docs/deleveraging.md`.

python -m marginbook.simulate.reproductions.adl_picture DATA_FOLDER > docs/pictures/adl-haircuts.svg
"""

import sys
from collections.abc import Sequence
from math import log10
from pathlib import Path

from marginbook.simulate.reproductions.adl_tables import POLICIES, Wave, waves

SERIES = {
    "prod": "#d55e00",
    "contract_pr": "#e69f00",
    "fixed_point_ilp_integer": "#56b4e9",
    "pr": "#0072b2",
    "eq_pr": "#009e73",
}
"""Rules that are drawn, with colours that colour-blind readers can tell apart."""

WIDTH, HEIGHT, LEFT, TOP, STEP, DECADE = 760, 376, 72, 46, 33, 48
DECADES = 6  # 100 % down to 0.0001 %


def picture(every: Sequence[Wave]) -> str:
    """An SVG: waves from left to right, largest haircut of a winner's equity upwards, on a logarithmic scale."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'font-family="system-ui, sans-serif" font-size="12" fill="#333">',
        "<title>Largest haircut by rule and wave</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="22" font-size="15">Largest haircut of a winner’s equity, 10 October 2025, by wave</text>',
    ]
    right = _x(len(every) - 1) + STEP // 2
    for decade in range(DECADES + 1):
        y = TOP + decade * DECADE
        label = f"{10 ** (2 - decade):g}" if decade < 3 else f"{10.0 ** (2 - decade):.{decade - 2}f}"
        parts.append(f'<line x1="{LEFT}" x2="{right}" y1="{y}" y2="{y}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{label} %</text>')
    for place, wave in enumerate(every):
        y = TOP + DECADES * DECADE + 18
        parts.append(f'<text x="{_x(place)}" y="{y}" text-anchor="middle">{wave.number}</text>')
    for row, (policy, colour) in enumerate(SERIES.items()):
        points = [(_x(place), _y(float(wave.largest[policy]))) for place, wave in enumerate(every)]
        line = " ".join(f"{x},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-opacity="0.4"/>')
        parts += [f'<circle cx="{x}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in points]
        y_legend = TOP + 8 + 20 * row
        parts.append(f'<circle cx="{right + 12}" cy="{y_legend}" r="3.5" fill="{colour}"/>')
        parts.append(f'<text x="{right + 20}" y="{y_legend + 4}">{POLICIES[policy]}</text>')
    return "\n".join((*parts, "</svg>", ""))


def _x(place: int) -> int:
    return LEFT + STEP // 2 + STEP * place


def _y(share: float) -> float:
    return TOP - DECADE * max(-float(DECADES), log10(share))


if __name__ == "__main__":
    sys.stdout.write(picture(waves(Path(sys.argv[1]))))

"""A picture: what the index rules of venues make of one exchange whose price runs away, as SVG.

Two exchanges stand at 99.9 and 100.1, equally weighted; the third is drawn from 85 to 115 along the horizontal axis.
`python -m marginbook.render.outlier_picture > docs/pictures/oracle-outliers.svg` draws it.
"""

import sys
from decimal import Decimal

from marginbook.oracle.index import IndexRule, Source, index
from marginbook.oracle.presets import index_rule
from marginbook.units import parse_time

AT = parse_time("2025-10-10")
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 380, 52, 190, 16, 44
LOWEST, HIGHEST, REACH = 85, 115, Decimal("5.2")
STEPS = 4
"""Points per unit of price."""
CENTRE = Decimal(100)
LINES: tuple[tuple[str, IndexRule, str], ...] = (
    ("plain mean", IndexRule(outliers="keep"), "#888888"),
    ("Binance ±3 %", index_rule("binance", AT).rule, "#e69f00"),
    ("OKX ±2 %", index_rule("okx", AT).rule, "#56b4e9"),
    ("Deribit ±0.5 %", index_rule("deribit", AT).rule, "#009e73"),
    ("BitMEX, out at 10 %", index_rule("bitmex", AT).rule, "#cc79a7"),
    ("Bybit, inverse square", index_rule("bybit", parse_time("2021-01-01")).rule, "#d55e00"),
)


def points(rule: IndexRule) -> list[tuple[Decimal, Decimal]]:
    """(price of the third exchange, index) along the axis."""
    found = []
    for step in range(STEPS * (HIGHEST - LOWEST) + 1):
        third = LOWEST + Decimal(step) / STEPS
        prices = (Decimal("99.9"), Decimal("100.1"), third)
        made = index([Source(name=str(n), price=price) for n, price in enumerate(prices)], rule).price
        if made is not None:
            found.append((third, made))
    return found


def _x(price: Decimal) -> Decimal:
    return LEFT + (price - LOWEST) * (WIDTH - LEFT - RIGHT) / (HIGHEST - LOWEST)


def _y(made: Decimal) -> Decimal:
    moved = min(max(made - CENTRE, -REACH), REACH)
    return TOP + (REACH - moved) * (HEIGHT - TOP - BOTTOM) / (2 * REACH)


def svg() -> str:
    """The picture."""
    marks = []
    for tick in range(LOWEST, HIGHEST + 1, 5):
        x = f"{_x(Decimal(tick)):.1f}"
        marks.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
        marks.append(f'<text x="{x}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{tick}</text>')
    for made in range(95, 106):
        y = f"{_y(Decimal(made)):.1f}"
        marks.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        marks.append(f'<text x="{LEFT - 6}" y="{y}" dy="4" text-anchor="end">{made}</text>')
    middle = (LEFT + WIDTH - RIGHT) // 2
    marks.append(f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">price of the third exchange</text>')
    marks.append(
        f'<text x="14" y="{HEIGHT // 2}" transform="rotate(-90 14 {HEIGHT // 2})" text-anchor="middle">index</text>'
    )
    start = WIDTH - RIGHT + 12
    for n, (name, rule, colour) in enumerate(LINES):
        path = "L".join(f"{_x(third):.1f} {_y(made):.1f}" for third, made in points(rule))
        row = TOP + 14 + 22 * n
        marks.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        marks.append(f'<line x1="{start}" x2="{start + 20}" y1="{row}" y2="{row}" stroke="{colour}" stroke-width="3"/>')
        marks.append(f'<text x="{start + 26}" y="{row}" dy="4">{name}</text>')
    style = "text{font:12px sans-serif;fill:#555}.grid{stroke:#999;stroke-opacity:.3}"
    dark = "@media(prefers-color-scheme:dark){text{fill:#bbb}}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
    title = "<title>Index of three exchanges, two of them near 100, under the rules of venues</title>"
    return "\n".join([head, title, f"<style>{style}{dark}</style>", *marks, "</svg>", ""])


if __name__ == "__main__":
    sys.stdout.write(svg())

"""Charts as SVG text for the pages: lines, bars and points, the same bytes for the same numbers.

Coordinates are rounded to a tenth of a pixel, so that the last bits of a float do not show. Colours follow the reader's
light or dark theme; every series also has its name beside it or in the legend, and dashes of its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 62, 16, 40, 46
COLOURS: tuple[tuple[str, str], ...] = (
    *(("#1f5fbf", "#7db0ff"), ("#c02626", "#ff8585"), ("#1c7a3d", "#66d08c"), ("#946200", "#e5b94e")),
    *(("#6b3fa0", "#c3a0f0"), ("#0b7285", "#66d9e8"), ("#a61e4d", "#faa2c1"), ("#495057", "#ced4da")),
)
"""Of each series on a light and on a dark ground."""
DASHES = ("", "7 4", "2 3", "9 3 2 3")
STYLE = (
    "text{fill:#333a45;font:12px system-ui,sans-serif}.t{font-size:14px;font-weight:600}.a{stroke:#d5d9e0;fill:none}"
)
DARK = "text{fill:#d8dce4}.a{stroke:#3a414d}"

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Frame:
    """Title, names of the axes, and bounds of x and y."""

    title: str
    x_name: str
    y_name: str
    x: tuple[float, float]
    y: tuple[float, float]

    def at(self, x: float, y: float) -> str:
        """Pixels of a point as `x y`."""
        return f"{self.across(x):.1f} {self.down(y):.1f}"

    def across(self, x: float) -> float:
        """Pixels from the left."""
        return LEFT + (x - self.x[0]) / (self.x[1] - self.x[0]) * (WIDTH - LEFT - RIGHT)

    def down(self, y: float) -> float:
        """Pixels from the top."""
        return HEIGHT - BOTTOM - (y - self.y[0]) / (self.y[1] - self.y[0]) * (HEIGHT - TOP - BOTTOM)


def ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Round numbers from `low` to `high`.

    >>> ticks(-3.0, 10.0)
    [0.0, 5.0, 10.0]
    """
    unit = 10.0 ** floor(log10((high - low) / about))
    step = next(unit * n for n in (1, 2, 5, 10) if unit * n >= (high - low) / about)
    return [round(step * n, 10) + 0.0 for n in range(ceil(low / step), floor(high / step) + 1)]


def number(value: float) -> str:
    """A short number.

    >>> number(1200000.0), number(0.25), number(-3.0)
    ('1,200,000', '0.25', '-3')
    """
    return f"{value:,.10g}"


def _around(values: Iterable[float], zero: bool) -> tuple[float, float]:
    seen = [*values, *([0.0] if zero else [])]
    low, high = min(seen), max(seen)
    room = 0.05 * (high - low or abs(high) or 1.0)
    return (low if low == 0 else low - room), (high if high == 0 else high + room)


def _axes(frame: Frame, x_ticks: Sequence[tuple[float, str]]) -> list[str]:
    marks = [f"<text class='t' x='{LEFT}' y='20'>{escape(frame.title)}</text>"]
    for tick in ticks(*frame.y):
        y = frame.down(tick)
        marks.append(f"<path class='a' d='M{LEFT} {y:.1f}H{WIDTH - RIGHT}'/>")
        marks.append(f"<text x='{LEFT - 6}' y='{y + 4:.1f}' text-anchor='end'>{number(tick)}</text>")
    for value, name in x_ticks:
        x = frame.across(value)
        marks.append(f"<text x='{x:.1f}' y='{HEIGHT - BOTTOM + 16}' text-anchor='middle'>{escape(name)}</text>")
    middle = (LEFT + WIDTH - RIGHT) / 2
    marks.append(f"<text x='{middle:.1f}' y='{HEIGHT - 8}' text-anchor='middle'>{escape(frame.x_name)}</text>")
    marks.append(f"<text x='{LEFT}' y='34' font-size='11'>{escape(frame.y_name)}</text>")
    return marks


def _legend(names: Sequence[str], dashed: bool) -> list[str]:
    marks, x = [], float(WIDTH - RIGHT)
    for i, name in reversed(list(enumerate(names))):
        x -= 6.6 * len(name) + 34
        dash = f" stroke-dasharray='{DASHES[i % len(DASHES)]}'" if dashed and i % len(DASHES) else ""
        marks.append(f"<path class='s{i}' d='M{x:.1f} 30h20' stroke-width='{2 if dashed else 8}'{dash}/>")
        marks.append(f"<text x='{x + 24:.1f}' y='34'>{escape(name)}</text>")
    return marks


def _svg(frame: Frame, marks: Iterable[str], series: int) -> str:
    light = "".join(f".s{i}{{stroke:{COLOURS[i][0]};fill:none}}.f{i}{{fill:{COLOURS[i][0]}}}" for i in range(series))
    dark = "".join(f".s{i}{{stroke:{COLOURS[i][1]}}}.f{i}{{fill:{COLOURS[i][1]}}}" for i in range(series))
    style = f"<style>{STYLE}{light}@media(prefers-color-scheme:dark){{{DARK}{dark}}}</style>"
    head = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' role='img'"
    return f"{head} aria-label='{escape(frame.title)}'>{style}\n" + "\n".join(marks) + "\n</svg>\n"


def lines(title: str, x_name: str, y_name: str, series: Mapping[str, Sequence[Point]], zero: bool = True) -> str:
    """One line per series."""
    points = [point for line in series.values() for point in line]
    x = min(point[0] for point in points), max(point[0] for point in points)
    frame = Frame(title, x_name, y_name, x, _around((point[1] for point in points), zero))
    marks = _axes(frame, [(tick, number(tick)) for tick in ticks(*x)])
    for i, line in enumerate(series.values()):
        dash = f" stroke-dasharray='{DASHES[i % len(DASHES)]}'" if i % len(DASHES) else ""
        path = "L".join(frame.at(*point) for point in line)
        marks.append(f"<path class='s{i}' stroke-width='2'{dash} d='M{path}'/>")
    return _svg(frame, [*marks, *_legend(list(series), True)], len(series))


def bars(title: str, x_name: str, y_name: str, labels: Sequence[str], series: Mapping[str, Sequence[float]]) -> str:
    """Bars of every series side by side over each label."""
    count = len(labels)
    frame = Frame(title, x_name, y_name, (0.0, count), _around((v for row in series.values() for v in row), True))
    step = -(-count // 20)
    marks = _axes(frame, [(i + 0.5, label) for i, label in enumerate(labels) if i % step == 0])
    wide = 0.8 / len(series)
    for n, row in enumerate(series.values()):
        for i, value in enumerate(row):
            left, right = frame.across(i + 0.1 + n * wide), frame.across(i + 0.1 + (n + 1) * wide)
            ends = sorted((frame.down(0.0), frame.down(value)))
            box = f"x='{left:.1f}' y='{ends[0]:.1f}' width='{right - left - 0.5:.1f}' height='{ends[1] - ends[0]:.1f}'"
            marks.append(f"<rect class='f{n}' {box}/>")
    return _svg(frame, [*marks, *(_legend(list(series), False) if len(series) > 1 else [])], len(series))


def points(title: str, x_name: str, y_name: str, series: Mapping[str, Mapping[str, tuple[Point, float]]]) -> str:
    """Named points of every series with an area; names to the right, moved down where they would overlap."""
    found = [place for named in series.values() for place, _ in named.values()]
    x = _around((place[0] for place in found), False)
    frame = Frame(title, x_name, y_name, (x[0], x[1] + 0.14 * (x[1] - x[0])), _around((p[1] for p in found), True))
    marks = _axes(frame, [(tick, number(tick)) for tick in ticks(*frame.x)])
    largest = max(area for named in series.values() for _, area in named.values())
    taken: list[Point] = []
    for n, named in enumerate(series.values()):
        for name, (place, area) in sorted(named.items(), key=lambda item: -item[1][0][1]):
            radius = 3.0 + 11.0 * (area / largest) ** 0.5
            left, low = frame.across(place[0]), frame.down(place[1])
            marks.append(f"<circle class='s{n}' stroke-width='2' cx='{left:.1f}' cy='{low:.1f}' r='{radius:.1f}'/>")
            text = left + radius + 3, low + 4
            while any(abs(text[1] - y) < 12 and -95 < text[0] - x < 95 for x, y in taken):
                text = text[0], text[1] + 2
            taken.append(text)
            marks.append(f"<text x='{text[0]:.1f}' y='{text[1]:.1f}' font-size='11'>{escape(name)}</text>")
    return _svg(frame, [*marks, *_legend(list(series), False)], len(series))

"""A cascade as one HTML page that needs nothing else: prices through the rounds, what each venue closed, the rounds."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from html import escape
from math import ceil, floor, log10
from typing import Any

from marginbook.simulate.backtest_report import BOTTOM, LEFT, STYLE, WIDTH

HEIGHT, RIGHT = 240, 90
COLOURS = ("#1f5fbf", "#c2571a", "#1c7a3d", "#7a3fb0", "#946200", "#b0306b", "#28808a", "#5c6370")
LABELS_MOST = 12
HEAD = ("round", "accounts", "closed", "prices", "fund", "bad debt")


def page(answer: dict[str, Any]) -> str:
    """The whole page, from the answer of `cascade_of_book`.

    >>> empty = {"shocks": ["A<B=-1%"], "rounds": [], "currency": "USD", "stopped": "settled", "bad_debt": "0"}
    >>> text = page(empty | {"prices": [], "before": {}, "shocked": {}, "after": {}})
    >>> text.startswith("<!doctype html>"), "A&lt;B" in text, "nobody is liquidated" in text
    (True, True, True)
    """
    rows, title = answer["rounds"], escape("Cascade after " + ", ".join(answer["shocks"]))
    parts = [
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{title}</title>",
        f"<meta name='viewport' content='width=device-width'><style>{STYLE}</style></head><body><h1>{title}</h1>",
    ]
    if rows:
        end = "settled" if answer["stopped"] == "settled" else "stopped"
        parts += [
            f"<p>{end} after {len(rows)} rounds; bad debt {answer['bad_debt']} {answer['currency'] or ''}</p>",
            "<h2>Prices</h2>",
            price_lines(rows),
            "<h2>Closed</h2>",
            closed_bars(rows),
            "<h2>Rounds</h2>",
            _table(HEAD, (_cells(row) for row in rows)),
        ]
    else:
        parts.append("<p>nobody is liquidated: no cascade</p>")
    parts += ["<h2>Markets</h2>", _prices(answer["prices"]), "<h2>Zones</h2>", _zones(answer), "</body></html>"]
    return "\n".join(parts)


def price_lines(rows: Sequence[dict[str, Any]]) -> str:
    """Price of every asset against the one at the shock, a step a round."""
    assets = list(rows[-1]["moves"])
    series = {
        asset: [0.0, *(float(row["moves"].get(asset, {"cascade": 0})["cascade"]) for row in rows)] for asset in assets
    }
    moves = [move for line in series.values() for move in line]
    low, high = min([*moves, 0.0]), max([*moves, 0.0])
    span = (high - low) or 1.0
    marks = _scale(low, high, lambda move: f"{100 * move:.3g} %")
    for colour, (asset, line) in zip(_colours(len(series)), series.items(), strict=True):
        steps: list[str] = []
        x = 0.0
        for n, move in enumerate(line):
            x, y = _x(n, len(line)), _y((move - low) / span)
            steps.append(f"M{x:.1f} {y:.1f}" if not steps else f"H{x:.1f}V{y:.1f}")
        marks.append(f"<path d='{''.join(steps)}' fill='none' stroke='{colour}' stroke-width='2'/>")
        marks.append(f"<text x='{x + 4:.1f}' y='{_y((line[-1] - low) / span) + 4:.1f}'>{escape(asset)}</text>")
    return _figure(marks, len(rows), "Price of each asset against the price at the shock, by round")


def closed_bars(rows: Sequence[dict[str, Any]]) -> str:
    """Value closed by each venue, a stacked bar a round."""
    venues = sorted({venue for row in rows for venue in row["closed"]})
    totals = [sum((Decimal(value) for value in row["closed"].values()), Decimal(0)) for row in rows]
    most = float(max(totals)) or 1.0
    gap = (WIDTH - LEFT - RIGHT) / len(rows)
    width = max(1.0, 0.7 * gap)
    marks = _scale(0.0, most, money)
    colours = dict(zip(venues, _colours(len(venues)), strict=True))
    for n, row in enumerate(rows, 1):
        bottom = 0.0
        for venue, value in row["closed"].items():
            share = float(value) / most
            x, y, height = _x(n, len(rows) + 1) - (gap + width) / 2, _y(bottom + share), _y(bottom) - _y(bottom + share)
            label = escape(f"round {n}: {venue} {value}")
            marks.append(
                f"<rect x='{x:.1f}' y='{y:.1f}' width='{width:.1f}' height='{height:.1f}' fill='{colours[venue]}'>"
                f"<title>{label}</title></rect>"
            )
            bottom += share
    for n, venue in enumerate(venues):
        y = 16 + 15 * n
        marks.append(f"<rect x='{WIDTH - 84}' y='{y - 9}' width='10' height='10' fill='{colours[venue]}'/>")
        marks.append(f"<text x='{WIDTH - 70}' y='{y}'>{escape(venue)}</text>")
    return _figure(marks, len(rows), "Value closed by each venue, by round")


def _colours(count: int) -> list[str]:
    return [COLOURS[n % len(COLOURS)] for n in range(count)]


def _x(n: int, count: int) -> float:
    return LEFT + n * (WIDTH - LEFT - RIGHT) / max(1, count - 1)


def _y(share: float) -> float:
    return 8 + (1.0 - share) * (HEIGHT - BOTTOM - 16)


def _scale(low: float, high: float, text: Callable[[float], str]) -> list[str]:
    """Lines at round numbers from `low` to `high`."""
    span = (high - low) or 1.0
    rough = span / 4
    unit = 10.0 ** floor(log10(rough))
    step = next(unit * n for n in (1, 2, 5, 10) if unit * n >= rough)
    marks = []
    for n in range(ceil(low / step - 1e-9), int(high / step + 1e-9) + 1):
        y = _y((n * step - low) / span)
        marks.append(f"<line class='axis' x1='{LEFT}' x2='{WIDTH - RIGHT}' y1='{y:.1f}' y2='{y:.1f}'/>")
        marks.append(f"<text x='{LEFT - 5}' y='{y + 4:.1f}' text-anchor='end'>{text(n * step)}</text>")
    return marks


def money(value: float) -> str:
    """An amount in few characters.

    >>> money(0), money(1500), money(6.98e6), money(2e9)
    ('0', '1.5k', '6.98M', '2B')
    """
    for unit, name in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            return f"{value / unit:.3g}{name}"
    return f"{value:.3g}"


def _figure(marks: Iterable[str], count: int, caption: str) -> str:
    every = -(-count // LABELS_MOST)
    numbers = (
        f"<text x='{_x(n, count + 1):.1f}' y='{HEIGHT - 6}' text-anchor='middle'>{n}</text>"
        for n in range(0, count + 1, every)
    )
    return (
        f"<figure><svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' role='img' "
        f"aria-label='{escape(caption)}'>{''.join(marks)}{''.join(numbers)}</svg>"
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _cells(row: dict[str, Any]) -> list[str]:
    return [
        str(row["round"]),
        _pairs(row["accounts"]),
        _pairs(row["closed"]),
        "; ".join(f"{asset} {100 * Decimal(move['cascade']):+.2f} %" for asset, move in row["moves"].items()),
        _pairs(row["funds"]),
        row["bad_debt"],
    ]


def _pairs(values: dict[str, Any]) -> str:
    return "; ".join(f"{name} {value}" for name, value in values.items())


def _prices(prices: Sequence[dict[str, str]]) -> str:
    names = ("venue", "market", "kind", "before", "shocked", "after")
    return _table(names, ([move[name] for name in names] for move in prices))


def _zones(answer: dict[str, Any]) -> str:
    sides = ("before", "shocked", "after")
    zones = answer["before"].get("counts", {})
    rows = ([zone, *(str(answer[side]["counts"][zone]) for side in sides)] for zone in zones)
    return _table(("zone", *sides), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    body = "".join(line(row, "td") for row in rows)
    return f"<div class='wide'><table><thead>{line(head, 'th')}</thead><tbody>{body}</tbody></table></div>"

"""A backtest as one HTML page that needs nothing else: the table, the frontier, and each model through time.

Plots are inline SVG in the colours of the page, light and dark. Every mark that matters is also a number in the table.
"""

from collections.abc import Iterable, Sequence
from html import escape
from math import floor, log10
from typing import Any

import numpy as np

from marginbook.risk_models.volatility import Floats
from marginbook.simulate.backtests import MODELS, Comparison, Result, answer, exceedances
from marginbook.units import format_time

WIDTH, HEIGHT, LEFT, BOTTOM = 920, 190, 56, 22
POINTS_MOST = 600
"""Most points of a line: of more, each bucket shows its extreme."""
RADIUS_MOST = 16
LABEL, LABEL_WIDTH = 13, 90
"""Height and width of a name."""

STYLE = """
:root{color-scheme:light dark;--text:#1a1c20;--soft:#5c6370;--line:#d5d9e0;--ground:#fff;--rate:#1f5fbf;--bad:#c02626;
--good:#1c7a3d;--fair:#946200}
@media (prefers-color-scheme:dark){:root{--text:#e6e8ec;--soft:#9aa3b2;--line:#363c47;--ground:#15181d;--rate:#7db0ff;
--bad:#ff7b7b;--good:#66d08c;--fair:#e5b94e}}
body{margin:2rem auto;max-width:68rem;padding:0 1rem;background:var(--ground);color:var(--text);
font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin:2rem 0 .3rem}h3{font-size:1rem;margin:1.4rem 0 0}
p,figcaption,.soft{color:var(--soft);margin:.2rem 0}figure{margin:0}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.85rem}
th,td{padding:.25rem .55rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th:first-child,td:first-child{text-align:left}
.green{color:var(--good)}.yellow{color:var(--fair)}.red{color:var(--bad)}
svg{width:100%;height:auto;display:block}svg text{fill:var(--soft);font-size:11px}
.axis{stroke:var(--line);fill:none}.change{stroke:var(--soft);fill:none;stroke-width:.8}
.rate{stroke:var(--rate);fill:none;stroke-width:1.6}.beyond{fill:var(--bad)}
.bubble{fill:var(--rate);fill-opacity:.35;stroke:var(--rate)}.expected{stroke:var(--good);stroke-dasharray:5 4}
"""

HEAD = (
    ("model", ""),
    ("mean rate", "cost"),
    ("peak / trough", "of the rate"),
    ("5-period rise", "largest"),
    ("exceeded", "long / short"),
    ("Kupiec p", "long / short"),
    ("Christoffersen p", "long / short"),
    ("Basel", "long / short"),
    ("largest beyond", "long / short"),
    ("mean beyond", "long / short"),
    ("shortfall Z₂", "long / short"),
    ("McNeil-Frey p", "long / short"),
)


def page(found: Comparison) -> str:
    """The whole page.

    >>> from marginbook.simulate.backtests import Choice, compare
    >>> prices = 100 + np.arange(500) % 7
    >>> text = page(compare(np.arange(500) * 86_400_000_000, prices, Choice(models=("ewma",)), "A<B"))
    >>> text.startswith("<!doctype html>"), "A&lt;B" in text, "http" in text.replace("http://www.w3.org/2000/svg", "")
    (True, True, False)
    """
    told = answer(found)
    title = escape(f"Margin models on {found.market}")
    facts = (
        f"{told['from']} to {told['to']}: {told['periods']} periods of {told['horizon_hours']} hours that do not "
        f"overlap, confidence {told['confidence']}, window {told['window_days']} days; "
        f"{told['expected_exceedances']:.1f} exceedances expected of each side."
    )
    limits = told["shortfall_z2_at_5_percent"]
    shortfall = (
        "Z₂ (Acerbi and Szekely) is below 0 where losses beyond the rate are more or larger than forecast: for "
        f"independent periods and a right model below {limits['normal']:.2f} (normal losses) or {limits['t3']:.2f} "
        "(Student t of 3 degrees) in 5 % of cases. McNeil and Frey's p is of sizes alone."
    )
    parts = [
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{title}</title>",
        f"<meta name='viewport' content='width=device-width'><style>{STYLE}</style></head><body>",
        f"<h1>{title}</h1><p>{escape(facts)}</p>",
        *(f"<p>{escape(text)}</p>" for text in told["warnings"]),
        _table(told),
        f"<p>{escape(shortfall)}</p>",
        "<h2>Cost, coverage and procyclicality</h2>",
        _frontier(found),
        "<h2>Through time</h2>",
        *(_through_time(found, tested) for tested in found.tested),
        "<h2>Largest exceedances</h2>",
        _largest(found),
        "</body></html>",
    ]
    return "\n".join(parts)


def _row(cells: Iterable[str], tag: str = "td") -> str:
    return "<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in cells) + "</tr>"


def _table(told: dict[str, Any]) -> str:
    head = _row((f"{name}<br><span class='soft'>{note}</span>" for name, note in HEAD), "th")
    rows = []
    for model in told["models"]:
        sides = (model["long"], model["short"])
        zones = (f"<span class='{side['basel_zone']}'>{side['basel_zone']}</span>" for side in sides)
        rows.append(
            _row(
                (
                    f"<span title='{escape(model['description'])}'>{escape(model['model'])}</span>",
                    percent(model["mean_rate"]),
                    f"{model['peak_to_trough']:.2f}",
                    f"{model['largest_rise']['5']:.2f}" if "5" in model["largest_rise"] else "–",
                    " / ".join(str(side["exceeded"]) for side in sides),
                    " / ".join(f"{side['kupiec_p']:.4f}" for side in sides),
                    " / ".join(f"{side['christoffersen_p']:.4f}" for side in sides),
                    " / ".join(zones),
                    " / ".join(percent(side["largest_exceedance"]) for side in sides),
                    " / ".join(percent(side["mean_exceedance"]) for side in sides),
                    " / ".join(_number(side["shortfall_z2"], 2) for side in sides),
                    " / ".join(_number(side["shortfall_mcneil_frey_p"], 4) for side in sides),
                )
            )
        )
    return f"<div class='wide'><table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table></div>"


def _number(value: float | None, places: int) -> str:
    return "–" if value is None else f"{value:.{places}f}"


def percent(share: float) -> str:
    """A share of notional for people.

    >>> percent(0.12345)
    '12.35 %'
    """
    return f"{100 * share:.2f} %"


def ticks(top: float, about: int = 4) -> list[float]:
    """Round numbers from 0 to at most `top`."""
    rough = top / about
    unit = 10.0 ** floor(log10(rough))
    step = next(unit * n for n in (1, 2, 5, 10) if unit * n >= rough)
    return [step * n for n in range(int(top / step) + 1)]


def _frontier(found: Comparison) -> str:
    """Cost to the right, share of exceeded periods up, area by peak to trough."""
    height = 320
    costs = [tested.movement.cost for tested in found.tested]
    shares = [(t.long.exceeded + t.short.exceeded) / (2 * t.long.periods) for t in found.tested]
    moves = [tested.movement.peak_to_trough for tested in found.tested]
    expected = 1.0 - float(found.choice.confidence)
    left, right, top = 0.9 * min(costs), 1.05 * max(costs), 1.15 * max([expected, *shares])

    def x(cost: float) -> float:
        return LEFT + (cost - left) / (right - left) * (WIDTH - LEFT - 110)

    def y(share: float) -> float:
        return height - BOTTOM - share / top * (height - 2 * BOTTOM)

    marks = [axis_x(x(cost), height, percent(cost)) for cost in ticks(right, 10) if cost >= left]
    marks += [axis_y(y(share), percent(share)) for share in ticks(top)]
    marks.append(f"<line class='expected' x1='{LEFT}' x2='{WIDTH}' y1='{y(expected):.1f}' y2='{y(expected):.1f}'/>")
    taken: list[tuple[float, float]] = []
    for tested, cost, share, move in sorted(
        zip(found.tested, costs, shares, moves, strict=True), key=lambda row: (-row[2], row[1])
    ):
        radius = max(3.0, RADIUS_MOST * (move / max(moves)) ** 0.5)
        label = f"{tested.model}: cost {percent(cost)}, exceeded {percent(share)}, peak to trough {move:.2f}"
        left, down = x(cost) + radius + 3, y(share) + 4
        while any(abs(down - low) < LABEL and abs(left - start) < LABEL_WIDTH for start, low in taken):
            down += 1
        taken.append((left, down))
        marks.append(f"<circle class='bubble' cx='{x(cost):.1f}' cy='{y(share):.1f}' r='{radius:.1f}'>")
        marks.append(f"<title>{escape(label)}</title></circle>")
        marks.append(f"<text x='{left:.1f}' y='{down:.1f}'>{escape(tested.model)}</text>")
    caption = (
        "Right: mean rate. Up: share of periods that exceeded it, both sides; the dashed line is what was to be "
        "expected. Area: peak to trough. Better is left, on the line, small."
    )
    return figure(marks, height, "Frontier of cost, coverage and procyclicality", caption)


def _through_time(found: Comparison, tested: Result) -> str:
    """Changes of price between the rates of both sides, exceedances marked."""
    top = 1.05 * max(float(np.abs(found.change).max()), *(float(r.max()) for t in found.tested for r in _rates(t)))
    times = found.times
    span = max(1, int(times[-1] - times[0]))

    def x(at: int) -> float:
        return LEFT + (at - int(times[0])) / span * (WIDTH - LEFT - 8)

    def y(change: float) -> float:
        return 8 + (top - change) / (2 * top) * (HEIGHT - BOTTOM - 8)

    xs = [x(int(at)) for at in times]
    marks = [axis_y(y(sign * tick), percent(sign * tick)) for tick in ticks(top, 3) for sign in {1, -1 if tick else 1}]
    years = sorted({format_time(int(at))[:4] for at in times})
    firsts = [next(i for i, at in enumerate(times) if format_time(int(at)).startswith(year)) for year in years]
    marks += [axis_x(xs[i], HEIGHT, year) for i, year in zip(firsts, years, strict=True)]
    marks.append(f"<path class='change' d='{_path(xs, found.change, y)}'/>")
    marks.append(f"<path class='rate' d='{_path(xs, tested.short_rate, y)}'/>")
    marks.append(f"<path class='rate' d='{_path(xs, -tested.long_rate, y)}'/>")
    for side, loss, rate, sign in (
        ("long", -found.change, tested.long_rate, -1),
        ("short", found.change, tested.short_rate, 1),
    ):
        for i in np.flatnonzero(loss > rate):
            label = f"{format_time(int(times[i]))} {side}: loss {percent(loss[i])}, rate {percent(rate[i])}"
            marks.append(f"<circle class='beyond' cx='{xs[i]:.1f}' cy='{y(sign * loss[i]):.1f}' r='3'>")
            marks.append(f"<title>{escape(label)}</title></circle>")
    caption = MODELS[tested.model][0] + "; short above, long below" + "".join(f"; {text}" for text in tested.warnings)
    return f"<h3>{escape(tested.model)}</h3>" + figure(marks, HEIGHT, f"Rates of {tested.model}", caption)


def _rates(tested: Result) -> tuple[Floats, Floats]:
    return tested.long_rate, tested.short_rate


def _path(xs: Sequence[float], values: Floats, y: Any) -> str:
    """A line through the points; of many, the one furthest from zero in each bucket."""
    size = -(-len(values) // POINTS_MOST)
    picked = [start + int(np.abs(values[start : start + size]).argmax()) for start in range(0, len(values), size)]
    return "M" + "L".join(f"{xs[i]:.1f} {y(float(values[i])):.1f}" for i in picked)


def axis_x(x: float, height: int, text: str) -> str:
    """A vertical line of a plot so high, with its text below."""
    line = f"<line class='axis' x1='{x:.1f}' x2='{x:.1f}' y1='8' y2='{height - BOTTOM}'/>"
    return line + f"<text x='{x:.1f}' y='{height - 6}' text-anchor='middle'>{text}</text>"


def axis_y(y: float, text: str) -> str:
    """A horizontal line of a plot, with its text to the left."""
    line = f"<line class='axis' x1='{LEFT}' x2='{WIDTH}' y1='{y:.1f}' y2='{y:.1f}'/>"
    return line + f"<text x='{LEFT - 5}' y='{y + 4:.1f}' text-anchor='end'>{text}</text>"


def figure(marks: Iterable[str], height: int, label: str, caption: str) -> str:
    """The marks as an inline SVG of `WIDTH` by `height`, its caption below."""
    return (
        f"<figure><svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' role='img' "
        f"aria-label='{escape(label)}'>{''.join(marks)}</svg><figcaption>{escape(caption)}</figcaption></figure>"
    )


def _largest(found: Comparison, most: int = 5) -> str:
    head = _row(f"<th>{name}</th>" for name in ("model", "margin set", "side", "loss", "rate"))
    rows = []
    for tested in found.tested:
        worst = sorted(exceedances(found, tested), key=lambda row: row["rate"] - row["loss"])[:most]
        rows += [
            _row((escape(tested.model), row["time"], row["side"], percent(row["loss"]), percent(row["rate"])))
            for row in worst
        ]
    return f"<div class='wide'><table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table></div>"

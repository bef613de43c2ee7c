"""A sweep as one HTML page that needs nothing else: distributions over paths, and the ladder before and after.

Every mark that matters is also a number in a table. Colours and parts are those of the backtest page.
"""

from collections.abc import Iterable, Sequence
from html import escape
from math import ceil
from typing import Any

import numpy as np

from marginbook.simulate import path_kernel as kernel
from marginbook.simulate.backtest_report import BOTTOM, LEFT, STYLE, WIDTH, axis_x, axis_y, figure, ticks
from marginbook.simulate.paths import Floats
from marginbook.simulate.sweeps import Results

BARS = 40
HEIGHT = 240
PANELS = (
    ("Bad debt", "bad_debt", kernel.BAD_DEBT),
    ("Liquidated notional", "liquidated_notional", kernel.NOTIONAL),
    ("Liquidated accounts", "liquidated_accounts", kernel.ACCOUNTS),
)
MORE = ".bar{fill:var(--rate);fill-opacity:.55}.after{fill:var(--bad);fill-opacity:.55}.mark{stroke:var(--bad)}"
UNITS = (("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3))


def page(told: dict[str, Any], results: Results) -> str:
    """The page of an answer (`sweep_answer.answer`) and the results behind it."""
    model, currency = told["model"], told["currency"]
    title = f"{told['paths']} price paths over {told['accounts']} accounts"
    share = f"{100 * told['share_of_paths_with_bad_debt']:.1f}"
    facts = (
        f"{model['kind']}, {model['horizon_hours']:g} hours in {model['steps']} steps, seed {told['seed']}; a "
        f"liquidation loses {100 * told['cost']:g} % of notional; {told['already_liquidatable']} accounts were "
        f"liquidatable before any move and take no part; bad debt on {share} % of paths. Money in {currency}."
    )
    parts = [
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{escape(title)}</title>",
        f"<meta name='viewport' content='width=device-width'><style>{STYLE}{MORE}</style></head><body>",
        f"<h1>{escape(title)}</h1><p>{escape(facts)}</p>",
        *(f"<p>{escape(text)}</p>" for text in told.get("warnings", ())),
        _table(told),
        "<h2>Distributions over paths</h2>",
        *(f"<h3>{name}</h3>" + histogram(results.rows[:, column], told[key], name) for name, key, column in PANELS),
        "<h2>Liquidation ladder</h2>",
        ladders(told["ladder"], currency),
        "<h2>Liquidated most often</h2>",
        _rows(
            ("account", "share of paths"),
            ((row["account"], f"{100 * row['share_of_paths']:.1f} %") for row in told["most_often"]),
        ),
        "</body></html>",
    ]
    return "\n".join(parts)


def short(value: float) -> str:
    """An amount for an axis.

    >>> short(2_500_000), short(0.0), short(950.0)
    ('2.5M', '0', '950')
    """
    for sign, unit in UNITS:
        if abs(value) >= unit:
            return f"{value / unit:.3g}{sign}"
    return f"{value:.3g}"


def histogram(values: Floats, told: dict[str, Any], name: str) -> str:
    """Paths by value; lines at the mean and at the 99 % quantile."""
    top = max(float(values.max()), 1e-9)
    counts = np.bincount(np.minimum((values / top * BARS).astype(np.int64), BARS - 1), minlength=BARS)
    most = float(counts.max())
    width = (WIDTH - LEFT - 8) / BARS

    def x(value: float) -> float:
        return LEFT + value / top * (WIDTH - LEFT - 8)

    def y(count: float) -> float:
        return HEIGHT - BOTTOM - count / most * (HEIGHT - BOTTOM - 12)

    marks = [axis_x(x(tick), HEIGHT, short(tick)) for tick in ticks(top, 8)]
    marks += [axis_y(y(tick), f"{tick:g}") for tick in ticks(most)]
    for i, count in enumerate(counts.tolist()):
        label = f"{short(i * top / BARS)} to {short((i + 1) * top / BARS)}: {count} paths"
        marks.append(
            f"<rect class='bar' x='{LEFT + i * width:.1f}' y='{y(count):.1f}' width='{width - 1:.1f}' "
            f"height='{HEIGHT - BOTTOM - y(count):.1f}'><title>{escape(label)}</title></rect>"
        )
    for text, key in (("mean", told["mean"]), ("99 %", told["quantiles"]["0.99"])):
        at = x(min(float(key), top))
        marks.append(f"<line class='mark' x1='{at:.1f}' x2='{at:.1f}' y1='8' y2='{HEIGHT - BOTTOM}'/>")
        marks.append(f"<text x='{at + 3:.1f}' y='{18 if text == 'mean' else 32}'>{text}</text>")
    return figure(marks, HEIGHT, f"{name} by number of paths", "Right: value on a path. Up: number of paths.")


def ladders(told: dict[str, Any], currency: str) -> str:
    """Notional liquidatable at each further common move: of the book, and of what the shown path leaves."""
    before, after = told["before"], told["after"]
    top = max([float(step["notional"]) for step in (*before, *after)] + [1e-9])
    slot = (WIDTH - LEFT - 8) / len(before)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - value / top * (HEIGHT - BOTTOM - 12)

    marks = [axis_y(y(tick), short(tick)) for tick in ticks(top)]
    for i, (old, new) in enumerate(zip(before, after, strict=True)):
        left = LEFT + i * slot
        if i % 2 == 0:
            text = f"{100 * float(old['move']):g} %"
            marks.append(f"<text x='{left + slot / 2:.1f}' y='{HEIGHT - 6}' text-anchor='middle'>{text}</text>")
        for step, style, shift in ((old, "bar", 0.1), (new, "after", 0.5)):
            up = y(float(step["notional"]))
            label = f"{100 * float(step['move']):g} %: {step['accounts']} accounts, {step['notional']} {currency}"
            marks.append(
                f"<rect class='{style}' x='{left + shift * slot:.1f}' y='{up:.1f}' width='{0.38 * slot:.1f}' "
                f"height='{HEIGHT - BOTTOM - up:.1f}'><title>{escape(label)}</title></rect>"
            )
    caption = (
        "Right: a further common move of all modelled assets. Up: notional then liquidatable. Blue: the book now. Red: "
        f"what is left after path {told['after_path']}, whose bad debt is the 99 % quantile, from its last prices."
    )
    return figure(marks, HEIGHT, "Liquidation ladder before and after", caption)


def _table(told: dict[str, Any]) -> str:
    names = list(told["bad_debt"]["quantiles"])
    head = (
        "per path",
        "mean",
        "standard error",
        *(f"{100 * float(q):g} %" for q in names),
        "shortfall 97.5 %",
        "worst",
    )
    rows = []
    for name, key, _ in PANELS:
        one = told[key]
        cells = [one["mean"], one["standard_error"], *(one["quantiles"][q] for q in names)]
        cells += [one["expected_shortfall_0.975"], one["worst"]]
        rows.append((name, *(f"{ceil(float(cell)):,}" for cell in cells)))
    return _rows(head, rows)


def _rows(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    body = "".join(line(row, "td") for row in rows)
    return f"<div class='wide'><table><thead>{line(head, 'th')}</thead><tbody>{body}</tbody></table></div>"

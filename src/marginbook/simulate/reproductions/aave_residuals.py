"""The liquidation calls on Aave v2 that are not met to the unit, one by one, and all of them as a picture.

    python -m marginbook.simulate.reproductions.aave_residuals DATA_FOLDER > docs/pictures/aave-bonus.svg

writes the picture; `residuals` are the rows of the list, in order of time.
"""

import sys
from collections.abc import Container, Iterable, Iterator, Sequence
from decimal import Decimal
from math import log10
from pathlib import Path

from marginbook.exact import BASIS_POINTS, div_ceil, div_floor, divide, in_exact_context, round_half_up
from marginbook.simulate.reproductions.aave_events import ETHER, Event, Range, events
from marginbook.simulate.reproductions.aave_judgement import NEIGHBOURS, POINT, Judged, judge
from marginbook.simulate.reproductions.table import Row
from marginbook.units import format_time

PLACES = 6
MILLION = 10**6
STEP_OF_A_FEED = Decimal("0.02")
"""[fraction] the usual size of one step of the pool's feeds: they write when the price has moved by it (unverified)."""
BINS = (
    ("to the unit", Decimal(0)),
    ("1 bp", POINT),
    ("10 bp", 10 * POINT),
    ("1 %", 100 * POINT),
    ("10 %", 1000 * POINT),
)
"""(name, largest distance from the bonus [fraction]) of the picture's bars; one more for what is beyond."""
WIDTH, HEIGHT, LEFT, TOP, DECADE, STEP = 720, 330, 62, 50, 56, 106
DECADES = 4
SERIES = (("lines without a fault of price", "#1f5fbf"), ("lines with one", "#c02626"))


def implied(one: Judged) -> Iterator[tuple[str, Range]]:
    """(token, prices of it [wei] that would meet the call, if the other price of the line is right); outer bounds.

    seized ≤ P_d·repaid·u_c·bonus / (P_c·u_d) < seized + 1, solved for either price.
    """
    event = one.event
    price, debt_price, seized, repaid = event.collateral_price, event.debt_price, event.seized, event.repaid
    if price is None or debt_price is None or not (seized.least and repaid.least):
        return
    held, owed = event.units[0] * one.bonus, event.units[1] * BASIS_POINTS
    if event.collateral not in ETHER:
        least = div_floor(debt_price.least * repaid.least * held, (seized.most + 1) * owed)
        yield event.collateral, Range(least, div_ceil(debt_price.most * repaid.most * held, seized.least * owed))
    if event.debt not in ETHER:
        least = div_floor(seized.least * price.least * owed, repaid.most * held)
        yield event.debt, Range(least, div_ceil((seized.most + 1) * price.most * owed, repaid.least * held))


def agreeing(found: Iterable[Judged]) -> frozenset[Event]:
    """Calls without a known cause that imply the same price of a token as another one within the hour.

    Both ranges are narrower than a millionth. A bonus that is wrong for both would agree as well; calls beside them
    that are met to the unit show that it is not.
    """
    known: dict[tuple[str, str], list[tuple[Range, Event]]] = {}
    result: set[Event] = set()
    for one in found:
        if one.fault or one.verdict not in ("within 1 bp", "within 10 bp", "beyond"):
            continue
        for token, price in implied(one):
            if (price.most - price.least - 2) * MILLION > price.least:
                continue
            before = known.setdefault((one.event.part, token), [])
            for other, event in before:
                if one.event.time - event.time <= NEIGHBOURS and price.meets(other.least, other.most):
                    result |= {one.event, event}
            before.append((price, one.event))
    return frozenset(result)


@in_exact_context
def residuals(found: Sequence[Judged]) -> list[Row]:
    """Every call that is not met at the prices of its own line: when, what, by how much, and why if that is known."""
    rows, pairs = [], agreeing(found)
    for one in found:
        if one.verdict == "to the unit":
            continue
        event, bonus = one.event, divide(Decimal(one.bonus), Decimal(BASIS_POINTS))
        off = "" if one.off is None else f"{round_half_up(one.off, PLACES):+}"
        ratio = "" if one.off is None else f"{round_half_up(bonus + one.off, PLACES)}"
        what = f"{format_time(event.time)} {event.user[:8]}… {event.collateral} for {event.debt}"
        rows.append(Row(what, f"{round_half_up(bonus, 4)}", ratio, off, cause(one, pairs)))
    return rows


def cause(one: Judged, pairs: Container[Event]) -> str:
    """Why a call is not met at the prices of its own line, as far as it is known; `pairs` are those of `agreeing`."""
    if one.fault or one.verdict == "price of another call":
        return one.fault or one.verdict
    if one.event in pairs:
        return "a price that is in no line: another call within the hour implies the same"
    small = one.off is not None and abs(one.off) <= STEP_OF_A_FEED
    return "unknown; within one step of a feed" if small else "unknown"


def counts(found: Iterable[Judged]) -> list[tuple[int, int]]:
    """(lines without a fault, lines with one) of each bar."""
    result = [[0, 0] for _ in range(len(BINS) + 1)]
    for one in found:
        result[_bin(one)][bool(one.fault)] += 1
    return [(sound, wrong) for sound, wrong in result]


def _bin(one: Judged) -> int:
    if one.verdict == "to the unit":
        return 0
    distance = Decimal("Infinity") if one.off is None else abs(one.off)
    return next((place for place, (_, most) in enumerate(BINS) if place and distance <= most), len(BINS))


def picture(bars: Iterable[tuple[int, int]]) -> str:
    """An SVG: how far value seized / value repaid is from 1 + bonus, calls on a logarithmic scale."""
    right = LEFT + STEP * (len(BINS) + 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        "<title>Distance of real liquidations from the bonus in force</title>",
        "<style>text{font:12px system-ui,sans-serif;fill:#555}.grid{stroke:#999;stroke-opacity:.3}"
        "@media(prefers-color-scheme:dark){text{fill:#bbb}}</style>",
        f'<text x="{LEFT}" y="18" font-size="14">Calls by distance of value seized / repaid from the bonus</text>',
    ]
    for decade in range(DECADES + 1):
        y = TOP + (DECADES - decade) * DECADE
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{10**decade:,}</text>')
    low = TOP + DECADES * DECADE
    names = [name if place == 0 else f"to {name}" for place, (name, _) in enumerate(BINS)] + [f"over {BINS[-1][0]}"]
    for place, (name, pair) in enumerate(zip(names, bars, strict=True)):
        middle = LEFT + STEP * place + STEP // 2
        parts.append(f'<text x="{middle}" y="{low + 18}" text-anchor="middle">{name}</text>')
        for side, (count, (_, colour)) in enumerate(zip(pair, SERIES, strict=True)):
            if not count:
                continue
            height = max(2.0, DECADE * log10(count))
            x = middle - 40 + 41 * side
            parts.append(f'<rect x="{x}" y="{low - height:.1f}" width="39" height="{height:.1f}" fill="{colour}"/>')
            parts.append(f'<text x="{x + 19}" y="{low - height - 4:.1f}" text-anchor="middle">{count:,}</text>')
    for row, (name, colour) in enumerate(SERIES):
        x = LEFT + 8 + 230 * row
        parts.append(f'<rect x="{x}" y="{HEIGHT - 18}" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{x + 18}" y="{HEIGHT - 8}">{name}</text>')
    return "\n".join((*parts, "</svg>", ""))


if __name__ == "__main__":
    sys.stdout.write(picture(counts(judge(events(Path(sys.argv[1]))))))

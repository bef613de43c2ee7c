"""Cascades: a row per round, then the book before, at the shock and after."""

from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table

from marginbook.exact import format_decimal, round_half_up
from marginbook.render.common import SIGNS, print_notes, zone_text

BAR = 24
ROWS_MOST = 60


def cascade_table(answer: dict[str, Any]) -> None:
    """Prices, rounds as a table and a time line, zones, and who could not be liquidated."""
    console = Console()
    for move in answer["prices"]:
        line = f"{move['venue']}:{move['market']}: {move['before']} → {move['shocked']} → {_short(move['after'])}"
        console.print(line, highlight=False, markup=False)
    rows = answer["rounds"]
    if not rows:
        console.print("nobody is liquidated: no cascade")
    else:
        console.print(_rounds(rows))
        end = "settled" if answer["stopped"] == "settled" else "stopped by --rounds"
        console.print(f"{end} after {len(rows)} rounds; bad debt {_short(answer['bad_debt'])}", highlight=False)
        for place, amount in rows[-1]["funds"].items():
            console.print(f"insurance fund {place}: {_short(amount)}", highlight=False)
    console.print(_zones(answer))
    notes = [f"{row['account']} {row['pool']} stays: {row['reason']}" for row in answer["refused"]]
    errors = [f"{p['place']}: {p['code']}: {p['value']}" for p in answer["errors"]]
    print_notes(console, [*answer.get("warnings", ()), *notes], errors)


def _rounds(rows: list[dict[str, Any]]) -> Table:
    table = Table(header_style="bold", box=None, padding=(0, 1, 0, 0))
    for name in ("round", "accounts", "closed", "prices", "bad debt"):
        table.add_column(name, justify="left" if name == "prices" else "right")
    table.add_column("")
    most = max(_total(row["closed"]) for row in rows) or Decimal(1)
    for row in rows[:ROWS_MOST]:
        moves = "  ".join(f"{asset} {_percent(move['cascade'])}" for asset, move in row["moves"].items())
        bar = "█" * int(BAR * _total(row["closed"]) / most)
        accounts = " ".join(f"{venue} {count}" for venue, count in row["accounts"].items())
        cells = (str(row["round"]), accounts, _short(str(_total(row["closed"]))), moves, _short(row["bad_debt"]), bar)
        table.add_row(*cells)
    if len(rows) > ROWS_MOST:
        table.add_row("…", "", "", f"{len(rows) - ROWS_MOST} more: --json", "", "")
    return table


def _zones(answer: dict[str, Any]) -> Table:
    sides = ("before", "shocked", "after")
    table = Table(header_style="bold")
    table.add_column("zone")
    for name in sides:
        table.add_column(name, justify="right")
    for zone in SIGNS:
        counts = [answer[side]["counts"].get(zone, 0) for side in sides]
        if any(counts):
            table.add_row(zone_text(zone), *map(str, counts))
    return table


def _total(amounts: dict[str, str]) -> Decimal:
    return sum((Decimal(amount) for amount in amounts.values()), Decimal(0))


def _short(text: str) -> str:
    """Two decimals, or eight digits of a small price."""
    value = Decimal(text)
    places = 2 if abs(value) >= 1 or not value else 7 - value.adjusted()
    return format_decimal(round_half_up(value, places))


def _percent(share: str) -> str:
    return f"{100 * Decimal(share):+.2f} %"

"""A calibration as tables."""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from marginbook.render.common import print_notes

PERCENT = ("share", "per √year", "share of volatility")


def calibration_table(answer: dict[str, Any]) -> None:
    """A column per market, then the correlations, the period of each market and what was remarked."""
    console = Console()
    rows = [row for row in answer["estimates"] if row["with"] is None]
    table = Table(header_style="bold")
    table.add_column("estimate")
    for market in answer["markets"]:
        table.add_column(escape(market), justify="right")
    for quantity, unit in dict.fromkeys((row["quantity"], row["unit"]) for row in rows):
        values = {row["market"]: row["value"] for row in rows if (row["quantity"], row["unit"]) == (quantity, unit)}
        scale = 100 if unit in PERCENT else 1
        named = f"{quantity} [{'%' if unit == 'share' else unit.replace('per', '% per').replace('share', '%')}]"
        cells = [f"{scale * values[market]:,.4g}" if market in values else "–" for market in answer["markets"]]
        table.add_row(escape(named), *cells)
    console.print(table)
    if len(answer["markets"]) > 1:
        for title, name in (("correlation", "correlation"), ("EWMA correlation", "ewma_correlation")):
            table = Table(title, *map(escape, answer["markets"]), header_style="bold")
            for market, cells in zip(answer["markets"], answer[name], strict=True):
                table.add_row(escape(market), *(f"{cell:.3f}" for cell in cells))
            console.print(table)
    for row in rows:
        if row["quantity"] == "realised volatility":
            text = f"{row['market']}: {row['observations']} returns, {row['from']} to {row['to']}, {row['file']}"
            console.print(text, highlight=False, markup=False)
    notes = [escape(text) for text in answer["warnings"]]
    print_notes(console, notes, [escape(f"{p['place']}: {p['code']}: {p['value']}") for p in answer["errors"]])

"""Rule sets: conformance, figures, the support matrix."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from marginbook.venues.matrix import FACTS


def conform_table(answer: dict[str, Any]) -> None:
    """What passed and failed by rule set and function; what is unsupported in one line per file and rule set."""
    table = Table(header_style="bold")
    for name in ("file", "rules", "function"):
        table.add_column(name)
    for name in ("passed", "failed", "unsupported"):
        table.add_column(name, justify="right")
    unsupported: dict[tuple[str, str], int] = {}
    for row in answer["results"]:
        file = Path(row["file"]).name
        if row["passed"] or row["failed"]:
            table.add_row(file, *[str(row[key]) for key in ("rules", "function", "passed", "failed", "unsupported")])
        else:
            unsupported[file, row["rules"]] = unsupported.get((file, row["rules"]), 0) + row["unsupported"]
    for (file, rules), count in unsupported.items():
        table.add_row(file, rules, "", "", "", str(count), style="dim")
    console = Console()
    console.print(table)
    for failure in answer["failures"]:
        text = f"expected {failure['expected']}, got {failure['got']}"
        console.print(f"[red]✖[/] {failure['id']} {failure['quantity']}: {text}", highlight=False)


def bench_table(answer: dict[str, Any]) -> None:
    """Results of `bench`."""
    table = Table(title=f"{answer['machine']} · seed {answer['seed']}", header_style="bold")
    for name in ("name", "value", "unit", "baseline", "ratio", "limit", "of limit"):
        table.add_column(name)
    for row in answer["results"]:
        table.add_row(
            *[
                "" if row.get(key) is None else str(row[key])
                for key in ("name", "value", "unit", "baseline", "ratio", "limit", "fraction_of_limit")
            ]
        )
    Console().print(table)


def venues_table(rows: Sequence[dict[str, Any]]) -> None:
    """The support matrix, a paragraph per rule set."""
    console = Console()
    for row in rows:
        can = [name.replace("_", " ") for name, value in row.items() if value is True]
        console.print(f"[bold]{row['rules']}[/]  {row['family']}, priced by {row['price_kind']}", highlight=False)
        console.print(f"  {', '.join(can)}", highlight=False)
        facts = [f"{name} {row[name]}" for name in FACTS if row[name]]
        console.print(f"  {' · '.join(facts)}", highlight=False)
        for label in ("verified_by", "unverified"):
            if row[label]:
                console.print(f"  {label.replace('_', ' ')}: {'; '.join(row[label])}", highlight=False)

"""Rows of a reproduction, and the table that a person reads."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One quantity, as printed by others and as computed here. All texts, with their units."""

    quantity: str
    published: str  # "" where nothing was published
    ours: str
    difference: str  # "0" where every printed digit agrees
    why: str  # where from, what was calibrated, or what the difference comes from


def print_rows(title: str, rows: Iterable[Row]) -> None:
    """The rows as a table on the terminal."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", show_lines=False)
    for column in fields(Row):
        table.add_column(column.name, justify="right" if column.name in ("published", "ours", "difference") else "left")
    for row in rows:
        table.add_row(*(getattr(row, column.name) for column in fields(Row)))
    Console().print(table, markup=False)


def as_markdown(rows: Iterable[Row]) -> str:
    """The rows as the table of a docs page.

    >>> print(as_markdown([Row("zero bids", "36 %", "35 %", "-1 %", "calibrated")]))
    | quantity | published | ours | difference | why |
    |---|---:|---:|---:|---|
    | zero bids | 36 % | 35 % | -1 % | calibrated |
    """
    lines = ["| " + " | ".join(column.name for column in fields(Row)) + " |", "|---|---:|---:|---:|---|"]
    lines += ["| " + " | ".join(getattr(row, column.name) for column in fields(Row)) + " |" for row in rows]
    return "\n".join(lines)


def run(title: str, rows: Callable[[Path], Iterable[Row]], arguments: list[str] | None = None) -> None:
    """`python -m …` of a reproduction: its one argument is the data folder."""
    given = sys.argv[1:] if arguments is None else arguments
    if len(given) != 1 or not Path(given[0]).is_dir():
        raise SystemExit("usage: python -m marginbook.simulate.reproductions.<name> DATA_FOLDER")
    print_rows(title, rows(Path(given[0])))

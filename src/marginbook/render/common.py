"""How zones, money and remarks look everywhere."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from rich.console import Console

from marginbook.exact import format_decimal, round_floor

SIGNS = {"safe": "●", "warning": "▲", "call": "◆", "liquidation": "■", "bankrupt": "✖", "undecided": "?"}
COLOURS = {
    "safe": "green",
    "warning": "yellow",
    "call": "dark_orange",
    "liquidation": "red",
    "bankrupt": "magenta",
    "undecided": "cyan",
}


def zone_text(label: str | None) -> str:
    """Sign, word and colour of a zone as rich markup."""
    if label is None:
        return "[red]! error[/]"
    return f"[{COLOURS[label]}]{SIGNS[label]} {label}[/]"


def money_text(value: Decimal | None) -> str:
    """Two decimals, toward danger."""
    return "" if value is None else f"{round_floor(value, 2):,f}"


def share_text(value: Decimal | None) -> str:
    """A share in percent, two decimals, toward danger."""
    return "–" if value is None else f"{format_decimal(round_floor(value * 100, 2))} %"


def print_notes(console: Console, warnings: Iterable[str], problems: Iterable[Any]) -> None:
    """Warnings and problems, a line each."""
    for text in warnings:
        console.print(f"[yellow]▲[/] {text}", highlight=False)
    for problem in problems:
        console.print(f"[red]![/] {problem}", highlight=False, markup=True)

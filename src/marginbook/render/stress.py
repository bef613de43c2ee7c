"""What a stress was asked besides its shocks: scenario, parameters, a venue that is down, the reverse question."""

from typing import Any

from rich.console import Console
from rich.table import Table

from marginbook.render.common import print_notes


def what_if_tables(answer: dict[str, Any]) -> None:
    """A part for each question that the answer has."""
    console = Console()
    for told in answer.get("scenarios", ()):
        console.print(
            f"{told['name']}: {told['title']}, {told['from']} to {told['to']}, {told['how']}", highlight=False
        )
    if answer.get("assumed"):
        moved = ", ".join(answer["assumed"])
        print_notes(console, [f"no figure, moved by the median of the scenario: {moved}"], [])
    if "ladder" in answer:
        _parameters(console, answer)
    if "venue_down" in answer:
        _venue(console, answer)
    if "reverse" in answer:
        _reverse(console, answer["reverse"])


def _parameters(console: Console, answer: dict[str, Any]) -> None:
    console.print(f"{', '.join(answer['parameters'])}: {answer['touched']} accounts", highlight=False, markup=False)
    table = Table(header_style="bold")
    for name in ("fall of all prices", "liquidatable before", "after"):
        table.add_column(name, justify="right")
    for old, new in zip(answer["ladder"]["before"], answer["ladder"]["after"], strict=True):
        table.add_row(f"{100 * float(old['move']):g} %", str(old["accounts"]), str(new["accounts"]))
    console.print(table)
    for row in answer["distances"]:
        falls = [_percent(row[name]) for name in ("down_before", "down_after")]
        console.print(f"{row['account']}: liquidatable after a fall of {falls[0]} → {falls[1]}", highlight=False)


def _percent(text: str | None) -> str:
    return "–" if text is None else f"{100 * float(text):.2f} %"


def _venue(console: Console, answer: dict[str, Any]) -> None:
    table = Table(header_style="bold", title=f"{answer['venue_down']} out of reach")
    for name in ("owner", "equity in reach", "out of reach", "needed", "available up", "down"):
        table.add_column(name, justify="left" if name == "owner" else "right")
    for row in answer["owners"]:
        name = ("[red]■[/] " if row["stranded"] else "") + row["owner"]
        money = (
            row[key] for key in ("equity_in_reach", "equity_out_of_reach", "need", "available_up", "available_down")
        )
        table.add_row(name, *(f"{text} {row['currency']}" for text in money))
    console.print(table)
    for row in answer["owners"]:
        for asset, delta in row["delta"].items():
            left = row["delta_in_reach"].get(asset, "0")
            if left != delta:
                console.print(f"{row['owner']}: delta of {asset} {delta}, of what is in reach {left}", highlight=False)


def _reverse(console: Console, told: dict[str, Any]) -> None:
    goal = f"{told['measure']} of {told['amount']} {told['currency'] or ''}".strip()
    if told["size"] is None:
        console.print(f"no move along {told['direction']} leads to {goal}; at most {told['reached']}", highlight=False)
        return
    size = f"{100 * float(told['size']):.6f} %"
    console.print(f"{goal}: the smallest move along {told['direction']} is {size}", highlight=False, markup=False)
    for move in told["moved"]:
        console.print(f"  {move['venue']}:{move['market']}: {move['from']} → {move['to']}", highlight=False)
    if told["one_step_less"] is not None:
        console.print(f"  {told['reached']} there, {told['one_step_less']} at 0.00000001 less", highlight=False)

"""Answers as tables for people. Zones carry a sign and a word, never colour alone."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.tree import Tree

from marginbook.domain.errors import Problem
from marginbook.domain.node import Node
from marginbook.domain.zones import Zone
from marginbook.engine.evaluate import Report
from marginbook.exact import format_decimal, round_floor, round_half_up

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


def _money(value: Decimal | None) -> str:
    return "" if value is None else f"{round_floor(value, 2):,f}"


def _percent(value: Decimal | None) -> str:
    return "–" if value is None else f"{format_decimal(round_floor(value * 100, 2))} %"


def check_table(reports: Sequence[Report], warnings: Iterable[str], problems: Iterable[Problem]) -> None:
    """The table of `check`, worst account first."""
    table = Table(title=None, header_style="bold", row_styles=["", "dim"] if len(reports) > 8 else None)
    for name in ("account", "rules", "zone"):
        table.add_column(name)
    for name in ("margin balance", "initial", "maintenance", "headroom", "venue's ratio", "falls", "rises"):
        table.add_column(name, justify="right")
    table.add_column("liquidation prices")
    order = sorted(reports, key=lambda r: -1 if r.zone is None else int(r.zone), reverse=True)
    for report in order:
        if report.error:
            table.add_row(report.account, report.rules, zone_text(None), *[""] * 7, str(report.error))
            continue
        worst = report.worst
        quantities = worst.quantities if worst else None
        ratio = ""
        if quantities and quantities.health_factor is not None:
            ratio = (
                "health ∞"
                if quantities.health_factor.is_infinite()
                else f"health {round_floor(quantities.health_factor, 4)}"
            )
        elif quantities and quantities.margin_ratio is not None:
            ratio = f"{quantities.margin_ratio.definition}: {round_half_up(quantities.margin_ratio.value * 100, 4)} %"
        prices = [
            f"{p.market} {'≤' if p.when == 'at_or_below' else '≥'} {format_decimal(p.price)}"
            for pool in report.pools
            for p in pool.liquidation_prices
            if p.source == "exact"
        ]
        currency = f" {report.currency}" if report.currency else ""
        table.add_row(
            report.account,
            report.rules,
            zone_text(report.zone.label if report.zone is not None else None),
            _money(report.money.get("margin_balance")) + currency,
            _money(report.money.get("initial_margin")),
            _money(report.money.get("maintenance_margin")),
            _money(report.money.get("headroom")),
            ratio,
            _percent(worst.distances.down if worst else None),
            _percent(worst.distances.up if worst else None),
            "\n".join(prices),
        )
    console = Console()
    console.print(table)
    for report in order:
        for remedy in report.remedies[:4] if report.zone not in (None, Zone.SAFE) else ():
            console.print(f"  {report.account}: {remedy.action} {format_decimal(remedy.amount)} {remedy.asset}")
        for line in report.reconciliation:
            if line.difference:
                console.print(f"  {report.account}: {line.quantity}: venue {line.venue}, ours {line.ours}")
    _notes(console, [*warnings, *(f"{r.account}: {text}" for r in reports for text in r.warnings)], problems)


def _notes(console: Console, warnings: Iterable[str], problems: Iterable[Any]) -> None:
    for text in warnings:
        console.print(f"[yellow]▲[/] {text}", highlight=False)
    for problem in problems:
        console.print(f"[red]![/] {problem}", highlight=False, markup=True)


def explain_tree(account: str, node: Node) -> None:
    """An explanation as a tree."""

    def grow(branch: Tree, child: Node) -> None:
        text = f"[bold]{child.quantity}[/] = {format_decimal(child.value)} {child.unit}"
        if child.formula:
            text += f"  [dim]{child.formula}[/]"
        if child.source:
            text += f"  [dim italic]({child.source})[/]"
        twig = branch.add(text)
        for grandchild in child.inputs:
            grow(twig, grandchild)

    root = Tree(f"[bold]{account}[/]")
    grow(root, node)
    Console().print(root, highlight=False)


def conform_table(answer: dict[str, Any]) -> None:
    """The table of `conform`, then its failures."""
    table = Table(header_style="bold")
    for name in ("file", "rules", "function"):
        table.add_column(name)
    for name in ("passed", "failed", "unsupported"):
        table.add_column(name, justify="right")
    for row in answer["results"]:
        table.add_row(*[str(row[name]) for name in ("file", "rules", "function", "passed", "failed", "unsupported")])
    console = Console()
    console.print(table)
    for failure in answer["failures"]:
        console.print(
            f"[red]✖[/] {failure['id']} {failure['quantity']}: expected {failure['expected']}, got {failure['got']}"
        )


def replay_table(answer: dict[str, Any]) -> None:
    """The zone changes of a replay, then the final counts."""
    table = Table(header_style="bold")
    for name in ("time", "account", "pool", "from", "to", "cause"):
        table.add_column(name)
    for event in answer["events"][-200:]:
        table.add_row(
            event["time"],
            event["account"],
            event["pool"],
            zone_text(event["from"]),
            zone_text(event["to"]),
            event["cause"],
        )
    console = Console()
    if len(answer["events"]) > 200:
        console.print(f"… {len(answer['events']) - 200} earlier changes; --json prints all")
    console.print(table)
    counts = answer["final"]["counts"]
    console.print("  ".join(f"{zone_text(zone)} {count}" for zone, count in counts.items()))
    _notes(console, [], [f"{p['place']}: {p['code']}: {p['value']}" for p in answer["problems"]])


def stress_table(answer: dict[str, Any]) -> None:
    """Zones before and after a shock."""
    console = Console()
    for move in answer["moved"]:
        console.print(f"{move['market']}: {move['from']} → {move['to']}", highlight=False)
    table = Table(header_style="bold")
    for name in ("zone", "accounts before", "after", "notional before", "after"):
        table.add_column(name, justify="left" if name == "zone" else "right")
    before, after = answer["before"], answer["after"]
    for zone in SIGNS:
        if before["counts"].get(zone) or after["counts"].get(zone):
            table.add_row(
                zone_text(zone),
                str(before["counts"].get(zone, 0)),
                str(after["counts"].get(zone, 0)),
                str(before["notional"].get(zone, "0")),
                str(after["notional"].get(zone, "0")),
            )
    console.print(table)
    console.print(f"bad debt {before['bad_debt']} → {after['bad_debt']}")
    _notes(console, [], [f"{p['place']}: {p['code']}: {p['value']}" for p in answer["errors"]])


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
    """The support matrix."""
    table = Table(header_style="bold")
    columns = ("rules", "family", "margin", "liquidation_price", "planner", "lowering", "verified_by", "unverified")
    for name in columns:
        table.add_column(name.replace("_", " "))
    for row in rows:
        table.add_row(*[", ".join(v) if isinstance(v, list) else str(v) for v in (row[name] for name in columns)])
    Console().print(table)

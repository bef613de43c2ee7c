"""Answers as tables for people. Zones carry a sign and a word, never colour alone."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.tree import Tree

from marginbook.domain.errors import Problem
from marginbook.domain.node import Node
from marginbook.engine.evaluate import Report
from marginbook.engine.portfolio import Portfolio
from marginbook.exact import format_decimal, round_floor, round_half_up
from marginbook.venues.matrix import FACTS

SIGNS = {"safe": "●", "warning": "▲", "call": "◆", "liquidation": "■", "bankrupt": "✖", "undecided": "?"}
COLOURS = {
    "safe": "green",
    "warning": "yellow",
    "call": "dark_orange",
    "liquidation": "red",
    "bankrupt": "magenta",
    "undecided": "cyan",
}
CARDS_MOST = 12
REMEDIES_MOST = 4
CHANGES_MOST = 200
SIGNS_OF_WHEN = {"at_or_below": "≤", "at_or_above": "≥"}


def zone_text(label: str | None) -> str:
    """Sign, word and colour of a zone as rich markup."""
    if label is None:
        return "[red]! error[/]"
    return f"[{COLOURS[label]}]{SIGNS[label]} {label}[/]"


def _money(value: Decimal | None) -> str:
    return "" if value is None else f"{round_floor(value, 2):,f}"


def _share(value: Decimal | None) -> str:
    return "–" if value is None else f"{format_decimal(round_floor(value * 100, 2))} %"


def _ratio(report: Report) -> str:
    quantities = report.worst.quantities if report.worst else None
    if quantities is None:
        return ""
    health = quantities.health_factor
    if health is not None:
        return "health factor ∞" if health.is_infinite() else f"health factor {round_floor(health, 4)}"
    ratio = quantities.margin_ratio
    return "" if ratio is None else f"{ratio.definition} {round_half_up(ratio.value * 100, 4)} %"


def check_view(
    reports: Sequence[Report],
    warnings: Iterable[str],
    problems: Iterable[Problem],
    owners: Sequence[Portfolio] = (),
) -> None:
    """The answer of `check` for people, worst account first: a card each for a few, a table for many; then owners."""
    console = Console()
    order = sorted(reports, key=lambda r: 9 if r.zone is None else int(r.zone), reverse=True)
    if len(order) <= CARDS_MOST:
        for report in order:
            _card(console, report)
    else:
        _check_table(console, order)
    if owners:
        _owners(console, owners)
    _notes(console, [*warnings, *(f"{r.account}: {text}" for r in reports for text in r.warnings)], problems)


def _card(console: Console, report: Report) -> None:
    label = report.zone.label if report.zone is not None else None
    console.print(f"{zone_text(label)}  [bold]{report.account}[/]  {report.rules}", highlight=False)
    if report.error:
        console.print(f"  {report.error}", highlight=False, markup=False)
        return
    names = ("margin_balance", "initial_margin", "maintenance_margin", "free_margin", "headroom")
    parts = [f"{name.replace('_', ' ')} {_money(report.money.get(name))}" for name in names if name in report.money]
    console.print(f"  {report.currency}: " + " · ".join(parts), highlight=False)
    far = report.worst.distances if report.worst else None
    if far:
        moves = f"liquidated if prices fall {_share(far.down)} or rise {_share(far.up)}; at worst {_share(far.worst)}"
        console.print(f"  {_ratio(report)} · {moves}", highlight=False)
    for price in (p for pool in report.pools for p in pool.liquidation_prices if p.source == "exact"):
        sign = "≤" if price.when == "at_or_below" else "≥"
        console.print(
            f"  {price.market} {price.side} liquidated at {sign} {format_decimal(price.price)}", highlight=False
        )
    for remedy in report.remedies[:REMEDIES_MOST]:
        console.print(f"  remedy: {remedy.action} {format_decimal(remedy.shown)} {remedy.asset}", highlight=False)
    for line in report.reconciliation:
        if line.difference:
            console.print(f"  {line.quantity}: venue {line.venue}, ours {line.ours}", highlight=False)


def _check_table(console: Console, reports: Sequence[Report]) -> None:
    table = Table(header_style="bold")
    for name in ("account", "rules", "zone"):
        table.add_column(name)
    for name in ("margin balance", "headroom", "falls", "rises"):
        table.add_column(name, justify="right")
    for report in reports:
        label = report.zone.label if report.zone is not None else None
        if report.error:
            table.add_row(report.account, report.rules, zone_text(label), str(report.error))
            continue
        far = report.worst.distances if report.worst else None
        money = [_money(report.money.get(name)) for name in ("margin_balance", "headroom")]
        moves = [_share(far.down), _share(far.up)] if far else ["", ""]
        table.add_row(report.account, report.rules, zone_text(label), *money, *moves)
    console.print(table)


def _owners(console: Console, owners: Sequence[Portfolio]) -> None:
    table = Table(header_style="bold", title="owners")
    for name in ("owner", "zone", "worst account"):
        table.add_column(name)
    for name in ("equity", "headroom", "", "falls", "rises"):
        table.add_column(name, justify="right")
    for found in owners:
        label = found.zone.label if found.zone is not None else None
        money = [_money(found.money.get(name)) for name in ("account_equity", "headroom")]
        moves = [_share(found.distances.down), _share(found.distances.up)]
        table.add_row(found.owner, zone_text(label), found.worst or "", *money, found.currency or "no total", *moves)
    console.print(table)
    for found in owners:
        for text in found.warnings:
            console.print(f"[yellow]▲[/] {found.owner}: {text}", highlight=False)


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


def what_if_view(answer: dict[str, Any]) -> None:
    """Orders and the decision, a table of before and after by pool, the largest sizes and what each position adds."""
    console = Console()
    for order in answer["orders"]:
        beside = "".join(f" {word} {order[key]}" for word, key in (("@", "price"), ("by", "leverage")) if key in order)
        console.print(f"{order['side']} {order['quantity']} {order['market']}{beside}", highlight=False)
    verdict = "[green]● allowed[/]" if answer["allowed"] else f"[red]✖ refused[/]: {answer['why_not']}"
    console.print(verdict, highlight=False)
    before, after = answer["before"], answer["after"] or {"zone": None, "pools": {}, "liquidation_prices": []}
    table = Table(header_style="bold")
    table.add_column("")
    table.add_column("before", justify="right")
    table.add_column("after", justify="right")
    table.add_row("zone", *[zone_text(side["zone"]) if side["zone"] else "" for side in (before, after)])
    for pool in dict.fromkeys([*before["pools"], *after["pools"]]):
        rows = [side["pools"].get(pool, {}) for side in (before, after)]
        for name in dict.fromkeys([*rows[0], *rows[1]]):
            table.add_row(f"{pool} {name.replace('_', ' ')}", *[row.get(name, "") for row in rows])
    prices = [
        {f"{p['market']} {p['side']} liquidated at {SIGNS_OF_WHEN[p['when']]}": p["price"] for p in found}
        for found in (before["liquidation_prices"], after["liquidation_prices"])
    ]
    for name in dict.fromkeys([*prices[0], *prices[1]]):
        table.add_row(name, *[found.get(name, "") for found in prices])
    console.print(table)
    for row in answer["largest"]:
        console.print(f"largest {row['side']} of {row['market']}: {row['quantity']}", highlight=False)
    for row in answer["contributions"]:
        names = [name for name in ("initial_margin", "maintenance_margin") if name in row]
        added = [f"{name.replace('_', ' ')} {row[name]}" for name in names]
        console.print(f"{row['market']} {row['side']} adds {' and '.join(added)} {row['currency']}", highlight=False)


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


def replay_table(answer: dict[str, Any]) -> None:
    """The zone changes of a replay, then the final counts."""
    console = Console()
    shown = answer["events"][-CHANGES_MOST:]
    if len(answer["events"]) > len(shown):
        console.print(f"… {len(answer['events']) - len(shown)} earlier changes; --json prints all")
    for event in shown:
        change = f"{zone_text(event['from'])} → {zone_text(event['to'])}"
        console.print(
            f"{event['time']}  {event['account']} {event['pool']}  {change}  ({event['cause']})", highlight=False
        )
    counts = answer["final"]["counts"]
    console.print("at the end: " + "  ".join(f"{zone_text(zone)} {count}" for zone, count in counts.items()))
    _notes(console, [], [f"{p['place']}: {p['code']}: {p['value']}" for p in answer["problems"]])


def stress_table(answer: dict[str, Any]) -> None:
    """What moved, and zones, notional and bad debt before and after."""
    console = Console()
    for move in answer["moved"]:
        console.print(f"{move['venue']}:{move['market']}: {move['from']} → {move['to']}", highlight=False)
    before, after = answer["before"], answer["after"]
    table = Table(header_style="bold")
    table.add_column("zone")
    for name in ("accounts before", "after", "notional before", "after"):
        table.add_column(name, justify="right")
    for zone in SIGNS:
        if before["counts"].get(zone) or after["counts"].get(zone):
            counts = [str(side["counts"].get(zone, 0)) for side in (before, after)]
            table.add_row(zone_text(zone), *counts, *[_in_currencies(answer, side, zone) for side in (before, after)])
    console.print(table)
    debts = [_debt(answer, side) for side in (before, after)]
    console.print(f"bad debt {debts[0]} → {debts[1]}", highlight=False)
    _notes(console, [], [f"{p['place']}: {p['code']}: {p['value']}" for p in answer["errors"]])


def _in_currencies(answer: dict[str, Any], side: dict[str, Any], zone: str) -> str:
    if answer["currency"] is not None:
        return f"{side['notional'].get(zone, '0')} {answer['currency']}"
    parts = [f"{t['notional'][zone]} {c}" for c, t in side["by_currency"].items() if zone in t["notional"]]
    return " + ".join(parts)


def _debt(answer: dict[str, Any], side: dict[str, Any]) -> str:
    if answer["currency"] is not None:
        return f"{side['bad_debt']} {answer['currency']}"
    return " + ".join(f"{table['bad_debt']} {currency}" for currency, table in side["by_currency"].items())


def backtest_table(answer: dict[str, Any]) -> None:
    """Two rows per model, of a long and of a short position: exceedances, their sizes in percent of notional."""
    console = Console()
    facts = f"{answer['from']} to {answer['to']}, {answer['periods']} periods of {answer['horizon_hours']} h"
    expected = f"{answer['expected_exceedances']:.1f} exceedances expected of each side"
    console.print(f"{answer['market']}: {facts}; {expected}", highlight=False, markup=False)
    table = Table(header_style="bold", box=None, padding=(0, 1, 0, 0))
    table.add_column("model", no_wrap=True)
    names = ("rate %", "peak/ trough", "side", "count", "Kupiec p", "Christ. p", "Basel", "largest %", "mean %")
    for name in names:
        table.add_column(name, justify="right")
    for model in answer["models"]:
        shared = [model["model"], f"{100 * model['mean_rate']:.2f}", f"{model['peak_to_trough']:.2f}"]
        for name in ("long", "short"):
            side = model[name]
            table.add_row(
                *(shared if name == "long" else [""] * len(shared)),
                name,
                str(side["exceeded"]),
                f"{side['kupiec_p']:.4f}",
                f"{side['christoffersen_p']:.4f}",
                side["basel_zone"],
                f"{100 * side['largest_exceedance']:.2f}",
                f"{100 * side['mean_exceedance']:.2f}",
            )
    console.print(table)
    told = [f"{model['model']}: {text}" for model in answer["models"] for text in model["warnings"]]
    _notes(
        console, [*answer["warnings"], *told], [f"{p['place']}: {p['code']}: {p['value']}" for p in answer["errors"]]
    )


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

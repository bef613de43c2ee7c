"""Accounts: cards, tables, trees, orders that are not sent yet."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.tree import Tree

from marginbook.domain.errors import Problem
from marginbook.domain.node import Node
from marginbook.engine.evaluate import Report
from marginbook.engine.portfolio import Portfolio
from marginbook.exact import format_decimal, round_floor, round_half_up
from marginbook.render.common import money_text, print_notes, share_text, zone_text

CARDS_MOST = 12
REMEDIES_MOST = 4
SIGNS_OF_WHEN = {"at_or_below": "≤", "at_or_above": "≥"}


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
    print_notes(console, [*warnings, *(f"{r.account}: {text}" for r in reports for text in r.warnings)], problems)


def _card(console: Console, report: Report) -> None:
    label = report.zone.label if report.zone is not None else None
    console.print(f"{zone_text(label)}  [bold]{report.account}[/]  {report.rules}", highlight=False)
    if report.error:
        console.print(f"  {report.error}", highlight=False, markup=False)
        return
    names = ("margin_balance", "initial_margin", "maintenance_margin", "free_margin", "headroom")
    parts = [f"{name.replace('_', ' ')} {money_text(report.money.get(name))}" for name in names if name in report.money]
    console.print(f"  {report.currency}: " + " · ".join(parts), highlight=False)
    far = report.worst.distances if report.worst else None
    if far:
        down, up, worst = (share_text(move) for move in (far.down, far.up, far.worst))
        moves = f"liquidated if prices fall {down} or rise {up}; at worst {worst}"
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
        money = [money_text(report.money.get(name)) for name in ("margin_balance", "headroom")]
        moves = [share_text(far.down), share_text(far.up)] if far else ["", ""]
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
        money = [money_text(found.money.get(name)) for name in ("account_equity", "headroom")]
        moves = [share_text(found.distances.down), share_text(found.distances.up)]
        table.add_row(found.owner, zone_text(label), found.worst or "", *money, found.currency or "no total", *moves)
    console.print(table)
    for found in owners:
        for text in found.warnings:
            console.print(f"[yellow]▲[/] {found.owner}: {text}", highlight=False)


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
    if answer["allowed"] != answer["allowed_as_one"]:
        verdict += " in turn; " + ("allowed" if answer["allowed_as_one"] else "refused") + " as one"
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


def _ratio(report: Report) -> str:
    quantities = report.worst.quantities if report.worst else None
    if quantities is None:
        return ""
    health = quantities.health_factor
    if health is not None:
        return "health factor ∞" if health.is_infinite() else f"health factor {round_floor(health, 4)}"
    ratio = quantities.margin_ratio
    if ratio is None:
        return ""
    shown = "∞" if ratio.value.is_infinite() else f"{round_half_up(ratio.value * 100, 4)} %"
    return f"{ratio.definition} {shown}"

"""A liquidation step by step."""

from typing import Any

from rich.console import Console
from rich.markup import escape

from marginbook.render.common import print_notes

OUTCOMES = {
    "covered": "[green]● covered[/]: the pool is above its requirement",
    "empty": "[yellow]▲ empty[/]: nothing is left",
    "deficit": "[magenta]✖ deficit[/]",
    "refused": "[red]■ refused[/]: liquidatable, and nothing may be done",
}
PARTIES = ("account", "liquidator", "protocol", "insurance", "pool", "counterparties")
DECIMALS = 8


def waterfall_view(answer: dict[str, Any]) -> None:
    """Per pool: steps with reason, price, flows and what is left; then deficit and fund."""
    console = Console()
    console.print(f"[bold]{escape(answer['account'])}[/]  {answer['rules']}", highlight=False)
    for pool in answer["pools"]:
        console.print(f"{pool['pool']}", highlight=False, markup=False)
        for number, step in enumerate(pool["steps"], 1):
            _print_step(console, number, step)
        owed = ", ".join(f"{amount} {asset}" for asset, amount in pool["deficit"].items())
        console.print(f"  {OUTCOMES[pool['outcome']]}{f': {owed} is owed and unpaid' if owed else ''}", highlight=False)
    before, after = answer["fund_before"], answer["fund_after"]
    if any(amount != "0" for amount in after.values()) or before:
        parts = [f"{asset} {before.get(asset, '0')} → {amount}" for asset, amount in after.items()]
        console.print("fund: " + "  ".join(parts), highlight=False)
    notes = [f"not verified: {text}" for text in answer["unverified"]]
    print_notes(console, notes, [f"{p['place']}: {p['code']}: {p['value']}" for p in answer["errors"]])


def _print_step(console: Console, number: int, step: dict[str, Any]) -> None:
    what = " ".join(text for text in (step["quantity"], step["market"]) if text)
    price = f" at {_short(step['price'])}" if step["price"] is not None else ""
    mark = "" if step["verified"] else "  [dim](not verified)[/]"
    console.print(f"  {number}. [bold]{step['stage']}[/] {escape(what)}{price}{mark}", highlight=False)
    console.print(f"     {escape(step['reason'])}", highlight=False)
    for party in PARTIES:
        got = [f"{_short(f['amount'])} {f['asset']}" for f in step["flows"] if f["party"] == party]
        if got:
            console.print(f"     {party:15}" + "  ".join(escape(text) for text in got), highlight=False)
    left = step["left"]
    console.print(
        f"     left: support {_short(left['support'])}, demand {_short(left['demand'])}"
        f"{', still liquidatable' if left['liquidatable'] else ''}",
        highlight=False,
    )


def _short(text: str) -> str:
    """At most so many decimals, the rest left out."""
    whole, point, places = text.partition(".")
    return whole + (point + places[:DECIMALS] + "…" if len(places) > DECIMALS else point + places)

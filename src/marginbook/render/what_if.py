"""Orders tried on a whole book, as a table."""

from typing import Any

from rich.console import Console
from rich.table import Table

from marginbook.render.common import zone_text


def book_orders_view(answer: dict[str, Any]) -> None:
    """How many accounts may send the orders, zones before and after, and the accounts that come out worst."""
    console = Console()
    for order in answer["orders"]:
        beside = "".join(f" {word} {order[key]}" for word, key in (("@", "price"), ("by", "leverage")) if key in order)
        console.print(f"{order['side']} {order['quantity']} {order['market']}{beside}", highlight=False)
    told = ", ".join(f"{answer[name]} {name.replace('_', ' ')}" for name in ANSWERS if answer[name])
    console.print(f"{answer['accounts']} accounts: {told}", highlight=False)
    for side in ("before", "after"):
        zones = ", ".join(f"{count} {zone}" for zone, count in answer[f"zones_{side}"].items())
        console.print(f"{side}: {zones or 'nobody'}", highlight=False)
    table = Table(header_style="bold")
    for name in ("account", "before", "after", "orders", "pool"):
        table.add_column(name)
    for name in ("free margin", "headroom"):
        table.add_column(name, justify="right")
    for row in answer["rows"]:
        after = row["after"] or {"zone": None, "pools": {"": {}}}
        colours = [zone_text(side["zone"]) if side["zone"] else "" for side in (row["before"], after)]
        for place, (pool, numbers) in enumerate(after["pools"].items()):
            first = [row["account"], *colours, "allowed" if row["allowed"] else row["why_not"] or "refused"]
            money = [numbers.get(name, "") for name in ("free_margin", "headroom")]
            table.add_row(*(first if place == 0 else [""] * 4), pool, *money)
    if answer["rows"]:
        console.print(table)
    for problem in answer["errors"]:
        console.print(f"{problem['place']}: {problem['code']}", highlight=False, markup=False)


ANSWERS = ("allowed", "refused", "not_traded_there", "not_evaluated")

"""Replays, shocks and backtests."""

from typing import Any

from rich.console import Console
from rich.table import Table

from marginbook.render.common import SIGNS, print_notes, zone_text

CHANGES_MOST = 200


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
    print_notes(console, [], [f"{p['place']}: {p['code']}: {p['value']}" for p in answer["problems"]])


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
    print_notes(console, [], [f"{p['place']}: {p['code']}: {p['value']}" for p in answer["errors"]])


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
    names = (
        "rate %",
        "peak/ trough",
        "side",
        "count",
        "Kupiec p",
        "Christ. p",
        "Basel",
        "largest %",
        "mean %",
        "ES Z₂",
    )
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
                "–" if side["shortfall_z2"] is None else f"{side['shortfall_z2']:.2f}",
            )
    console.print(table)
    limits = answer["shortfall_z2_at_5_percent"]
    meaning = f"shortfall Z₂ of a right model: below {limits['normal']:.2f} (normal) to {limits['t3']:.2f} (t3) in 5 %"
    console.print(meaning, highlight=False)
    told = [f"{model['model']}: {text}" for model in answer["models"] for text in model["warnings"]]
    print_notes(
        console, [*answer["warnings"], *told], [f"{p['place']}: {p['code']}: {p['value']}" for p in answer["errors"]]
    )

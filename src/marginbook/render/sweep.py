"""The answer of a sweep as a table."""

from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table

from marginbook.exact import round_ceil
from marginbook.render.common import print_notes

ROWS = (
    ("bad debt", "bad_debt"),
    ("liquidated notional", "liquidated_notional"),
    ("liquidated accounts", "liquidated_accounts"),
)


def sweep_table(answer: dict[str, Any]) -> None:
    """Distributions, then who falls most often."""
    console = Console()
    model = answer["model"]
    facts = f"{answer['paths']} paths of {model['horizon_hours']:g} h in {model['steps']} steps, {model['kind']}"
    accounts = f"{answer['accounts']} accounts, {answer['already_liquidatable']} liquidatable before any move"
    console.print(f"{facts}, seed {answer['seed']}; {accounts}", highlight=False)
    table = Table(header_style="bold")
    table.add_column(f"per path, {answer['currency']}")
    for label, _ in ROWS:
        table.add_column(label, justify="right")
    lines = [("mean", "mean"), ("standard error", "standard_error")]
    for name, key in (*lines, ("expected shortfall 97.5 %", "expected_shortfall_0.975"), ("worst", "worst")):
        table.add_row(name, *(_whole(answer[column][key]) for _, column in ROWS))
        if key == "standard_error":
            for quantile in answer["bad_debt"]["quantiles"]:
                cells = (_whole(answer[column]["quantiles"][quantile]) for _, column in ROWS)
                table.add_row(f"{100 * float(quantile):g} % quantile", *cells)
    console.print(table)
    share = 100 * answer["share_of_paths_with_bad_debt"]
    console.print(f"bad debt on {share:.1f} % of paths", highlight=False)
    often = [f"{row['account']} {100 * row['share_of_paths']:.1f} %" for row in answer["most_often"][:5]]
    if often:
        console.print("liquidated most often: " + ", ".join(often), highlight=False, markup=False)
    if answer["doubtful_decisions"]:
        console.print(f"{answer['doubtful_decisions']} decisions within the kernel's allowance of a border")
    print_notes(console, answer["warnings"], [f"{p['place']}: {p['code']}: {p['value']}" for p in answer["errors"]])


def search_table(answer: dict[str, Any]) -> None:
    """Every combination with its loss, then the boldest that fits."""
    console = Console()
    table = Table(header_style="bold")
    first = answer["trials"][0]["parameters"]
    table.add_column(", ".join(text.partition("=")[0] for text in first), overflow="fold")
    for name in (f"bad debt, {100 * float(answer['quantile']):g} % quantile", "mean", "liquidatable at once", "fits"):
        table.add_column(name, justify="right")
    for trial in answer["trials"]:
        cells = [_whole(trial["loss"]), _whole(trial["mean"]), str(trial["already_liquidatable"])]
        values = ", ".join(text.partition("=")[2] for text in trial["parameters"])
        table.add_row(values, *cells, "yes" if trial["fits"] else "no")
    console.print(table)
    best = ", ".join(answer["best"]) if answer["best"] else "none fits"
    console.print(f"within {answer['limit']}: {best}", highlight=False, markup=False)
    print_notes(console, answer["warnings"], [f"{p['place']}: {p['code']}: {p['value']}" for p in answer["errors"]])


def _whole(text: str) -> str:
    """Money without cents, up."""
    return f"{round_ceil(Decimal(text), 0):,f}"

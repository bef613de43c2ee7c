"""The shipped tables of the deleveraging of 10 October 2025, read exactly.

Sources: pluriholonomic/autodeleveraging-analysis, `out/`, commit aae0be86 (MIT, T. Chitra, V. Xu, N. Thogiti and
M. Trujillo, 2025), the release of arXiv 2512.01112; ConejoCapital/HyperMultiAssetedADL at 79bad0fa for totals by
account and market (non-commercial licence with attribution: "Powered by HyperReplay — © ConejoCapital").
"""

import csv
import gzip
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from marginbook.domain.errors import BadInput
from marginbook.exact import ZERO, in_exact_context

FOLDER = "hyperliquid_adl_2025-10-10"
POLICIES = {
    "prod": "production queue",
    "pr": "wealth pro-rata",
    "pnl_pr": "profit pro-rata",
    "eq_pr": "equity pro-rata",
    "vector": "vector mirror descent",
    "contract_pr": "contract pro-rata",
    "fixed_point_ilp_integer": "“min-max ILP”",
}
"""Names of the rules in the columns, and in words."""

Line = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Wave:
    """One wave of deleveraging: pauses of more than 5 s between the fills of all markets part them. Money in USD."""

    number: int
    start: str  # HH:MM:SS, UTC
    needed: Decimal  # Σ |mark − execution| · quantity over its fills, summed again over its markets
    deficit: Decimal  # negative equities of those liquidated
    largest_loss: Decimal  # the largest of these
    capacity: Decimal  # Σ min(profit, equity) over its winners
    budgets: Mapping[str, Decimal]  # policy -> what it takes from the winners
    largest: Mapping[str, Decimal]  # policy -> largest haircut [fraction of a winner's equity]

    def overshoot(self, policy: str) -> Decimal:
        """What `policy` takes beyond what was needed."""
        return self.budgets[policy] - self.needed


def lines(folder: Path, name: str) -> list[Line]:
    """The lines of one table, as text. BadInput where there is no such file."""
    path = folder / FOLDER / name
    if not path.is_file():
        raise BadInput("missing_file", str(folder), name, f"{FOLDER}/{name}")
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    return list(csv.DictReader(text.splitlines()))


@in_exact_context
def waves(folder: Path) -> list[Wave]:
    """All waves in order."""
    needed: dict[str, Decimal] = {}
    for gap in lines(folder, "wave_coin_gap_per_contract.csv"):
        needed[gap["wave"]] = needed.get(gap["wave"], ZERO) + Decimal(gap["gap_usd_x_qty"])
    return [
        Wave(
            number=int(line["wave"]),
            start=line["t_start"][11:19],
            needed=needed[line["wave"]],
            deficit=Decimal(line["deficit_usd"]),
            largest_loss=Decimal(line["max_loss_usd"]),
            capacity=Decimal(line["total_cap"]),
            budgets={policy: Decimal(line[f"budget_{policy}"]) for policy in POLICIES},
            largest={policy: Decimal(line[f"max_pct_{policy}"]) for policy in POLICIES},
        )
        for line in lines(folder, "policy_per_wave_metrics.csv")
    ]


@in_exact_context
def total(table: Iterable[Line], column: str) -> Decimal:
    """Sum of one column, of the digits as printed."""
    return sum((Decimal(line[column]) for line in table), ZERO)


@in_exact_context
def over(all_waves: Iterable[Wave], amount: Callable[[Wave], Decimal]) -> Decimal:
    """Sum of an amount over waves."""
    return sum((amount(wave) for wave in all_waves), ZERO)

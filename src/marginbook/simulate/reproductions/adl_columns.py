"""Which columns of the release follow from others, each computed again and compared cell by cell.

The release has results by wave, shock and market, not the winners that the rules were applied to: their positions,
equities and fills. Sums, differences, ratios and bounds are computed again here; what a replay or an allocation over
winners produced can only be read.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from marginbook.exact import ONE, ZERO, divide, in_exact_context
from marginbook.liquidation.allocators import allocate
from marginbook.simulate.reproductions.adl_tables import POLICIES, Line, Wave, lines, over, total, waves

Pairs = Iterator[tuple[Decimal, str]]
"""(computed here, as shipped)."""


@dataclass(frozen=True, slots=True)
class Column:
    """Columns computed again: from what, over how many cells, and the largest absolute difference."""

    table: str
    columns: str
    computed_from: str
    cells: int
    difference: Decimal


@dataclass(frozen=True, slots=True)
class Release:
    """The tables that columns are computed from."""

    folder: Path
    waves: list[Wave]
    policies: list[Line]
    replay: list[Line]
    shocks: list[Line]
    horizons: list[Line]


READ_ONLY = {
    "policy_per_wave_metrics: other budget_…, max_pct_…, ptsr_…, total_cap": "winners' positions and equities by wave",
    "two_pass_equity_delta_by_wave: budget_prod, max_prod_haircut, winners_…_start": "fills and account states",
    "bad_debt_loser_waves, deficit_usd": "equities of those liquidated",
    "per_shock_metrics_queue: deficit, capacity, queue budget": "winners of each shock",
    "eval_horizon_sweep: production at 500 ms and later": "marks after each wave",
    "headlines: winners' equity / profit": "equity and unrealised profit at a winner's first fill",
}
"""Columns that can only be read, and what the release would have to contain to compute them."""


@in_exact_context
def recomputed(folder: Path) -> list[Column]:
    """Every column that other columns determine, with the largest difference to what was shipped."""
    release = Release(
        folder,
        waves(folder),
        *(
            lines(folder, f"{name}.csv")
            for name in (
                "policy_per_wave_metrics",
                "two_pass_equity_delta_by_wave",
                "per_shock_metrics_queue",
                "eval_horizon_sweep",
            )
        ),
    )
    found = []
    for table, columns, computed_from, pairs in RULES:
        differences = [abs(ours - Decimal(shipped)) for ours, shipped in pairs(release)]
        found.append(Column(table, columns, computed_from, len(differences), max(differences)))
    return found


def _gaps(release: Release) -> Pairs:
    for gap in lines(release.folder, "wave_coin_gap_per_contract.csv"):
        yield Decimal(gap["qty_contracts"]) * Decimal(gap["gap_per_contract_usd"]), gap["gap_usd_x_qty"]


def _needed(release: Release) -> Pairs:
    for line, wave in zip(release.policies, release.waves, strict=True):
        yield wave.needed, line["budget_needed"]
        yield wave.needed, line["budget_target"]


def _pro_rata(release: Release) -> Pairs:
    for line, wave in zip(release.policies, release.waves, strict=True):
        paid = sum(allocate(wave.needed, [wave.capacity]), ZERO)
        for policy in ("pr", "pnl_pr", "eq_pr"):
            yield paid, line[f"budget_{policy}"]


def _overshoots(release: Release) -> Pairs:
    for line, wave in zip(release.policies, release.waves, strict=True):
        for policy in POLICIES:
            yield wave.overshoot(policy), line[f"overshoot_{policy}"]


def _where_some_is_left(release: Release) -> Iterator[tuple[Line, Wave, str, Decimal]]:
    """(line, wave, policy, ptsr) where the ratio exists: where the budget leaves some of the deficit."""
    for line, wave in zip(release.policies, release.waves, strict=True):
        for policy in POLICIES:
            if line[f"ptsr_{policy}"]:
                yield line, wave, policy, Decimal(line[f"ptsr_{policy}"])


def _shares(release: Release) -> Pairs:
    for line, _, policy, ptsr in _where_some_is_left(release):
        yield divide(ptsr, ONE + ptsr), line[f"rd_nse_{policy}"]


def _ratios(release: Release) -> Pairs:
    for line, wave, policy, ptsr in _where_some_is_left(release):
        yield divide(ptsr * wave.deficit, wave.largest_loss), line[f"pmr_{policy}"]


def _severities(release: Release) -> Pairs:
    for line, wave in zip(release.policies, release.waves, strict=True):
        yield min(ONE, divide(wave.budgets["prod"], wave.deficit)), line["theta_prod_capped"]
        yield min(ONE, divide(wave.needed, wave.deficit)), line["theta_needed_capped"]


def _replayed(release: Release) -> Pairs:
    for line, wave in zip(release.replay, release.waves, strict=True):
        yield wave.needed, line["budget_needed_usd"]
        yield wave.overshoot("prod"), line["overshoot_prod_minus_needed_usd"]
        for name, budget in (("prod", wave.budgets["prod"]), ("needed", wave.needed)):
            severity = divide(budget, wave.deficit)
            yield severity, line[f"theta_{name}"]
            yield min(ONE, severity), line[f"theta_{name}_capped"]
        yield min(wave.needed, Decimal(line["winners_equity_start_usd"])), line["H_star_equity"]
        yield min(wave.needed, Decimal(line["winners_pnl_start_usd"])), line["H_star_pnl"]


def _shocks(release: Release) -> Pairs:
    for shock in release.shocks:
        beyond = Decimal(shock["budget_queue_usd"]) - Decimal(shock["deficit_usd"])
        yield max(ZERO, beyond), shock["overshoot_queue_usd"]
        yield max(ZERO, -beyond), shock["residual_queue_usd"]


def _totals(release: Release) -> Pairs:
    [totals] = lines(release.folder, "summary_totals.csv")
    for name in ("overshoot", "residual"):
        yield total(release.shocks, f"{name}_queue_usd"), totals[f"total_{name}"]


def _horizons(release: Release) -> Pairs:
    for line in release.horizons:
        taken, needed = Decimal(line["total_H_prod_usd"]), Decimal(line["total_budget_needed_usd"])
        yield taken - needed, line["total_overshoot_prod_minus_needed_usd"]


def _at_once(release: Release) -> Pairs:
    first = release.horizons[0]
    yield over(release.waves, lambda wave: wave.deficit), first["total_deficit_usd"]
    yield over(release.waves, lambda wave: wave.needed), first["total_budget_needed_usd"]
    yield over(release.waves, lambda wave: wave.budgets["prod"]), first["total_H_prod_usd"]


RULES: tuple[tuple[str, str, str, Callable[[Release], Pairs]], ...] = (
    ("wave_coin_gap_per_contract", "gap_usd_x_qty", "quantity · gap per contract", _gaps),
    ("policy_per_wave_metrics", "budget_needed, budget_target", "Σ gaps of the wave's markets", _needed),
    ("policy_per_wave_metrics", "budget_pr, budget_pnl_pr, budget_eq_pr", "allocate(needed, capacity)", _pro_rata),
    ("policy_per_wave_metrics", "overshoot_… (7)", "budget − needed", _overshoots),
    ("policy_per_wave_metrics", "rd_nse_… (7)", "ptsr / (1 + ptsr)", _shares),
    ("policy_per_wave_metrics", "pmr_… (7)", "ptsr · deficit / largest loss", _ratios),
    ("policy_per_wave_metrics", "theta_…_capped (2)", "min(1, budget / deficit)", _severities),
    (
        "two_pass_equity_delta_by_wave",
        "needed, overshoot, theta_… (4), H_star_… (2)",
        "waves, winners' sums",
        _replayed,
    ),
    ("per_shock_metrics_queue", "overshoot, residual", "max(0, ±(budget − deficit))", _shocks),
    ("summary_totals", "total_overshoot, total_residual", "Σ over shocks", _totals),
    ("eval_horizon_sweep", "total_overshoot", "production − needed", _horizons),
    ("eval_horizon_sweep", "deficit, needed, production at 0 ms", "Σ over waves", _at_once),
)
"""(table, columns, computed from, pairs of every cell)."""

"""The deleveraging of 10 October 2025 on Hyperliquid: a paper's tables computed again, and where its text differs.

Paper: Chitra, "Autodeleveraging: Impossibilities and Optimization", arXiv 2512.01112; its tables and data as in
`adl_tables`. `rows` has the totals, the waves, the columns, what text and tables disagree about, and what each rule
would have taken from the accounts that were deleveraged. Money in USD.

    python -m marginbook.simulate.reproductions.adl_2025_10_10 DATA_FOLDER
"""

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from marginbook.exact import ONE, ZERO, divide, in_exact_context, round_half_up
from marginbook.simulate.reproductions.adl_accounts import by_rule, events
from marginbook.simulate.reproductions.adl_columns import READ_ONLY, recomputed
from marginbook.simulate.reproductions.adl_rows import computed, money, percent, stated
from marginbook.simulate.reproductions.adl_tables import FOLDER, Wave, lines, over, total, waves
from marginbook.simulate.reproductions.table import Row, run

TITLE = "Deleveraging on Hyperliquid, 10 October 2025 (arXiv 2512.01112)"
TINY = Decimal("1e-12")
ILP = "fixed_point_ilp_integer"


def rows(folder: Path) -> list[Row]:
    """Everything, in the order of the page."""
    return [
        *totals(folder),
        *by_wave(folder),
        *disagreements(folder),
        *by_column(folder),
        *events(folder),
        *by_rule(folder),
    ]


@in_exact_context
def totals(folder: Path) -> list[Row]:
    """The paper's headline numbers, from waves and shocks."""
    every, shocks = waves(folder), lines(folder, "per_shock_metrics_queue.csv")
    shipped = json.loads((folder / FOLDER / "headlines.json").read_text(encoding="utf-8"), parse_float=Decimal)
    headline, derived = shipped["headline"], shipped["derived"]
    needed, production = over(every, lambda wave: wave.needed), over(every, lambda wave: wave.budgets["prod"])
    overshoot = production - needed
    queued = total(shocks, "overshoot_queue_usd")
    trimmed = headline["winner_overcollateralization_equity_over_pnl"]["trimmed_mean"]
    expected = divide(queued, trimmed)
    [first, *later] = lines(folder, "eval_horizon_sweep.csv")
    return [
        computed("needed, 16 waves", Decimal(first["total_budget_needed_usd"]), needed, "Σ of 728 gaps by market"),
        computed("taken by production", Decimal(first["total_H_prod_usd"]), production, "Σ over waves"),
        computed("overshoot at 0 ms", headline["prod_overshoot_vs_needed_usd"], overshoot, "production − needed"),
        *(
            computed(
                f"overshoot at {int(line['eval_horizon_ms']):,} ms",
                Decimal(line["total_overshoot_prod_minus_needed_usd"]),
                Decimal(line["total_H_prod_usd"]) - needed,
                "production read, needed computed",
            )
            for line in later
        ),
        computed(
            "overshoot of the paper's queue", headline["queue_total_overshoot_usd"], queued, "Σ over 1,125 shocks"
        ),
        computed("… over the trimmed equity / profit", derived["naive_expected_pnl_closed_usd"], expected, ""),
        computed(
            "… over the overshoot at 0 ms",
            derived["factor_naive_expected_over_observed"],
            divide(expected, overshoot),
            "",
            places=6,
        ),
    ]


@in_exact_context
def by_wave(folder: Path) -> list[Row]:
    """Each wave's overshoot in production, beside the largest haircut of the rules."""
    shipped = {line["wave"]: line for line in lines(folder, "policy_per_wave_metrics.csv")}
    return [
        computed(
            f"wave {wave.number} ({wave.start}): production − needed",
            Decimal(shipped[str(wave.number)]["overshoot_prod"]),
            wave.overshoot("prod"),
            f"needed {money(wave.needed)}; largest haircut {percent(wave.largest['prod'])} in production, "
            f"{percent(wave.largest['pr'])} by wealth pro-rata",
        )
        for wave in waves(folder)
    ]


@in_exact_context
def disagreements(folder: Path) -> list[Row]:
    """Where the paper's text says something else than its tables; the tables are computed again."""
    every, shocks = waves(folder), lines(folder, "per_shock_metrics_queue.csv")
    losses = [wave.largest_loss for wave in every]
    twice = max(losses, key=losses.count)
    deficit = over(every, lambda wave: wave.deficit)
    once = deficit - (losses.count(twice) - 1) * twice
    worst = min(every, key=lambda wave: wave.overshoot("contract_pr"))
    missed = over(every, lambda wave: wave.overshoot("contract_pr"))
    shock_deficit = total(shocks, "deficit_usd")
    feasible = sum((min(Decimal(s["deficit_usd"]), Decimal(s["total_capacity_usd"])) for s in shocks), ZERO)
    peak = max(lines(folder, "eval_horizon_sweep.csv"), key=lambda s: Decimal(s["total_H_prod_usd"]))
    under = [wave for wave in every if wave.overshoot("prod") < 0]
    three = sum(sorted((wave.overshoot("prod") for wave in every), reverse=True)[:3], ZERO)
    share = divide(three, over(every, lambda wave: wave.overshoot("prod")))
    fairer = [wave for wave in every if wave.largest["pr"] < wave.largest[ILP]]
    by_policy = lines(folder, "policy_per_wave_metrics.csv")
    unit = sum(line["fixed_point_ilp_scale"] == "1.0" for line in by_policy)
    return [
        stated(
            "deficit of the losers",
            "100.1 M",
            deficit,
            f"one loss of {money(twice)} is counted in {losses.count(twice)} of {len(every)} waves",
        ),
        stated("… with that loss counted once", "100.1 M", once, "a third figure: 23.19 M by shocks, below"),
        stated("contract pro-rata, sum of what it missed", "-1.5 M", missed, "Σ budget − needed of the table"),
        stated("… in its worst wave", "-371 K (wave 1)", worst.overshoot("contract_pr"), f"wave {worst.number}"),
        stated("min-max ILP, overshoot", "50 K", over(every, lambda wave: wave.overshoot(ILP)), "Σ of the table"),
        Row(
            "min-max ILP, solved",
            "by an integer program",
            f"scale 1 in {unit} of {len(by_policy)} waves, more in the others",
            "",
            "the release's program puts the optimum there, a haircut below 1, where its solver ran, and the scale of "
            "its rounding where it did not: it ran in no wave",
        ),
        Row(
            "min-max ILP, largest haircut is the least",
            "of all rules",
            f"above wealth pro-rata's in {len(fairer)} of {len(every)} waves",
            "",
            "it closes whole contracts, and only at the wave's gaps",
        ),
        Row(
            "capacity of the largest winner",
            "by wave",
            "; ".join(f"{most:,} in waves {', '.join(numbers)}" for most, numbers in _repeated(folder).items()),
            "",
            "implied by what pro-rata left: the same to ten cents over minutes of moving marks; not of their wave",
        ),
        Row(
            "… “fairness regret” of wealth and contract pro-rata",
            "drawn",
            f"{money(_regret(every, 'pr'))} and {money(_regret(every, 'contract_pr'))}",
            "",
            "Σ of the absolute difference of largest haircuts · needed; taking less is regret too",
        ),
        stated("shocks (the first version's appendix)", "1,097", Decimal(len(shocks)), "a sentence dropped since"),
        stated("… markets", "160", Decimal(len({shock["coin"] for shock in shocks})), ""),
        stated("… with a deficit", "201", Decimal(sum(Decimal(s["deficit_usd"]) > 0 for s in shocks)), ""),
        stated("… deficit", "23.2 M", shock_deficit, ""),
        stated("… that winners could cover", "6.6 M", feasible, "Σ min(deficit, capacity)"),
        stated("… that no rule could", "16.6 M", shock_deficit - feasible, "the queue leaves 16.69 M"),
        Row(
            "overshoot “increases as Δ grows”",
            "45.0 → 51.7 M",
            f"largest at {peak['eval_horizon_ms']} ms",
            "",
            "then 51.01, 47.45, 49.27 M: not monotone",
        ),
        Row(
            "production “consistently overshoots”",
            f"{len(every)} waves",
            f"{len(every) - len(under)} waves; 3 waves carry {percent(share)}",
            "",
            f"collects too little in waves {', '.join(str(wave.number) for wave in under)}",
        ),
    ]


@in_exact_context
def _repeated(folder: Path) -> dict[Decimal, list[str]]:
    """Capacities of the largest winner that several waves share, to ten cents (the doubles of the table give no more).

    What is left of that winner, u, is in the table as u / (u + deficit − budget); before, it was u / (1 − needed / U).
    """
    found: dict[Decimal, list[str]] = {}
    for wave, line in zip(waves(folder), lines(folder, "policy_per_wave_metrics.csv"), strict=True):
        ratio = Decimal(line["rd_nse_pr"])
        left = divide(ratio * (wave.deficit - wave.budgets["pr"]), ONE - ratio)
        before = divide(left, ONE - divide(wave.needed, wave.capacity))
        found.setdefault(round_half_up(before, 1), []).append(line["wave"])
    return {most: numbers for most, numbers in found.items() if len(numbers) > 1}


def _regret(every: Sequence[Wave], policy: str) -> Decimal:
    """The paper's fairness regret: distance of the largest haircut from the program's, times what was needed."""
    return over(every, lambda wave: abs(wave.largest[policy] - wave.largest[ILP]) * wave.needed)


@in_exact_context
def by_column(folder: Path) -> list[Row]:
    """What was computed again cell by cell, and what can only be read."""
    every = waves(folder)
    rates = [divide(wave.needed, wave.capacity) - wave.largest["pr"] for wave in every]
    met = sum(abs(rate) < TINY for rate in rates)
    found = [
        Row(
            f"{column.table}: {column.columns}",
            f"{column.cells} cells",
            "computed",
            f"{column.difference:.0e}",
            column.computed_from,
        )
        for column in recomputed(folder)
    ]
    found.append(
        Row(
            "policy_per_wave_metrics: max_pct_pr",
            f"{len(every)} cells",
            f"bounded, {met} met",
            "0" if min(rates) > -TINY else f"{-min(rates):.0e}",
            "at most needed / capacity; met to 1e-12 where some winner's profit reaches its equity",
        )
    )
    return found + [Row(name, "", "read", "", f"would need {lacking}") for name, lacking in READ_ONLY.items()]


if __name__ == "__main__":
    run(TITLE, rows)

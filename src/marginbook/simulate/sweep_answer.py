"""The results of a sweep as the answer of `sweep --json`: quantiles, tails, who falls most often, ladders.

Quantiles are order statistics: the ⌈p·n⌉-th smallest of n paths. The expected shortfall at p is the mean of the
n − ⌈p·n⌉ + 1 largest, that one included. Money has two decimals, half up.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np

from marginbook.book.book import Book
from marginbook.exact import format_decimal, round_half_up
from marginbook.simulate import path_kernel as kernel
from marginbook.simulate.paths import Floats
from marginbook.simulate.sweeps import Job, Results, ladder

QUANTILES = ("0.5", "0.9", "0.95", "0.99", "0.999")
SHORTFALL = Fraction(975, 1000)
LADDER_MOVES = tuple(step / 20 for step in range(-10, 11))
MOST_OFTEN = 10
AFTER = Fraction(99, 100)
"""The path whose bad debt has this rank is the one whose ladder is shown after."""


def money(value: float) -> str:
    """An amount to the cent.

    >>> money(1234.5)
    '1234.5'
    """
    return format_decimal(round_half_up(Decimal(value), 2))


def rank(share: Fraction, count: int) -> int:
    """⌈share·count⌉ − 1: the place of a quantile among sorted values.

    >>> rank(Fraction(99, 100), 1000), rank(Fraction(1, 2), 3)
    (989, 1)
    """
    return max(0, ceil(share * count) - 1)


def distribution(values: Floats) -> dict[str, Any]:
    """Mean with its standard error, quantiles, expected shortfall and the worst path."""
    ordered = np.sort(values)
    count = len(ordered)
    error = float(values.std(ddof=1)) / count**0.5 if count > 1 else 0.0
    return {
        "mean": money(float(values.mean())),
        "standard_error": money(error),
        "quantiles": {text: money(ordered[rank(Fraction(text), count)]) for text in QUANTILES},
        "expected_shortfall_0.975": money(float(ordered[rank(SHORTFALL, count) :].mean())),
        "worst": money(ordered[-1]),
    }


def path_of_rank(results: Results, share: Fraction = AFTER) -> int:
    """The path whose bad debt, then liquidated notional, has that rank; of equal ones the first."""
    order = np.lexsort((-np.arange(len(results.rows)), results.rows[:, kernel.NOTIONAL], results.bad_debt))
    return int(order[rank(share, len(order))])


def answer(book: Book, job: Job, results: Results, moves: Sequence[float] = LADDER_MOVES) -> dict[str, Any]:
    """Everything that `sweep` prints."""
    rows, model = results.rows, job.model
    shown = path_of_rank(results)
    often = np.argsort(-results.hits, kind="stable")[:MOST_OFTEN]
    return {
        "paths": len(rows),
        "seed": job.seed,
        "model": {
            "kind": model.kind,
            "assets": list(model.assets),
            "horizon_hours": model.horizon,
            "steps": model.steps,
            "volatility": None if model.volatility is None else [float(v) for v in model.volatility],
        },
        "cost": job.cost,
        "accounts": len(book),
        "already_liquidatable": job.already,
        "currency": job.currency,
        "bad_debt": distribution(results.bad_debt),
        "liquidated_notional": distribution(rows[:, kernel.NOTIONAL]),
        "liquidated_accounts": distribution(rows[:, kernel.ACCOUNTS]),
        "share_of_paths_with_bad_debt": float((results.bad_debt > 0).mean()),
        "doubtful_decisions": int(rows[:, kernel.DOUBTFUL].sum()),
        "most_often": [
            {"account": book.identities.name(int(i)), "share_of_paths": float(results.hits[i] / len(rows))}
            for i in often
            if results.hits[i]
        ],
        "ladder": {
            "before": [_step(step) for step in ladder(job, moves)],
            "after_path": shown,
            "after": [_step(step) for step in ladder(job, moves, shown)],
        },
    }


def _step(step: dict[str, float]) -> dict[str, Any]:
    return {"move": f"{step['move']:g}", "accounts": int(step["accounts"]), "notional": money(step["notional"])}

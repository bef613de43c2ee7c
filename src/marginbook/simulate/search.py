"""Search over parameters under a limit on losses: a sweep per combination, on the same price paths.

    marginbook sweep BOOK --search aave.WETH.liquidation_threshold=0.81:0.87:0.01 --limit 1000000

An axis runs from its safe end to its bold end. Every combination is tried, on the same seed, so that they differ by the
parameters alone; nothing is assumed of the shape between them. The loss is a quantile of bad debt. Best is, among the
combinations whose loss is within the limit and below which (no axis bolder) all are too, the one furthest along.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from marginbook.domain.errors import BadInput
from marginbook.exact import format_decimal, in_exact_context, parse_decimal
from marginbook.simulate.parameter_changes import Change, parse_change
from marginbook.simulate.sweep_answer import money, rank
from marginbook.simulate.sweeps import Results

TRIALS_MOST = 400


@dataclass(frozen=True, slots=True)
class Trial:
    """One combination: its values, its place on each axis, and what it costs."""

    changes: tuple[Change, ...]
    place: tuple[int, ...]
    loss: float
    mean: float
    already: int  # accounts that are liquidatable under it before any move
    fits: bool


@in_exact_context
def parse_axis(text: str) -> list[Change]:
    """`VENUE.MARKET.PARAMETER=FROM:TO:STEP` as the changes along it; BadInput otherwise.

    >>> [change.value for change in parse_axis("aave.WETH.liquidation_threshold=0.86:0.82:-0.02")]
    ['0.86', '0.84', '0.82']
    """
    place, _, span = text.partition("=")
    parts = span.split(":")
    try:
        first, last, step = (parse_decimal(part.strip()) for part in parts)
    except ValueError:
        first = last = step = Decimal(0)
    count = int((last - first) / step) + 1 if step else 0
    if not 1 <= count <= TRIALS_MOST:
        raise BadInput("bad_search", "search", text, f"PARAMETER=FROM:TO:STEP of at most {TRIALS_MOST} values")
    return [parse_change(f"{place}={format_decimal(first + n * step)}") for n in range(count)]


def search(
    axes: Sequence[Sequence[Change]],
    swept: Callable[[tuple[Change, ...]], Results],
    limit: float,
    quantile: Fraction = Fraction(99, 100),
    tick: Callable[[int, int | None], None] | None = None,
) -> tuple[list[Trial], Trial | None]:
    """(every trial, the best), `swept` giving the results of a combination."""
    count = int(np.prod([len(axis) for axis in axes]))
    if not 0 < quantile <= 1 or not 1 <= count <= TRIALS_MOST:
        raise BadInput("bad_search", "search", f"{count} combinations", f"1 to {TRIALS_MOST}, a quantile up to 1")
    trials = []
    for places in product(*(range(len(axis)) for axis in axes)):
        changes = tuple(axis[place] for axis, place in zip(axes, places, strict=True))
        results = swept(changes)
        loss = float(np.sort(results.bad_debt)[rank(quantile, len(results.rows))])
        trials.append(Trial(changes, places, loss, float(results.bad_debt.mean()), results.already, loss <= limit))
        if tick is not None:
            tick(len(trials), count)
    return trials, best(trials)


def best(trials: Sequence[Trial]) -> Trial | None:
    """The boldest trial that fits with all that are nowhere bolder; of equal ones the cheapest, then the first."""
    good = [one for one in trials if all(other.fits for other in _below(one, trials))]
    return max(good, key=lambda one: (sum(one.place), -one.loss), default=None)


def _below(one: Trial, trials: Sequence[Trial]) -> Iterator[Trial]:
    for other in trials:
        if all(mine >= theirs for mine, theirs in zip(one.place, other.place, strict=True)):
            yield other


def answer_of(trials: Sequence[Trial], found: Trial | None, limit: float, quantile: Fraction) -> dict[str, Any]:
    """The part of `sweep --json` that tells it."""
    return {
        "limit": money(limit),
        "quantile": str(float(quantile)),
        "trials": [
            {
                "parameters": [change.text for change in one.changes],
                "loss": money(one.loss),
                "mean": money(one.mean),
                "already_liquidatable": one.already,
                "fits": one.fits,
            }
            for one in trials
        ],
        "best": None if found is None else [change.text for change in found.changes],
    }

"""Parameters that move with the market: a penalty, a loan-to-value limit, a fee or an auction's length by a rule.

    value(σ, u) = base + a·max(0, σ − σ₀) + b·max(0, u − u₀),  between `least` and `most`, on a grid of `step`

σ is a volatility a year, u a utilisation from 0 to 1; with a, b < 0 limits tighten in a storm, with a, b > 0 penalties
and auctions grow. The value is exact and rounds toward `rounding`. Over a history a policy becomes dated parameter
changes (`events`), which `replay` runs between two price frames like any other; σ is then the EWMA of the moves so far.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import numpy as np

from marginbook.domain.errors import BadInput
from marginbook.domain.events import ParameterChange, Stamp
from marginbook.exact import ZERO, format_decimal, grid_ceil, grid_floor, in_exact_context
from marginbook.risk_models.volatility import DECAY, ewma
from marginbook.simulate.histories import History
from marginbook.simulate.paths import YEAR_HOURS

SIGMA_PLACES = 6
"""Decimals to which a measured volatility enters a policy: from there on all is exact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One parameter as a function of volatility and utilisation."""

    base: Decimal
    least: Decimal
    most: Decimal
    step: Decimal
    rounding: Literal["down", "up"]
    per_volatility: Decimal = ZERO  # a: change per unit of σ above
    volatility_knee: Decimal = ZERO  # σ₀
    per_utilisation: Decimal = ZERO  # b
    utilisation_knee: Decimal = ZERO  # u₀

    def __post_init__(self) -> None:
        if not (self.least <= self.base <= self.most and self.step > 0):
            found = f"{self.least} ≤ {self.base} ≤ {self.most}, step {self.step}"
            raise BadInput("bad_policy", "policy", found, "least ≤ base ≤ most and a step above 0")


@in_exact_context
def value(policy: Policy, volatility: Decimal, utilisation: Decimal = ZERO) -> Decimal:
    """The parameter at a volatility and a utilisation.

    >>> limit = Policy(base=Decimal("0.80"), least=Decimal("0.50"), most=Decimal("0.80"), step=Decimal("0.01"),
    ...                rounding="down", per_volatility=Decimal("-0.2"), volatility_knee=Decimal("0.6"))
    >>> value(limit, Decimal("0.5")), value(limit, Decimal("1.13")), value(limit, Decimal(9))
    (Decimal('0.80'), Decimal('0.69'), Decimal('0.50'))
    """
    if volatility < 0 or not 0 <= utilisation <= 1:
        raise BadInput(
            "bad_policy", "market", f"{volatility}, {utilisation}", "a volatility ≥ 0, a utilisation in 0..1"
        )
    raw = policy.base + policy.per_volatility * max(ZERO, volatility - policy.volatility_knee)
    raw += policy.per_utilisation * max(ZERO, utilisation - policy.utilisation_knee)
    bounded = min(max(raw, policy.least), policy.most)
    return (grid_floor if policy.rounding == "down" else grid_ceil)(bounded, policy.step)


def volatilities(found: History, asset: str, decay: float | None = None) -> list[Decimal]:
    """EWMA volatility a year of an asset at each row of a history, from the moves up to it; 0 at the first row.

    `decay` is per row; by default 0.94 a day, spread over the rows of a day.
    """
    moves = np.diff(np.log(found.prices[:, found.assets.index(asset)]))
    per_row = float(DECAY) ** (found.hours / 24.0) if decay is None else decay
    sigma = ewma(moves, per_row, 1)[1:, 0] * np.sqrt(YEAR_HOURS / found.hours)
    return [ZERO, *(Decimal(f"{float(one):.{SIGMA_PLACES}f}") for one in sigma)]


def events(
    policy: Policy,
    found: History,
    asset: str,
    *,
    rules: str,
    market: str,
    parameter: str,
    name: str | None = None,
    utilisation: Sequence[Decimal] | Decimal = ZERO,
) -> list[ParameterChange]:
    """A parameter change of `rules` (overlay `name`) at each row of the history where the policy's value moves.

    The first event, at the first row, sets the value before any move was seen.
    """
    made: list[ParameterChange] = []
    last: Decimal | None = None
    for row, sigma in enumerate(volatilities(found, asset)):
        used = utilisation if isinstance(utilisation, Decimal) else utilisation[row]
        now = value(policy, sigma, used)
        if now != last:
            stamp = Stamp(
                source=f"policy:{market}.{parameter}", source_sequence=len(made) + 1, time=int(found.times[row])
            )
            overlay = {market: {parameter: format_decimal(now)}}
            made.append(ParameterChange(stamp=stamp, rules=rules, overlay=overlay, name=name))
            last = now
    return made

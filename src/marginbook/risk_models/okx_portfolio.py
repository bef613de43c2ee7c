"""Portfolio margin of OKX: components of a risk unit, their combination, and the tiers of the minimum charge.

    MR1 = max(0, −min over spot moves of profit)      spot shock        MR6 = the same over ± the extreme move
    MR  = max(MR1, MR2, MR6) + MR3 + MR4 + MR5        theta, vega, basis, rates
    MR7 = Σ tiers multiplier · (part of the raw charge within the tier)
    maintenance = max(MR, MR7),   initial = 1.3 · maintenance

Exact, in USD. Sources: OKX article 4417291853837 (combination, tiers, example), notice of 2025-01-02 (moves, tiers),
an account's answer (1.3). The volatility moves of MR1 and MR6, the share of a loss that MR6 counts, the raw charge, and
the equations of MR2 to MR5 were not read in enough detail: the caller gives them. From 2024-12-30 to 2025-01-21 units
of one underlying were merged, MR4 was revised, MR9 (stablecoins) was added; that the combination stayed is unverified.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from marginbook.domain.errors import BadInput
from marginbook.exact import ZERO, in_exact_context
from marginbook.params.records import record_or_error

RECORD = "okx_portfolio"
INITIAL = Decimal("1.3")
"""Initial over maintenance margin."""
Tiers = Sequence[tuple[Decimal, Decimal]]
"""(Upper limit, multiplier) of each tier, limits rising."""


@dataclass(frozen=True, slots=True)
class Moves:
    """Relative moves of spot: those of MR1 with none first, and the extreme ones of MR6; `basis` a year for MR4."""

    spot: tuple[Decimal, ...]
    extreme: tuple[Decimal, Decimal]
    basis: Decimal


@dataclass(frozen=True, slots=True)
class Components:
    """What a risk unit could lose, in USD: `charge` is MR7 after its tiers."""

    spot: Decimal = ZERO  # MR1
    theta: Decimal = ZERO  # MR2
    vega: Decimal = ZERO  # MR3
    basis: Decimal = ZERO  # MR4
    rates: Decimal = ZERO  # MR5
    extreme: Decimal = ZERO  # MR6
    charge: Decimal = ZERO  # MR7


def moves_at(at: int, underlying: str) -> Moves:
    """Moves in force at `at` [µs UTC]; an underlying without a row has those of the others.

    >>> [str(move) for move in moves_at(1_738_000_000_000_000, "BTC").spot]
    ['0', '0.04', '-0.04', '0.08', '-0.08', '0.12', '-0.12']
    >>> [str(move) for move in moves_at(1_736_000_000_000_000, "PEPE").extreme]
    ['0.40', '-0.40']
    """
    rows = record_or_error(RECORD, at, "the portfolio margin of OKX").rows
    row = rows.get(underlying, rows["*"])
    extreme = Decimal(row["extreme"])
    both = (Decimal(sign + move) for move in row["spot"] for sign in ("", "-"))
    return Moves((ZERO, *both), (extreme, -extreme), Decimal(row["basis"]))


def charge_tiers_at(at: int, underlying: str) -> Tiers:
    """Tiers of MR7; BadInput where they are not recorded.

    >>> charge_tiers_at(1_736_000_000_000_000, "BTC")[1]
    (Decimal('70000'), Decimal('2'))
    """
    tiers = record_or_error(RECORD, at, "the portfolio margin of OKX").rows.get(underlying, {}).get("charge_tiers")
    if tiers is None:
        raise BadInput("no_parameters", f"charge tiers of {underlying}", "none recorded", "tiers given by the caller")
    return [(Decimal(limit), Decimal(multiplier)) for limit, multiplier in tiers]


def worst_loss(profit: Callable[[Decimal], Decimal], moves: Sequence[Decimal]) -> Decimal:
    """MR1 or MR6: the largest loss over `moves`, where `profit` takes the worst volatility at each.

    >>> str(worst_loss(lambda move: 50_000 * move, moves_at(1_738_000_000_000_000, "BTC").spot))
    '6000.00'
    """
    return max(ZERO, *(-profit(move) for move in moves))


@in_exact_context
def tiered_charge(raw: Decimal, tiers: Tiers) -> Decimal:
    """MR7 from its raw amount: each tier multiplies what lies within it.

    >>> str(tiered_charge(Decimal(30_000), [(Decimal(10_000), Decimal(1)), (Decimal(70_000), Decimal(2))]))
    '50000'
    """
    if raw > max(limit for limit, _ in tiers):
        raise BadInput("beyond_tiers", "raw charge", str(raw), "at most the last limit")
    total, below = ZERO, ZERO
    for limit, multiplier in tiers:
        total += multiplier * max(ZERO, min(raw, limit) - below)
        below = limit
    return total


@in_exact_context
def maintenance_margin(unit: Components) -> Decimal:
    """Maintenance margin of a risk unit.

    The example of the article: 40 000 of risk, and a charge of 30 000 that its tiers raise to 50 000.

    >>> str(maintenance_margin(Components(spot=Decimal(40_000), charge=Decimal(50_000))))
    '50000'
    """
    risk = max(unit.spot, unit.theta, unit.extreme) + unit.vega + unit.basis + unit.rates
    return max(risk, unit.charge)


@in_exact_context
def initial_margin(maintenance: Decimal) -> Decimal:
    """1.3 times the maintenance margin.

    >>> str(initial_margin(Decimal("0.1050278564072823")))
    '0.13653621332946699'
    """
    return INITIAL * maintenance

"""Add-ons: what a scenario model leaves out, charged on top. Each is one formula; none knows a venue.

    square-root impact   |q|·P·Y·σ·(|q| / V)^δ                  V daily volume, σ daily volatility, δ 1/2, Y about 1
    pool impact          |q|·P·|q| / (R + |q|)                  a constant-product pool with reserve R
    tiers                Σ_j rate_j·(part of the size inside tier j)
    size factor          max(base, f·√size)                     the √size form of initial-margin fractions
    liquidation days     max(period, |q| / (share·V))
    unwinding            σ·√(h / 3) for a position that is sold evenly over h days, σ·√h for one that is held
    cascade              √(Σ_j (ES_j·√((LH_j − LH_(j−1)) / base))²)             FRTB, liquidity horizons
    volatility haircut   1 − e^(−z·σ·√h − spread)
    supervisory haircut  H·√((N_R + T_M − 1) / T_M), H of 10 days scaled to T_M by √(T_M / 10)      12 CFR 1240.39
    exposure             max(0, E·(1 + H_e) − C·(1 − H_c − H_fx))

Sources: Almgren, Thum, Hauptmann and Li (2005) for the exponent, which they estimate at 0.6; Basel Committee, Minimum
capital requirements for market risk (cascade); 12 CFR 1240.39 (haircuts, read). Y and any threshold are the user's
calibration. Float64; `reducers.requirement` makes money of the sum. General wrong-way risk needs no add-on: give the
collateral to the scenario engine as positions. Specific wrong-way risk: `without_own_tokens`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, isfinite, sqrt

from marginbook.domain.errors import BadInput

STANDARD_HAIRCUTS = {
    "cash": 0.0,
    "main_index_equity": 0.15,
    "gold": 0.15,
    "other_listed_equity": 0.25,
    "sovereign_0_to_1y": 0.005,
    "sovereign_0_to_5y": 0.02,
    "sovereign_0_beyond_5y": 0.04,
    "sovereign_20_50_to_1y": 0.01,
    "sovereign_20_50_to_5y": 0.03,
    "sovereign_20_50_beyond_5y": 0.06,
    "investment_grade_20_to_1y": 0.01,
    "investment_grade_20_to_5y": 0.04,
    "investment_grade_20_beyond_5y": 0.08,
    "investment_grade_50_to_1y": 0.02,
    "investment_grade_50_to_5y": 0.06,
    "investment_grade_50_beyond_5y": 0.12,
    "investment_grade_100_to_1y": 0.04,
    "investment_grade_100_to_5y": 0.08,
    "investment_grade_100_beyond_5y": 0.16,
}
"""12 CFR 1240.39, table 1, at ten business days; names: issuer, risk weight in %, residual maturity."""
FX_MISMATCH = 0.08
"""Haircut where collateral and exposure are in different currencies, at ten business days."""
STANDARD_DAYS = 10


def _from_zero(**given: float) -> None:
    for name, value in given.items():
        if not (isfinite(value) and value >= 0):
            raise BadInput("bad_value", name, value, "a finite number from 0")


def square_root_impact(
    quantity: float,
    price: float,
    volatility: float,
    daily_volume: float,
    factor: float = 1.0,
    exponent: float = 0.5,
    threshold: float = 0.0,
) -> float:
    """Cost of closing `quantity` at once; nothing up to `threshold` of the daily volume.

    Half of a day's volume costs 50^1.5 = 354 times what a hundredth does:

    >>> square_root_impact(500.0, 10.0, 0.04, 1000.0) / square_root_impact(10.0, 10.0, 0.04, 1000.0)
    353.5533905932738
    """
    _from_zero(price=price, volatility=volatility, factor=factor, exponent=exponent, threshold=threshold)
    size = abs(quantity)
    if not daily_volume > 0:
        raise BadInput("bad_value", "daily_volume", daily_volume, "more than 0")
    if size <= threshold * daily_volume:
        return 0.0
    cost: float = size * price * factor * volatility * (size / daily_volume) ** exponent
    return cost


def pool_impact(quantity: float, price: float, reserve: float) -> float:
    """Value lost by selling into a constant-product pool that holds `reserve` of the asset, fees left out.

    >>> pool_impact(50.0, 1.0, 100.0), round(pool_impact(1.0, 1.0, 100.0), 6)
    (16.666666666666664, 0.009901)
    """
    _from_zero(price=price)
    if not reserve > 0:
        raise BadInput("bad_value", "reserve", reserve, "more than 0")
    size = abs(quantity)
    return size * price * (size / (reserve + size))


def tiered(size: float, tiers: Sequence[tuple[float, float]]) -> float:
    """Σ rate·(part of |size| in the tier); `tiers` are (from, rate), ascending from 0.

    >>> tiered(250.0, [(0.0, 0.0), (100.0, 0.01), (200.0, 0.05)])
    3.5
    """
    floors = [floor for floor, _ in tiers]
    if not tiers or floors[0] != 0 or any(b <= a for a, b in pairwise(floors)):
        raise BadInput("bad_tiers", "tiers", floors, "ascending from 0")
    ends = [*floors[1:], float("inf")]
    return sum(rate * max(0.0, min(abs(size), end) - floor) for (floor, rate), end in zip(tiers, ends, strict=True))


def size_factor(size: float, base: float, factor: float) -> float:
    """max(base, factor·√|size|).

    >>> size_factor(10000.0, 0.1, 0.002)
    0.2
    """
    _from_zero(base=base, factor=factor)
    return max(base, factor * sqrt(abs(size)))


def liquidation_days(quantity: float, daily_volume: float, share: float, period: float) -> float:
    """Days to close a position at `share` of the daily volume, at least the `period`.

    >>> liquidation_days(5000.0, 1000.0, 0.25, 2.0), liquidation_days(10.0, 1000.0, 0.25, 2.0)
    (20.0, 2.0)
    """
    if not (daily_volume > 0 and 0 < share <= 1):
        raise BadInput("bad_value", "daily_volume, share", f"{daily_volume}, {share}", "more than 0, share at most 1")
    return max(period, abs(quantity) / (share * daily_volume))


def unwinding_factor(days: float, evenly: bool) -> float:
    """Multiplier of one-day risk: √days for a held position, √(days / 3) for one that is sold evenly.

    >>> unwinding_factor(4.0, False), unwinding_factor(12.0, True)
    (2.0, 2.0)
    """
    _from_zero(days=days)
    return sqrt(days / 3.0) if evenly else sqrt(days)


def cascade(shortfalls: Sequence[tuple[float, float]], base: float = STANDARD_DAYS) -> float:
    """(horizon, expected shortfall over `base` days of the factors with at least that horizon), ascending.

    >>> cascade([(10.0, 3.0), (20.0, 4.0)])
    5.0
    """
    before, total = 0.0, 0.0
    for horizon, shortfall in shortfalls:
        if horizon <= before:
            raise BadInput("bad_value", "horizon", horizon, f"more than {before}")
        total += shortfall * shortfall * (horizon - before) / base
        before = horizon
    return sqrt(total)


def without_own_tokens(values: Mapping[str, float], own: Collection[str]) -> dict[str, float]:
    """Collateral that counts: nothing for what the account's owner, or the market it trades, has issued.

    >>> without_own_tokens({"FTT": 100.0, "USDC": 50.0}, {"FTT"})
    {'FTT': 0.0, 'USDC': 50.0}
    """
    return {asset: 0.0 if asset in own else value for asset, value in values.items()}


def multiplied(requirement: float, multipliers: Mapping[str, float]) -> float:
    """Requirement times each multiplier (congestion, black swan …); none may lower it.

    >>> multiplied(100.0, {"congestion": 1.5, "black swan": 2.0})
    300.0
    """
    for name, value in multipliers.items():
        if not (isfinite(value) and value >= 1):
            raise BadInput("bad_value", f"multiplier {name}", value, "a finite number from 1")
        requirement *= value
    return requirement


def volatility_haircut(deviations: float, volatility: float, days: float, spread: float = 0.0) -> float:
    """Share of collateral value that does not count, below 1.

    >>> round(volatility_haircut(2.326348, 0.04, 2.0), 6)
    0.123307
    """
    _from_zero(deviations=deviations, volatility=volatility, days=days, spread=spread)
    return 1.0 - exp(-deviations * volatility * sqrt(days) - spread)


def supervisory_haircut(kind: str, days: float = STANDARD_DAYS, revaluation_days: float = 1.0) -> float:
    """The table's haircut for a holding period and a revaluation every so many days; at most 1.

    >>> supervisory_haircut("gold"), round(supervisory_haircut("gold", days=5.0), 6)
    (0.15, 0.106066)
    """
    if kind not in STANDARD_HAIRCUTS:
        raise BadInput("no_parameters", "haircut", kind, f"one of {', '.join(STANDARD_HAIRCUTS)}")
    return min(1.0, scaled_haircut(STANDARD_HAIRCUTS[kind], STANDARD_DAYS, days, revaluation_days))


def scaled_haircut(haircut: float, of_days: float, days: float, revaluation_days: float = 1.0) -> float:
    """H·√(days / of_days)·√((revaluation + days − 1) / days).

    >>> round(scaled_haircut(0.08, 10.0, 10.0, 6.0), 6)
    0.09798
    """
    if not (of_days > 0 and days > 0 and revaluation_days >= 1):
        raise BadInput("bad_value", "days", f"{of_days}, {days}, {revaluation_days}", "more than 0, revaluation from 1")
    return haircut * sqrt(days / of_days) * sqrt((revaluation_days + days - 1.0) / days)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a basket: value and haircut."""

    value: float
    haircut: float


def exposure(exposed: Part, collateral: Sequence[Part], fx_haircut: float = 0.0) -> float:
    """max(0, E·(1 + H_e) − Σ C·(1 − H_c − H_fx)); a part of the collateral is never worth less than nothing.

    >>> round(exposure(Part(100.0, 0.02), [Part(80.0, 0.15)], FX_MISMATCH), 6)
    40.4
    """
    covered = sum(part.value * max(0.0, 1.0 - part.haircut - fx_haircut) for part in collateral)
    return max(0.0, exposed.value * (1.0 + exposed.haircut) - covered)

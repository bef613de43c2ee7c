"""SCAN portfolio margin of Paradex: 24 weighted scenarios of spot and volatility.

    shocked σ  = σ·(1 + shock · (30 / max(1, DTE))^p),   p = 0.30 below 30 days to expiry, 0.13 from there on
    SCAN       = max(0, max_s −weight_s · Σ_i position_i · (V_i(spot_s, σ_s) − V_i))
    min delta  = (2 % · |net delta| + 1 % · hedged delta) · spot
    IMR        = max(SCAN, min delta) + provisions,      MMR = 50 % · max(SCAN, min delta) + provisions

Hedged delta is what cancels, (gross − |net|) / 2 of the deltas. Provisions are of fees and of 8 hours of funding; the
caller states them. Source: docs.paradex.trade/risk/portfolio-margin (2025 and 2026): equations, table, and the example
of one perpetual against five calls. No worked margin of a whole portfolio was found, so the total is unverified.
Computed in float64; amounts in the quote currency.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marginbook.params.records import record_or_error

RECORD = "paradex_scan"
Profit = Callable[[float, float], float]
"""Change of the portfolio's value after (relative change of spot, shock of volatility before its term scaling)."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Relative changes of spot and of volatility, and the share of the loss that counts."""

    spot: float
    volatility: float
    weight: float


@dataclass(frozen=True, slots=True)
class Margin:
    """Requirements and their two rivals."""

    scan: float
    least: float
    initial: float
    maintenance: float


def scenarios_at(at: int) -> tuple[Scenario, ...]:
    """The published table at `at` [µs UTC].

    >>> len(scenarios_at(1_760_000_000_000_000)), scenarios_at(1_760_000_000_000_000)[16]
    (24, Scenario(spot=-0.66, volatility=0.4, weight=0.24))
    """
    rows: Sequence[Sequence[Any]] = record_or_error(RECORD, at, "the SCAN of Paradex").rows["scenarios"]["table"]
    return tuple(Scenario(*(float(number) for number in row)) for row in rows)


def shocked_volatility(volatility: float, shock: float, days: float) -> float:
    """σ after a shock that is the stronger the nearer expiry.

    >>> shocked_volatility(0.5, 0.4, 30), round(shocked_volatility(0.5, 0.4, 0.2), 6), shocked_volatility(0.5, 0, 7)
    (0.7, 1.054838, 0.5)
    """
    return volatility * (1 + shock * math.pow(30 / max(1.0, days), 0.30 if days < 30 else 0.13))


def margin(
    profit: Profit, scenarios: Sequence[Scenario], deltas: Mapping[str, float], spot: float, provisions: float = 0.0
) -> Margin:
    """Requirements of a portfolio with `deltas` by instrument, in units of the underlying.

    The venue's example: one perpetual against five short calls of delta 0.3 is half a coin short and one coin hedged.

    >>> margin(lambda move, shock: 0.0, (), {"BTC-USD-PERP": 1.0, "70k call": -1.5}, 70_000).least
    1400.0

    One long perpetual at 100 000 loses 16 % of that in the worst scenario; hedged by a short one, 1 % remains.

    >>> table = scenarios_at(1_760_000_000_000_000)
    >>> margin(lambda move, shock: 100_000 * move, table, {"BTC-USD-PERP": 1.0}, 100_000).initial
    16000.0
    >>> margin(lambda move, shock: 0.0, table, {"BTC-USD-PERP": 1.0, "BTC-CALL": -1.0}, 100_000)
    Margin(scan=0.0, least=1000.0, initial=1000.0, maintenance=500.0)
    """
    scan = max([0.0, *(-scenario.weight * profit(scenario.spot, scenario.volatility) for scenario in scenarios)])
    long = sum(delta for delta in deltas.values() if delta > 0)
    short = -sum(delta for delta in deltas.values() if delta < 0)
    least = (0.02 * abs(long - short) + 0.01 * min(long, short)) * spot
    required = max(scan, least)
    return Margin(scan, least, required + provisions, 0.5 * required + provisions)

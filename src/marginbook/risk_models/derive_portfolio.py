"""Portfolio margin of Derive, version 2 (PMRM 2): scenarios of spot and volatility, skew, basis, contingencies.

    margin  = f · min(basis, min_s PnL_s) − MM contingency − [initial] IM contingency + mark to market
    f       = initial factor + max(0, peg threshold − stable price) · peg factor   (initial),   maintenance factor
    PnL_s   = damping_s · (q·P·(x_s − 1) + Σ_e (d_e(M_e(x_s, v_s)) · M_e(x_s, v_s) − M_e) + Σ_c value_c·(x_s − 1))
    d_e     = long·e^(−τ·(r·a + b)) of a positive M_e, min(1 / D_e, short·e^(τ·(r·a' + b'))) of a negative one
    D_e     = e^(−r·τ), r = max(0, rate), τ in years of 365 days
    up      = σ·(1 + range·(30 d / max(t, floor))^p), at least the least shocked volatility;  down = σ·max(0, 1 − …)
    skew    = σ·max(0, 1 + clamp(k·cap / k*, ±cap)), k = ln(K / F) or |k|, cap = base + c·√τ,
              k* = max(least, √τ·width·(static + √τ·scale));  each expiry counts −|PnL_e|
    basis   = Σ_e min(0, M_e(up) − M_e, M_e(down) − M_e)·(add + multiple·τ)

M_e is the value of an expiry's options by Black-76 on the forward; x_s multiplies its part that is not settled yet.
p is the short power up to 30 days, else the long one. Only risk-cancelling collateral moves with spot; collateral is
worth amount · price / stable price. Contingencies: on spot for perpetuals and naked short options (calls and puts net
at one strike, strikes never); haircuts of collateral; and (1 − confidence) · factor · notional where an oracle's
confidence is below the threshold (initial only). Amounts in USDC; a negative margin is a shortfall.

Source: derivexyz/v2-core at 7736900 (2026-01-21), PMRM_2 and PMRMLib_2. The contracts compute in 18-digit fixed point
with approximated e^x, ln and √; this is float64, which agrees with the 138 cases that the venue runs within the
tolerance of its tests, 10^-8 of the number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, inf, log, sqrt
from typing import Any, Literal

from marginbook.params.records import record_or_error
from marginbook.risk_models.black_76 import value as option_value

RECORD = "derive_pmrm2"
SECONDS_PER_DAY = 86_400
SECONDS_PER_YEAR = 365 * SECONDS_PER_DAY
TERM = 30 * SECONDS_PER_DAY
"""Where the power of the volatility shock changes, and the term at which the shock is the range itself."""
SETTLING = 1_800
"""Seconds before expiry in which the settlement price is averaged."""

Direction = Literal["up", "down", "none", "linear", "abs"]


@dataclass(frozen=True, slots=True)
class Scenario:
    """Spot times `spot`, volatility moved in `direction`, and the share of the result that counts."""

    spot: float
    direction: Direction
    damping: float

    @property
    def is_skew(self) -> bool:
        """Whether the wings of the volatility surface move, not its level."""
        return self.direction in ("linear", "abs")


@dataclass(frozen=True, slots=True)
class Parameters:
    """Sections of numbers as the contract groups them; see the data file for their names."""

    basis: Mapping[str, float]
    contingency: Mapping[str, float]
    margin: Mapping[str, float]
    volatility: Mapping[str, float]
    skew: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Option:
    """A position of one expiry, in contracts of one unit."""

    strike: float
    is_call: bool
    amount: float
    volatility: float


@dataclass(frozen=True, slots=True)
class Expiry:
    """Options that expire together and what oracles say of their forward, rate and volatility."""

    seconds: int
    forward: float  # the part that still moves with spot
    settled: float  # the part that the average before expiry has fixed
    rate: float
    confidence: float  # least of forward, rate and volatilities
    options: Sequence[Option]


@dataclass(frozen=True, slots=True)
class Collateral:
    """An asset held beside cash."""

    amount: float
    price: float
    confidence: float
    cancels_risk: bool
    initial_haircut: float  # beyond the maintenance haircut
    maintenance_haircut: float


@dataclass(frozen=True, slots=True)
class Portfolio:
    """A subaccount in its market; `perp_profit` is unsettled and unrealised profit and funding."""

    spot: float
    spot_confidence: float
    stable_price: float
    cash: float = 0.0
    perps: float = 0.0
    perp_price: float = 0.0
    perp_confidence: float = 1.0
    perp_profit: float = 0.0
    collateral: Sequence[Collateral] = ()
    expiries: Sequence[Expiry] = ()


@dataclass(frozen=True, slots=True)
class Margin:
    """Margins and their parts; `profits` in the order of the scenarios, `worst` the worst one, None: basis."""

    initial: float
    maintenance: float
    mark_to_market: float
    basis_contingency: float
    profits: tuple[float, ...]
    worst: int | None


def parameters_at(at: int) -> tuple[Parameters, tuple[Scenario, ...]]:
    """The committed parameters and scenarios at `at` [µs UTC].

    >>> parameters, scenarios = parameters_at(1_769_000_000_000_000)
    >>> len(scenarios), parameters.margin["maintenance_factor"], scenarios[23]
    (33, 0.8, Scenario(spot=0.34, direction='up', damping=0.21))
    """
    rows = record_or_error(RECORD, at, "the PMRM 2 of Derive").rows
    table: Sequence[Sequence[Any]] = rows["scenarios"]["table"]
    return parameters_of(rows), tuple(Scenario(float(x), v, float(damping)) for x, v, damping in table)


def parameters_of(rows: Mapping[str, Mapping[str, Any]]) -> Parameters:
    """Parameters from sections of number texts.

    >>> parameters_of({name: {"a": "0.5"} for name in ("basis", "contingency", "margin", "volatility", "skew")}).skew
    {'a': 0.5}
    """
    names = ("basis", "contingency", "margin", "volatility", "skew")
    return Parameters(*({name: float(number) for name, number in rows[section].items()} for section in names))


def forward_parts(forward: float, seconds: int) -> tuple[float, float]:
    """The moving and the settled part, if the average so far is the forward itself.

    >>> forward_parts(3000.0, 600), forward_parts(3000.0, 86_400)
    ((1000.0, 2000.0), (3000.0, 0.0))
    """
    moving = forward * min(1.0, max(0, seconds) / SETTLING)
    return moving, forward - moving


def margin(portfolio: Portfolio, parameters: Parameters, scenarios: Sequence[Scenario]) -> Margin:
    """Both margins of a portfolio.

    A perpetual of 3 000: the worst scenario loses 18 % of 3 100, contingencies 3 % (and 1 %) of spot.

    >>> parameters, scenarios = parameters_at(1_769_000_000_000_000)
    >>> long = Portfolio(3000.0, 1.0, 1.0, perps=1.0, perp_price=3100.0)
    >>> found = margin(long, parameters, scenarios)
    >>> round(found.initial, 6), round(found.maintenance, 6), scenarios[found.worst].spot
    (-678.0, -536.4, 0.82)
    """
    values = [item.amount * item.price / portfolio.stable_price for item in portfolio.collateral]
    marks = [_shocked(expiry, 1.0, "none", parameters) for expiry in portfolio.expiries]
    profits = tuple(_profit(portfolio, values, marks, scenario, parameters) for scenario in scenarios)
    basis = sum(map(_basis, portfolio.expiries, marks, [parameters] * len(marks)))
    initial, maintenance = _contingencies(portfolio, values, parameters)
    least = min(profits, default=inf)
    loss = min(basis, least)
    marked = sum(marks) + sum(values) + portfolio.perp_profit + portfolio.cash
    below = max(0.0, parameters.contingency["peg_threshold"] - portfolio.stable_price)
    factor = parameters.margin["initial_factor"] + below * parameters.contingency["peg_factor"]
    return Margin(
        initial=loss * factor - initial - maintenance + marked,
        maintenance=loss * parameters.margin["maintenance_factor"] - maintenance + marked,
        mark_to_market=marked,
        basis_contingency=basis,
        profits=profits,
        worst=profits.index(least) if least < basis else None,
    )


def naked_shorts(options: Sequence[Option]) -> float:
    """Short options that no long one at the same strike covers, calls and puts alike.

    >>> held = [Option(100, True, -3, 0.5), Option(100, False, 1, 0.5), Option(90, False, -1, 0.5)]
    >>> naked_shorts(held)
    3.0
    """
    at_strike: dict[float, float] = {}
    for option in options:
        at_strike[option.strike] = at_strike.get(option.strike, 0.0) + option.amount
    return float(sum(max(0.0, -amount) for amount in at_strike.values()))


def _years(expiry: Expiry) -> float:
    return expiry.seconds / SECONDS_PER_YEAR


def _discount(expiry: Expiry) -> float:
    return exp(-max(0.0, expiry.rate) * _years(expiry))


def _shocked(expiry: Expiry, spot: float, direction: Direction, parameters: Parameters) -> float:
    """Value of the options of an expiry after a move."""
    forward = expiry.forward * spot + expiry.settled
    shock = parameters.volatility
    power = shock["short_power"] if expiry.seconds <= TERM else shock["long_power"]
    term = (TERM / max(expiry.seconds, shock["floor_days"] * SECONDS_PER_DAY)) ** power
    total = 0.0
    for option in expiry.options:
        volatility = option.volatility
        if direction == "up":
            volatility = max(shock["least_up"], volatility * (1 + shock["up"] * term))
        elif direction == "down":
            volatility *= max(0.0, 1 - shock["down"] * term)
        elif direction != "none":
            volatility *= max(0.0, 1 + _skew(option.strike, forward, _years(expiry), direction, parameters.skew))
        total += option.amount * option_value(
            option.is_call, forward, option.strike, _years(expiry), volatility, _discount(expiry)
        )
    return total


def _skew(strike: float, forward: float, years: float, direction: Direction, skew: Mapping[str, float]) -> float:
    """Relative change of the volatility of a strike when the wings move."""
    root = sqrt(years)
    cap = skew[f"{direction}_cap"] + skew[f"{direction}_slope"] * root
    flat = max(skew["least_k"], root * skew["width"] * (skew["static"] + root * skew["scale"]))
    k = log(strike / forward)
    k = k if direction == "linear" else abs(k)
    return min(cap, k * cap / flat) if k >= 0 else max(-cap, k * cap / flat)


def _discounted(shocked: float, expiry: Expiry, margins: Mapping[str, float]) -> float:
    """A shocked value after the static discount, which makes assets smaller and debts larger."""
    rate, years = max(0.0, expiry.rate), _years(expiry)
    if shocked >= 0:
        return shocked * margins["long_discount"] * exp(-years * (rate * margins["long_rate"] + margins["long_add"]))
    grown = margins["short_discount"] * exp(years * (rate * margins["short_rate"] + margins["short_add"]))
    return shocked * min(1 / _discount(expiry), grown)


def _profit(
    portfolio: Portfolio,
    values: Sequence[float],
    marks: Sequence[float],
    scenario: Scenario,
    parameters: Parameters,
) -> float:
    move = scenario.spot - 1
    total = scenario.damping * portfolio.perps * portfolio.perp_price * move
    for expiry, mark in zip(portfolio.expiries, marks, strict=True):
        spot = 1.0 if scenario.is_skew else scenario.spot
        shocked = _shocked(expiry, spot, scenario.direction, parameters)
        part = scenario.damping * (_discounted(shocked, expiry, parameters.margin) - mark)
        total += -abs(part) if scenario.is_skew else part
    for item, value in zip(portfolio.collateral, values, strict=True):
        if item.cancels_risk:
            total += scenario.damping * value * move
    return total


def _basis(expiry: Expiry, mark: float, parameters: Parameters) -> float:
    basis = parameters.basis
    up, down = (_shocked(expiry, basis[name], "none", parameters) for name in ("spot_up", "spot_down"))
    return min(up - mark, down - mark, 0.0) * (basis["add"] + basis["multiple"] * _years(expiry))


def _contingencies(portfolio: Portfolio, values: Sequence[float], parameters: Parameters) -> tuple[float, float]:
    """What the initial margin alone adds, and what both add."""
    rates = parameters.contingency

    def doubt(confidence: float, notional: float) -> float:
        return (1 - confidence) * rates["confidence_factor"] * notional if confidence < rates["confidence"] else 0.0

    trust = portfolio.spot_confidence
    initial = maintenance = 0.0
    for item, value in zip(portfolio.collateral, values, strict=True):
        maintenance += value * item.maintenance_haircut
        initial += value * item.initial_haircut + doubt(min(item.confidence, trust), value)
    if portfolio.perps:
        trust = min(trust, portfolio.perp_confidence)
    notional = abs(portfolio.perps) * portfolio.spot
    maintenance += notional * rates["perp_maintenance"]
    initial += notional * rates["perp_initial"] + doubt(trust, notional)
    for expiry in portfolio.expiries:
        naked = naked_shorts(expiry.options) * portfolio.spot
        maintenance += naked * rates["option_maintenance"]
        held = sum(abs(option.amount) for option in expiry.options) * portfolio.spot
        initial += naked * rates["option_initial"] + doubt(min(trust, expiry.confidence), held)
    return initial, maintenance

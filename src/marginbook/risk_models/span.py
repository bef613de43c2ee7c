"""SPAN on risk arrays: scan, calendar spreads by tier, delivery, credits between commodities, short-option minimum.

Per combined commodity, losses positive, everything exact in the inputs:

    scan risk     SR  = max(0, max_s Σ_i q_i·array_i,s)                       active scenario: the first with that loss
    volatility risk   = SR − (L_active + L_paired) / 2                        paired: same price, other volatility
    time risk         = (L_1 + L_2) / 2
    price risk        = max(0, SR − volatility risk − time risk)
    weighted price risk WFPR = price risk / |Σ_i q_i·delta_i|, or the smaller of that and PSR, or PSR, by method
    calendar spread   n = min over legs (deltas available / deltas per spread);   charge n·rate
    delivery          deltas of a period in spreads · spread rate + the other ones · outright rate
    inter-commodity   n = min over legs (|net delta| / deltas per spread);        credit = Σ_leg rate·WFPR·n·deltas
    short options     SOM = rate · (short calls + short puts, or the larger of the two)
    risk              = max(SOM, SR + calendar + delivery − credits), at least 0
    requirement       = max(0, ratio·Σ risk − net option value)

A tier keeps the long and the short deltas of its periods apart (net within a period), so that spreads inside one tier
are spreads too; a spread takes the nearest period of a tier first. Spreads and credits are served by priority, either
way round, in fractions of a spread. `ratio` turns maintenance into initial margin. Net option value is that of
premium-style options, long ones positive; options margined like futures have none.

Sources: CME Group, Components of SPAN; ASX and Euronext pages on SPAN (composition of the requirement, sign, order of
scenarios); record layouts of SPAN files (fields, the three methods of the weighted price). Extreme scenarios are their
own pair, as the point definitions of `.spn` files have it. Not verified against a worked example of a clearing house:
price risk from paired scenarios, the delivery charge, and which deltas a spread takes first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Literal

from marginbook.domain.errors import BadInput
from marginbook.exact import ONE, ZERO, divide, in_exact_context

SCENARIO_COUNT = 16
HALF = Decimal("0.5")


@dataclass(frozen=True, slots=True)
class Contract:
    """One line of a risk file: losses of one long contract in the 16 scenarios [currency], positive for a loss.

    `delta` is the composite delta with the contract's scaling; `value` that of one long premium-style option, else 0.
    """

    commodity: str
    period: str
    array: tuple[Decimal, ...]
    delta: Decimal
    kind: Literal["future", "call", "put"] = "future"
    value: Decimal = ZERO

    def __post_init__(self) -> None:
        if len(self.array) != SCENARIO_COUNT:
            raise BadInput("bad_risk_array", "array", len(self.array), f"{SCENARIO_COUNT} losses")


@dataclass(frozen=True, slots=True)
class SpreadLeg:
    """`deltas` of a tier (calendar spread) or of a commodity (credit) per spread; side 1 or −1 against the others.

    A leg of a credit may be of one `tier` of its commodity only.
    """

    of: str
    deltas: Decimal
    side: Literal[1, -1]
    tier: str = ""

    def __post_init__(self) -> None:
        if not self.deltas > 0:
            raise BadInput("bad_spread", f"leg {self.of}", self.deltas, "more than 0 deltas per spread")


def _all_different(legs: Sequence[tuple[str, int]]) -> None:
    if not legs or len(set(legs)) < len(legs):
        raise BadInput("bad_spread", "legs", legs, "at least one leg, no two alike")


@dataclass(frozen=True, slots=True)
class CalendarSpread:
    """A spread between tiers of one commodity at `rate` per spread [currency]."""

    priority: int
    legs: tuple[SpreadLeg, ...]
    rate: Decimal

    def __post_init__(self) -> None:
        _all_different([(leg.of, leg.side) for leg in self.legs])


@dataclass(frozen=True, slots=True)
class Credit:
    """A spread between commodities that gives back `rate` of the price risk of each leg."""

    priority: int
    legs: tuple[SpreadLeg, ...]
    rate: Decimal

    def __post_init__(self) -> None:
        _all_different([(f"{leg.of} {leg.tier}", 0) for leg in self.legs])


@dataclass(frozen=True, slots=True)
class Delivery:
    """Charge per delta of a period near delivery [currency]: in a spread, and outright."""

    spread_rate: Decimal
    outright_rate: Decimal


@dataclass(frozen=True, slots=True)
class Commodity:
    """Parameters of a combined commodity. `tiers`: name -> its periods, nearest first; `credit_tiers` those of credits.

    `weighted_price`: price risk per net delta as it is, `capped` at the price scan range of a future, or that `range`.
    """

    tiers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    spreads: tuple[CalendarSpread, ...] = ()
    delivery: Mapping[str, Delivery] = field(default_factory=dict)
    short_option_rate: Decimal = ZERO
    short_option_method: Literal["sum", "larger"] = "sum"
    weighted_price: Literal["normal", "capped", "range"] = "normal"
    price_range: Decimal = ZERO  # of one future [currency], where the weighted price needs it
    credit_tiers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CommodityRisk:
    """Every part of the risk of one commodity; `active` counts scenarios from 1."""

    losses: tuple[Decimal, ...]
    active: int
    scan: Decimal
    price: Decimal
    net_delta: Decimal
    calendar: Decimal
    delivery: Decimal
    short_options: Decimal
    weighted_price: Decimal = ZERO
    tier_deltas: Mapping[str, Decimal] = field(default_factory=dict)  # of the tiers for credits
    credit: Decimal = ZERO

    @property
    def risk(self) -> Decimal:
        """max(short options, scan + calendar + delivery − credit), at least 0."""
        return max(ZERO, self.short_options, self.scan + self.calendar + self.delivery - self.credit)


@dataclass(frozen=True, slots=True)
class Requirement:
    """Requirement of a portfolio in one currency, and its parts."""

    commodities: Mapping[str, CommodityRisk]
    net_option_value: Decimal
    ratio: Decimal
    ratios: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def risk(self) -> Decimal:
        """Σ risk of the commodities, each times its ratio of initial to maintenance margin."""
        parts = self.commodities.items()
        return sum((self.ratios.get(name, self.ratio) * part.risk for name, part in parts), ZERO)

    @property
    def requirement(self) -> Decimal:
        """What must be covered by other assets: risk less net option value, at least 0."""
        return max(ZERO, self.risk - self.net_option_value)


Position = tuple[Contract, Decimal]


@in_exact_context
def span(
    positions: Sequence[Position],
    commodities: Mapping[str, Commodity],
    credits: Sequence[Credit] = (),
    ratio: Decimal = ONE,
    ratios: Mapping[str, Decimal] = MappingProxyType({}),
) -> Requirement:
    """Requirement of signed positions, all in one currency; `ratios` of commodities that have their own.

    The classic array of one future, 10,000 a range: long one, short one of the next month, spread charge 1,500.

    >>> from marginbook.risk_models.span_array import Ranges, future_array
    >>> array = future_array(Ranges(Decimal(10000), Decimal(2), Decimal("0.35")))
    >>> legs = SpreadLeg("near", ONE, 1), SpreadLeg("far", ONE, -1)
    >>> months = {"near": ("2026-12",), "far": ("2027-03",)}
    >>> index = Commodity(months, (CalendarSpread(1, legs, Decimal(1500)),))
    >>> december, march = (Contract("ES", month, array, ONE) for month in ("2026-12", "2027-03"))
    >>> str(span([(december, ONE)], {"ES": index}).requirement)
    '10000'
    >>> str(span([(december, ONE), (march, -ONE)], {"ES": index}).requirement)
    '1500'
    """
    held: dict[str, list[Position]] = {}
    for position in positions:
        held.setdefault(position[0].commodity, []).append(position)
    unknown = sorted(set(held) - set(commodities))
    if unknown:
        raise BadInput("no_parameters", "commodity", ", ".join(unknown), f"one of {', '.join(sorted(commodities))}")
    risks = {name: commodity_risk(held[name], commodities[name]) for name in sorted(held)}
    given = _credits(risks, credits)
    risks = {name: replace(risk, credit=given.get(name, ZERO)) for name, risk in risks.items()}
    options = sum((quantity * contract.value for contract, quantity in positions), ZERO)
    return Requirement(risks, options, ratio, ratios)


@in_exact_context
def commodity_risk(positions: Sequence[Position], parameters: Commodity) -> CommodityRisk:
    """The parts for one commodity, before credits."""
    losses = tuple(
        sum((quantity * contract.array[s] for contract, quantity in positions), ZERO) for s in range(SCENARIO_COUNT)
    )
    largest = max(losses)
    active = losses.index(largest)
    scan = max(ZERO, largest)
    paired = active if active >= SCENARIO_COUNT - 2 else active ^ 1
    adjusted = HALF * (losses[active] + losses[paired])
    price = max(ZERO, adjusted - HALF * (losses[0] + losses[1])) if scan else ZERO
    deltas: dict[str, Decimal] = {}
    for contract, quantity in positions:
        deltas[contract.period] = deltas.get(contract.period, ZERO) + quantity * contract.delta
    calendar, spread = _calendar(deltas, parameters)
    net_delta = sum(deltas.values(), ZERO)
    return CommodityRisk(
        losses=losses,
        active=active + 1,
        scan=scan,
        price=price,
        net_delta=net_delta,
        calendar=calendar,
        delivery=_delivery(deltas, spread, parameters),
        short_options=_short_options(positions, parameters),
        weighted_price=_weighted_price(price, net_delta, parameters),
        tier_deltas={
            tier: sum((deltas.get(period, ZERO) for period in periods), ZERO)
            for tier, periods in parameters.credit_tiers.items()
        },
    )


def _weighted_price(price: Decimal, net_delta: Decimal, parameters: Commodity) -> Decimal:
    """Price risk of one delta, 0 without any."""
    if not net_delta:
        return ZERO
    normal = divide(price, abs(net_delta))
    limits = {"normal": normal, "capped": min(normal, parameters.price_range), "range": parameters.price_range}
    return limits[parameters.weighted_price]


def _calendar(deltas: Mapping[str, Decimal], parameters: Commodity) -> tuple[Decimal, dict[str, Decimal]]:
    """(charge, deltas of each period that are in spreads)."""
    left = dict(deltas)
    charge = ZERO
    for spread in sorted(parameters.spreads, key=lambda spread: spread.priority):
        for way in (1, -1):
            legs = [(_periods(leg.of, parameters), leg, leg.side * way) for leg in spread.legs]
            count = min(divide(_available(left, periods, side), leg.deltas) for periods, leg, side in legs)
            if count > 0:
                charge += count * spread.rate
                for periods, leg, side in legs:
                    _take(left, periods, side, count * leg.deltas)
    return charge, {period: abs(deltas[period]) - abs(left[period]) for period in deltas}


def _periods(tier: str, parameters: Commodity) -> tuple[str, ...]:
    if tier not in parameters.tiers:
        raise BadInput("no_parameters", "tier", tier, f"one of {', '.join(parameters.tiers)}")
    return parameters.tiers[tier]


def _available(left: Mapping[str, Decimal], periods: Sequence[str], side: int) -> Decimal:
    return sum((max(ZERO, side * left.get(period, ZERO)) for period in periods), ZERO)


def _take(left: dict[str, Decimal], periods: Sequence[str], side: int, wanted: Decimal) -> None:
    for period in periods:
        taken = min(wanted, max(ZERO, side * left.get(period, ZERO)))
        if taken:
            left[period] -= side * taken
            wanted -= taken


def _delivery(deltas: Mapping[str, Decimal], spread: Mapping[str, Decimal], parameters: Commodity) -> Decimal:
    charge = ZERO
    for period, rates in parameters.delivery.items():
        if period in deltas:
            outright = abs(deltas[period]) - spread[period]
            charge += spread[period] * rates.spread_rate + outright * rates.outright_rate
    return charge


def _short_options(positions: Sequence[Position], parameters: Commodity) -> Decimal:
    short = {"call": ZERO, "put": ZERO}
    for contract, quantity in positions:
        if contract.kind != "future":
            short[contract.kind] += max(ZERO, -quantity)
    count = max(short.values()) if parameters.short_option_method == "larger" else sum(short.values(), ZERO)
    return parameters.short_option_rate * count


def _credits(risks: Mapping[str, CommodityRisk], credits: Sequence[Credit]) -> dict[str, Decimal]:
    """Credit of each commodity. A spread of tiers uses up deltas of the whole commodity too, but not conversely."""
    left = {(name, ""): risk.net_delta for name, risk in risks.items()}
    left |= {(name, tier): delta for name, risk in risks.items() for tier, delta in risk.tier_deltas.items()}
    given: dict[str, Decimal] = {}
    for credit in sorted(credits, key=lambda credit: credit.priority):
        for way in (1, -1):
            count = min(
                divide(max(ZERO, way * leg.side * left.get((leg.of, leg.tier), ZERO)), leg.deltas)
                for leg in credit.legs
            )
            if count > 0:
                for leg in credit.legs:
                    taken = count * leg.deltas
                    for key in {(leg.of, leg.tier), (leg.of, "")}:
                        left[key] -= way * leg.side * taken
                    given[leg.of] = given.get(leg.of, ZERO) + credit.rate * risks[leg.of].weighted_price * taken
    return given

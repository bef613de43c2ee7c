"""What a rule set lowers an account to: legs over factors, and the allowance that bounds the rest.

    factor      f = Π quote^±1 · Π index / 10^27                                        (a positive float)
    leg         support += support·f;  notional x = size·f;  demand += table(x), with table(x) = rate·x − cum
    group max   demand_initial += initial_rate · max(|net·f + bids|, |net·f − asks|), net = ±size
    allowance   |kernel − exact| ≤ absolute + relative·gross, for each of support and demand

Constant legs go into the pool's constants; linear, inverse (factor with exponent −1), tiered and group-maximum legs
are all of this one shape, so the kernel has no switch on a kind. A pool that joins several currencies has such legs per
currency, and a price of each (`CurrencyLegs`).
"""

from dataclasses import dataclass
from typing import Literal

FactorPart = tuple[Literal["quote", "inverse", "supply", "borrow", "funding"], str, str, str]
"""(how, venue, market or asset, price kind or "")."""
Factor = tuple[FactorPart, ...]
Bracket = tuple[float, float, float]  # (floor, rate, cum)
BracketTable = tuple[Bracket, ...]
IDENTITY_TABLE: BracketTable = ((0.0, 1.0, 0.0),)
"""Demand equals notional: a debt."""


@dataclass(frozen=True, slots=True)
class Sums:
    """The seven sums in float64: constants of a pool, or slopes of a leg."""

    assets: float = 0.0
    liabilities: float = 0.0
    margin_balance: float = 0.0
    support_initial: float = 0.0
    demand_initial: float = 0.0
    support: float = 0.0
    demand: float = 0.0


@dataclass(frozen=True, slots=True)
class Leg:
    """One holding as a function of one factor."""

    market: str
    factor: Factor
    slopes: (
        Sums  # contribution per unit of factor; `demand` and `demand_initial` are 0 where a table or rate gives them
    )
    size: float = 0.0  # |quantity|: notional = size · factor
    table: BracketTable | None = None  # demand += table(notional)
    initial_rate: float = 0.0
    side: int = 0  # sign of `net` in the group maximum
    bids: float = 0.0  # [currency]
    asks: float = 0.0  # [currency]


Line = tuple[float, float, float]  # (rate, plus [currency], plus [pool's currency])


@dataclass(frozen=True, slots=True)
class CurrencyLegs:
    """One currency of a pool that joins several, with p the price of the currency in that of the pool:

        x        = cash + Σ support·f                                        [currency]
        counted  = min over lines of rate·x·p + plus·p + plus_pool
        support  += counted;  margin balance and initial support likewise
        equity   += p·x if `equity_whole`, else counted
        demand   += p·(demand_rate·d + borrow_rate·max(0, −x)),              d = demand of the legs and `demand`
        initial  += p·(initial_rate·i + initial_of_demand·d + borrow_initial_rate·max(0, −x)),  i likewise

    Lines have rates and amounts ≥ 0, and that of the greatest rate has no amounts: so a debt counts. Of the legs' sums
    only support, demand and initial demand are read.
    """

    factor: Factor  # p; () where the currency is the pool's
    cash: float
    legs: tuple[Leg, ...]
    demand: float = 0.0  # that no leg tells
    demand_initial: float = 0.0
    absolute: float = 0.0  # [currency] allowance, as of a pool
    lines: tuple[Line, ...] = ((1.0, 0.0, 0.0),)
    equity_whole: bool = True
    demand_rate: float = 1.0
    initial_rate: float = 1.0
    initial_of_demand: float = 0.0
    borrow_rate: float = 0.0
    borrow_initial_rate: float = 0.0


@dataclass(frozen=True, slots=True)
class PoolLegs:
    """One pool, lowered. `opaque` pools are re-evaluated exactly whenever one of `inputs` moves.

    `timed` pools are, besides, whenever a second has passed: their decision depends on the clock itself.
    """

    pool: str
    constants: Sums
    legs: tuple[Leg, ...]
    absolute: float  # [currency]
    relative: float
    liquidatable_at_equality: bool  # the venue liquidates at support = demand
    family: Literal["derivatives", "lending", "loop", "broker"]  # which zone borders apply
    opaque: bool = False
    inputs: tuple[Factor, ...] = ()
    timed: bool = False
    currencies: tuple[CurrencyLegs, ...] = ()  # beside `constants`, and instead of `legs`

    @property
    def factors(self) -> tuple[Factor, ...]:
        """Everything that moves the pool."""
        joined = (factor for one in self.currencies for factor in (one.factor, *(leg.factor for leg in one.legs)))
        return tuple(dict.fromkeys((*(leg.factor for leg in self.legs), *joined, *self.inputs)))


@dataclass(frozen=True, slots=True)
class Legs:
    """An account, lowered: one entry per pool."""

    pools: tuple[PoolLegs, ...]

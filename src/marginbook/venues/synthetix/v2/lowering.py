"""Perps v2 as legs for the float64 kernel, with the bound of its error.

One pool per position, one leg of its price: support slope size; demand = notional · (buffer + premium rate), which
depends on the size only, plus the liquidation fee, a table of three pieces: the minimum, proportional, the maximum.
Initial demand, the inaccessible margin, is the least one up to a notional and proportional beyond.
|kernel − exact| is at most twelve cut products of 10^-18, one price cut times the size, and (n + 8) · 4u of gross and
constants (u = 2^-53). Where the state makes funding move with the clock the pool is opaque.
"""

from marginbook.domain.account import Account
from marginbook.domain.legs import BracketTable, Factor, Leg, Legs, PoolLegs, Sums
from marginbook.domain.market import Market
from marginbook.exact import WAD
from marginbook.venues.common.bends import lower_bends, lower_table
from marginbook.venues.synthetix.funding import moves_with_time
from marginbook.venues.synthetix.v2.parameters import Parameters, System
from marginbook.venues.synthetix.v2.risk import MILLI, Holding, holdings
from marginbook.venues.synthetix.wad import KIND, VENUE, div, mul, state_wad

ROUNDOFF = 2.0**-53
CUT = 2e-17  # [sUSD]
FUNDING_TO_RAY = 10**9


def lower(account: Account, market: Market, parameters: Parameters) -> Legs:
    """Every position as a pool of its own."""
    return Legs(tuple(_lower_holding(held, market, parameters) for held in holdings(account, parameters)))


def _lower_holding(held: Holding, market: Market, parameters: Parameters) -> PoolLegs:
    terms, system = held.terms, parameters.system
    premium = mul(div(abs(held.size), terms.skew_scale), terms.liquidation_premium_multiplier)
    rate = (terms.liquidation_buffer_ratio + premium) / WAD
    size = abs(held.size) / WAD
    slope = 0.0 if held.flagged else held.size / WAD
    factor: Factor = (("quote", VENUE, held.market, KIND),)
    table, slopes = _lower_table(rate, system), Sums(slope, 0.0, slope, slope, 0.0, slope, 0.0)
    legs, initial = _lower_initial(Leg(held.market, factor, slopes, size, table), held, system)
    support = held.margin - mul(held.size, held.entry) - mul(held.size, held.funding)
    if (VENUE, held.market, "funding") in market.indices:
        turned = -slope * FUNDING_TO_RAY
        index: Factor = (("funding", VENUE, held.market, ""),)
        legs.append(Leg(held.market, index, Sums(turned, 0.0, turned, turned, 0.0, turned, 0.0)))
    else:
        support += mul(held.size, state_wad(market, held.market, "funding_value", 0))
    fixed, fees = 0.0 if held.flagged else support / WAD, system.keeper_liquidation_fee / WAD
    relative = (len(legs) + 8) * 4 * ROUNDOFF * (2.0 + rate)
    gross = (held.margin + abs(mul(held.size, held.entry)) + abs(mul(held.size, held.funding))) / WAD + abs(fixed)
    most = (system.max_keeper_fee + system.min_keeper_fee) / WAD + fees
    clock = moves_with_time(market, held.market)
    return PoolLegs(
        pool=held.pool,
        constants=Sums(fixed, 0.0, fixed, fixed, initial, fixed, fees),
        legs=tuple(legs),
        absolute=(CUT + size * 1e-18) * (2.0 + rate)
        + size * size / (terms.skew_scale / WAD) * 1e-18
        + relative * (gross + most),
        relative=relative,
        liquidatable_at_equality=True,
        family="derivatives",
        opaque=clock,
        timed=clock,
        inputs=tuple(leg.factor for leg in legs) if clock else (),
    )


def _lower_initial(leg: Leg, held: Holding, system: System) -> tuple[list[Leg], float]:
    """Legs and constant with what is inaccessible: a bend where the least margin ends; of a flagged one the demand."""
    if held.flagged and leg.table is not None:
        legs, constant = lower_table(leg, leg.table)
        return legs, constant + system.keeper_liquidation_fee / WAD
    per_notional, least = WAD / (held.terms.max_leverage - MILLI), system.min_initial_margin / WAD
    legs, constant = lower_bends(leg, [(least / per_notional, per_notional, 1)])
    return legs, constant + least + MILLI / WAD


def _lower_table(rate: float, system: System) -> BracketTable:
    """Demand by notional: buffer and premium at `rate`, and the fee between its bounds; continuous."""
    ratio, least, most = (
        number / WAD for number in (system.liquidation_fee_ratio, system.min_keeper_fee, system.max_keeper_fee)
    )
    if not ratio or most <= least:
        return ((0.0, rate, -least),)
    return ((0.0, rate, -least), (least / ratio, rate + ratio, 0.0), (most / ratio, rate, -most))
